//! Whoever signs as one of the template's roles may do what the role may, and nothing else. What the roles are is
//! `template.rs`'s; that the functions need exactly that is in the workspace's `tests/permissions.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use std::collections::{BTreeMap, HashMap};
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Provisioned, Roles, Topology};

struct Deployment {
    aws: Embedded,
    made: Provisioned,
    roles: Roles,
}

async fn deployment() -> Deployment {
    let aws = Embedded::start(EmbeddedOptions::default()).await.unwrap();
    let topology = Topology::for_stack("vyrox").unwrap();
    let made = topology.provision(&ClientSet::new(&aws.endpoint_url())).await.unwrap();
    let roles = Roles::of(&topology, &made, &BTreeMap::new());
    aws.enforce(roles.clone());
    Deployment { aws, made, roles }
}

impl Deployment {
    fn as_role(&self, name: &str) -> ClientSet {
        ClientSet::signing_as(&self.aws.endpoint_url(), &format!("vyrox-us-east-1-{name}"))
    }

    fn queue(&self, name: &str) -> &str {
        self.made.queue_url(name).unwrap()
    }

    fn table(&self) -> &str {
        self.made.table("Table").unwrap()
    }

    fn denied(&self) -> Vec<String> {
        self.roles
            .denied()
            .into_iter()
            .map(|it| format!("{} {}", it.role.rsplit('-').next().unwrap(), it.action))
            .collect()
    }
}

fn item(sk: &str) -> HashMap<String, AttributeValue> {
    [("tenant_id", "acme"), ("sk", sk)].map(|(k, v)| (k.to_owned(), AttributeValue::S(v.to_owned()))).into()
}

#[test]
fn every_function_has_a_role() {
    let topology = Topology::for_stack("vyrox").unwrap();
    assert_eq!(topology.role("IngestFunction").as_deref(), Some("vyrox-us-east-1-ingest"));
    assert!(
        topology
            .functions()
            .all(|(function, program)| { topology.role(function) == Some(format!("vyrox-us-east-1-{program}")) })
    );
}

#[tokio::test]
async fn a_queue_takes_messages_of_those_alone_that_may_send_there() {
    let it = deployment().await;
    let send =
        |name: &str| it.as_role(name).sqs.send_message().queue_url(it.queue("ActionsQueue")).message_body("x").send();
    send("interactions").await.unwrap();
    let refused = send("ingest").await.unwrap_err().into_service_error();
    assert_eq!(refused.meta().code(), Some("AccessDenied"), "{refused:?}");
    assert!(
        refused
            .meta()
            .message()
            .unwrap()
            .contains("sqs:SendMessage on arn:aws:sqs:us-east-1:000000000000:vyrox-actions")
    );
    let receive = it.as_role("interactions").sqs.receive_message().queue_url(it.queue("ActionsQueue")).send().await;
    assert!(receive.is_err());
    assert_eq!(it.denied(), ["ingest sqs:SendMessage", "interactions sqs:ReceiveMessage"]);
    // The operator's credentials are no role's.
    let operator = ClientSet::new(&it.aws.endpoint_url());
    operator.sqs.receive_message().queue_url(it.queue("ActionsQueue")).send().await.unwrap();
}

#[tokio::test]
async fn a_transaction_needs_the_permission_of_each_of_its_parts_and_nothing_of_it_happens_without() {
    let it = deployment().await;
    let put = Put::builder().table_name(it.table()).set_item(Some(item("PROFILE"))).build().unwrap();
    let delete = Delete::builder().table_name(it.table()).set_key(Some(item("ENROL#x"))).build().unwrap();
    let (put, delete) =
        (TransactWriteItem::builder().put(put).build(), TransactWriteItem::builder().delete(delete).build());
    let both = |name: &str| {
        let client = it.as_role(name).dynamodb;
        client.transact_write_items().transact_items(put.clone()).transact_items(delete.clone()).send()
    };
    // notify deletes nothing
    let refused = both("notify").await.unwrap_err().into_service_error();
    assert_eq!(refused.meta().code(), Some("AccessDeniedException"), "{refused:?}");
    let reader = it.as_role("notify").dynamodb;
    let read = reader.get_item().table_name(it.table()).set_key(Some(item("PROFILE"))).send().await.unwrap();
    assert_eq!(read.item, None);
    both("relay").await.unwrap();
    let scanned = reader.scan().table_name(it.table()).send().await;
    assert!(scanned.is_err());
    assert_eq!(it.denied(), ["notify dynamodb:DeleteItem", "notify dynamodb:Scan"]);
}

#[tokio::test]
async fn what_is_sealed_is_opened_by_those_whose_purpose_it_is() {
    let it = deployment().await;
    let key = &it.made.key("SecretsKey").unwrap().arn;
    let seal = |name: &str, purpose: Option<&str>| {
        let request = it.as_role(name).kms.generate_data_key().key_id(key).key_spec(DataKeySpec::Aes256);
        let request = request.encryption_context("tenant_id", "acme");
        match purpose {
            Some(purpose) => request.encryption_context("purpose", purpose),
            None => request,
        }
        .send()
    };
    let open = |name: &str, sealed: Blob, purpose: Option<&str>| {
        let request = it.as_role(name).kms.decrypt().key_id(key).ciphertext_blob(sealed);
        let request = request.encryption_context("tenant_id", "acme");
        match purpose {
            Some(purpose) => request.encryption_context("purpose", purpose),
            None => request,
        }
        .send()
    };
    let evidence = seal("ingest", Some("evidence")).await.unwrap().ciphertext_blob.unwrap();
    open("interactions", evidence.clone(), Some("evidence")).await.unwrap();
    assert!(open("ingest", evidence.clone(), Some("evidence")).await.is_err());
    assert!(open("triage", evidence, Some("evidence")).await.is_err());
    let secret = seal("assist", None).await.unwrap().ciphertext_blob.unwrap();
    open("ingest", secret.clone(), None).await.unwrap();
    assert!(open("interactions", secret, None).await.is_err());
    // Only for the tenant that cannot exist does ingest seal anything else than evidence.
    assert!(seal("ingest", None).await.is_err());
}

#[tokio::test]
async fn a_key_that_its_policy_closes_stays_closed_whatever_a_role_says() {
    let it = deployment().await;
    let sign = |name: &str, key: &str| {
        let request = it.as_role(name).kms.sign().key_id(&it.made.key(key).unwrap().id).message(Blob::new("x"));
        request.signing_algorithm(aws_sdk_kms::types::SigningAlgorithmSpec::EcdsaSha256).send()
    };
    sign("dispatch", "SigningKey").await.unwrap();
    sign("checkpoint", "CheckpointKey").await.unwrap();
    assert!(sign("dispatch", "CheckpointKey").await.is_err());
    assert!(sign("checkpoint", "SigningKey").await.is_err());

    // The same roles, under a policy that names one of them only.
    let text = vyrox_local_aws::template::DEPLOYED
        .replace("                  - !Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${AWS::StackName}-${AWS::Region}-dispatch'\n", "");
    let topology = Topology::parse(&text, "vyrox").unwrap();
    let aws = Embedded::start(EmbeddedOptions::default()).await.unwrap();
    let made = topology.provision(&ClientSet::new(&aws.endpoint_url())).await.unwrap();
    let roles = Roles::of(&topology, &made, &BTreeMap::new());
    aws.enforce(roles.clone());
    let it = Deployment { aws, made, roles };
    let sign = |name: &str| {
        let request =
            it.as_role(name).kms.sign().key_id(&it.made.key("SigningKey").unwrap().id).message(Blob::new("x"));
        request.signing_algorithm(aws_sdk_kms::types::SigningAlgorithmSpec::EcdsaSha256).send()
    };
    sign("relay").await.unwrap();
    let refused = sign("dispatch").await.unwrap_err().into_service_error();
    assert!(refused.meta().message().unwrap().contains("the key's policy"), "{refused:?}");
}
