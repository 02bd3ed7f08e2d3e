//! What becomes of the template where a deployment's parameters choose: keys, readers, names.

use crate::deployed;
use crate::grants::{Grants, texts};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use vyrox_local_aws::template::Template;

/// The template as it is deployed with these parameters.
fn deployed_with(parameters: &[(&str, &str)]) -> Template {
    let template = deployed();
    let mut names = template.parameter_defaults();
    names.extend(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Template::from_document(template.chosen(template.document(), &names)).unwrap()
}

fn property<'a>(template: &'a Template, resource: &str, pointer: &str) -> &'a Value {
    let found = template.document()["Resources"][resource]["Properties"].pointer(pointer);
    found.unwrap_or_else(|| panic!("{resource} has no {pointer}"))
}

/// A parameter says which key signs: roles, functions and the alias by which operators find it follow, and no role may sign
/// with two.
#[test]
fn one_key_signs_actions_at_a_time_and_a_parameter_says_which() {
    const NEW: &str = "arn:aws:kms:us-east-1:123456789012:key/new";
    const OLD: &str = "arn:aws:kms:us-east-1:123456789012:key/old";
    for (parameters, signs, told) in [
        (&[][..], "${SigningKey.Arn}", ""),
        (&[("OtherSigningKeyArn", NEW)], "${SigningKey.Arn}", NEW),
        (&[("SignWithKeyArn", NEW), ("OtherSigningKeyArn", OLD)], NEW, OLD),
        (&[("SignWithKeyArn", NEW)], NEW, ""),
    ] {
        let template = deployed_with(parameters);
        let signers: BTreeSet<(String, String)> = Grants::of(&template)
            .all()
            .filter(|grant| grant.action == "kms:Sign" && grant.role != "CheckpointRole")
            .map(|grant| (grant.role.clone(), grant.resource.clone()))
            .collect();
        let expected = ["DispatchRole", "RelayRole"].map(|role| (role.to_owned(), signs.to_owned()));
        assert_eq!(signers, expected.into(), "{parameters:?}");
        for function in ["DispatchFunction", "RelayFunction"] {
            assert_eq!(property(&template, function, "/Environment/Variables/VYROX_SIGNING_KEY_ID"), signs);
        }
        assert_eq!(property(&template, "RelayFunction", "/Environment/Variables/VYROX_OTHER_SIGNING_KEY_ID"), told);
        let alias = if signs == NEW { NEW } else { "${SigningKey}" };
        assert_eq!(property(&template, "SigningKeyAlias", "/TargetKeyId"), alias);
        let shown = Grants::of(&template).all().any(|grant| grant.role == "RelayRole" && grant.resource == told);
        assert_eq!(shown, !told.is_empty(), "relay reads the public half of the key that it tells of: {parameters:?}");
    }
}

/// Who may open what is sealed under the secrets key, by the key's own policy: for which purpose each.
#[test]
fn what_is_sealed_is_opened_by_its_own_readers_and_while_tenants_move_by_the_role_that_is_named() {
    let readers = |parameters: &[(&str, &str)]| -> BTreeSet<(String, String, String)> {
        let template = deployed_with(parameters);
        let statements = property(&template, "SecretsKey", "/KeyPolicy/Statement").as_array().unwrap().clone();
        let opens = statements.iter().filter(|statement| texts(&statement["Action"]).contains(&"kms:Decrypt".into()));
        let all = opens.flat_map(|statement| {
            let condition = &statement["Condition"];
            assert_eq!(condition["Null"]["kms:EncryptionContext:tenant_id"], "false", "for a tenant: {statement}");
            let purpose = match (&condition["StringEquals"], &condition["Null"]["kms:EncryptionContext:purpose"]) {
                (Value::Null, Value::Null) => "any purpose".to_owned(),
                (Value::Null, _) => "no purpose".to_owned(),
                (equals, _) => equals["kms:EncryptionContext:purpose"].as_str().unwrap().to_owned(),
            };
            let sid = statement["Sid"].as_str().unwrap().to_owned();
            let who = texts(&condition["ArnEquals"]["aws:PrincipalArn"]);
            who.into_iter().map(move |who| (sid.clone(), purpose.clone(), who))
        });
        all.collect()
    };
    let role = |name: &str| {
        format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{AWS::StackName}}-${{AWS::Region}}-{name}")
    };
    let one = |sid: &str, purpose: &str, who: String| (sid.to_owned(), purpose.to_owned(), who);
    let always: BTreeSet<_> = [
        one("Decrypt", "no purpose", role("ingest")),
        one("OpenEvidence", "evidence", role("interactions")),
        one("OpenStepUp", "step_up", role("interactions")),
    ]
    .into();
    assert_eq!(readers(&[]), always);
    let (mover, reader) = ("arn:aws:iam::123456789012:role/mover", "arn:aws:iam::123456789012:role/reader");
    let with = |more: (String, String, String)| always.iter().cloned().chain([more]).collect::<BTreeSet<_>>();
    assert_eq!(readers(&[("MigrationRoleArn", mover)]), with(one("Migrate", "any purpose", mover.to_owned())));
    assert_eq!(readers(&[("EvidenceReaderArn", reader)]), with(one("OpenEvidence", "evidence", reader.to_owned())));
}

/// With a domain of one's own each API has a name under it, at the same paths, and says that name.
#[test]
fn a_domain_names_every_api_and_changes_no_path() {
    let named = deployed_with(&[("DomainName", "v.example.com"), ("CertificateArn", "arn:aws:acm:x")]);
    let mut names = BTreeSet::new();
    for mapping in named.resources_of("AWS::ApiGatewayV2::ApiMapping") {
        let properties = mapping.properties();
        assert_eq!(properties["ApiMappingKey"], Value::Null, "a key would become part of every path");
        let domain = properties["DomainName"].as_str().unwrap().trim_start_matches("${").trim_end_matches('}');
        for resource in [mapping.logical_id, domain] {
            assert_eq!(named.document()["Resources"][resource]["Condition"], "HasDomain");
        }
        let configuration = property(&named, domain, "/DomainNameConfigurations/0");
        assert_eq!(
            (&configuration["CertificateArn"], &configuration["SecurityPolicy"]),
            (&json!("arn:aws:acm:x"), &json!("TLS_1_2"))
        );
        let name = property(&named, domain, "/DomainName").as_str().unwrap();
        assert_eq!(
            properties["Stage"],
            json!(format!("{}.Stage}}", properties["ApiId"].as_str().unwrap().trim_end_matches('}')))
        );
        names.insert(format!("{} {name}", properties["ApiId"].as_str().unwrap()));
    }
    let expected = [
        "${IngestApi} ingest.v.example.com",
        "${InteractionsApi} interactions.v.example.com",
        "${RelayApi} relay.v.example.com",
        "${TenantApi} api.v.example.com",
    ];
    assert_eq!(names, expected.map(str::to_owned).into());
    let apis: BTreeSet<String> =
        named.resources_of("AWS::Serverless::HttpApi").map(|api| format!("${{{}}}", api.logical_id)).collect();
    assert_eq!(apis, names.iter().map(|name| name.split(' ').next().unwrap().to_owned()).collect());
    let url = |template: &Template, variable: &str| {
        property(template, "AssistFunction", &format!("/Environment/Variables/{variable}")).clone()
    };
    assert_eq!(url(&named, "VYROX_INGEST_URL"), "https://ingest.v.example.com");
    assert_eq!(url(&named, "VYROX_RELAY_URL"), "https://relay.v.example.com");
    assert_eq!(url(&deployed_with(&[]), "VYROX_INGEST_URL"), "${IngestApi.ApiEndpoint}");
    assert_eq!(
        named.document()["Outputs"]["InteractionsUrl"]["Value"],
        "https://interactions.v.example.com/interactions"
    );
}
