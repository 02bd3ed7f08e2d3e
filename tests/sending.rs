//! What Discord may do to a card on its way: answer late, not at all, with "too many" or "no". A new test goes here if the
//! question is "is there exactly one card in the end, and did nobody else wait for it?".
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use vyrox_contract::{AlertId, Vendor};
use vyrox_domain::backup::{BackupPath, BackupState};
use vyrox_domain::channel::BrokenChannel;
use vyrox_domain::tenant::{Snowflake, Tenant, TenantStatus};
use vyrox_domain::webhook::{SIGNATURE_HEADER, sign};
use vyrox_platform::clock::SystemClock;
use vyrox_platform::discord::Discord;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{Lookup, SortKey, Versioned};
use vyrox_standins::discord::{DiscordOptions, DiscordStandin, Fault, RateLimits, RestRequest};
use vyrox_tests::{Stage, message_of};

/// A message that failed comes back after 5 s, then 10 s; a request that hangs is given up after 10 s.
const PATIENCE: Duration = Duration::from_secs(90);

async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The requests that send, edit or look for messages; the runner has registered commands before.
fn about_messages(stage: &Stage) -> Vec<RestRequest> {
    let requests = stage.system.discord.requests().into_iter();
    requests.filter(|request| request.path.contains("/messages")).collect()
}

fn cards_of(stage: &Stage, alert: AlertId) -> Vec<Value> {
    stage.system.discord.messages().into_iter().filter(|message| message_of(message, alert)).collect()
}

/// Fires an alert whose card meets these faults, and waits until it is there.
async fn exactly_one_card(faults: &[(usize, Fault)]) {
    let stage = Stage::dry_run().await;
    for (count, fault) in faults {
        stage.system.discord.fail_next(*count, fault);
    }
    let alert = stage.fire("credential-dump").await;
    eventually("the card is posted and known", async || stage.record(alert).await.posted.is_some()).await;
    assert_eq!(cards_of(&stage, alert).len(), 1, "{faults:?}");
    assert_eq!(stage.entries(alert, "CARD_POSTED").await, 1);
    let posts = stage.system.discord.requests().into_iter().filter(|request| request.method == "POST");
    let nonces: std::collections::BTreeSet<String> = posts.map(|request| request.body["nonce"].to_string()).collect();
    assert_eq!(nonces.len(), 1, "every attempt carries the same nonce");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_meets_too_many_requests_is_posted_once() {
    exactly_one_card(&[
        (1, Fault::RateLimited { retry_after: 1.2, global: false }),
        (1, Fault::RateLimited { retry_after: 0.5, global: true }),
    ])
    .await;
}

/// Twenty receives make a dead letter; each wait for a limit is one, and behind hundreds of others there are many.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_waits_for_its_turn_more_often_than_a_message_is_received_is_posted_once() {
    exactly_one_card(&[(24, Fault::RateLimited { retry_after: 0.1, global: false })]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_meets_a_server_error_is_posted_once() {
    exactly_one_card(&[(2, Fault::ServerError)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_whose_request_hangs_is_posted_once() {
    exactly_one_card(&[(1, Fault::Hang(Duration::from_secs(30)))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_whose_answer_is_lost_is_posted_once() {
    exactly_one_card(&[(2, Fault::LostResponse)]).await;
}

/// After an outage hundreds of cards are posted at once, and one whose answer was lost is far from the last.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_found_behind_hundreds_of_later_messages_and_not_looked_for_before_its_alert() {
    const TOKEN: &str = "the.bot.token";
    let options = DiscordOptions::new("500000000000000001", TOKEN, vyrox_tests::GUILD, vyrox_tests::CHANNEL);
    let standin = DiscordStandin::start(options).await.unwrap();
    standin.set_rate_limits(RateLimits::Lifted);
    let http = vyrox_platform::http::client(Duration::from_secs(10)).unwrap();
    let alert: AlertId = "0d9e9b8c-7b1c-5f3e-9a43-1f2e3d4c5b6a".parse().unwrap();
    let url = format!("{}/channels/{}/messages", standin.api_url(), vyrox_tests::CHANNEL);
    let say = async |body: Value| {
        let request = http.post(&url).header("authorization", format!("Bot {TOKEN}"));
        let answer =
            request.header("user-agent", "DiscordBot (https://example.com, 1)").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().parse::<Snowflake>().unwrap()
    };
    let card = say(json!({"embeds": [{"title": "A card", "footer": {"text": format!("Vyrox {alert}")}}]})).await;
    for number in 0..240 {
        say(json!({"content": format!("message {number}")})).await;
    }
    let secret = vyrox_platform::secrets::Secret::new(TOKEN.as_bytes().to_vec());
    let config = vyrox_platform::config::Discord { api_url: standin.api_url(), bot_token: secret };
    let discord = Discord::new(http.clone(), &config, Arc::new(SystemClock));
    let channel = vyrox_tests::CHANNEL.parse().unwrap();
    let looks = || standin.requests().iter().filter(|request| request.method == "GET").count();
    assert_eq!(discord.find(channel, alert, card.made_at()).await.unwrap(), Some(card));
    assert_eq!(looks(), 3);
    let other: AlertId = "1d9e9b8c-7b1c-5f3e-9a43-1f2e3d4c5b6a".parse().unwrap();
    assert_eq!(discord.find(channel, other, card.made_at()).await.unwrap(), None);
    assert_eq!(looks(), 3, "one look tells about all alerts");
    // Another execution environment has looked at nothing yet.
    let discord = Discord::new(http, &config, Arc::new(SystemClock));
    assert_eq!(discord.find(channel, other, card.made_at() + 3_600).await.unwrap(), None);
    assert_eq!(looks(), 4, "nothing that is older than the alert is about it");
}

#[tokio::test(flavor = "multi_thread")]
async fn rate_limits_are_obeyed_before_discord_has_to_say_no() {
    let stage = Stage::dry_run().await;
    stage.system.discord.set_rate_limits(RateLimits::Enforced);
    let mut alerts = Vec::new();
    for _ in 0..12 {
        alerts.push(stage.fire("credential-dump").await);
    }
    for alert in alerts {
        eventually("every card is posted", async || stage.record(alert).await.posted.is_some()).await;
        assert_eq!(cards_of(&stage, alert).len(), 1);
    }
    let limited = stage.system.discord.requests().iter().filter(|request| request.status == 429).count();
    // The first requests go out together, before any answer has told of the limit.
    assert!(limited <= 8, "{limited} of the requests were refused");
    stage.system.discord.set_rate_limits(RateLimits::Announced);
    stage.end().await;
}

/// Gives a tenant other settings.
async fn change_tenant(stage: &Stage, id: &vyrox_contract::TenantId, change: impl FnOnce(&mut Tenant)) {
    let key = SortKey::profile();
    let Versioned { mut value, version } =
        stage.system.table.read::<Tenant>(id, &key, stage.now()).await.unwrap().unwrap();
    change(&mut value);
    let change = Change::put(key, &value, Expect::Version(version));
    let change = match value.guild_id {
        Some(guild) => change.known_as(Lookup::guild(guild)),
        None => change,
    };
    stage.commit(id, &[change]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_without_permission_does_not_stop_another_tenants_cards() {
    let stage = Stage::dry_run().await;
    let other = stage.second_tenant("other", "600000000000000009", "other-secret", TenantStatus::Active).await;
    // The stand-in knows one channel only: any other is answered with 404 and code 10003.
    let gone = "700000000000000009".parse().unwrap();
    change_tenant(&stage, &other, |tenant| tenant.channel_id = Some(gone)).await;
    let broken = async || {
        let found = stage.system.table.read::<BrokenChannel>(&other, &SortKey::channel(gone), stage.now()).await;
        found.unwrap().map(|found| found.value)
    };
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let body = stage.body("credential-dump");
        let path = format!("/webhook/{}/{other}", Vendor::Crowdstrike);
        let reply = stage.post(&path, &body, &[(SIGNATURE_HEADER, &sign(b"other-secret", &body))]).await;
        assert_eq!(reply.status, 202);
        waiting.push(reply.alert_id());
    }
    eventually("the channel is known to be broken", async || broken().await.is_some()).await;
    let alert = stage.fire("ransomware").await;
    stage.card(alert).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let asked =
        stage.system.discord.requests().into_iter().filter(|request| request.path.contains("700000000000000009"));
    assert!(asked.count() <= 3, "a broken channel is left alone");
    assert_eq!(broken().await.unwrap().code, 10_003);

    // A human sets a channel that is there: a card that waited comes with its next message.
    let good = stage.profile().await.channel_id;
    change_tenant(&stage, &other, |tenant| tenant.channel_id = good).await;
    let message = serde_json::json!({"tenant_id": other, "alert_id": waiting[0]}).to_string();
    stage.send("CardsQueue", &message).await;
    eventually("its card is posted", async || !cards_of(&stage, waiting[0]).is_empty()).await;
    stage.system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_stops_all_sending() {
    let stage = Stage::dry_run().await;
    let refused = Fault::Refuse { status: 401, code: 0, message: "401: Unauthorized".into() };
    stage.system.discord.fail_next(1, &refused);
    stage.fire("credential-dump").await;
    let statuses = || about_messages(&stage).iter().map(|request| request.status).collect::<Vec<_>>();
    eventually("it was refused", async || statuses() == [401]).await;
    for _ in 0..3 {
        stage.fire("credential-dump").await;
    }
    // Longer than the first retry of any other failure.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(statuses(), [401], "one is enough");
    stage.system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_critical_alert_reaches_the_backup_once_while_discord_is_down_and_its_card_comes_later() {
    let stage = Stage::dry_run().await;
    let tenant = stage.tenant();
    let url = "https://hooks.example.com/vyrox".parse().unwrap();
    change_tenant(&stage, &tenant, |tenant| tenant.backup = Some(BackupPath::Webhook(url))).await;
    stage.system.backup.refuse(true);
    stage.system.discord.fail_next(3, &Fault::ServerError);
    let critical = stage.fire("credential-dump").await;
    eventually("Discord failed once", async || !about_messages(&stage).is_empty()).await;
    assert_eq!(stage.record(critical).await.backup, None, "a short fault is not worth a letter");
    stage.clock.advance(90);
    let state = async || stage.record(critical).await.backup.map(|backup| backup.state);
    eventually("the backup failed", async || state().await == Some(BackupState::Failed)).await;
    stage.system.backup.refuse(false);
    eventually("the backup was taken", async || state().await == Some(BackupState::Sent)).await;
    eventually("the card came", async || stage.record(critical).await.posted.is_some()).await;
    let letters = stage.system.backup.letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let (path, letter) = &letters[0];
    assert_eq!(path, "/vyrox");
    assert_eq!(letter["alert_id"], critical.to_string());
    assert_eq!((letter["severity"].as_str(), letter["host"].as_str()), (Some("CRITICAL"), Some("WS-042")));
    assert!(!letter.to_string().contains("comsvcs"), "no command line: {letter}");
    assert_eq!(stage.entries(critical, "BACKUP_SENT").await, 1);
    assert_eq!(cards_of(&stage, critical).len(), 1);
    stage.end().await;
}
