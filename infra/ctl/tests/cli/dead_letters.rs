use crate::stand::Stand;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use vyrox_domain::action::ActionState;
use vyrox_edr_standin::Change;
use vyrox_standins::discord::Fault;
use vyrox_tests::Fault::Refused;
use vyrox_tests::{APPROVER, Delivery, Hop, Options, Stage};

/// Lets a message fail until it is a dead letter.
async fn kill(stand: &Stand, queue: &str, body: &str) {
    let url = stand.provisioned.queue_url(queue).unwrap();
    let sqs = &stand.clients.sqs;
    sqs.send_message().queue_url(url).message_body(body).message_group_id("acme").send().await.unwrap();
    // As often as the template's queues try, and once more, which moves it.
    for _ in 0..100 {
        let received = sqs.receive_message().queue_url(url).visibility_timeout(0).send().await.unwrap();
        if received.messages.is_none_or(|messages| messages.is_empty()) {
            return;
        }
    }
    panic!("{queue} never gives up");
}

async fn received(stand: &Stand, queue: &str) -> Option<String> {
    let url = stand.provisioned.queue_url(queue).unwrap();
    let received = stand.clients.sqs.receive_message().queue_url(url).wait_time_seconds(5).send().await.unwrap();
    received.messages?.into_iter().next()?.body
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_counted_looked_at_and_sent_back() {
    let stand = Stand::with_tenant().await;
    let body = json!({"tenant_id": "acme", "alert_id": "0"}).to_string();
    kill(&stand, "CardsQueue", &body).await;

    let counts = |listed: &Value| {
        listed.as_array().unwrap().iter().map(|queue| queue["messages"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(counts(&stand.json(&["dlq", "list"]).await), [0, 1, 0, 0]);
    let shown = stand.json(&["dlq", "show", "cards"]).await;
    assert_eq!(shown[0]["body"]["tenant_id"], "acme");
    assert_eq!(shown.as_array().unwrap().len(), 1, "one message, seen once");
    assert_eq!(counts(&stand.json(&["dlq", "list"]).await), [0, 1, 0, 0], "looking takes nothing away");

    stand.run(&["dlq", "redrive", "cards"]).await.refused(2, "--yes");
    let told = stand.json(&["dlq", "redrive", "cards", "--yes"]).await;
    assert_eq!(told["messages"], 1);
    assert_eq!(received(&stand, "CardsQueue").await.as_deref(), Some(body.as_str()));
    assert_eq!(counts(&stand.json(&["dlq", "list"]).await), [0, 0, 0, 0]);
    assert_eq!(stand.detail("acme", "REDRIVE_REQUESTED").await, json!({"queue": "cards", "messages": 1}));
    assert_eq!(stand.json(&["dlq", "redrive", "cards", "--yes"]).await["messages"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_one_receives_worth_of_dead_letters_is_shown_each_once() {
    let stand = Stand::with_tenant().await;
    for index in 0..13 {
        kill(&stand, "AlertsQueue", &json!({"tenant_id": "acme", "n": index}).to_string()).await;
    }
    let shown = stand.json(&["dlq", "show", "alerts", "--limit", "100"]).await;
    let mut numbers: Vec<_> =
        shown.as_array().unwrap().iter().map(|message| message["body"]["n"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..13).collect::<Vec<_>>());
    assert_eq!(stand.json(&["dlq", "show", "alerts", "--limit", "3"]).await.as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queues_of_a_stack_that_is_not_there_are_not_found() {
    let stand = Stand::start().await;
    stand.run(&["dlq", "list", "--stack", "elsewhere"]).await.refused(2, "elsewhere-alerts-dlq");
}

/// How many messages lie in the queue's dead letters, as the command counts them.
async fn dead(stand: &Stand, queue: &str) -> u64 {
    let listed = stand.json(&["dlq", "list"]).await;
    let of = listed.as_array().unwrap().iter().find(|item| item["queue"] == queue).unwrap();
    of["messages"].as_u64().unwrap()
}

/// Lets a message of this queue die at its second try, so that nobody has to wait for over an hour; until the stage looks at its
/// resources, which sets them as the template has them.
async fn give_up_soon(stand: &Stand, queue: &str) {
    let (url, sqs) = (stand.provisioned.queue_url(queue).unwrap(), &stand.clients.sqs);
    let asked = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::RedrivePolicy);
    let told = asked.send().await.unwrap().attributes.unwrap();
    let mut policy: Value = serde_json::from_str(&told[&QueueAttributeName::RedrivePolicy]).unwrap();
    policy["maxReceiveCount"] = json!(1);
    let set = sqs.set_queue_attributes().queue_url(url);
    set.attributes(QueueAttributeName::RedrivePolicy, policy.to_string()).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_outage_has_killed_is_redriven_and_done_once() {
    let stand = Stand::start().await;
    let hop = Hop::before(&stand.endpoint).await;
    let options =
        Options { live: true, delivery: Delivery::Push, aws_endpoint: Some(hop.url.clone()), ..Options::default() };
    let stage = Stage::start(options).await;
    let died = async |queue: &str| stage.wait("it is given up", async || dead(&stand, queue).await > 0).await;
    let redrive = async |queue: &str| {
        assert!(stand.json(&["dlq", "redrive", queue, "--yes"]).await["messages"].as_u64() > Some(0));
        stage.wait("it has gone back", async || dead(&stand, queue).await == 0).await;
    };

    // A card that Discord does not take.
    give_up_soon(&stand, "CardsQueue").await;
    let refuse = Fault::Refuse { status: 400, code: 50_035, message: "Invalid Form Body".to_owned() };
    stage.system.discord.fail_next(1_000, &refuse);
    let alert = stage.fire("credential-dump").await;
    died("cards").await;
    stage.system.discord.heal();
    redrive("cards").await;
    stage.card(alert).await;
    assert_eq!(stage.entries(alert, "CARD_POSTED").await, 1);

    // An alert while the table takes nothing; it has its first verdict, and is to get another one.
    give_up_soon(&stand, "AlertsQueue").await;
    hop.fail("TransactWriteItems", Refused);
    stand.ok(&["alert", "replay", "demo", &alert.to_string(), "--yes"]).await;
    died("alerts").await;
    hop.heal();
    assert!(stage.record(alert).await.verdict.is_none(), "nobody could judge it");
    redrive("alerts").await;
    stage.until("it is judged again", alert, |record| record.verdict.is_some()).await;
    stage.quiet().await;
    assert_eq!(stage.entries(alert, "VERDICT_RECORDED").await, 2, "before, and once after");

    // An approved containment while KMS signs nothing.
    let card = stage.card(alert).await;
    give_up_soon(&stand, "ActionsQueue").await;
    hop.fail("Sign", Refused);
    stage.press(APPROVER, &card, "Approve").await;
    died("actions").await;
    assert_eq!(stage.edr_calls(Change::Contain), 0);
    hop.heal();
    redrive("actions").await;
    assert_eq!(stage.contained(alert).await.containment.unwrap().state, ActionState::Executed);
    stage.card_saying(alert, "CONTAINED").await;
    assert_eq!((stage.edr_calls(Change::Contain), stage.entries(alert, "RECEIPT_RECORDED").await), (1, 1));
    stage.end().await;
}
