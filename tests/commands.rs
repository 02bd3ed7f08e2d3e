//! Slash commands from the signed invocation to the answer in the client: is a tenant set up by them alone, and by nobody
//! who may not? A new command's story goes here; what its options mean is tested in `vyrox-domain::command`.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use std::io::Read as _;
use vyrox_domain::channel::BrokenChannel;
use vyrox_domain::tenant::{Tenant, TenantStatus};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::link_code::LinkCode;
use vyrox_platform::table::{Prefix, SortKey};
use vyrox_tests::{
    ADMIN_ROLE, ADMINISTRATOR, APPROVER, APPROVER_ROLE, ClickBody, ONLOOKER, Options, ROLE_OPTION, Stage, TEXT, WHOLE,
    options, said,
};

async fn fresh() -> Stage {
    Stage::start(Options { fresh: true, ..Options::default() }).await
}

/// What a command's answer says, for one that the test signed itself.
async fn told(stage: &Stage, body: &ClickBody) -> String {
    let answer = stage.post_click(body).await;
    assert_eq!((answer.status, answer.ephemeral), (200, true), "{answer:?}");
    answer.content
}

/// By somebody who may manage the server and has the administrator role.
fn administrator(body: ClickBody) -> ClickBody {
    body.with("/member/permissions", "32").with("/member/roles", json!([ADMIN_ROLE]))
}

/// What stands in a field of an answer, without its fence.
fn field(answer: &Value, index: usize) -> String {
    let value = answer["embeds"][0]["fields"][index]["value"].as_str();
    value.unwrap_or_else(|| panic!("no field {index} in {answer}")).trim_matches(['`', '\n']).to_owned()
}

async fn kinds(stage: &Stage) -> Vec<String> {
    stage.audit().await.iter().map(|entry| entry.action_type().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_set_up_and_put_into_use_by_commands_alone() {
    let stage = fresh().await;
    assert!(said(&stage.link().await).contains("is linked to **Demo**"));
    let profile = stage.profile().await;
    assert_eq!(profile.status, TenantStatus::Onboarding);
    assert_eq!((profile.admin_roles.len(), profile.approver_roles.len()), (1, 0));
    let next = said(&stage.ask(ADMINISTRATOR, &["onboard"], &[]).await);
    assert!(next.contains("/vyrox approvers add"), "{next}");
    stage.ask(ADMINISTRATOR, &["approvers", "add"], &[("role", ROLE_OPTION, json!(APPROVER_ROLE))]).await;
    let next = said(&stage.ask(ADMINISTRATOR, &["onboard"], &[]).await);
    assert!(next.contains("/vyrox setup"), "{next}");
    assert_eq!(stage.profile().await.status, TenantStatus::Onboarding, "nothing was proven yet");

    let answer = stage.ask(ADMINISTRATOR, &["setup"], &[("source", TEXT, json!("crowdstrike"))]).await;
    let (url, secret) = (field(&answer, 0), field(&answer, 1));
    assert_eq!((url.rsplit('/').next(), secret.len()), (Some("demo"), 64), "{answer}");

    let proven = said(&stage.ask(ADMINISTRATOR, &["onboard"], &[]).await);
    assert!(proven.contains("This tenant is in use"), "{proven}");
    assert_eq!(stage.profile().await.status, TenantStatus::Active);
    let alerts = stage.system.table.list::<Value>(&stage.tenant(), &Prefix::alerts(), stage.now()).await.unwrap();
    assert_eq!((alerts.len(), &alerts[0].value["canary"]), (1, &json!(true)));
    let card = &stage.system.discord.messages()[0];
    assert!(card["content"].as_str().unwrap().contains("TEST"), "{card}");

    // What was shown once works, and is kept nowhere as it is.
    let body = stage.body("ransomware");
    let signature = vyrox_domain::webhook::sign(secret.as_bytes(), &body);
    let reply = stage.post("/webhook/crowdstrike/demo", &body, &[("x-vyrox-signature", &signature)]).await;
    assert_eq!(reply.status, 202);
    let kept = stage.snapshot().await.0;
    assert!(kept.values().all(|item| !item.contains(&secret)));
    assert!(stage.system.discord.messages().iter().all(|message| !message.to_string().contains(&secret)));
    let kinds = kinds(&stage).await;
    for kind in ["GUILD_LINKED", "APPROVER_ROLE_ADDED", "SOURCE_ADDED", "TEST_ALERT_SENT", "TENANT_ACTIVATED"] {
        assert_eq!(kinds.iter().filter(|entry| *entry == kind).count(), 1, "{kind}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_links_one_server_once() {
    let stage = fresh().await;
    let code = stage.system.link_code.clone().unwrap();
    let register = |code: &str, role: &str| {
        stage.command_body(&["register"], &[("code", TEXT, json!(code)), ("admin_role", ROLE_OPTION, json!(role))])
    };
    let not_good = "not good (any more)";
    let mut wrong = code.clone();
    wrong.replace_range(code.len() - 4.., "0000");
    for (what, body, expected) in [
        ("without Manage Server", register(&code, ADMIN_ROLE), "Manage Server"),
        ("a wrong secret", administrator(register(&wrong, ADMIN_ROLE)), not_good),
        ("no code at all", administrator(register("vyxl_nobody_x", ADMIN_ROLE)), "not usable"),
        (
            "another tenant's",
            administrator(register(&LinkCode::generate(&"nobody".parse().unwrap()).reveal(), ADMIN_ROLE)),
            not_good,
        ),
        ("@everyone", administrator(register(&code, "600000000000000001")), "@everyone"),
        ("a managed role", administrator(register(&code, "81")), "managed"),
        ("a role that is chosen while joining", administrator(register(&code, "82")), "give themselves"),
        ("a linked role", administrator(register(&code, "83")), "give themselves"),
        ("a bot", administrator(register(&code, ADMIN_ROLE)).with("/member/user/bot", true), "may not do this"),
    ] {
        let content = told(&stage, &body).await;
        assert!(content.contains(expected), "{what}: {content}");
    }
    assert_eq!(stage.profile().await.guild_id, None);
    let good = administrator(register(&code, ADMIN_ROLE));
    assert!(told(&stage, &good).await.contains("is linked to"));
    assert!(told(&stage, &good).await.contains(not_good), "the same invocation again");
    let elsewhere = administrator(register(&code, ADMIN_ROLE)).with("/guild_id", "600000000000000009");
    assert!(told(&stage, &elsewhere).await.contains(not_good), "it was used");
    assert_eq!(kinds(&stage).await.iter().filter(|kind| *kind == "GUILD_LINKED").count(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_belongs_to_one_tenant_and_a_tenant_to_one_server() {
    let stage = fresh().await;
    stage.link().await;
    let another = |tenant: &str| -> Tenant {
        Tenant { id: tenant.parse().unwrap(), guild_id: None, channel_id: None, ..stage_profile(&stage) }
    };
    let code = async |tenant: &str| {
        let id = tenant.parse().unwrap();
        let code = LinkCode::generate(&id);
        let change = Change::put(SortKey::link_code(code.id()), &code.stored(stage.now() + 60), Expect::Absent);
        stage.commit(&id, &[change]).await;
        code.reveal()
    };
    let second = another("second");
    stage.commit(&second.id, &[Change::profile(&second, Expect::Absent)]).await;
    let register = |code: &str| {
        let entered = [("code", TEXT, json!(code)), ("admin_role", ROLE_OPTION, json!(ADMIN_ROLE))];
        administrator(stage.command_body(&["register"], &entered))
    };
    assert!(told(&stage, &register(&code("second").await)).await.contains("linked to another tenant"));
    let elsewhere = register(&code("demo").await).with("/guild_id", "600000000000000009");
    assert!(told(&stage, &elsewhere).await.contains("linked to another server"));
    let expired = code("second").await;
    stage.clock.advance(61);
    assert!(told(&stage, &register(&expired)).await.contains("not good (any more)"));
    assert_eq!(kinds(&stage).await.iter().filter(|kind| *kind == "GUILD_LINK_REFUSED").count(), 1);
    stage.end().await;
}

/// The profile, for a test that makes another tenant like it.
fn stage_profile(stage: &Stage) -> Tenant {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(stage.profile()))
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_role_gets_anything_and_each_refusal_is_entered() {
    let stage = Stage::dry_run().await;
    let source = [("source", TEXT, json!("generic"))];
    let role = [("role", ROLE_OPTION, json!("84"))];
    let setting_up: [(&[&str], &[_]); 5] = [
        (&["setup"], &source),
        (&["proxy", "enrol"], &[]),
        (&["approvers", "add"], &role),
        (&["audit", "export"], &[]),
        (&["test-alert"], &[]),
    ];
    let before = stage.snapshot().await;
    let mut refused = 0;
    for (path, entered) in setting_up {
        let body = stage.command_body(path, entered);
        assert!(told(&stage, &body).await.contains("Manage Server"), "an approver: {path:?}");
        let owner = stage.command_body(path, entered).with("/member/permissions", "2251799813685247");
        assert!(told(&stage, &owner).await.contains("administrator roles"), "the server's owner: {path:?}");
        refused += 2;
    }
    for path in [&["status"][..], &["history"], &["stats"], &["doctor"], &["approvers", "list"]] {
        let body = stage.command_body(path, &[]).with("/member/roles", json!(["84"]));
        assert!(told(&stage, &body).await.contains("roles"), "{path:?}");
        refused += 1;
    }
    let foreign = stage.command_body(&["status"], &[]).with("/guild_id", "600000000000000009");
    assert!(told(&stage, &foreign).await.contains("not linked"));
    assert_eq!(kinds(&stage).await.iter().filter(|kind| *kind == "COMMAND_REFUSED").count(), refused);
    let changed = stage.snapshot().await.changes_since(&before);
    // The audit, its lanes, and how often the member was refused.
    let is_ours =
        |key: &&String| ["AUDIT#", "LANE#", "CHECKPOINT#", "REFUSED#"].iter().any(|prefix| key.starts_with(prefix));
    assert!(changed.iter().all(|key| is_ours(&key)), "{changed:?}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_again_and_again_does_not_fill_the_audit_and_a_name_hides_nothing_in_it() {
    let stage = Stage::dry_run().await;
    let body = || {
        let body = stage.command_body(&["status"], &[]).with("/member/roles", json!(["84"]));
        body.with("/member/user/global_name", "an\u{202e}na\nroot")
    };
    for _ in 0..20 {
        assert!(told(&stage, &body()).await.contains("approver or administrator roles"));
    }
    for _ in 0..20 {
        assert!(told(&stage, &body()).await.contains("refused too often"));
    }
    let audit = stage.audit().await;
    let refused: Vec<_> = audit.iter().filter(|entry| entry.action_type() == "COMMAND_REFUSED").collect();
    assert_eq!(refused.len(), 21, "twenty, and one that stands for all others");
    assert!(refused.iter().all(|entry| entry.approved_by() == "an⟦U+202E⟧na root"), "{:?}", refused[0]);
    // Another member is entered as ever, and a minute later this one is, too.
    let other = body().with("/member/user/id", ONLOOKER);
    assert!(told(&stage, &other).await.contains("approver or administrator roles"));
    stage.clock.advance(60);
    assert!(told(&stage, &body()).await.contains("approver or administrator roles"));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn approvers_are_added_and_taken_away_but_not_the_last_and_no_role_for_everybody() {
    let stage = Stage::dry_run().await;
    let change = |what: &str, role: &str| {
        administrator(stage.command_body(&["approvers", what], &[("role", ROLE_OPTION, json!(role))]))
    };
    for (role, expected) in
        [("600000000000000001", "@everyone"), ("81", "managed"), ("82", "themselves"), ("83", "themselves")]
    {
        let content = told(&stage, &change("add", role)).await;
        assert!(content.contains(expected), "{role}: {content}");
    }
    assert!(told(&stage, &change("remove", APPROVER_ROLE)).await.contains("last approver role"));
    let add = change("add", "84");
    told(&stage, &add).await;
    assert_eq!(stage.profile().await.approver_roles.len(), 2);
    told(&stage, &add).await;
    told(&stage, &change("remove", APPROVER_ROLE)).await;
    let roles: Vec<String> = stage.profile().await.approver_roles.iter().map(ToString::to_string).collect();
    assert_eq!(roles, ["84"]);
    let kinds = kinds(&stage).await;
    assert_eq!(kinds.iter().filter(|kind| kind.starts_with("APPROVER_ROLE_")).count(), 2);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_that_comes_twice_is_carried_out_once() {
    let stage = Stage::dry_run().await;
    let body = administrator(stage.command_body(&["proxy", "enrol"], &[("name", TEXT, json!("berlin"))]));
    for _ in 0..5 {
        assert_eq!(stage.post_click(&body).await.kind, 5);
    }
    let asked = kinds(&stage).await;
    assert_eq!(asked.iter().filter(|kind| *kind == "COMMAND_ASKED").count(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_again_makes_a_new_secret_and_the_old_one_counts_for_a_day() {
    let stage = fresh().await;
    stage.link().await;
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let answer = stage.ask(ADMINISTRATOR, &["setup"], &[("source", TEXT, json!("generic"))]).await;
        secrets.push(field(&answer, 1));
    }
    let accepted = async |secret: &str| {
        let signature = vyrox_domain::webhook::sign(secret.as_bytes(), b"{}");
        stage.post("/webhook/generic/demo", b"{}", &[("x-vyrox-signature", &signature)]).await.status != 401
    };
    assert_ne!(secrets[0], secrets[1]);
    assert!(accepted(&secrets[0]).await && accepted(&secrets[1]).await);
    stage.clock.advance(24 * 3_600 + 1);
    assert!(!accepted(&secrets[0]).await && accepted(&secrets[1]).await);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_token_enrols_a_proxy_and_only_its_hash_is_kept() {
    let stage = Stage::dry_run().await;
    let answer = stage.ask(ADMINISTRATOR, &["proxy", "enrol"], &[("name", TEXT, json!("berlin"))]).await;
    let token = field(&answer, 1);
    let secret = token.rsplit('_').next().unwrap();
    assert!(stage.snapshot().await.0.values().all(|item| !item.contains(secret)));
    let home = tempfile::tempdir().unwrap();
    let relay = &stage.system.endpoints.relay_url;
    vyrox_edge_proxy::enrol(relay, &token, home.path(), stage.now()).await.unwrap();
    let taken = said(&stage.ask(ADMINISTRATOR, &["proxy", "enrol"], &[("name", TEXT, json!("berlin"))]).await);
    assert!(taken.contains("A proxy of this name is enrolled"), "{taken}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_is_as_it_should_be_and_what_is_not() {
    let stage = Stage::dry_run().await;
    stage.wait("the proxy was seen", async || stage.snapshot().await.keys("SEEN#").next().is_some()).await;
    let found = said(&stage.ask(APPROVER, &["doctor"], &[]).await);
    for fine in ["Moderators need a second factor", "Cards can be posted in", "polled"] {
        assert!(found.contains(fine), "{fine}: {found}");
    }
    assert!(found.contains("no alert of its own yet"), "{found}");
    let mut profile = stage.profile().await;
    profile.approver_roles.push("899999999999999999".parse().unwrap());
    profile.channel_id = Some("799999999999999999".parse().unwrap());
    stage.write_profile(&profile).await;
    let found = said(&stage.ask(APPROVER, &["doctor"], &[]).await);
    for broken in
        ["there is no such role any more", "cannot see the channel (Discord's code 10003)", "Something is broken"]
    {
        assert!(found.contains(broken), "{broken}: {found}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_refused_a_card_is_told_of_by_status_and_doctor() {
    let stage = Stage::dry_run().await;
    let channel = stage.profile().await.channel_id.unwrap();
    let refused = BrokenChannel::refused(channel, None, 403, 50_013, stage.now());
    stage.commit(&stage.tenant(), &[Change::put(SortKey::channel(channel), &refused, Expect::Absent)]).await;
    for command in ["status", "doctor"] {
        let told = said(&stage.ask(APPROVER, &[command], &[]).await);
        for part in ["takes no cards", "50013", "Send Messages and Embed Links"] {
            assert!(told.contains(part), "{command} says {part}: {told}");
        }
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_and_stats_show_what_came_in_with_a_chart() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("ransomware").await;
    stage.card(alert).await;
    stage.ask(ADMINISTRATOR, &["test-alert"], &[("source", TEXT, json!("crowdstrike"))]).await;
    let history = said(&stage.ask(APPROVER, &["history"], &[]).await);
    assert!(history.contains(&alert.to_string()) && history.contains("TEST · "), "{history}");
    let of_host = said(&stage.ask(APPROVER, &["history"], &[("host", TEXT, json!("srv-db-01"))]).await);
    assert!(of_host.contains(&alert.to_string()) && !of_host.contains("TEST · "), "{of_host}");
    let stats = stage.ask(APPROVER, &["stats"], &[("days", WHOLE, json!(7))]).await;
    assert!(said(&stats).contains("**1** alerts in 7 days"), "the test is not counted: {stats}");
    let file = &stats["attachments"][0];
    assert_eq!((&file["filename"], &file["content_type"]), (&json!("stats.png"), &json!("image/png")));
    let png = stage.system.discord.attachment(file["id"].as_str().unwrap()).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.len() > 1_000);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_comes_as_a_file_that_verifies() {
    let stage = Stage::dry_run().await;
    let answer = stage.ask(ADMINISTRATOR, &["audit", "export"], &[]).await;
    let id = answer["attachments"][0]["id"].as_str().unwrap();
    let packed = stage.system.discord.attachment(id).unwrap();
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut text).unwrap();
    let report = vyrox_audit::verify::reader(text.as_slice(), "exported").unwrap();
    assert!(report.entries > 0);
    assert!(String::from_utf8(text).unwrap().contains("AUDIT_EXPORTED"), "it tells of itself");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_is_a_test_by_its_proof_and_by_nothing_else() {
    let stage = Stage::dry_run().await;
    let body = stage.body("credential-dump");
    let secret = &stage.system.endpoints.webhook_secret;
    let signature = vyrox_domain::webhook::sign(secret.as_bytes(), &body);
    // The source's own secret does not prove a test, and a test that nobody asked for has none.
    let headers = [("x-vyrox-signature", signature.as_str()), ("x-vyrox-test", "1500000000000000000")];
    assert_eq!(stage.post("/webhook/crowdstrike/demo", &body, &headers).await.status, 401);
    let reply = stage.post("/webhook/crowdstrike/demo", &body, &headers[..1]).await;
    assert!(!stage.record(reply.alert_id()).await.canary);
    let answer = said(&stage.ask(ADMINISTRATOR, &["test-alert"], &[]).await);
    assert!(answer.contains("came back") && answer.contains("card posted after"), "{answer}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_onlooker_is_told_so_and_status_says_what_is_set_up() {
    let stage = Stage::dry_run().await;
    assert!(said(&stage.ask(ONLOOKER, &["status"], &[]).await).contains("approver or administrator roles"));
    let status = said(&stage.ask(APPROVER, &["status"], &[]).await);
    for part in ["**Demo** is in use", "`crowdstrike` by `vyrox_hmac`", "`edge-1` polls"] {
        assert!(status.contains(part), "{part}: {status}");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn release_and_break_glass_open_a_form_and_sending_it_decides() {
    let stage = Stage::start(Options { live: true, quorum: 2, ..Options::default() }).await;
    let alert = stage.fire("credential-dump").await;
    stage.card(alert).await;
    let discord = &stage.system.discord;
    let open = async |member: &str, command: &str| {
        let entered = [("alert", TEXT, json!(alert.to_string()))];
        discord.command(member, "vyrox", options(&[command], &entered)).await.unwrap()
    };
    let submit = async |text: &str| {
        let form = discord.open_modal(APPROVER).expect("a form is open");
        let sent =
            discord.submit_modal(APPROVER, form["custom_id"].as_str().unwrap(), &[("reason", text)]).await.unwrap();
        assert_eq!(sent.failure, None);
    };
    let onlooker = open(ONLOOKER, "break-glass").await;
    assert!(onlooker.content().unwrap().contains("approver roles"), "{onlooker:?}");
    assert_eq!(open(APPROVER, "break-glass").await.kind(), Some(9));
    submit("It spreads, and nobody else answers").await;
    let record = stage.contained(alert).await;
    assert_eq!(record.votes.len(), 1, "alone, where two are wanted");
    assert!(kinds(&stage).await.contains(&"APPROVED_BY_BREAK_GLASS".to_owned()));
    stage.card_saying(alert, "CONTAINED").await;
    assert_eq!(open(APPROVER, "release").await.kind(), Some(9));
    submit("It was a drill").await;
    let asked = stage.record(alert).await;
    assert!(!asked.release_votes.is_empty() && asked.release_votes[0].reason.is_some());
    stage.end().await;
}
