//! What infra/template.yaml promises and no linter knows: who may do what, and that nothing is lost in silence.
//!
//! The rules are functions over a document (`template/rules.rs`), so that each is also shown to fail on a document that
//! breaks it. A new rule goes there and gets its breach here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "template/grants.rs"]
mod grants;
#[path = "template/parameters.rs"]
mod parameters;
#[path = "template/rules.rs"]
mod rules;

use grants::Grants;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vyrox_local_aws::template::{DEPLOYED, Template, resolve};

fn deployed() -> Template {
    Template::parse(DEPLOYED).unwrap()
}

#[test]
fn what_is_deployed_breaks_no_rule() {
    assert_eq!(rules::violations(&deployed()), Vec::<String>::new());
}

/// All that each role may do. A line here is a decision: change it together with the code that needs it.
#[test]
fn every_role_may_do_exactly_this() {
    let expected = "
        Api dynamodb:GetItem ${Table.Arn}
        Api dynamodb:PutItem ${Table.Arn}
        Api dynamodb:Query ${Table.Arn}
        Api dynamodb:Query ${Table.Arn}/index/lookup
        Api dynamodb:UpdateItem ${Table.Arn}
        Api logs:CreateLogStream ${ApiLogs.Arn}
        Api logs:PutLogEvents ${ApiLogs.Arn}
        Assist dynamodb:DeleteItem ${Table.Arn}
        Assist dynamodb:GetItem ${Table.Arn}
        Assist dynamodb:PutItem ${Table.Arn}
        Assist dynamodb:Query ${Table.Arn}
        Assist dynamodb:Query ${Table.Arn}/index/lookup
        Assist kms:GenerateDataKey ${SecretsKey.Arn}
        Assist logs:CreateLogStream ${AssistLogs.Arn}
        Assist logs:PutLogEvents ${AssistLogs.Arn}
        Assist sqs:ChangeMessageVisibility ${CommandsQueue.Arn}
        Assist sqs:DeleteMessage ${CommandsQueue.Arn}
        Assist sqs:GetQueueAttributes ${CommandsQueue.Arn}
        Assist sqs:ReceiveMessage ${CommandsQueue.Arn}
        Checkpoint dynamodb:DeleteItem ${Table.Arn}
        Checkpoint dynamodb:GetItem ${Table.Arn}
        Checkpoint dynamodb:PutItem ${Table.Arn}
        Checkpoint dynamodb:Query ${Table.Arn}
        Checkpoint dynamodb:Query ${Table.Arn}/index/lookup
        Checkpoint dynamodb:UpdateItem ${Table.Arn}
        Checkpoint kms:GetPublicKey ${CheckpointKey.Arn}
        Checkpoint kms:Sign ${CheckpointKey.Arn}
        Checkpoint logs:CreateLogStream ${CheckpointLogs.Arn}
        Checkpoint logs:PutLogEvents ${CheckpointLogs.Arn}
        Checkpoint s3:PutObject ${CheckpointBucket.Arn}/*
        Dispatch dynamodb:DeleteItem ${Table.Arn}
        Dispatch dynamodb:GetItem ${Table.Arn}
        Dispatch dynamodb:PutItem ${Table.Arn}
        Dispatch kms:GetPublicKey ${SignWithKeyArn}
        Dispatch kms:GetPublicKey ${SigningKey.Arn}
        Dispatch kms:Sign ${SignWithKeyArn}
        Dispatch kms:Sign ${SigningKey.Arn}
        Dispatch logs:CreateLogStream ${DispatchLogs.Arn}
        Dispatch logs:PutLogEvents ${DispatchLogs.Arn}
        Dispatch sqs:ChangeMessageVisibility ${ActionsQueue.Arn}
        Dispatch sqs:DeleteMessage ${ActionsQueue.Arn}
        Dispatch sqs:GetQueueAttributes ${ActionsQueue.Arn}
        Dispatch sqs:ReceiveMessage ${ActionsQueue.Arn}
        Dispatch sqs:SendMessage ${CardsQueue.Arn}
        Ingest dynamodb:BatchGetItem ${Table.Arn}
        Ingest dynamodb:GetItem ${Table.Arn}
        Ingest dynamodb:PutItem ${Table.Arn}
        Ingest dynamodb:Query ${Table.Arn}/index/lookup
        Ingest dynamodb:UpdateItem ${Table.Arn}
        Ingest kms:Decrypt ${SecretsKey.Arn}
        Ingest kms:GenerateDataKey ${SecretsKey.Arn}
        Ingest logs:CreateLogStream ${IngestLogs.Arn}
        Ingest logs:PutLogEvents ${IngestLogs.Arn}
        Ingest sqs:SendMessage ${AlertsQueue.Arn}
        Interactions dynamodb:DeleteItem ${Table.Arn}
        Interactions dynamodb:GetItem ${Table.Arn}
        Interactions dynamodb:PutItem ${Table.Arn}
        Interactions dynamodb:Query ${Table.Arn}
        Interactions dynamodb:Query ${Table.Arn}/index/lookup
        Interactions dynamodb:UpdateItem ${Table.Arn}
        Interactions kms:Decrypt ${SecretsKey.Arn}
        Interactions logs:CreateLogStream ${InteractionsLogs.Arn}
        Interactions logs:PutLogEvents ${InteractionsLogs.Arn}
        Interactions sqs:SendMessage ${ActionsQueue.Arn}
        Interactions sqs:SendMessage ${CardsQueue.Arn}
        Interactions sqs:SendMessage ${CommandsQueue.Arn}
        Notify dynamodb:BatchGetItem ${Table.Arn}
        Notify dynamodb:GetItem ${Table.Arn}
        Notify dynamodb:PutItem ${Table.Arn}
        Notify logs:CreateLogStream ${NotifyLogs.Arn}
        Notify logs:PutLogEvents ${NotifyLogs.Arn}
        Notify sqs:ChangeMessageVisibility ${CardsQueue.Arn}
        Notify sqs:DeleteMessage ${CardsQueue.Arn}
        Notify sqs:GetQueueAttributes ${CardsQueue.Arn}
        Notify sqs:ReceiveMessage ${CardsQueue.Arn}
        Notify sqs:SendMessage ${CardsQueue.Arn}
        Relay dynamodb:DeleteItem ${Table.Arn}
        Relay dynamodb:GetItem ${Table.Arn}
        Relay dynamodb:PutItem ${Table.Arn}
        Relay dynamodb:Query ${Table.Arn}
        Relay dynamodb:Query ${Table.Arn}/index/lookup
        Relay kms:GetPublicKey ${SigningKey.Arn}
        Relay kms:GetPublicKey ${OtherSigningKeyArn}
        Relay kms:GetPublicKey ${SignWithKeyArn}
        Relay kms:Sign ${SignWithKeyArn}
        Relay kms:Sign ${SigningKey.Arn}
        Relay logs:CreateLogStream ${RelayLogs.Arn}
        Relay logs:PutLogEvents ${RelayLogs.Arn}
        Relay sqs:SendMessage ${CardsQueue.Arn}
        Triage dynamodb:BatchGetItem ${Table.Arn}
        Triage dynamodb:GetItem ${Table.Arn}
        Triage dynamodb:PutItem ${Table.Arn}
        Triage dynamodb:UpdateItem ${Table.Arn}
        Triage logs:CreateLogStream ${TriageLogs.Arn}
        Triage logs:PutLogEvents ${TriageLogs.Arn}
        Triage sqs:ChangeMessageVisibility ${AlertsQueue.Arn}
        Triage sqs:DeleteMessage ${AlertsQueue.Arn}
        Triage sqs:GetQueueAttributes ${AlertsQueue.Arn}
        Triage sqs:ReceiveMessage ${AlertsQueue.Arn}
        Triage sqs:SendMessage ${ActionsQueue.Arn}
        Triage sqs:SendMessage ${CardsQueue.Arn}
    ";
    let expected: BTreeSet<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let template = deployed();
    let found: Vec<String> = Grants::of(&template)
        .all()
        .map(|grant| format!("{} {} {}", grant.role.trim_end_matches("Role"), grant.action, grant.resource))
        .collect();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found.difference(&expected).collect::<Vec<_>>(), Vec::<&&str>::new(), "granted and not expected");
    assert_eq!(expected.difference(&found).collect::<Vec<_>>(), Vec::<&&str>::new(), "expected and not granted");
}

/// The configuration that each function is given, and no other function gets.
#[test]
fn every_function_is_told_exactly_this() {
    let expected = BTreeMap::from([
        ("IngestFunction", "ALERTS_QUEUE_URL SECRETS_KEY_ID SOURCE_RATE_PER_MINUTE TABLE TENANT_RATE_PER_MINUTE"),
        (
            "TriageFunction",
            "ACTIONS_QUEUE_URL CARDS_QUEUE_URL DISCORD_PUBLIC_KEY LLM_API_KEY LLM_DAILY_TOKENS LLM_MODELS LLM_TOTAL_SECONDS LLM_TRY_SECONDS LLM_URL SOURCE_QUEUE_URL TABLE TRIAGE_CONCURRENCY",
        ),
        ("NotifyFunction", "DISCORD_API_URL DISCORD_BOT_TOKEN SOURCE_QUEUE_URL TABLE"),
        (
            "InteractionsFunction",
            "ACTIONS_QUEUE_URL CARDS_QUEUE_URL COMMANDS_QUEUE_URL DISCORD_APPLICATION_ID DISCORD_PUBLIC_KEY SECRETS_KEY_ID TABLE",
        ),
        (
            "AssistFunction",
            "DISCORD_API_URL DISCORD_APPLICATION_ID DISCORD_BOT_TOKEN INGEST_URL RELAY_URL SECRETS_KEY_ID SOURCE_QUEUE_URL TABLE",
        ),
        ("DispatchFunction", "CARDS_QUEUE_URL DISCORD_PUBLIC_KEY SIGNING_KEY_ID SOURCE_QUEUE_URL TABLE"),
        (
            "CheckpointFunction",
            "AUDIT_RETENTION_DAYS CHECKPOINT_BUCKET CHECKPOINT_KEY_ID CHECKPOINT_LOCK_DAYS LANE_IDLE_MINUTES TABLE",
        ),
        ("RelayFunction", "CARDS_QUEUE_URL DISCORD_PUBLIC_KEY OTHER_SIGNING_KEY_ID SIGNING_KEY_ID TABLE"),
        ("ApiFunction", "KEY_RATE_PER_MINUTE TABLE"),
    ]);
    let template = deployed();
    let mut found = BTreeMap::new();
    for function in template.resources_of("AWS::Serverless::Function") {
        let variables = function.properties()["Environment"]["Variables"].as_object().unwrap();
        let names: Vec<_> = variables.keys().map(|name| name.strip_prefix("VYROX_").expect("our prefix")).collect();
        found.insert(function.logical_id, names.join(" "));
    }
    let expected: BTreeMap<_, _> = expected.into_iter().map(|(function, names)| (function, names.to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_route_is_one_of_the_published_ones() {
    let mut routes = BTreeSet::new();
    let template = deployed();
    for function in template.resources_of("AWS::Serverless::Function") {
        for event in function.properties()["Events"].as_object().into_iter().flatten().map(|(_, event)| event) {
            if event["Type"] == "HttpApi" {
                let event = resolve(&event["Properties"], &BTreeMap::new());
                let text = |name: &str| event[name].as_str().unwrap().to_owned();
                routes.insert(format!("{} {} {}", text("ApiId"), text("Method"), text("Path")));
            }
        }
    }
    let expected = [
        "${TenantApi} GET /api/v1/alerts",
        "${TenantApi} GET /api/v1/alerts/{id}",
        "${TenantApi} GET /api/v1/audit/export",
        "${TenantApi} GET /api/v1/decisions",
        "${TenantApi} GET /api/v1/keys",
        "${TenantApi} GET /api/v1/statistics",
        "${IngestApi} GET /health",
        "${IngestApi} POST /webhook/{vendor}",
        "${IngestApi} POST /webhook/{vendor}/{tenant_id}",
        "${InteractionsApi} POST /interactions",
        "${RelayApi} POST /proxy/v1/enrol",
        "${RelayApi} POST /proxy/v1/poll",
        "${RelayApi} POST /proxy/v1/receipts",
        "${RelayApi} POST /proxy/v1/rotate",
    ];
    assert_eq!(routes, expected.map(str::to_owned).into());
}

/// Applies `change` to the document and expects a violation that says `what`.
fn assert_breaks(what: &str, change: impl FnOnce(&mut Value)) {
    let mut document = deployed().document().clone();
    change(&mut document);
    assert_ne!(&document, deployed().document(), "the change changed nothing");
    let violations = rules::violations(&Template::from_document(document).unwrap());
    assert!(violations.iter().any(|violation| violation.contains(what)), "{what:?} is not in {violations:#?}");
}

/// Adds a statement to a role.
fn grant(document: &mut Value, role: &str, action: &str, resource: &Value) {
    let statements = &mut document["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
    statements.as_array_mut().unwrap().push(json!({"Effect": "Allow", "Action": [action], "Resource": resource}));
}

fn arn(resource: &str) -> Value {
    json!({"Fn::GetAtt": [resource, "Arn"]})
}

#[test]
fn a_third_writer_to_the_actions_queue_is_found_however_it_is_written() {
    for role in ["AssistRole", "IngestRole", "NotifyRole", "DispatchRole", "RelayRole", "ApiRole"] {
        assert_breaks(&format!("{role} may write to the actions queue"), |document| {
            grant(document, role, "sqs:SendMessage", &arn("ActionsQueue"));
        });
    }
    let by_name = json!({"Fn::Sub": "arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}-actions"});
    for (action, resource) in [
        ("SQS:sendmessage", arn("ActionsQueue")),
        ("sqs:SendMessageBatch", arn("ActionsQueue")),
        ("sqs:SendMessage", by_name),
        ("sqs:SendMessage", json!([arn("CardsQueue"), {"Fn::Sub": "${ActionsQueue.Arn}"}])),
        ("sqs:SendMessage", json!({"Fn::If": ["HasAlarmTopic", arn("ActionsQueue"), arn("CardsQueue")]})),
    ] {
        assert_breaks("NotifyRole", |document| grant(document, "NotifyRole", action, &resource));
    }
    for (action, resource) in [("sqs:*", arn("ActionsQueue")), ("sqs:Send*", arn("ActionsQueue")), ("*", json!("*"))] {
        assert_breaks("wildcard", |document| grant(document, "NotifyRole", action, &resource));
    }
    assert_breaks("wildcard", |document| grant(document, "NotifyRole", "sqs:SendMessage", &json!("arn:aws:sqs:*:*:*")));
}

#[test]
fn interactions_not_writing_is_found_too() {
    assert_breaks("InteractionsRole may not write to the actions queue", |document| {
        let statements = &mut document["Resources"]["InteractionsRole"]["Properties"]["Policies"][0]["PolicyDocument"];
        statements["Statement"].as_array_mut().unwrap().retain(|statement| statement["Action"][0] != "sqs:SendMessage");
    });
}

#[test]
fn a_third_signer_is_found() {
    for role in ["TriageRole", "IngestRole", "NotifyRole", "InteractionsRole"] {
        assert_breaks(&format!("{role} may sign"), |document| grant(document, role, "kms:Sign", &arn("SigningKey")));
    }
    // Neither key signs for the other's roles.
    for (role, key) in
        [("CheckpointRole", "SigningKey"), ("DispatchRole", "CheckpointKey"), ("RelayRole", "SecretsKey")]
    {
        assert_breaks(&format!("{role} may sign with"), |document| grant(document, role, "kms:Sign", &arn(key)));
    }
    assert_breaks("CheckpointKey's policy lets others sign", |document| {
        let keys = &mut document["Resources"];
        keys["CheckpointKey"]["Properties"]["KeyPolicy"] = keys["SigningKey"]["Properties"]["KeyPolicy"].clone();
    });
    assert_breaks("SigningKey's policy lets others sign", |document| {
        let statement = &mut document["Resources"]["SigningKey"]["Properties"]["KeyPolicy"]["Statement"][1];
        statement.as_object_mut().unwrap().remove("Condition");
    });
    assert_breaks("SigningKey's policy lets others sign", |document| {
        let statement = &mut document["Resources"]["SigningKey"]["Properties"]["KeyPolicy"]["Statement"][1];
        statement["Condition"]["ArnEquals"]["aws:PrincipalArn"]
            .as_array_mut()
            .unwrap()
            .push(json!("arn:aws:iam::1:role/x"));
    });
    assert_breaks("wildcard", |document| {
        let statement = &mut document["Resources"]["SigningKey"]["Properties"]["KeyPolicy"]["Statement"][0];
        statement["Action"] = json!("kms:*");
    });
}

/// Sealing and opening evidence are two roles', and opening it does not open webhook secrets.
#[test]
fn a_grant_that_reaches_beyond_its_purpose_is_found() {
    for (role, action) in [("IngestRole", "kms:GenerateDataKey"), ("InteractionsRole", "kms:Decrypt")] {
        assert_breaks("without the purpose `evidence`", |document| {
            let statements =
                &mut document["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
            let statements = statements.as_array_mut().unwrap();
            let statement = statements.iter_mut().find(|statement| statement["Action"] == json!([action])).unwrap();
            statement["Condition"].as_object_mut().unwrap().remove("StringEquals");
        });
    }
    assert_breaks("may open evidence as well", |document| {
        let statements =
            &mut document["Resources"]["IngestRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
        let statements = statements.as_array_mut().unwrap();
        let statement = statements.iter_mut().find(|statement| statement["Action"] == json!(["kms:Decrypt"])).unwrap();
        statement["Condition"] = json!({"Null": {"kms:EncryptionContext:tenant_id": "false"}});
    });
    assert_breaks("without the tenant", |document| {
        let statements =
            &mut document["Resources"]["InteractionsRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
        let statements = statements.as_array_mut().unwrap();
        let statement = statements.iter_mut().find(|statement| statement["Action"] == json!(["kms:Decrypt"])).unwrap();
        statement["Condition"].as_object_mut().unwrap().remove("Null");
    });
    assert_breaks("without the purpose `evidence`", |document| {
        grant(document, "TriageRole", "kms:Decrypt", &arn("SecretsKey"));
    });
}

#[test]
fn a_way_around_the_roles_is_found() {
    assert_breaks("permissions outside a role", |document| {
        document["Resources"]["TriageFunction"]["Properties"]["Policies"] = json!(["AdministratorAccess"]);
    });
    assert_breaks("permissions outside a role", |document| {
        document["Resources"]["TriageRole"]["Properties"]["ManagedPolicyArns"] = json!(["arn:aws:iam::aws:policy/X"]);
    });
    for kind in ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::SQS::QueuePolicy", "AWS::KMS::Grant"] {
        assert_breaks("permissions outside a role", |document| {
            document["Resources"]["Extra"] = json!({"Type": kind, "Properties": {}});
        });
    }
    assert_breaks("does not have a role of its own", |document| {
        document["Resources"]["TriageFunction"]["Properties"]["Role"] = arn("InteractionsRole");
    });
    assert_breaks("neither NotAction nor NotResource", |document| {
        let statements =
            &mut document["Resources"]["TriageRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
        statements[0] = json!({"Effect": "Allow", "NotAction": ["iam:PassRole"], "Resource": arn("Table")});
    });
    assert_breaks("is assumed by", |document| {
        let statement =
            &mut document["Resources"]["InteractionsRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"];
        statement[0]["Principal"] = json!({"AWS": arn("TriageRole")});
    });
}

#[test]
fn a_function_that_is_built_or_fed_otherwise_is_found() {
    assert_breaks("runs on", |document| document["Globals"]["Function"]["Runtime"] = json!("provided.al2024"));
    assert_breaks("runs on", |document| {
        document["Resources"]["NotifyFunction"]["Properties"]["Runtime"] = json!("nodejs24.x");
    });
    assert_breaks("runs on", |document| document["Globals"]["Function"]["Architectures"] = json!(["x86_64"]));
    assert_breaks("is built", |document| {
        document["Resources"]["RelayFunction"]["Properties"]["CodeUri"] = json!("../target/lambda/dispatch");
    });
    assert_breaks("loses messages", |document| {
        let events = &mut document["Resources"]["TriageFunction"]["Properties"]["Events"];
        events["Alerts"]["Properties"].as_object_mut().unwrap().remove("FunctionResponseTypes");
    });
    assert_breaks("six times", |document| {
        document["Resources"]["TriageFunction"]["Properties"]["Timeout"] = json!(121);
    });
}

#[test]
fn a_loss_in_silence_is_found() {
    assert_breaks("has no dead-letter queue", |document| {
        document["Resources"]["CardsQueue"]["Properties"].as_object_mut().unwrap().remove("RedrivePolicy");
    });
    assert_breaks("after 20 receives", |document| {
        document["Resources"]["CardsQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] = json!(1);
    });
    assert_breaks("14 days", |document| {
        document["Resources"]["ActionsDeadLetters"]["Properties"]["MessageRetentionPeriod"] = json!(60);
    });
    assert_breaks("has no alarm", |document| {
        document["Resources"].as_object_mut().unwrap().remove("ActionsDeadLettersAlarm");
    });
    assert_breaks("too short for its models", |document| {
        document["Resources"]["TriageFunction"]["Properties"]["Environment"]["Variables"]["VYROX_TRIAGE_CONCURRENCY"] =
            json!("2");
    });
    assert_breaks("is not encrypted", |document| {
        document["Resources"]["AlertsQueue"]["Properties"]["SqsManagedSseEnabled"] = json!(false);
    });
    for (property, value) in [
        ("DeletionProtectionEnabled", json!(false)),
        ("PointInTimeRecoverySpecification", json!({"PointInTimeRecoveryEnabled": false})),
        ("SSESpecification", json!({"SSEEnabled": false})),
    ] {
        assert_breaks("Table", |document| document["Resources"]["Table"]["Properties"][property] = value);
    }
    assert_breaks("can be written over", |document| {
        document["Resources"]["CheckpointBucket"]["Properties"]["ObjectLockEnabled"] = json!(false);
    });
    for resource in ["Table", "SigningKey", "SecretsKey", "CheckpointKey", "CheckpointBucket"] {
        assert_breaks("is not retained", |document| {
            document["Resources"][resource]["DeletionPolicy"] = json!("Delete")
        });
    }
    assert_breaks("is shown", |document| {
        document["Parameters"]["DiscordBotToken"].as_object_mut().unwrap().remove("NoEcho");
    });
}
