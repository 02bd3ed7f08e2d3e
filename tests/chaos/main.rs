//! Everything goes wrong at once, again and again: AWS is killed and comes back, throttles, errs, loses answers; functions
//! end in the middle of their work; messages come twice, late, and again while they are still worked on; the proxy
//! restarts; Discord is down. Afterwards sets are compared: every alert that was acknowledged has its verdict and exactly
//! one card, every approval that somebody was told has exactly one outcome, and both audits verify.
//!
//! ```text
//! cargo test -p vyrox-tests --test chaos
//! VYROX_CHAOS_SECONDS=600 cargo test -p vyrox-tests --test chaos       # for longer; all troubles come round several times
//! VYROX_CHAOS_DISCORD_SECONDS=180 cargo test -p vyrox-tests --test chaos      # with Discord down for minutes, not seconds
//! ```
//!
//! A new test goes here if the question is what a whole run comes to, whatever failed on the way. One fault by itself
//! belongs into `delivery.rs`, `sending.rs` or `unavailable.rs`.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "a long run says how it goes")]

mod aws;
mod people;

use aws::Aws;
use aws_sdk_sqs::types::QueueAttributeName;
use people::Sender;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::TenantStatus;
use vyrox_local_aws::{ClientSet, Provisioned};
use vyrox_platform::table::Prefix;
use vyrox_standins::discord;
use vyrox_tests::{Delivery, Fault, Hop, Options, Promised, Stage};

/// How long each trouble lasts before the next one comes.
const A_WHILE: Duration = Duration::from_millis(1_500);
/// For how long a killed function's messages stay with it.
const LEASE: Duration = Duration::from_secs(90);
/// The longest back-off of a message that failed, however often.
const LAST_RETRY: Duration = Duration::from_secs(300);
/// What a message takes in a channel that is full: five go in five seconds, and those that wait for the next five come back on
/// whole seconds.
const PER_MESSAGE: Duration = Duration::from_millis(1_200);
/// What may be said about a question beside its card: a reminder, the escalation, the expiry.
const NOTICES: u32 = 3;
/// More requests than are made to Discord while it is down.
const EVERY_TRY: usize = 100_000;
/// The second tenant's webhook secret.
const SECRET: &str = "the other tenant's secret";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_nothing_acknowledged_is_lost_and_nothing_approved_is_done_twice_polled() {
    storm(Delivery::Poll).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_nothing_acknowledged_is_lost_and_nothing_approved_is_done_twice_pushed() {
    storm(Delivery::Push).await;
}

async fn storm(delivery: Delivery) {
    let mut aws = Aws::start().await;
    let hop = Hop::before(&aws.url()).await;
    let options = Options { live: true, delivery, aws_endpoint: Some(hop.url.clone()), ..Options::default() };
    let stage = Stage::start(options).await;
    let other = stage.second_tenant("other", "600000000000000009", SECRET, TenantStatus::Active).await;
    let resources = stage.resources().await;
    let promised = Mutex::new(Promised::default());
    let over = CancellationToken::new();
    let own = Sender { stage: &stage, tenant: stage.tenant(), secret: stage.system.endpoints.webhook_secret.clone() };
    let others = Sender { stage: &stage, tenant: other, secret: SECRET.to_owned() };
    // The approver is the last to stop: what a member was not told yet is pressed until it is.
    tokio::join!(
        own.send(&promised, &over),
        others.send(&promised, &over),
        people::approve(&stage, &promised, &over),
        async {
            trouble(&stage, &hop, &mut aws).await;
            over.cancel();
        },
    );
    let promised = promised.into_inner().unwrap();
    let direct = ClientSet::new(&aws.url());
    come_to_rest(&stage, &direct, &resources, &promised).await;
    let reckoning = stage.reckon(&promised).await;
    eprintln!("{delivery:?}: {reckoning}");
    assert!(reckoning.holds(), "{reckoning}");
    assert!(reckoning.alerts > 20 && reckoning.outcomes > 0, "the run was no test: {reckoning}");
    assert_eq!(reckoning.own_card, reckoning.alerts, "each alert has a card of its own");
    assert_eq!(dead(&direct, &resources).await, 0, "nothing was given up");
    stage.end().await;
}

/// One trouble after the other, round and round.
async fn trouble(stage: &Stage, hop: &Hop, aws: &mut Aws) {
    let until = Instant::now() + Duration::from_secs(vyrox_tests::chaos_seconds());
    let discord = &stage.system.discord;
    for round in 1.. {
        // Through all of it: messages come twice, late, and while they are worked on.
        hop.fail_some(3, "SendMessage", Fault::Twice);
        hop.fail_some(4, "SendMessage", Fault::Late(2));
        hop.fail_some(2, "ReceiveMessage", Fault::HiddenFor(3));

        hop.fail_some(3, "DynamoDB", Fault::Throttled);
        hop.fail_some(5, "AmazonSQS", Fault::Refused);
        tokio::time::sleep(A_WHILE).await;
        stage.system.kill_functions().await.unwrap();
        hop.fail_some(4, "TransactWriteItems", Fault::AnswerLost);
        tokio::time::sleep(A_WHILE).await;
        stage.system.kill_functions().await.unwrap();
        eprintln!("round {round}: AWS is killed");
        aws.crash(Duration::from_millis(700)).await;
        discord.fail_next(EVERY_TRY, &discord::Fault::ServerError);
        hop.heal();
        hop.fail_some(2, "SendMessage", Fault::Twice);
        hop.fail_some(2, "ReceiveMessage", Fault::HiddenFor(2));
        tokio::time::sleep(vyrox_tests::discord_outage()).await;
        stage.system.kill_functions().await.unwrap();
        discord.heal();
        discord.fail_next(3, &discord::Fault::LostResponse);
        hop.fail_some(6, "DynamoDB", Fault::Hangs);
        hop.fail_some(6, "TrentService", Fault::Refused);
        tokio::time::sleep(A_WHILE).await;
        hop.heal();
        // A quiet moment, in which people get through.
        tokio::time::sleep(A_WHILE * 2).await;
        if Instant::now() >= until {
            return;
        }
    }
}

/// Waits until everything has its outcome, for as long as arithmetic says that it may take with `n` alerts, all of them in one
/// channel:
///
/// * each has its card after `LEASE + LAST_RETRY + n * PER_MESSAGE`;
/// * all messages are done with after `n * NOTICES * PER_MESSAGE` more.
///
/// What has become a dead letter is sent back, as an operator would.
async fn come_to_rest(stage: &Stage, direct: &ClientSet, resources: &Provisioned, promised: &Promised) {
    let began = Instant::now();
    let alerts = u32::try_from(promised.alerts.values().map(BTreeSet::len).sum::<usize>()).unwrap();
    let cards_within = LEASE + LAST_RETRY + PER_MESSAGE * alerts;
    let rest_within = cards_within + PER_MESSAGE * alerts * NOTICES;
    let mut are_cards_there = false;
    while began.elapsed() < if are_cards_there { rest_within } else { cards_within } {
        if !are_cards_there && open(stage, promised).await == 0 {
            are_cards_there = true;
            eprintln!("{} s of {} until each alert has its card", began.elapsed().as_secs(), cards_within.as_secs());
        }
        if are_cards_there && waiting(direct, resources).await == 0 && open(stage, promised).await == 0 {
            eprintln!("{} s of {} until all is done", began.elapsed().as_secs(), rest_within.as_secs());
            return;
        }
        if dead(direct, resources).await > 0 {
            eprintln!("dead letters are sent back");
            for queue in ["Alerts", "Cards", "Actions"] {
                let url = resources.queue_url(&format!("{queue}DeadLetters")).unwrap();
                let arn = number_of(direct, url, QueueAttributeName::QueueArn).await;
                direct.sqs.start_message_move_task().source_arn(arn).send().await.unwrap();
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    eprintln!("not at rest after {} s", began.elapsed().as_secs());
}

/// Alerts without a card, and approvals without an outcome.
async fn open(stage: &Stage, promised: &Promised) -> usize {
    let mut open = 0;
    for tenant in promised.alerts.keys() {
        let records = stage.system.table.list::<AlertRecord>(tenant, &Prefix::alerts(), stage.now()).await;
        let is_open = |record: &AlertRecord| {
            record.posted.is_none()
                || record.decision.is_some()
                    && record.containment.as_ref().is_none_or(|action| !action.state.is_final())
        };
        // A machine with much else to do may answer too late once.
        open += records.map_or(1, |records| records.iter().filter(|found| is_open(&found.value)).count());
    }
    open
}

/// Messages that are to be worked on or are being worked on; those that were put down for a later time are not counted.
async fn waiting(direct: &ClientSet, resources: &Provisioned) -> u64 {
    let names =
        [QueueAttributeName::ApproximateNumberOfMessages, QueueAttributeName::ApproximateNumberOfMessagesNotVisible];
    count(direct, resources, &["AlertsQueue", "CardsQueue", "ActionsQueue"], &names).await
}

async fn dead(direct: &ClientSet, resources: &Provisioned) -> u64 {
    let queues = ["AlertsDeadLetters", "CardsDeadLetters", "ActionsDeadLetters"];
    count(direct, resources, &queues, &[QueueAttributeName::ApproximateNumberOfMessages]).await
}

async fn count(direct: &ClientSet, resources: &Provisioned, queues: &[&str], names: &[QueueAttributeName]) -> u64 {
    let mut sum = 0;
    for queue in queues {
        let url = resources.queue_url(queue).unwrap_or_else(|| panic!("no queue {queue}"));
        for name in names {
            sum += number_of(direct, url, name.clone()).await.parse::<u64>().unwrap();
        }
    }
    sum
}

async fn number_of(direct: &ClientSet, url: &str, name: QueueAttributeName) -> String {
    let asked = direct.sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone());
    asked.send().await.unwrap().attributes.unwrap().remove(&name).unwrap()
}
