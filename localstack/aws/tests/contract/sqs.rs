//! The queues.

use crate::World;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use std::time::{Duration, Instant};

async fn send(world: &World, queue: &str, body: &str) {
    world.clients.sqs.send_message().queue_url(queue).message_body(body).send().await.unwrap();
}

/// Up to ten messages, hidden for `hidden` seconds, after waiting at most `wait` seconds for the first.
async fn receive(world: &World, queue: &str, hidden: i32, wait: i32) -> Vec<Message> {
    world
        .clients
        .sqs
        .receive_message()
        .queue_url(queue)
        .max_number_of_messages(10)
        .visibility_timeout(hidden)
        .wait_time_seconds(wait)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await
        .unwrap()
        .messages
        .unwrap_or_default()
}

fn told<'a>(message: &'a Message, name: &MessageSystemAttributeName) -> Option<&'a str> {
    message.attributes()?.get(name).map(String::as_str)
}

pub(crate) async fn a_waiting_receiver_gets_a_message_as_soon_as_it_is_sent(world: &World) {
    let queue = world.queue("AlertsQueue");
    let begun = Instant::now();
    let later = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        send(world, queue, "now").await;
    };
    let (messages, ()) = tokio::join!(receive(world, queue, 30, 20), later);
    assert_eq!(messages[0].body(), Some("now"));
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(500), "{waited:?}");
    assert!(waited < Duration::from_secs(10), "the wait did not end with the message: {waited:?}");
}

pub(crate) async fn a_received_message_is_hidden_until_its_time_is_up(world: &World) {
    let queue = world.queue("AlertsQueue");
    send(world, queue, "a").await;
    let first = receive(world, queue, 2, 5).await;
    assert_eq!(told(&first[0], &MessageSystemAttributeName::ApproximateReceiveCount), Some("1"));
    assert!(receive(world, queue, 2, 0).await.is_empty(), "a message in flight was given to another");
    let again = receive(world, queue, 2, 20).await;
    assert_eq!(again[0].message_id(), first[0].message_id());
    assert_ne!(again[0].receipt_handle(), first[0].receipt_handle());
    assert_eq!(told(&again[0], &MessageSystemAttributeName::ApproximateReceiveCount), Some("2"));
}

pub(crate) async fn a_message_given_back_is_there_at_once(world: &World) {
    let queue = world.queue("AlertsQueue");
    send(world, queue, "a").await;
    let message = receive(world, queue, 600, 5).await.remove(0);
    let give_back = world.clients.sqs.change_message_visibility().queue_url(queue).visibility_timeout(0);
    give_back.set_receipt_handle(message.receipt_handle).send().await.unwrap();
    assert_eq!(receive(world, queue, 600, 5).await.len(), 1);
}

pub(crate) async fn a_message_that_failed_twenty_times_is_a_dead_letter(world: &World) {
    let (queue, dead) = (world.queue("ActionsQueue"), world.queue("ActionsDeadLetters"));
    send(world, queue, "poison").await;
    for count in 1..=20 {
        let messages = receive(world, queue, 0, 5).await;
        assert_eq!(messages.len(), 1, "receive {count}");
        let counted = told(&messages[0], &MessageSystemAttributeName::ApproximateReceiveCount);
        assert_eq!(counted, Some(count.to_string().as_str()));
    }
    assert!(receive(world, dead, 0, 0).await.is_empty(), "dead before its time");
    assert!(receive(world, queue, 0, 0).await.is_empty(), "one receive too many");
    assert_eq!(receive(world, dead, 30, 5).await[0].body(), Some("poison"));
}

pub(crate) async fn a_message_deleted_with_its_fresh_receipt_stays_away(world: &World) {
    let queue = world.queue("CardsQueue");
    send(world, queue, "a").await;
    receive(world, queue, 0, 5).await;
    let fresh = receive(world, queue, 1, 5).await.remove(0);
    let delete = world.clients.sqs.delete_message().queue_url(queue);
    delete.set_receipt_handle(fresh.receipt_handle).send().await.unwrap();
    assert!(receive(world, queue, 1, 2).await.is_empty());
}

pub(crate) async fn attributes_and_group_arrive_with_the_message(world: &World) {
    let queue = world.queue("AlertsQueue");
    let text = MessageAttributeValue::builder().data_type("String").string_value("00-trace-01").build().unwrap();
    let bytes =
        MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 1, 2])).build().unwrap();
    let sent = world
        .clients
        .sqs
        .send_message()
        .queue_url(queue)
        .message_body("{\"é\":\"\u{1F600}\"}")
        .message_group_id("acme")
        .message_attributes("traceparent", text)
        .message_attributes("bytes", bytes)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("ba34843b09ed5921db7961d476d90340"));
    let message = receive(world, queue, 30, 5).await.remove(0);
    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.body(), Some("{\"é\":\"\u{1F600}\"}"));
    assert_eq!(message.md5_of_message_attributes(), sent.md5_of_message_attributes());
    assert!(message.md5_of_message_attributes().is_some());
    let attributes = message.message_attributes().unwrap();
    assert_eq!(attributes["traceparent"].string_value(), Some("00-trace-01"));
    assert_eq!(attributes["bytes"].binary_value().unwrap().as_ref(), [0, 1, 2]);
    assert_eq!(told(&message, &MessageSystemAttributeName::MessageGroupId), Some("acme"));
    for timestamp in
        [MessageSystemAttributeName::SentTimestamp, MessageSystemAttributeName::ApproximateFirstReceiveTimestamp]
    {
        let value: i64 = told(&message, &timestamp).unwrap().parse().unwrap();
        assert!(value > 1_700_000_000_000, "not milliseconds: {value}");
    }
}

pub(crate) async fn a_batch_succeeds_and_fails_entry_by_entry(world: &World) {
    let queue = world.queue("AlertsQueue");
    let sqs = &world.clients.sqs;
    let entry = |index: usize| {
        SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(format!("m{index}")).build().unwrap()
    };
    let batch = |count| sqs.send_message_batch().queue_url(queue).set_entries(Some((0..count).map(entry).collect()));
    let refused = batch(11).send().await.unwrap_err().into_service_error();
    assert!(refused.is_too_many_entries_in_batch_request(), "{refused:?}");
    let sent = batch(10).send().await.unwrap();
    assert_eq!((sent.successful().len(), sent.failed().len()), (10, 0));

    let mut messages = Vec::new();
    while messages.len() < 10 {
        let more = receive(world, queue, 600, 5).await;
        assert!(!more.is_empty(), "only {} of 10 arrived", messages.len());
        messages.extend(more);
    }
    let mut delete = sqs.delete_message_batch().queue_url(queue);
    for (index, message) in messages.iter().take(9).enumerate() {
        let receipt = message.receipt_handle().unwrap();
        delete = delete.entries(
            DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt).build().unwrap(),
        );
    }
    let bogus = DeleteMessageBatchRequestEntry::builder().id("bogus").receipt_handle("no receipt").build().unwrap();
    let deleted = delete.entries(bogus).send().await.unwrap();
    assert_eq!(deleted.successful().len(), 9);
    assert_eq!(deleted.failed().iter().map(|failed| failed.id()).collect::<Vec<_>>(), ["bogus"]);
}

pub(crate) async fn a_delayed_message_comes_later(world: &World) {
    let queue = world.queue("CardsQueue");
    let begun = Instant::now();
    world.clients.sqs.send_message().queue_url(queue).message_body("a").delay_seconds(2).send().await.unwrap();
    assert!(receive(world, queue, 30, 0).await.is_empty());
    assert_eq!(receive(world, queue, 30, 20).await.len(), 1);
    assert!(begun.elapsed() >= Duration::from_millis(1_900), "{:?}", begun.elapsed());
}

pub(crate) async fn a_queue_that_is_not_there_is_an_error_that_the_sdk_knows(world: &World) {
    let sqs = &world.clients.sqs;
    let refused = sqs.get_queue_url().queue_name("nowhere").send().await.unwrap_err().into_service_error();
    assert!(refused.is_queue_does_not_exist(), "{refused:?}");
    let url = world.queue("AlertsQueue").replace("-alerts", "-nowhere");
    let refused = sqs.send_message().queue_url(url).message_body("a").send().await.unwrap_err().into_service_error();
    assert!(refused.is_queue_does_not_exist(), "{refused:?}");
}

pub(crate) async fn a_message_over_one_mebibyte_is_refused(world: &World) {
    let queue = world.queue("AlertsQueue");
    let send = |size| world.clients.sqs.send_message().queue_url(queue).message_body("x".repeat(size)).send();
    send(1_048_576).await.unwrap();
    send(1_048_577).await.unwrap_err();
    let count = QueueAttributeName::ApproximateNumberOfMessages;
    let told =
        world.clients.sqs.get_queue_attributes().queue_url(queue).attribute_names(count.clone()).send().await.unwrap();
    assert_eq!(told.attributes().unwrap()[&count], "1");
}
