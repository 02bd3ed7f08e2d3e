//! What the embedded services promise beyond AWS: a data directory survives a restart, and a kill.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::SigningAlgorithmSpec;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Provisioned, Topology};

async fn start(data: &Path) -> (Embedded, ClientSet, Provisioned) {
    let options = EmbeddedOptions { data: Some(data.to_owned()), ..EmbeddedOptions::default() };
    let embedded = Embedded::start(options).await.unwrap();
    let clients = ClientSet::new(&embedded.endpoint_url());
    let provisioned = Topology::for_stack("vyrox").unwrap().provision(&clients).await.unwrap();
    (embedded, clients, provisioned)
}

async fn bodies(clients: &ClientSet, queue: &str) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let receive = clients.sqs.receive_message().queue_url(queue).max_number_of_messages(10).visibility_timeout(600);
        let messages = receive.send().await.unwrap().messages.unwrap_or_default();
        if messages.is_empty() {
            return bodies;
        }
        bodies.extend(messages.into_iter().filter_map(|message| message.body));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_items_messages_and_keys() {
    let data = tempfile::tempdir().unwrap();
    let (embedded, clients, before) = start(data.path()).await;
    let queue = before.queue_url("AlertsQueue").unwrap();
    for body in ["in flight", "waiting"] {
        clients.sqs.send_message().queue_url(queue).message_body(body).send().await.unwrap();
        if body == "in flight" {
            let receive = clients.sqs.receive_message().queue_url(queue).visibility_timeout(600);
            assert_eq!(receive.send().await.unwrap().messages().len(), 1);
        }
    }
    let item = ["tenant_id", "sk"].map(|name| (name.to_owned(), AttributeValue::S("a".into())));
    clients.dynamodb.put_item().table_name("vyrox-table").set_item(Some(item.into())).send().await.unwrap();
    let encrypt = clients.kms.encrypt().key_id("alias/vyrox-secrets").plaintext(Blob::new(*b"secret"));
    let sealed = encrypt.send().await.unwrap().ciphertext_blob.unwrap();
    let sign = clients.kms.sign().key_id("alias/vyrox-signing").message(Blob::new(*b"message"));
    let signature = sign.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await.unwrap().signature.unwrap();
    embedded.shutdown().await;

    let (_embedded, clients, after) = start(data.path()).await;
    assert_eq!(after.key("SigningKey"), before.key("SigningKey"));
    assert_eq!(bodies(&clients, after.queue_url("AlertsQueue").unwrap()).await, ["waiting"]);
    assert_eq!(clients.dynamodb.scan().table_name("vyrox-table").send().await.unwrap().count(), 1);
    let opened = clients.kms.decrypt().ciphertext_blob(sealed).send().await.unwrap();
    assert_eq!(opened.plaintext.unwrap().as_ref(), b"secret");
    let verify =
        clients.kms.verify().key_id("alias/vyrox-signing").message(Blob::new(*b"message")).signature(signature);
    assert!(verify.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await.unwrap().signature_valid);
}

/// The other process of the next test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "serves until it is killed"]
#[expect(clippy::disallowed_methods, reason = "the directory is the test's configuration")]
async fn serve_until_killed() {
    let data =
        std::path::PathBuf::from(std::env::var_os("VYROX_TEST_SERVE").expect("the test that starts this sets it"));
    let (embedded, ..) = start(&data).await;
    // Renamed into place, so that whoever sees the file sees all of it.
    std::fs::write(data.join("endpoint.part"), embedded.endpoint_url()).unwrap();
    std::fs::rename(data.join("endpoint.part"), data.join("endpoint")).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "serve_until_killed", "--ignored"])
        .env("VYROX_TEST_SERVE", data.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let endpoint = data.path().join("endpoint");
    let mut polls = 0;
    while !endpoint.exists() {
        polls += 1;
        assert!(polls < 3_000 && child.try_wait().unwrap().is_none(), "the other process did not start");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let clients = ClientSet::new(&std::fs::read_to_string(&endpoint).unwrap());
    let url = clients.sqs.get_queue_url().queue_name("vyrox-alerts").send().await.unwrap().queue_url.unwrap();
    let mut sent: Vec<String> = (0..50).map(|index| format!("message {index:02}")).collect();
    for body in &sent {
        clients.sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let receive = clients.sqs.receive_message().queue_url(&url);
    let deleted = receive.send().await.unwrap().messages.unwrap().remove(0);
    let delete = clients.sqs.delete_message().queue_url(&url).set_receipt_handle(deleted.receipt_handle);
    delete.send().await.unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let (_embedded, clients, provisioned) = start(data.path()).await;
    let mut found = bodies(&clients, provisioned.queue_url("AlertsQueue").unwrap()).await;
    found.sort_unstable();
    sent.retain(|body| Some(body) != deleted.body.as_ref());
    assert_eq!(found, sent);
}
