//! Every file of `events/` goes through the handler of its function, and what came of it is looked at: answer, stored state,
//! queues, Discord, proxy. `events/lambda` is tried as it is, as `events/README.md` says, and then once more with what a file
//! cannot have in it (a signature of now, a key, the id of an action) put in, each event after the one that leads to it.
//!
//! Here belongs: a new function's event, or a new shape of one. What becomes of a vendor's payload field by field stands
//! beside it, and is compared in `functions/domain/tests/adapters`.

#![allow(clippy::unwrap_used)]

use axum::extract::{Path, State};
use axum::routing::{patch, post};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use vyrox_contract::{
    Action, AlertId, AuditHead, Ed25519Signer, Envelope, Outcome, Poll, Receipt, TenantId, Vendor, Verification,
    VerifyingKey,
};
use vyrox_domain::action::{ActionRecord, ActionState};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::verdict::VerdictLevel;
use vyrox_domain::webhook::sign;
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::Clock as _;
use vyrox_platform::config::Aws;
use vyrox_platform::signer::public_half;
use vyrox_platform::table::{Prefix, SortKey};
use vyrox_standins::discord::{DiscordStandin, Origin, callback_problems};
use vyrox_tests::{Bench, FUNCTIONS, Functions, batch, command_body, message_of, shown_buttons, starts_with};

const QUEUES: [&str; 4] = ["AlertsQueue", "CardsQueue", "ActionsQueue", "CommandsQueue"];
const NO_FAILURES: &str = r#"{"batchItemFailures":[]}"#;

fn folder(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../events").join(name)
}

fn read(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The event of a function as it lies there.
fn event(function: &str) -> Value {
    read(&folder("lambda").join(format!("{function}.json")))
}

/// The message in an SQS event of one message.
fn message_in(event: &Value) -> Value {
    assert_eq!(event["Records"].as_array().unwrap().len(), 1);
    serde_json::from_str(event["Records"][0]["body"].as_str().unwrap()).unwrap()
}

/// A row of the page's table of functions.
struct Row {
    event: String,
    needs: BTreeSet<String>,
    answer: String,
}

fn page() -> BTreeMap<String, Row> {
    let page = include_str!("../events/README.md");
    let table = page.split("| function | event |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let quoted = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let needs = quoted(cells[2]).into_iter().collect();
        (quoted(cells[0]).remove(0), Row { event: quoted(cells[1]).remove(0), needs, answer: cells[3].to_owned() })
    })
    .collect()
}

/// Everything that the tenant has, by key.
async fn items(bench: &Bench, tenant: &TenantId) -> BTreeMap<String, String> {
    let scan = bench.direct.dynamodb.scan().table_name(bench.provisioned.table("Table").unwrap()).consistent_read(true);
    let mut items = BTreeMap::new();
    for item in scan.send().await.unwrap().items.unwrap_or_default() {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        if text("tenant_id") == tenant.as_str() {
            items.insert(text("sk"), text("body"));
        }
    }
    items
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_as_it_lies_there_is_answered_as_the_page_says_and_does_nothing_else() {
    let bench = Bench::start().await;
    let tenant = bench.shown_tenant("demo").await;
    let discord = bench.discord().await;
    let functions = Functions::of(&bench, parameters(&discord, None));
    let page = page();
    assert_eq!(page.keys().map(String::as_str).collect::<BTreeSet<_>>(), FUNCTIONS.into(), "events/README.md");
    let before = items(&bench, &tenant).await;
    for function in FUNCTIONS {
        let row = &page[function];
        assert_eq!(row.event, format!("{function}.json"));
        let answer = functions.invoke(function, &event(function)).await;
        match function {
            "checkpoint" => {
                // The two tenants' lanes have entries that no checkpoint covers.
                assert_eq!((&answer["tenants"], &answer["checkpoints"]), (&json!(2), &json!(2)), "{answer}");
                assert!(row.answer.starts_with("what the run did"), "{}", row.answer);
            }
            "ingest" | "interactions" | "relay" | "api" => {
                assert_eq!(answer["statusCode"], 401, "{function}: {answer}");
                assert!(row.answer.starts_with("401"), "{}", row.answer);
            }
            _ => {
                assert_eq!(answer.to_string(), NO_FAILURES, "{function}");
                assert!(row.answer.starts_with("no failures"), "{}", row.answer);
            }
        }
        if function != "checkpoint" {
            assert_eq!(items(&bench, &tenant).await, before, "{function}");
        }
        for queue in QUEUES {
            assert_eq!(bench.take(queue).await, Vec::<Value>::new(), "{function}: {queue}");
        }
    }
    let after = items(&bench, &tenant).await;
    assert!(after.contains_key(SortKey::checkpoint(0).as_str()), "{:?}", after.keys());
    assert_eq!(discord.messages(), Vec::<Value>::new());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_names_what_each_function_cannot_start_without() {
    let bench = Bench::start().await;
    let functions = Functions::of(&bench, Vec::new());
    for (function, row) in page() {
        let told = functions.environment(&function);
        let unknown: Vec<&String> = row.needs.iter().filter(|name| !told.contains_key(*name)).collect();
        assert_eq!(unknown, Vec::<&String>::new(), "{function}: the template sets no such variable");
        let all = |name: &str| row.needs.contains(name) || name == "VYROX_TABLE" || name.starts_with("AWS_");
        let given = |name: &str| told.get(name).filter(|_| all(name)).cloned();
        assert_eq!(starts_with(&function, &given), Ok(()), "{function}");
        for left_out in &row.needs {
            let given = |name: &str| given(name).filter(|_| name != left_out);
            let wrong = starts_with(&function, &given).map_err(|wrong| wrong.to_string());
            assert!(wrong.is_err_and(|wrong| wrong.contains(left_out.as_str())), "{function} needs no {left_out}");
        }
    }
    bench.end().await;
}

/// What the functions are told: this Discord, whose interactions this test signs, or another address of its API.
fn parameters(discord: &DiscordStandin, api: Option<&str>) -> Vec<(&'static str, String)> {
    vec![
        ("DiscordApiUrl", api.map_or_else(|| discord.api_url(), str::to_owned)),
        ("DiscordBotToken", "bench-token".to_owned()),
        ("DiscordPublicKey", hex::encode(discord_key().verifying_key().as_bytes())),
    ]
}

fn discord_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// The event of `interactions` with this body, signed as Discord signs.
fn signed(bench: &Bench, body: &str) -> Value {
    let (mut event, timestamp) = (event("interactions"), bench.clock.now().to_string());
    let signature = discord_key().sign(&[timestamp.as_bytes(), body.as_bytes()].concat());
    event["headers"]["x-signature-ed25519"] = json!(hex::encode(signature.to_bytes()));
    event["headers"]["x-signature-timestamp"] = json!(timestamp);
    event["body"] = json!(body);
    event
}

/// A body as JSON.
fn body(answer: &Value) -> Value {
    let text = answer["body"].as_str().unwrap();
    serde_json::from_str(text).unwrap_or_else(|_| panic!("not JSON: {answer}"))
}

async fn record(bench: &Bench, tenant: &TenantId, alert: AlertId) -> AlertRecord {
    bench.table.read(tenant, &SortKey::alert(alert), bench.clock.now()).await.unwrap().unwrap().value
}

/// The one message in a queue.
async fn only_message(bench: &Bench, queue: &str) -> Value {
    message_in(&batch(&bench.take(queue).await))
}

/// Each event of `events/lambda` does its work: together they are one alert's way from the webhook to the receipt.
#[tokio::test(flavor = "multi_thread")]
async fn with_signatures_keys_and_ids_of_now_the_events_are_one_alerts_way() {
    let bench = Bench::start().await;
    let tenant = bench.shown_tenant("demo").await;
    let discord = bench.discord().await;
    let functions = Functions::of(&bench, parameters(&discord, None));

    // ingest.json, signed: stored, and queued as triage.json has it.
    let mut delivery = event("ingest");
    let signature = sign(bench.secret().as_bytes(), delivery["body"].as_str().unwrap().as_bytes());
    delivery["headers"]["x-vyrox-signature"] = json!(signature);
    let answer = functions.invoke("ingest", &delivery).await;
    assert_eq!((&answer["statusCode"], &body(&answer)["status"]), (&json!(202), &json!("queued")), "{answer}");
    let alert: AlertId = body(&answer)["alert_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(record(&bench, &tenant, alert).await.alert.hostname.as_deref(), Some("WS-042"));
    assert_eq!(only_message(&bench, "AlertsQueue").await, message_in(&event("triage")));

    // triage.json: judged, and its card asked for as notify.json asks.
    assert_eq!(functions.invoke("triage", &event("triage")).await.to_string(), NO_FAILURES);
    let judged = record(&bench, &tenant, alert).await;
    assert_eq!(judged.verdict.as_ref().unwrap().verdict, VerdictLevel::Critical);
    let card_requested = message_in(&event("notify"));
    assert_eq!(changed(&only_message(&bench, "CardsQueue").await), card_requested);
    assert_eq!(bench.take("ActionsQueue").await, Vec::<Value>::new(), "triage asks for no containment");

    // notify.json: the card is in the channel, once.
    for _ in 0..2 {
        assert_eq!(functions.invoke("notify", &event("notify")).await.to_string(), NO_FAILURES);
    }
    let messages = discord.messages();
    assert_eq!(messages.len(), 1);
    assert!(message_of(&messages[0], alert));
    assert_eq!(record(&bench, &tenant, alert).await.posted.unwrap().message_id.to_string(), messages[0]["id"]);
    bench.take("CardsQueue").await;

    // interactions.json, signed: Discord's ping; and the click that approves.
    let ping = event("interactions")["body"].as_str().unwrap().to_owned();
    let answer = functions.invoke("interactions", &signed(&bench, &ping)).await;
    assert_eq!((&answer["statusCode"], body(&answer)), (&json!(200), json!({"type": 1})));
    let approve = shown_buttons(&messages[0]).find(|button| button["label"] == "Approve").unwrap();
    let click = command_body(1, &[], &[])
        .with("/type", 3)
        .with("/message", json!({"id": messages[0]["id"]}))
        .with("/data", json!({"component_type": 2, "custom_id": approve["custom_id"], "id": 2}));
    let answer = body(&functions.invoke("interactions", &signed(&bench, &click.0.to_string())).await);
    assert_eq!(callback_problems(&answer, Origin::Component), None, "{answer}");
    let pending = record(&bench, &tenant, alert).await.containment.unwrap();
    assert_eq!(pending.state, ActionState::Pending);
    // One message to deliver it now; the one for its expiry waits for that.
    let approved = only_message(&bench, "ActionsQueue").await;
    let mut action_approved = event("dispatch");
    assert_eq!(message_in(&action_approved)["tenant_id"], approved["tenant_id"]);
    assert_eq!(message_in(&action_approved)["alert_id"], approved["alert_id"]);
    assert_eq!(keys(&message_in(&action_approved)), keys(&approved));
    assert_eq!(approved["request_id"], json!(pending.request_id));
    bench.take("CardsQueue").await;

    // relay.json, signed by the enrolled proxy: the action is handed out, signed.
    let proxy = Proxy::start(platform_key(&bench).await, bench.clock.now()).await;
    bench.enrol_at(&tenant, "edge-1", &proxy.signer, Some(proxy.url.clone())).await;
    let mut poll = event("relay");
    poll["body"] = json!(json!(proxy.poll(&tenant)).to_string());
    let answer = functions.invoke("relay", &poll).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let handed_out: Vec<Envelope> = serde_json::from_value(body(&answer)["actions"].clone()).unwrap();
    let action = proxy.verified(&handed_out[0]);
    assert_eq!((handed_out.len(), &action.request_id, action.alert_id), (1, &pending.request_id, alert));
    let key = SortKey::action(&pending.request_id);
    let handed_over = bench.table.read::<ActionRecord>(&tenant, &key, bench.clock.now()).await.unwrap().unwrap();
    assert_eq!(handed_over.value.state, ActionState::Delivered);

    // dispatch.json, about that action: pushed, done, its receipt recorded, and the card to be drawn again.
    action_approved["Records"][0]["body"] = json!(approved.to_string());
    assert_eq!(functions.invoke("dispatch", &action_approved).await.to_string(), NO_FAILURES);
    assert_eq!(proxy.executed(), [pending.request_id.to_string()]);
    assert_eq!(record(&bench, &tenant, alert).await.containment.unwrap().state, ActionState::Executed);
    let requested: BTreeSet<String> = bench
        .take("CardsQueue")
        .await
        .iter()
        .map(|card| changed(&message_in(&batch(std::slice::from_ref(card)))).to_string())
        .collect();
    assert_eq!(requested, [card_requested.to_string()].into());

    // assist.json: a command that was entered is carried out, and its answer put in its place.
    let said = Answers::start().await;
    let assist = Functions::of(&bench, parameters(&discord, Some(&said.url)));
    let asked = message_in(&event("assist"));
    let command = command_body(0, &["stats"], &[]).with("/id", asked["interaction_id"].clone());
    let answer = body(&functions.invoke("interactions", &signed(&bench, &command.0.to_string())).await);
    assert_eq!(answer["type"], 5, "{answer}");
    assert_eq!(only_message(&bench, "CommandsQueue").await, asked);
    for _ in 0..2 {
        assert_eq!(assist.invoke("assist", &event("assist")).await.to_string(), NO_FAILURES);
    }
    let said = said.all();
    assert_eq!(said.len(), 1, "answered once: {said:?}");
    assert!(said[0].0.ends_with("/t/messages/@original"), "{}", said[0].0);
    assert!(said[0].1.contains("CRITICAL"), "the alert is counted: {}", said[0].1);

    // api.json, with a key: the alert, as the tenant's own program sees it.
    let mut page = event("api");
    page["headers"]["authorization"] = json!(format!("Bearer {}", bench.api_key(&tenant).await.reveal()));
    let answer = functions.invoke("api", &page).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert!(answer["body"].as_str().unwrap().contains(&alert.to_string()), "{answer}");

    // checkpoint.json: all of it is covered, and verifies.
    let done = functions.invoke("checkpoint", &event("checkpoint")).await;
    assert_eq!((&done["checkpoints"], &done["broken"], &done["left"]), (&json!(2), &json!(0), &json!(0)), "{done}");
    let kinds: BTreeSet<String> =
        bench.audit("demo").await.iter().map(|entry| entry.action_type().to_owned()).collect();
    for kind in
        ["ALERT_ACCEPTED", "VERDICT_RECORDED", "CARD_POSTED", "APPROVED", "ACTION_DELIVERED", "RECEIPT_RECORDED"]
    {
        assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
    }
    for dead_letters in QUEUES.map(|queue| queue.replace("Queue", "DeadLetters")) {
        assert_eq!(bench.take(&dead_letters).await, Vec::<Value>::new());
    }
    bench.end().await;
}

/// Each vendor's payload is delivered, signed: answered, stored and queued as the file beside it says, and judged.
#[tokio::test(flavor = "multi_thread")]
async fn each_vendors_payload_is_accepted_ignored_or_refused_and_every_alert_is_judged() {
    let bench = Bench::start().await;
    let tenant: TenantId = "acme".parse().unwrap();
    let functions = Functions::of(&bench, Vec::new());
    let mut tried = 0;
    for vendor in [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender, Vendor::Generic] {
        let files = std::fs::read_dir(folder(vendor.as_str())).unwrap().map(|entry| entry.unwrap().path());
        for file in files.filter(|file| !file.to_string_lossy().ends_with(".expected.json")) {
            let name = file.display();
            let expected = read(&file.with_extension("expected.json"));
            let sent = std::fs::read_to_string(&file).unwrap();
            let mut delivery = event("ingest");
            delivery["rawPath"] = json!(format!("/webhook/{vendor}/acme"));
            delivery["requestContext"]["http"]["path"] = delivery["rawPath"].clone();
            delivery["headers"]["x-vyrox-signature"] = json!(sign(bench.secret().as_bytes(), sent.as_bytes()));
            delivery["body"] = json!(sent);
            let answer = functions.invoke("ingest", &delivery).await;
            let said = body(&answer);
            let ids = |alerts: &Value| -> BTreeSet<String> {
                alerts.as_array().unwrap().iter().map(|alert| alert["id"].as_str().unwrap().to_owned()).collect()
            };
            let alerts = expected.get("alerts").map(ids).unwrap_or_default();
            if let Some(reason) = expected.get("ignored") {
                assert_eq!((&answer["statusCode"], &said["reason"]), (&json!(202), reason), "{name}: {answer}");
            } else if let Some(reason) = expected.get("refused") {
                assert_eq!((&answer["statusCode"], &said["detail"]), (&json!(422), reason), "{name}: {answer}");
            } else {
                // Several payloads tell of one alert: then it was there before.
                let status = said["status"].as_str().unwrap();
                assert_eq!(answer["statusCode"], 202, "{name}: {answer}");
                assert!(["queued", "duplicate"].contains(&status), "{name}: {answer}");
                let one = || [said["alert_id"].as_str().unwrap().to_owned()].into();
                let told = said["alert_ids"].as_array().map_or_else(one, |ids| {
                    ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect::<BTreeSet<String>>()
                });
                assert_eq!(told, alerts, "{name}");
            }
            let queued = bench.take("AlertsQueue").await;
            let queued_ids: BTreeSet<String> = queued
                .iter()
                .map(|record| message_in(&batch(std::slice::from_ref(record)))["alert_id"].as_str().unwrap().to_owned())
                .collect();
            assert!(queued_ids.is_subset(&alerts), "{name}: {queued_ids:?}");
            for records in queued.chunks(10) {
                assert_eq!(functions.invoke("triage", &batch(records)).await.to_string(), NO_FAILURES, "{name}");
            }
            for alert in alerts {
                let record = record(&bench, &tenant, alert.parse().unwrap()).await;
                assert!(record.verdict.is_some(), "{name}: {alert} has no verdict");
            }
            tried += 1;
        }
    }
    let stored = bench.table.list::<AlertRecord>(&tenant, &Prefix::alerts(), bench.clock.now()).await.unwrap();
    assert!(tried > 50 && stored.len() > 40, "{tried} payloads, {} alerts", stored.len());
    bench.end().await;
}

/// A request for a card without its reason, which a file need not have.
fn changed(card: &Value) -> Value {
    let mut card = card.clone();
    assert_eq!(card.as_object_mut().unwrap().remove("reason"), Some(json!("changed")));
    card
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

async fn platform_key(bench: &Bench) -> VerifyingKey {
    let kms = Clients::new(&Aws::local(&bench.hop.url)).kms.clone();
    public_half(kms, &bench.provisioned.key("SigningKey").unwrap().arn).await.unwrap()
}

/// A proxy that does at once whatever the platform has signed, and says so.
struct Proxy {
    signer: Ed25519Signer,
    url: String,
    platform: VerifyingKey,
    now: i64,
    executed: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(platform: VerifyingKey, now: i64) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            signer: Ed25519Signer::from_seed(&[8; 32]),
            url: format!("http://{}", listener.local_addr().unwrap()),
            platform,
            now,
            executed: Arc::default(),
        };
        let (executed, trusted) = (Arc::clone(&proxy.executed), proxy.platform.clone());
        let execute = async move |axum::Json(envelope): axum::Json<Envelope>| {
            let action = envelope.verify::<Action>(&[trusted]).unwrap().parse().unwrap();
            executed.lock().unwrap().push(action.request_id.to_string());
            let receipt = receipt(&action, now);
            axum::Json(json!({"receipt": Envelope::seal(&receipt, &Ed25519Signer::from_seed(&[8; 32]))}))
        };
        let router = axum::Router::new().route("/execute", post(execute));
        tokio::spawn(async move { axum::serve(listener, router).await });
        proxy
    }

    fn poll(&self, tenant: &TenantId) -> Envelope {
        let poll = Poll {
            proxy_id: "edge-1".parse().unwrap(),
            tenant_id: tenant.clone(),
            issued_at: self.now,
            nonce: vyrox_platform::random::nonce(),
            audit_head: None,
            version: "test".to_owned(),
        };
        Envelope::seal(&poll, &self.signer)
    }

    /// What an envelope says, if the platform has signed it.
    fn verified(&self, envelope: &Envelope) -> Action {
        envelope.verify::<Action>(std::slice::from_ref(&self.platform)).unwrap().parse().unwrap()
    }

    /// The ids of what it has done.
    fn executed(&self) -> Vec<String> {
        self.executed.lock().unwrap().clone()
    }
}

fn receipt(action: &Action, now: i64) -> Receipt {
    Receipt {
        request_id: action.request_id.clone(),
        tenant_id: action.tenant_id.clone(),
        proxy_id: action.proxy_id.clone(),
        outcome: Outcome::Executed,
        verification: Verification::Confirmed,
        detail: "the host is contained".to_owned(),
        vendor_reference: None,
        finished_at: now,
        audit_head: AuditHead { seq: 2, hash: "0".repeat(64) },
        operation: Some(action.operation),
        lease_until: None,
        lease_of: None,
        policy_digest: None,
        version: None,
    }
}

/// Discord's place for the answers to commands that nobody entered at the stand-in: path and body of each.
struct Answers {
    url: String,
    all: Arc<Mutex<Vec<(String, String)>>>,
}

impl Answers {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let all = Arc::<Mutex<Vec<_>>>::default();
        let taken = async |State(all): State<Arc<Mutex<Vec<_>>>>, Path(path): Path<String>, body: axum::body::Bytes| {
            all.lock().unwrap().push((path, String::from_utf8_lossy(&body).into_owned()));
            axum::Json(json!({"id": "1200000000000000000"}))
        };
        let router = axum::Router::new().route("/{*path}", patch(taken)).with_state(Arc::clone(&all));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, all }
    }

    fn all(&self) -> Vec<(String, String)> {
        self.all.lock().unwrap().clone()
    }
}
