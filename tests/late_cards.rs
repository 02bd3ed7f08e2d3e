//! Cards that come late because Discord was down or full: how much is asked of Discord for them, is each there once, and does
//! nothing pile up behind them? Here belongs what needs to be counted request by request; what a whole run comes to is in
//! `chaos/`.
#![allow(clippy::unwrap_used)]

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::message::{CardReason, CardRequested};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::storm::StormPolicy;
use vyrox_notify::{Notify, NotifyError};
use vyrox_platform::Classified as _;
use vyrox_platform::batch::{self, SourceQueue};
use vyrox_platform::clock::Clock as _;
use vyrox_platform::discord::DiscordError;
use vyrox_platform::rate::Limits;
use vyrox_platform::table::Prefix;
use vyrox_standins::discord::{DiscordStandin, Fault, RateLimits};
use vyrox_tests::Fault::Refused;
use vyrox_tests::{Bench, CHANNEL, GUILD, ROLE, Record, message};

const LIMITS: Limits = Limits { tenant: 60_000, source: 60_000 };
/// Longer ago than a nonce may be relied on, in seconds.
const LATE: i64 = 200;

/// A tenant of this bench whose alerts are judged, and the messages that ask for their cards.
async fn judged(bench: &Bench, tenant: &str, alerts: usize) -> Vec<CardRequested> {
    let (ingest, triage) = (bench.ingest(LIMITS), bench.triage());
    for _ in 0..alerts {
        let body = bench.body();
        assert_eq!(bench.deliver_as(tenant, Vendor::Crowdstrike, &ingest, &body).await.status, 202);
    }
    for record in bench.take("AlertsQueue").await {
        triage.handle(message(&record)).await.unwrap();
    }
    let asked: Vec<CardRequested> = bench.take("CardsQueue").await.iter().map(message).collect();
    assert_eq!(asked.len(), alerts);
    asked
}

/// The channel, which takes as much as is sent: it is counted here, not limited.
async fn roomy(bench: &Bench) -> DiscordStandin {
    let discord = bench.discord().await;
    discord.set_rate_limits(RateLimits::Lifted);
    discord
}

/// Requests with this method about messages, and with a card if they send something.
fn asked_of(discord: &DiscordStandin, method: &str) -> usize {
    let requests = discord.requests().into_iter();
    let is_meant =
        |body: &serde_json::Value| body.is_null() || body["embeds"].as_array().is_some_and(|e| !e.is_empty());
    requests
        .filter(|request| request.method == method && request.path.contains("/messages") && is_meant(&request.body))
        .count()
}

/// Deletes a message, as a moderator does.
async fn delete(discord: &DiscordStandin, message: &str) {
    let http = vyrox_platform::http::client(Duration::from_secs(10)).unwrap();
    let request = http.delete(format!("{}/channels/{CHANNEL}/messages/{message}", discord.api_url()));
    let request = request.header("authorization", "Bot bench-token");
    let answer = request.header("user-agent", "DiscordBot (https://example.com, 1)").send().await.unwrap();
    assert_eq!(answer.status(), 204);
}

/// The messages that are put down for a later time.
async fn put_down(bench: &Bench) -> usize {
    let name = QueueAttributeName::ApproximateNumberOfMessagesDelayed;
    let url = bench.provisioned.queue_url("CardsQueue").unwrap();
    let asked = bench.direct.sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone());
    asked.send().await.unwrap().attributes.unwrap()[&name].parse().unwrap()
}

/// Fails because of this fault.
async fn fails(notify: &Notify, discord: &DiscordStandin, fault: &Fault, message: &CardRequested) {
    discord.fail_next(1, fault);
    let outcome = notify.handle(message.clone()).await;
    assert!(matches!(outcome, Err(NotifyError::Discord(_))), "{outcome:?}");
}

async fn records(bench: &Bench, tenant: &TenantId) -> Vec<AlertRecord> {
    let found = bench.table.list::<AlertRecord>(tenant, &Prefix::alerts(), bench.clock.now()).await.unwrap();
    found.into_iter().map(|found| found.value).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn late_cards_share_one_look_and_none_is_there_twice_whichever_environment_sends_it() {
    let bench = Bench::start().await;
    let discord = roomy(&bench).await;
    let tenant = bench.shown_tenant("shown").await;
    let cards = judged(&bench, "shown", 40).await;
    let (one, other) = (bench.notify(&discord), bench.notify(&discord));
    for card in &cards[..5] {
        fails(&one, &discord, &Fault::LostResponse, card).await;
    }
    bench.clock.advance(LATE);
    for (number, card) in cards.iter().enumerate() {
        if number % 5 == 0 {
            bench.clock.advance(6);
        }
        let (first, second) = if number % 2 == 0 { (&one, &other) } else { (&other, &one) };
        first.handle(card.clone()).await.unwrap();
        second.handle(card.clone()).await.unwrap();
    }
    assert_eq!(discord.messages().len(), 40);
    let known: BTreeSet<_> =
        records(&bench, &tenant).await.iter().map(|r| r.posted.as_ref().unwrap().message_id).collect();
    assert_eq!(known.len(), 40, "each alert knows a card of its own");
    assert_eq!(asked_of(&discord, "POST"), 40, "what was there was not posted again");
    // 48 seconds in two environments, and a look is good for 30.
    let looks = asked_of(&discord, "GET");
    assert!((1..=4).contains(&looks), "{looks} looks");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_whose_answer_was_lost_long_ago_is_found() {
    let bench = Bench::start().await;
    let discord = roomy(&bench).await;
    let storm = StormPolicy { cards: 0, group_seconds: 0, ..StormPolicy::default() };
    let tenant = bench
        .tenant("stormy", |tenant| {
            tenant.channel_id = Some(CHANNEL.parse().unwrap());
            tenant.guild_id = Some(GUILD.parse().unwrap());
            tenant.approver_roles = [ROLE.parse().unwrap()].into_iter().collect();
            tenant.proxy_id = Some("edge-1".parse().unwrap());
            tenant.storm = storm;
        })
        .await;
    let cards = judged(&bench, "stormy", 1).await;
    let notify = bench.notify(&discord);
    fails(&notify, &discord, &Fault::LostResponse, &cards[0]).await;
    bench.clock.advance(LATE);
    notify.handle(cards[0].clone()).await.unwrap();
    assert_eq!((discord.messages().len(), asked_of(&discord, "POST"), asked_of(&discord, "PATCH")), (1, 1, 1));
    assert!(records(&bench, &tenant).await[0].posted.is_some());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_replaces_a_deleted_one_is_found_if_its_answer_was_lost() {
    let bench = Bench::start().await;
    let discord = roomy(&bench).await;
    let tenant = bench.shown_tenant("shown").await;
    let card = &judged(&bench, "shown", 1).await[0];
    let notify = bench.notify(&discord);
    notify.handle(card.clone()).await.unwrap();
    let first = records(&bench, &tenant).await[0].posted.clone().unwrap().message_id;
    delete(&discord, &first.to_string()).await;
    // The question runs out, which its card has to say; the new one is there, and cannot be remembered.
    bench.clock.advance(1_000);
    bench.hop.fail("TransactWriteItems", Refused);
    let outcome = notify.handle(card.clone()).await;
    assert!(matches!(outcome, Err(NotifyError::Commit(_))), "{outcome:?}");
    bench.hop.heal();
    bench.clock.advance(LATE);
    notify.handle(card.clone()).await.unwrap();
    assert_eq!(asked_of(&discord, "POST"), 2, "the first card, and one in its place");
    assert!(records(&bench, &tenant).await[0].posted.as_ref().unwrap().message_id > first);
    bench.end().await;
}

/// What becomes of a message that has been received ten times and only waits: how often it is reported as failed, and since
/// when the one that was sent in its place has waited.
async fn received_often(bench: &Bench, waits_since: Option<i64>) -> (usize, Vec<i64>) {
    let url = bench.provisioned.queue_url("CardsQueue").unwrap();
    let clock = bench.clock.clone();
    let source = SourceQueue::new("notify", bench.direct.sqs.clone(), url, clock);
    let mut attributes = json!({"tenant_id": {"dataType": "String", "stringValue": "acme"}});
    if let Some(since) = waits_since {
        attributes["waits_since"] = json!({"dataType": "String", "stringValue": since.to_string()});
    }
    let body = json!({"tenant_id": "acme", "alert_id": "0d9e9b8c-7b1c-5f3e-9a43-1f2e3d4c5b6a"}).to_string();
    let sent = (bench.clock.now_millis() - 360_000).to_string();
    let event = json!({"Records": [{
        "messageId": "m", "receiptHandle": "none", "body": body, "messageAttributes": attributes,
        "attributes": {"ApproximateReceiveCount": "10", "SentTimestamp": sent},
    }]});
    let event = serde_json::from_value(event).unwrap();
    let waits = async |_: CardRequested| Err::<(), _>(NotifyError::Discord(DiscordError::RateLimited(1)));
    let failures = batch::run(&source, event, waits).await.batch_item_failures.len();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let anew = bench.take("CardsQueue").await;
    let since =
        |record: &Record| record["messageAttributes"]["waits_since"]["stringValue"].as_str().unwrap().parse::<i64>();
    (failures, anew.iter().map(|record| since(record).unwrap()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_waits_is_sent_anew_for_a_day_and_then_becomes_a_dead_letter() {
    let bench = Bench::start().await;
    let now = bench.clock.now_millis();
    assert_eq!(
        received_often(&bench, None).await,
        (0, vec![now - 360_000]),
        "it has been in the queue for six minutes"
    );
    let an_hour_ago = now - 3_600_000;
    assert_eq!(
        received_often(&bench, Some(an_hour_ago)).await,
        (0, vec![an_hour_ago]),
        "whoever sends it anew says so"
    );
    assert_eq!(received_often(&bench, Some(now - 86_400_000)).await, (1, vec![]), "for a day");
    bench.end().await;
}

#[test]
fn a_discord_that_does_not_answer_is_asked_again_within_a_minute_and_costs_no_card() {
    let silent = NotifyError::Discord(DiscordError::Unavailable("status 500".into()));
    assert_eq!((silent.longest_wait(), silent.only_waits()), (Duration::from_secs(60), true));
    let refused = NotifyError::Discord(DiscordError::Refused { status: 400, code: 50_035 });
    assert!(!refused.only_waits(), "what Discord does not take becomes a dead letter");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_often_a_question_could_not_be_shown_one_message_looks_at_it_again() {
    let bench = Bench::start().await;
    let discord = roomy(&bench).await;
    bench.shown_tenant("shown").await;
    let card = &judged(&bench, "shown", 1).await[0];
    let notify = bench.notify(&discord);
    for _ in 0..6 {
        fails(&notify, &discord, &Fault::ServerError, card).await;
    }
    assert_eq!(put_down(&bench).await, 0, "what is not shown needs no second look");
    notify.handle(card.clone()).await.unwrap();
    assert_eq!(put_down(&bench).await, 1);
    notify.handle(card.clone()).await.unwrap();
    assert_eq!(put_down(&bench).await, 1, "asked for twice, looked at once");
    // A third of the time later that message comes, and Discord does not take the reminder at once.
    bench.clock.advance(310);
    let look = CardRequested { reason: CardReason::Expiry, ..card.clone() };
    for _ in 0..6 {
        fails(&notify, &discord, &Fault::ServerError, &look).await;
    }
    notify.handle(look.clone()).await.unwrap();
    assert_eq!(put_down(&bench).await, 2, "one more, for the next third");
    assert_eq!(discord.messages().len(), 2, "the card, and one reminder");
    bench.end().await;
}
