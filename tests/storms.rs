//! Many alerts at once: are people told once, told everything, and asked about every host? A new test goes here if it is
//! about how many messages there are, what they count, or when somebody is reminded.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::time::Duration;
use vyrox_contract::{AlertId, Vendor};
use vyrox_domain::action::ActionState;
use vyrox_domain::custom_id::{CustomId, Verb};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::storm::{Digest, Place, StormPolicy};
use vyrox_edr_standin::{Change, HostStatus};
use vyrox_platform::rate::Limits;
use vyrox_platform::table::SortKey;
use vyrox_standins::discord::RateLimits;
use vyrox_tests::{APPROVER, Bench, Card, Options, SECOND_APPROVER, Stage, message, shown_buttons};

/// A system whose tenant gets so many cards in ten minutes.
async fn with_budget(cards: u16) -> Stage {
    Stage::start(Options { storm: Some(StormPolicy { cards, ..StormPolicy::default() }), ..Options::default() }).await
}

/// An alert of another kind on another host for each pair of numbers.
fn body(stage: &Stage, technique: usize, host: usize) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(&stage.body("credential-dump")).unwrap();
    body["technique"] = json!(format!("T1003.{technique:03}"));
    body["sensor"] = json!({"hostname": format!("WS-{host:03}"), "agent_id": format!("{host:032x}")});
    body.to_string().into_bytes()
}

async fn deliver(stage: &Stage, technique: usize, host: usize) -> AlertId {
    let reply = stage.deliver(&body(stage, technique, host)).await;
    assert_eq!(reply.status, 202);
    reply.alert_id()
}

/// Waits until something holds that takes the functions 20 s by design.
async fn eventually(stage: &Stage, what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain until {what}: {:#?} {:#?}",
            stage.system.discord.messages(),
            stage.system.timeline.stages()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The messages that are cards of alerts, and those that are digests.
fn cards_and_digests(stage: &Stage) -> (Vec<Value>, Vec<Value>) {
    let with_embeds = stage.system.discord.messages().into_iter().filter(|message| message["embeds"][0].is_object());
    with_embeds.partition(|message| message["embeds"][0]["title"] != "Digest")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_alerts_in_a_burst_give_a_few_cards_and_one_digest_that_names_every_host_once() {
    let stage = with_budget(3).await;
    let mut alerts = Vec::new();
    for number in 0..200 {
        alerts.push(deliver(&stage, number / 15, number % 15).await);
    }
    for alert in &alerts {
        stage.until("every alert has its place", *alert, |record| record.place.is_some()).await;
    }
    let (mut cards, mut counted, mut digests) = (0, 0, std::collections::BTreeSet::new());
    for alert in &alerts {
        match stage.record(*alert).await.place.unwrap() {
            Place::Card => cards += 1,
            Place::CountedOn { .. } => counted += 1,
            Place::InDigest { digest } => {
                digests.insert(digest);
            }
        }
    }
    assert_eq!((cards, counted), (3, 0), "each alert is of another kind");
    assert_eq!(digests.len(), 1);
    let key = SortKey::digest(*digests.first().unwrap());
    let digest = stage.system.table.read::<Digest>(&stage.tenant(), &key, stage.now()).await.unwrap().unwrap().value;
    assert_eq!(digest.alerts(), 197, "nothing is lost");
    let mut hosts: Vec<&str> = digest.hosts.iter().map(|host| host.plan.target().hostname.as_str()).collect();
    hosts.sort_unstable();
    let expected: Vec<String> = (0..15).map(|host| format!("WS-{host:03}")).collect();
    assert_eq!(hosts, expected, "every host exactly once");

    // The last alerts are drawn 20 s after the first ones; what the digest says then is all of it.
    eventually(&stage, "the digest says everything", || {
        let (_, digests) = cards_and_digests(&stage);
        digests.iter().any(|digest| digest["content"].as_str().unwrap().contains("197 alerts"))
    })
    .await;
    let (cards, digests) = cards_and_digests(&stage);
    assert_eq!((cards.len(), digests.len()), (3, 1));
    for host in &expected {
        assert_eq!(digests[0]["embeds"].to_string().matches(&format!("`{host}`")).count(), 1, "{host}");
    }
    let posts = stage.system.discord.requests().iter().filter(|request| request.method == "PATCH").count();
    assert!(posts <= 6, "a digest is edited rarely: {posts}");
    assert_eq!(digests[0]["mentions"].as_array().map_or(0, Vec::len), 0, "a digest pings nobody");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_asks_about_each_host_and_each_yes_is_an_action_of_its_own() {
    let stage = Stage::start(Options {
        storm: Some(StormPolicy { cards: 0, ..StormPolicy::default() }),
        live: true,
        ..Options::default()
    })
    .await;
    let (first, second) = (stage.fire("credential-dump").await, stage.fire("ransomware").await);
    for alert in [first, second] {
        stage.until("it is on the digest", alert, |record| record.posted.is_some()).await;
    }
    eventually(&stage, "both hosts have a button", || {
        cards_and_digests(&stage).1.first().is_some_and(|digest| shown_buttons(digest).count() == 4)
    })
    .await;
    let digest = Card { message: cards_and_digests(&stage).1.remove(0) };
    assert_eq!(digest.labels(), ["Approve the plan", "Deny the plan", "Approve 1", "Approve 2"]);
    let second_label =
        if digest.custom_id("Approve 1") == button_of(&stage, second).await { "Approve 1" } else { "Approve 2" };
    stage.press(APPROVER, &digest, second_label).await;
    let contained = stage.contained(second).await;
    assert_eq!(contained.containment.unwrap().state, ActionState::Executed);
    assert_eq!(stage.entries(second, "APPROVED").await, 1);
    assert_eq!(stage.record(first).await.decision, None, "the other host is still a question");
    eventually(&stage, "the digest says so", || {
        let digests = cards_and_digests(&stage).1;
        digests.len() == 1 && digests[0]["embeds"].to_string().contains("CONTAINED")
    })
    .await;
    let digest = Card { message: cards_and_digests(&stage).1.remove(0) };
    let mut labels = digest.labels();
    labels.sort_unstable_by_key(|label| label.split(' ').next_back());
    assert!(
        labels.iter().any(|label| label.starts_with("Release"))
            && labels.iter().any(|label| label.starts_with("Approve"))
    );
    stage.end().await;
}

/// The digest, as soon as it says something.
async fn digest_saying(stage: &Stage, what: &str) -> Card {
    eventually(stage, what, || {
        cards_and_digests(stage).1.first().is_some_and(|digest| digest.to_string().contains(what))
    })
    .await;
    Card { message: cards_and_digests(stage).1.remove(0) }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_plan_asks_about_all_hosts_two_people_approve_and_each_host_says_how_it_went() {
    let stage = Stage::start(Options {
        storm: Some(StormPolicy { cards: 0, ..StormPolicy::default() }),
        live: true,
        ..Options::default()
    })
    .await;
    // The EDR does not know the third one's device.
    let alerts = [stage.fire("credential-dump").await, stage.fire("ransomware").await, deliver(&stage, 1, 7).await];
    let digest = digest_saying(&stage, "isolate 3 of them? Takes two approvers").await;
    assert_eq!(digest.labels()[..2], ["Approve the plan", "Deny the plan"]);
    assert!(digest.text().contains("Isolate 3 hosts") && digest.text().matches("in the plan").count() >= 3);
    assert_eq!(stage.edr_calls(Change::Contain), 0);

    let first = stage.press(APPROVER, &digest, "Approve the plan").await;
    assert_eq!(first.kind(), Some(7));
    let twice = stage.press(APPROVER, &digest, "Approve the plan").await;
    assert!(twice.is_ephemeral() && twice.content().unwrap().contains("already approved this"), "{twice:?}");
    for alert in alerts {
        assert_eq!(stage.record(alert).await.decision, None, "one is not enough");
    }
    stage.press(SECOND_APPROVER, &digest, "Approve the plan").await;
    let mut states = Vec::new();
    for alert in alerts {
        let record = stage.contained(alert).await;
        assert_eq!(record.votes.len(), 2);
        states.push(record.containment.unwrap().state);
    }
    assert_eq!(states[..2], [ActionState::Executed; 2]);
    assert!(matches!(states[2], ActionState::Failed | ActionState::Refused), "{states:?}");
    assert_eq!((stage.host("WS-042"), stage.host("SRV-DB-01")), (HostStatus::Contained, HostStatus::Contained));
    assert_eq!(stage.edr_calls(Change::Contain), 2, "each host that the EDR knows, once");
    let kinds: Vec<String> = stage.audit().await.iter().map(|entry| entry.action_type().to_owned()).collect();
    let times = |kind: &str| kinds.iter().filter(|other| *other == kind).count();
    assert_eq!((times("JOINT_APPROVAL_COUNTED"), times("APPROVED"), times("ACTION_DELIVERED")), (1, 3, 3));

    // Each host says for itself what came of it, and what can be done about it.
    eventually(&stage, "the digest says how each host went", || {
        let digest = Card { message: cards_and_digests(&stage).1.remove(0) };
        let text = digest.text();
        text.matches("· CONTAINED").count() == 2 && (text.contains("· FAILED") || text.contains("· REFUSED"))
    })
    .await;
    let digest = Card { message: cards_and_digests(&stage).1.remove(0) };
    let labels: std::collections::BTreeSet<&str> =
        digest.labels().into_iter().filter_map(|label| label.rsplit_once(' ')).map(|(word, _)| word).collect();
    assert_eq!(labels, ["Ask again", "Release"].into(), "{:?}", digest.labels());
    let release = digest.labels().into_iter().find(|label| label.starts_with("Release")).unwrap().to_owned();
    stage.press(APPROVER, &digest, &release).await;
    digest_saying(&stage, "RELEASED").await;
    assert_eq!(stage.edr_calls(Change::LiftContainment), 1, "the other one stays as it is");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_changes_between_two_approvers_is_asked_anew() {
    let stage = with_budget(0).await;
    let alerts = [deliver(&stage, 1, 1).await, deliver(&stage, 2, 2).await, deliver(&stage, 3, 3).await];
    let digest = digest_saying(&stage, "isolate 3 of them").await;
    stage.press(APPROVER, &digest, "Approve the plan").await;
    let before = digest_saying(&stage, "1 of 2").await;
    // One of the hosts is decided by itself meanwhile.
    let own = button_of(&stage, alerts[0]).await;
    let label = before.labels().into_iter().find(|label| before.custom_id(label) == own).unwrap().to_owned();
    stage.press(APPROVER, &before, &label).await;
    let role = stage.approver_role().await;
    let late = stage.click_body(SECOND_APPROVER, &[&role], &before, &before.custom_id("Approve the plan")).await;
    let said = stage.post_click(&late).await;
    assert!(said.ephemeral && said.content.contains("plan has changed"), "{said:?}");
    for alert in &alerts[1..] {
        assert_eq!(stage.record(*alert).await.decision, None);
    }
    let anew = digest_saying(&stage, "isolate 2 of them").await;
    assert!(!anew.text().contains("1 of 2"), "nobody has said yes to the new plan: {}", anew.text());
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_nobody_answers_is_said_at_each_third_once_and_only_the_escalation_pings() {
    let stage = with_budget(0).await;
    let alerts = [deliver(&stage, 1, 1).await, deliver(&stage, 2, 2).await];
    digest_saying(&stage, "isolate 2 of them").await;
    let record = stage.record(alerts[0]).await;
    let until = record.plan().unwrap().expires_at();
    let asked = json!({"tenant_id": stage.tenant(), "alert_id": alerts[0], "reason": "expiry"}).to_string();
    let third = (until - stage.now()) / 3 + 1;
    for (words, roles) in [("still waiting", 0), ("ESCALATED", 1)] {
        stage.clock.advance(third);
        stage.send("CardsQueue", &asked).await;
        stage.send("CardsQueue", &asked).await;
        let said = || {
            let messages = stage.system.discord.messages().into_iter();
            messages.filter(|message| message["embeds"][0].is_null() && message.to_string().contains(words)).collect()
        };
        eventually(&stage, words, || !Vec::<Value>::is_empty(&said())).await;
        let said: Vec<Value> = said();
        assert_eq!((said.len(), said[0]["mention_roles"].as_array().map_or(0, Vec::len)), (1, roles), "{}", said[0]);
    }
    stage.end().await;
}

/// What the Approve button of this alert carries.
async fn button_of(stage: &Stage, alert: AlertId) -> String {
    let plan = stage.record(alert).await.plan().unwrap().digest().short();
    CustomId { verb: Verb::Approve, alert_id: alert, plan }.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_kind_within_an_hour_is_counted_on_the_first_card() {
    let stage = with_budget(10).await;
    let first = deliver(&stage, 1, 1).await;
    stage.card(first).await;
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(deliver(&stage, 1, 1).await);
    }
    for other in &others {
        let counted = |record: &vyrox_domain::record::AlertRecord| record.place.is_some();
        let record = stage.until("it is counted", *other, counted).await;
        assert!(matches!(record.place, Some(Place::CountedOn { first: on, .. }) if on == first), "{:?}", record.place);
        assert_eq!(record.posted, None);
        assert_eq!(stage.entries(*other, "ALERT_PLACED").await, 1);
    }
    let another_host = deliver(&stage, 1, 2).await;
    let another_kind = deliver(&stage, 2, 1).await;
    stage.card(another_host).await;
    stage.card(another_kind).await;
    let (cards, digests) = cards_and_digests(&stage);
    assert_eq!((cards.len(), digests.len()), (3, 0));

    // The counter is drawn 20 s after the first one was counted, once for all of them.
    eventually(&stage, "the card counts them", || {
        let (cards, _) = cards_and_digests(&stage);
        cards.iter().any(|card| card["content"].as_str().unwrap().contains("seen 6 times"))
    })
    .await;
    assert_eq!(stage.entries(first, "CARD_EDITED").await, 1);

    // An hour later the same is asked about anew.
    stage.clock.advance(3_601);
    let later = deliver(&stage, 1, 1).await;
    stage.card(later).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_nobody_answers_is_said_at_each_third_once_and_only_the_escalation_pings() {
    let stage = with_budget(10).await;
    let alert = deliver(&stage, 1, 1).await;
    stage.card(alert).await;
    let until = stage.record(alert).await.plan().unwrap().expires_at();
    let asked = json!({"tenant_id": stage.tenant(), "alert_id": alert, "reason": "expiry"}).to_string();
    let third = (until - stage.now()) / 3 + 1;
    for (name, words, roles) in
        [("reminder", "still waiting", 0), ("escalation", "ESCALATED", 1), ("expired", "EXPIRED", 0)]
    {
        stage.clock.advance(third);
        // The message that is due now, twice over.
        stage.send("CardsQueue", &asked).await;
        stage.send("CardsQueue", &asked).await;
        let notice = format!("{name}.{until}");
        stage.until(&notice, alert, |record| record.notices.contains(&notice)).await;
        let said: Vec<Value> = stage
            .system
            .discord
            .messages()
            .into_iter()
            .filter(|message| message["embeds"][0].is_null() && message["content"].as_str().unwrap().contains(words))
            .collect();
        assert_eq!(said.len(), 1, "{name}");
        assert_eq!(said[0]["mention_roles"].as_array().map_or(0, Vec::len), roles, "{name}: {}", said[0]);
    }
    stage.card_saying(alert, "EXPIRED").await;
    assert_eq!(stage.entries(alert, "NOTICE_SENT").await, 3);
    stage.end().await;
}

/// The places of seven alerts of one kind and host that come to notify at the same time, in the order in which they came, and
/// what their digest counts. They are decided in one transaction.
async fn placed_at_once(storm: StormPolicy) -> (Vec<Place>, u32) {
    let bench = Bench::start().await;
    let discord = bench.discord().await;
    discord.set_rate_limits(RateLimits::Lifted);
    let tenant = bench.shown_tenant("shown").await;
    bench
        .tenant("shown", |profile| {
            (profile.guild_id, profile.channel_id) =
                (Some(vyrox_tests::GUILD.parse().unwrap()), Some(vyrox_tests::CHANNEL.parse().unwrap()));
            profile.storm = storm;
        })
        .await;
    let limits = Limits { tenant: 60_000, source: 60_000 };
    let (ingest, triage, notify) = (bench.ingest(limits), bench.triage(), bench.notify(&discord));
    let mut alerts = Vec::new();
    for _ in 0..7 {
        let body = bench.body();
        let reply = bench.deliver_as("shown", Vendor::Crowdstrike, &ingest, &body).await;
        alerts.push(reply.alert_id());
    }
    for record in bench.take("AlertsQueue").await {
        triage.handle(message(&record)).await.unwrap();
    }
    let asked = bench.take("CardsQueue").await;
    let shown = asked.iter().map(|record| notify.handle(message(record)));
    futures::future::try_join_all(shown).await.unwrap();
    let now = vyrox_platform::clock::Clock::now(&*bench.clock);
    let (mut places, mut counted) = (Vec::new(), 0);
    for alert in alerts {
        let record = bench.table.read::<AlertRecord>(&tenant, &SortKey::alert(alert), now).await.unwrap().unwrap();
        let place = record.value.place.unwrap();
        if let Place::InDigest { digest } = place {
            let digest = bench.table.read::<Digest>(&tenant, &SortKey::digest(digest), now).await.unwrap().unwrap();
            counted = digest.value.alerts();
        }
        places.push(place);
    }
    let audited = bench.audit("shown").await;
    assert_eq!(audited.iter().filter(|entry| entry.action_type() == "ALERT_PLACED").count(), 7, "one entry each");
    bench.end().await;
    (places, counted)
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_that_come_at_once_are_counted_one_after_the_other() {
    let (places, _) = placed_at_once(StormPolicy::default()).await;
    let cards = places.iter().filter(|place| **place == Place::Card).count();
    let counted = places.iter().filter(|place| matches!(place, Place::CountedOn { .. })).count();
    assert_eq!((cards, counted), (1, 6), "the first has a card, which counts the others: {places:?}");
    let firsts: std::collections::BTreeSet<_> = places
        .iter()
        .filter_map(|place| if let Place::CountedOn { first, .. } = place { Some(first.to_string()) } else { None })
        .collect();
    assert_eq!(firsts.len(), 1);
    let (places, in_digest) =
        placed_at_once(StormPolicy { cards: 2, group_seconds: 0, ..StormPolicy::default() }).await;
    let cards = places.iter().filter(|place| **place == Place::Card).count();
    assert_eq!((cards, in_digest), (2, 5), "two have used up the budget: {places:?}");
}
