use crate::stand::Stand;
use serde_json::{Value, json};

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
