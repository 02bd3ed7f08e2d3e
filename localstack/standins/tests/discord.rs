//! The stand-in for Discord over HTTP: sending, clicking, probing, faults. A body's rules are tested in `rules.rs`.
#![allow(clippy::unwrap_used)]

mod toy;

use serde_json::json;
use std::time::Duration;
use toy::{APPLICATION, APPROVER, CHANNEL, VIEWER, bot, card, send};
use vyrox_standins::discord::{ClickError, DiscordOptions, DiscordStandin, Fault, RateLimits};

async fn posted(buttons: &[(&str, &str, u64)]) -> (DiscordStandin, toy::Toy, String) {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let app = toy::start(&standin, false).await;
    let (status, message) = send(&standin, &card(buttons)).await;
    assert_eq!(status, 200, "{message}");
    (standin, app, message["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_click_is_signed_verified_and_updates_the_message() {
    let (standin, app, id) = posted(&[("approve", "Approve", 3)]).await;
    let outcome = standin.click(APPROVER, &id, "approve").await.unwrap();
    assert_eq!((outcome.status, outcome.kind(), outcome.failure), (200, Some(7), None));
    let message = standin.messages().pop().unwrap();
    assert_eq!(message["content"], format!("APPROVED by <@{APPROVER}>"));
    assert_eq!(message["components"], json!([]));
    assert!(message["edited_timestamp"].is_string());
    let seen = app.seen.lock().unwrap();
    let click = seen.last().unwrap();
    assert_eq!(click["type"], 3);
    assert_eq!(click["application_id"], APPLICATION);
    assert_eq!(click["member"]["user"]["id"], APPROVER);
    assert_eq!(click["member"]["roles"], json!([toy::APPROVER_ROLE]));
    assert_eq!(click["data"], json!({"component_type": 2, "custom_id": "approve", "id": 2}));
    assert_eq!(click["message"]["id"], id.as_str());
    assert_eq!(standin.violations(), []);
}

#[tokio::test]
async fn the_first_click_is_preceded_by_a_ping_and_by_requests_that_must_be_refused() {
    let (standin, app, id) = posted(&[("noop", "Nothing", 2)]).await;
    standin.click(APPROVER, &id, "noop").await.unwrap();
    standin.click(APPROVER, &id, "noop").await.unwrap();
    let probes = standin.probes();
    assert_eq!(probes.len(), 1);
    assert!(probes[0].passed(), "{probes:?}");
    let kinds: Vec<_> = app.seen.lock().unwrap().iter().map(|interaction| interaction["type"].clone()).collect();
    assert_eq!(kinds, [1, 3, 3]);
}

#[tokio::test]
async fn an_endpoint_that_does_not_verify_is_found_out() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    toy::start(&standin, true).await;
    let report = standin.probe().await.unwrap();
    assert!(report.ping_ok && !report.passed());
    assert_eq!(report.bad_signature_status, 200);
    assert_eq!(standin.violations().len(), 1);
}

#[tokio::test]
async fn the_client_cannot_press_what_is_not_there() {
    let (standin, app, id) = posted(&[("approve", "Approve", 3)]).await;
    let click = async |member: &str, message: &str, custom_id: &str| {
        standin.click(member, message, custom_id).await.unwrap_err()
    };
    assert_eq!(click(APPROVER, &id, "deny").await, ClickError::NotOnMessage("deny".into()));
    assert_eq!(click("1", &id, "approve").await, ClickError::UnknownMember("1".into()));
    assert_eq!(click(APPROVER, "1", "approve").await, ClickError::UnknownMessage("1".into()));
    assert!(app.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_ephemeral_answer_is_for_the_one_who_pressed() {
    let (standin, _app, id) = posted(&[("investigate", "Investigate", 2)]).await;
    let outcome = standin.click(VIEWER, &id, "investigate").await.unwrap();
    assert!(outcome.is_ephemeral() && outcome.content().unwrap().contains("winword.exe"));
    assert_eq!(standin.ephemerals(VIEWER).len(), 1);
    assert_eq!(standin.ephemerals(APPROVER).len(), 0);
    assert_eq!(standin.messages().len(), 1);
}

#[tokio::test]
async fn a_modal_opens_checks_its_values_and_is_sent() {
    let (standin, app, id) = posted(&[("deny", "Deny", 4)]).await;
    assert_eq!(standin.click(APPROVER, &id, "deny").await.unwrap().kind(), Some(9));
    assert_eq!(standin.open_modal(APPROVER).unwrap()["title"], "Deny containment");
    let short = standin.submit_modal(APPROVER, "deny-modal", &[("reason", "no")]).await.unwrap_err();
    assert!(matches!(short, ClickError::Values(_)));
    let missing = standin.submit_modal(APPROVER, "deny-modal", &[("code", "123456")]).await.unwrap_err();
    assert_eq!(missing, ClickError::Values("reason is required".into()));
    let sent = standin.submit_modal(APPROVER, "deny-modal", &[("reason", "maintenance window")]).await.unwrap();
    assert_eq!((sent.kind(), sent.failure), (Some(7), None));
    assert_eq!(standin.open_modal(APPROVER), None);
    let data = app.seen.lock().unwrap().last().unwrap()["data"].clone();
    assert_eq!(data["custom_id"], "deny-modal");
    let reason = json!({"type": 18, "id": 1, "component": {"type": 4, "id": 2, "custom_id": "reason", "value": "maintenance window"}});
    assert_eq!(data["components"][0], reason);
    assert_eq!(standin.violations(), []);
}

#[tokio::test]
async fn answers_that_discord_would_not_take_fail_the_interaction() {
    let (standin, _app, id) =
        posted(&[("typo", "a", 2), ("pong", "b", 2), ("broken", "c", 2), ("callback", "d", 2)]).await;
    for (custom_id, reason) in
        [("typo", "UNKNOWN_FIELD"), ("pong", "TYPE_INVALID"), ("broken", "status 500"), ("callback", "202")]
    {
        let failure = standin.click(APPROVER, &id, custom_id).await.unwrap().failure.unwrap();
        assert!(failure.contains(reason), "{custom_id}: {failure}");
    }
    assert_eq!(standin.violations().len(), 4);
}

#[tokio::test]
async fn an_answer_after_three_seconds_is_too_late() {
    let (standin, _app, id) = posted(&[("slow", "Slow", 2)]).await;
    let outcome = standin.click(APPROVER, &id, "slow").await.unwrap();
    assert_eq!(outcome.failure.as_deref(), Some("no answer within 3 seconds"));
    assert!((2_900..4_500).contains(&outcome.millis), "{}", outcome.millis);
}

#[tokio::test]
async fn a_deferred_answer_is_filled_in_and_acknowledged_once() {
    let (standin, app, id) = posted(&[("defer", "Defer", 2)]).await;
    standin.click(APPROVER, &id, "defer").await.unwrap();
    assert_eq!(standin.ephemerals(APPROVER)[0]["flags"], 64 | 128);
    let (interaction, token) = {
        let seen = app.seen.lock().unwrap();
        let last = seen.last().unwrap();
        (last["id"].as_str().unwrap().to_owned(), last["token"].as_str().unwrap().to_owned())
    };
    let url = format!("{}/webhooks/{APPLICATION}/{token}/messages/@original", standin.api_url());
    let answer = bot().patch(&url).json(&json!({"content": "done"})).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(standin.ephemerals(APPROVER)[0]["content"], "done");
    assert_eq!(standin.ephemerals(APPROVER)[0]["flags"], 64);
    let again = format!("{}/interactions/{interaction}/{token}/callback", standin.api_url());
    let again = bot().post(again).json(&json!({"type": 6})).send().await.unwrap();
    assert_eq!(again.status(), 400);
    assert_eq!(again.json::<serde_json::Value>().await.unwrap()["code"], 40060);
    let foreign = url.replace("@original", &id);
    assert_eq!(bot().patch(&foreign).json(&json!({"content": "x"})).send().await.unwrap().status(), 404);
    let dead = url.replace(&token, "nobody");
    assert_eq!(bot().patch(&dead).json(&json!({"content": "x"})).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_slash_command_gets_its_answer() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let app = toy::start(&standin, false).await;
    let enter = async |options: serde_json::Value| standin.command(APPROVER, "vyrox", options).await;
    let doctor = json!([{"name": "doctor", "type": 1, "options": []}]);
    assert_eq!(enter(doctor.clone()).await, Err(ClickError::UnknownCommand("vyrox".into())), "nothing is registered");
    toy::register(&standin).await;
    assert_eq!(enter(doctor).await.unwrap().content(), Some("pong"));
    assert_eq!(standin.ephemerals(APPROVER)[0]["interaction_metadata"]["command"], "vyrox doctor");
    let seen = app.seen.lock().unwrap().last().unwrap().clone();
    assert_eq!(seen["data"]["options"][0]["name"], "doctor");
    assert!(seen.get("message").is_none());

    // The role and the channel that are named come with what Discord knows about them.
    let add = |role: &str| {
        json!([{"name": "role", "type": 2, "options": [{"name": "add", "type": 1, "options": [
        {"name": "role", "type": 8, "value": role}]}]}])
    };
    enter(add(toy::APPROVER_ROLE)).await.unwrap();
    let resolved = app.seen.lock().unwrap().last().unwrap()["data"]["resolved"].clone();
    assert_eq!(resolved["roles"][toy::APPROVER_ROLE]["name"], "edr-approvers");
    enter(add(toy::GUILD)).await.unwrap();
    let resolved = app.seen.lock().unwrap().last().unwrap()["data"]["resolved"].clone();
    assert_eq!(resolved["roles"][toy::GUILD]["name"], "@everyone");
    for bad in [
        json!([]),
        json!([{"name": "nothing", "type": 1}]),
        json!([{"name": "role", "type": 2, "options": []}]),
        add("x"),
    ] {
        assert!(matches!(enter(bad.clone()).await, Err(ClickError::Values(_))), "{bad}");
    }
    assert_eq!(standin.violations(), []);
}

#[tokio::test]
async fn commands_are_overwritten_as_a_whole_and_keep_their_ids() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    toy::register(&standin).await;
    let first = standin.commands();
    toy::register(&standin).await;
    assert_eq!(standin.commands(), first);
    let url = format!("{}/applications/{APPLICATION}/commands", standin.api_url());
    let bad = bot().put(&url).json(&json!([{"name": "Vyrox", "description": "d"}])).send().await.unwrap();
    assert_eq!(bad.status(), 400);
    assert_eq!(bad.json::<serde_json::Value>().await.unwrap()["code"], 50035);
    assert_eq!(standin.commands(), first);
    assert_eq!(bot().put(&url).json(&json!([])).send().await.unwrap().status(), 200);
    assert!(standin.commands().is_empty());
    let foreign = url.replace(APPLICATION, "1");
    assert_eq!(bot().put(foreign).json(&json!([])).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_server_can_be_looked_at() {
    let mut options = toy::options();
    options.mfa_level = 0;
    options.channel_overwrites = vec![(toy::GUILD.into(), 0, 0, 1 << 14)];
    let standin = DiscordStandin::start(options).await.unwrap();
    let read = async |path: String| {
        let response = bot().get(format!("{}{path}", standin.api_url())).send().await.unwrap();
        (response.status().as_u16(), response.json::<serde_json::Value>().await.unwrap())
    };
    let guild = toy::GUILD;
    assert_eq!(read(format!("/guilds/{guild}")).await.1["mfa_level"], 0);
    let roles = read(format!("/guilds/{guild}/roles")).await.1;
    assert_eq!((&roles[0]["id"], &roles[0]["name"]), (&json!(guild), &json!("@everyone")));
    assert_eq!(roles[1]["id"], toy::APPROVER_ROLE);
    assert_eq!(read(format!("/guilds/{guild}/members/{APPLICATION}")).await.1["roles"], json!([]));
    assert_eq!(read(format!("/guilds/{guild}/members/{APPROVER}")).await.1["roles"], json!([toy::APPROVER_ROLE]));
    let channel = read(format!("/channels/{CHANNEL}")).await.1;
    assert_eq!(channel["permission_overwrites"][0]["deny"], (1 << 14).to_string());
    for (path, code) in [("/guilds/1".to_owned(), 10004), (format!("/guilds/{guild}/members/1"), 10007)] {
        assert_eq!(read(path).await.1["code"], code);
    }
}

#[tokio::test]
async fn an_answer_can_bring_files() {
    let (standin, app, id) = posted(&[("defer", "Defer", 2)]).await;
    standin.click(APPROVER, &id, "defer").await.unwrap();
    let token = app.seen.lock().unwrap().last().unwrap()["token"].as_str().unwrap().to_owned();
    let url = format!("{}/webhooks/{APPLICATION}/{token}/messages/@original", standin.api_url());
    let chart = |attachments: serde_json::Value| {
        let part = |bytes: Vec<u8>, kind: &str| reqwest::multipart::Part::bytes(bytes).mime_str(kind).unwrap();
        let payload = json!({"content": "a chart", "attachments": attachments}).to_string().into_bytes();
        reqwest::multipart::Form::new()
            .part("payload_json", part(payload, "application/json"))
            .part("files[0]", part(b"\x89PNG".to_vec(), "image/png").file_name("a.png"))
    };
    let missing = bot().patch(&url).multipart(chart(json!([{"id": 1, "filename": "a.png"}]))).send().await.unwrap();
    assert_eq!(missing.status(), 400, "a file that did not come");
    assert_eq!(
        bot().patch(&url).multipart(chart(json!([{"id": 0, "filename": "a.png"}]))).send().await.unwrap().status(),
        200
    );
    let message = &standin.ephemerals(APPROVER)[0];
    let file = &message["attachments"][0];
    assert_eq!(
        (&message["content"], &file["filename"], &file["size"]),
        (&json!("a chart"), &json!("a.png"), &json!(4))
    );
    assert_eq!(standin.attachment(file["id"].as_str().unwrap()).unwrap(), b"\x89PNG");
    let page = format!("{}{}", standin.page_url().trim_end_matches('/'), file["url"].as_str().unwrap());
    let shown = bot().get(page).send().await.unwrap();
    assert_eq!(shown.headers()["content-type"], "image/png");
    assert_eq!(standin.violations().len(), 1, "the file that did not come");
}

#[tokio::test]
async fn an_enforced_nonce_gives_the_message_that_is_there() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let body = |text: &str, nonce: &str| json!({"content": text, "nonce": nonce, "enforce_nonce": true});
    let (_, first) = send(&standin, &body("one", "n1")).await;
    let (status, again) = send(&standin, &body("two", "n1")).await;
    assert_eq!((status, &again["id"], &again["content"]), (200, &first["id"], &json!("one")));
    send(&standin, &body("three", "n2")).await;
    send(&standin, &json!({"content": "four", "nonce": "n1"})).await;
    assert_eq!(standin.messages().len(), 3);
    let url = format!("{}/channels/{CHANNEL}/messages/{}", standin.api_url(), first["id"].as_str().unwrap());
    assert_eq!(bot().delete(url).send().await.unwrap().status(), 204);
    let (status, gone) = send(&standin, &body("five", "n1")).await;
    assert_eq!((status, gone["code"].as_u64()), (404, Some(10008)));
}

#[tokio::test]
async fn messages_are_edited_read_and_deleted_by_id() {
    let (standin, _app, id) = posted(&[("approve", "Approve", 3)]).await;
    let url = format!("{}/channels/{CHANNEL}/messages/{id}", standin.api_url());
    let edited = bot().patch(&url).json(&json!({"content": "EXECUTED", "components": []})).send().await.unwrap();
    assert_eq!(edited.status(), 200);
    let read: serde_json::Value = bot().get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!((&read["content"], &read["components"]), (&json!("EXECUTED"), &json!([])));
    assert_eq!(read["embeds"][0]["title"], "Encoded PowerShell from Word");
    assert_eq!(bot().delete(&url).send().await.unwrap().status(), 204);
    for (url, code) in [(url.clone(), 10008), (url.replace(CHANNEL, "1"), 10003)] {
        let answer = bot().patch(url).json(&json!({"content": "x"})).send().await.unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["code"], code);
    }
}

#[tokio::test]
async fn a_channels_messages_are_listed_newest_first_as_many_as_asked_for() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    standin.set_rate_limits(RateLimits::Lifted);
    for number in 0..110 {
        let (status, message) = send(&standin, &json!({"content": number.to_string()})).await;
        assert_eq!(status, 200, "{message}");
    }
    for (query, count) in [("", 50), ("?limit=7", 7), ("?limit=100", 100)] {
        let url = format!("{}/channels/{CHANNEL}/messages{query}", standin.api_url());
        let listed: Vec<serde_json::Value> = bot().get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!((listed.len(), &listed[0]["content"]), (count, &json!("109")), "{query}");
        let earlier =
            format!("{}/channels/{CHANNEL}/messages?before={}", standin.api_url(), listed[0]["id"].as_str().unwrap());
        let earlier: Vec<serde_json::Value> = bot().get(earlier).send().await.unwrap().json().await.unwrap();
        assert_eq!((earlier.len(), &earlier[0]["content"]), (50, &json!("108")));
    }
}

#[tokio::test]
async fn the_bot_must_say_who_it_is() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let url = format!("{}/channels/{CHANNEL}", standin.api_url());
    let request = |token: &str, agent: &str| bot().get(&url).header("authorization", token).header("user-agent", agent);
    for (token, agent, status) in [
        ("Bot bot-token", "DiscordBot (https://vyrox.example, 1)", 200),
        ("Bot other", "DiscordBot (https://vyrox.example, 1)", 401),
        ("bot-token", "DiscordBot (https://vyrox.example, 1)", 401),
        ("Bot bot-token", "reqwest/0.13", 403),
        ("Bot bot-token", "DiscordBot", 403),
    ] {
        assert_eq!(request(token, agent).send().await.unwrap().status(), status, "{token} {agent}");
    }
    assert_eq!(standin.violations().len(), 4);
}

#[tokio::test]
async fn every_answer_carries_rate_limit_headers_and_the_limit_can_be_enforced() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    standin.set_rate_limits(RateLimits::Enforced);
    let url = format!("{}/channels/{CHANNEL}/messages", standin.api_url());
    let mut left = Vec::new();
    for _ in 0..5 {
        let answer = bot().post(&url).json(&json!({"content": "x"})).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        left.push(answer.headers()["x-ratelimit-remaining"].to_str().unwrap().to_owned());
    }
    assert_eq!(left, ["4", "3", "2", "1", "0"]);
    let answer = bot().post(&url).json(&json!({"content": "x"})).send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert!(answer.json::<serde_json::Value>().await.unwrap()["retry_after"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn faults_meet_the_next_requests_in_order() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    standin.fail_next(1, &Fault::RateLimited { retry_after: 0.25, global: false });
    standin.fail_next(1, &Fault::ServerError);
    standin.fail_next(1, &Fault::Hang(Duration::from_millis(20)));
    standin.fail_next(1, &Fault::Refuse { status: 403, code: 50001, message: "Missing Access".into() });
    let url = format!("{}/channels/{CHANNEL}/messages", standin.api_url());
    let post = async || bot().post(&url).json(&json!({"content": "x"})).send().await.unwrap().status().as_u16();
    assert_eq!([post().await, post().await, post().await, post().await], [429, 500, 504, 403]);
    assert_eq!(standin.messages().len(), 0);
    standin.fail_next(1, &Fault::LostResponse);
    assert_eq!(post().await, 502);
    assert_eq!(standin.messages().len(), 1);
    assert_eq!(post().await, 200);
    assert_eq!(standin.requests().len(), 6);
}

#[tokio::test]
async fn a_message_can_be_waited_for() {
    let standin = DiscordStandin::start(toy::options()).await.unwrap();
    let waiting = standin.wait_for_message(|message| message["content"] == "here", Duration::from_secs(5));
    let sending = async {
        send(&standin, &json!({"content": "not this"})).await;
        send(&standin, &json!({"content": "here"})).await;
    };
    let (found, ()) = tokio::join!(waiting, sending);
    assert_eq!(found.unwrap()["content"], "here");
    assert_eq!(standin.wait_for_message(|_| false, Duration::from_millis(20)).await, None);
}

#[tokio::test]
async fn messages_and_key_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let options = || DiscordOptions { data: Some(directory.path().join("messages.json")), ..toy::options() };
    let first = DiscordStandin::start(options()).await.unwrap();
    let (_, message) = send(&first, &json!({"content": "kept"})).await;
    let url = |standin: &DiscordStandin| {
        format!("{}/channels/{CHANNEL}/messages/{}", standin.api_url(), message["id"].as_str().unwrap())
    };
    bot().patch(url(&first)).json(&json!({"content": "kept, edited"})).send().await.unwrap();
    first.shutdown();
    let second = DiscordStandin::start(options()).await.unwrap();
    assert_eq!(second.public_key_hex(), first.public_key_hex());
    assert_eq!(second.messages()[0]["content"], "kept, edited");
    assert_eq!(bot().patch(url(&second)).json(&json!({"content": "x"})).send().await.unwrap().status(), 200);
    std::fs::write(directory.path().join("messages.json"), "not json").unwrap();
    assert!(DiscordStandin::start(options()).await.is_err());
}
