//! `vyrox-local up --data DIR` as a company runs it on one machine, killed as a machine kills: the whole program at once, in
//! the middle of whatever it was doing, again and again. Afterwards sets are compared: every alert that was acknowledged has
//! its verdict and its place in the channel, every approval that somebody was told has exactly one outcome, nothing is there
//! twice, and both audits verify.
//!
//! The test is built with `localstack/`, where the program is: `cargo test -p vyrox-local --test one_machine`.
//!
//! A new test goes here if the question is what the program keeps. What the functions make of an AWS, a Discord or a proxy
//! that is away belongs into `chaos/`.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "a long run says how it goes")]

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::card;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::webhook::{SIGNATURE_HEADER, sign};
use vyrox_local::Endpoints;
use vyrox_local::scenario::SCENARIOS;
use vyrox_platform::table::Prefix;
use vyrox_tests::{APPROVER, Options, Promised, SECOND_APPROVER, Stage, message_of, shown_buttons};

/// How often it is killed under load, and once more at the end.
const KILLS: usize = 5;
/// How long it serves before that, in milliseconds: at least so long, and up to so much longer.
const SERVES: (u64, u64) = (1_000, 4_000);
/// How many approvals there are at least.
const APPROVALS: usize = 4;
/// How long a start may take; the machine may be busy.
const UNTIL_READY: Duration = Duration::from_secs(120);
/// How long senders and approvers may need to be told everything, and the functions to come to rest: what failed several
/// times is put off for up to five minutes.
const TO_REST: Duration = Duration::from_secs(420);
/// Between two alerts of one sender: slow enough that the page, which shows the last 200 messages, shows every open card.
const NEXT_ALERT: Duration = Duration::from_millis(200);
/// Between two tries of one thing.
const BETWEEN: Duration = Duration::from_millis(60);
/// How many senders there are.
const SENDERS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn killed_as_a_whole_under_load_it_keeps_every_acknowledged_alert_and_does_nothing_twice() {
    let data = tempfile::tempdir().unwrap();
    let (place, promised) = (Place::default(), Mutex::new(Promised::default()));
    let (enough, settled) = (CancellationToken::new(), CancellationToken::new());
    let senders = futures::future::join_all((0..SENDERS).map(|sender| send(sender, &place, &promised, &enough)));
    let ((), (), mut program) = tokio::join!(
        async {
            senders.await;
            // Everything is acknowledged; approvers go on until they have been told everything.
            settled.cancel();
        },
        approve(&place, &promised, &settled),
        async {
            for kill in 1..=KILLS {
                let mut program = Program::start(data.path(), &place).await;
                tokio::time::sleep(a_while()).await;
                program.kill(&place);
                let promised = promised.lock().unwrap();
                let alerts: usize = promised.alerts.values().map(BTreeSet::len).sum();
                eprintln!(
                    "kill {kill}: so far {alerts} alerts were acknowledged, {} approved",
                    promised.approved.len()
                );
            }
            let program = Program::start(data.path(), &place).await;
            tokio::time::sleep(a_while()).await;
            let deadline = Instant::now() + TO_REST;
            while promised.lock().unwrap().approved.len() < APPROVALS {
                assert!(Instant::now() < deadline, "approvers were asked too little");
                tokio::time::sleep(BETWEEN).await;
            }
            enough.cancel();
            program
        },
    );
    program.kill(&place);

    // What is on the disk now is looked at by another process: this one.
    let stage = Stage::start(Options { data: Some(data.path().to_owned()), live: true, ..Options::default() }).await;
    let promised = promised.into_inner().unwrap();
    come_to_rest(&stage).await;
    stage.drawn(&[stage.tenant()]).await;
    let reckoning = stage.reckon(&promised).await;
    eprintln!("{reckoning}");
    assert!(reckoning.holds(), "{reckoning}");
    let enough = reckoning.alerts > 50 && reckoning.outcomes >= APPROVALS;
    assert!(enough, "the run was no test: {reckoning}");
    stage.end().await;
}

/// Where the program is; nowhere between a kill and the next start.
type Place = Mutex<Option<Endpoints>>;

/// The program.
struct Program(Child);

impl Program {
    /// Starts it on this directory, and says where it is once it is ready.
    async fn start(data: &Path, place: &Place) -> Self {
        let file = data.join("endpoints.json");
        let _left_by_the_run_before = std::fs::remove_file(&file);
        let child = Command::new(env!("CARGO_BIN_EXE_vyrox-local"))
            .args(["up", "--live", "--port", "0", "--data"])
            .arg(data)
            .arg("--endpoints-file")
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut program = Self(child);
        let deadline = Instant::now() + UNTIL_READY;
        loop {
            if let Ok(text) = std::fs::read_to_string(&file) {
                *place.lock().unwrap() = Some(serde_json::from_str(&text).unwrap());
                return program;
            }
            assert_eq!(program.0.try_wait().unwrap(), None, "vyrox-local did not come up on what it had kept");
            assert!(Instant::now() < deadline, "vyrox-local is not ready");
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// `kill -9`.
    fn kill(&mut self, place: &Place) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        *place.lock().unwrap() = None;
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _ended_before = self.0.wait();
    }
}

/// A moment that nothing knows before.
fn a_while() -> Duration {
    let (least, more) = SERVES;
    let random = u64::from(u16::from_be_bytes(vyrox_platform::random::bytes::<2>()));
    Duration::from_millis(least + random % more)
}

/// Where the program is, as soon as it is somewhere.
async fn at(place: &Place) -> Endpoints {
    loop {
        if let Some(endpoints) = place.lock().unwrap().clone() {
            return endpoints;
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

fn http() -> reqwest::Client {
    vyrox_platform::http::client(Duration::from_secs(10)).unwrap()
}

/// A vendor: sends alerts until it is enough, each until it is acknowledged.
async fn send(sender: usize, place: &Place, promised: &Mutex<Promised>, enough: &CancellationToken) {
    let (http, alerts) = (http(), SCENARIOS.iter().filter(|scenario| scenario.name != "not-an-alert"));
    let alerts: Vec<_> = alerts.collect();
    for number in 0.. {
        if enough.is_cancelled() {
            return;
        }
        // Of every kind, since alerts of one kind on one host share a card.
        let scenario = alerts[(number + sender) % alerts.len()];
        let now = vyrox_local::clock::system().now();
        let tenant: TenantId = at(place).await.tenant_id.parse().unwrap();
        let body = scenario.body(&format!("sender-{sender}-{number}"), tenant.as_str(), now);
        let alert = loop {
            let endpoints = at(place).await;
            let url = format!("{}/webhook/{}/{tenant}", endpoints.webhook_base_url, scenario.vendor);
            let request = http.post(url).header("content-type", "application/json").body(body.clone());
            let request = request.header(SIGNATURE_HEADER, sign(endpoints.webhook_secret.as_bytes(), &body));
            if let Ok(reply) = request.send().await
                && reply.status() == 202
                && let Ok(answer) = reply.json::<Value>().await
            {
                break answer["alert_id"].as_str().unwrap().parse::<AlertId>().unwrap();
            }
            tokio::time::sleep(BETWEEN).await;
        };
        promised.lock().unwrap().alerts.entry(tenant).or_default().insert(alert);
        tokio::time::sleep(NEXT_ALERT).await;
    }
}

/// Approvers, on the channel's page: of the cards that ask, every second is approved, each until they are told so.
async fn approve(place: &Place, promised: &Mutex<Promised>, settled: &CancellationToken) {
    let (http, mut seen, mut turn) = (http(), BTreeSet::new(), 0);
    while !settled.is_cancelled() {
        tokio::time::sleep(BETWEEN).await;
        for message in channel(&http, place).await.unwrap_or_default() {
            let Some((tenant, alert)) = asked(&message, promised) else { continue };
            if seen.insert(alert) {
                turn += 1;
                if turn % 2 == 0 {
                    until_told(&http, place, alert).await;
                    promised.lock().unwrap().approved.insert((tenant, alert));
                }
            }
        }
    }
}

/// The messages that an approver sees; `None` if there was no answer.
async fn channel(http: &reqwest::Client, place: &Place) -> Option<Vec<Value>> {
    let url = format!("{}page/state?member={APPROVER}", page(&at(place).await));
    let state: Value = http.get(url).send().await.ok()?.json().await.ok()?;
    Some(state["messages"].as_array()?.clone())
}

/// The page's address, with a slash at its end.
fn page(endpoints: &Endpoints) -> String {
    format!("{}/", endpoints.discord_page_url.trim_end_matches('/'))
}

/// The acknowledged alert that a card asks about. A digest is no alert's card.
fn asked(message: &Value, promised: &Mutex<Promised>) -> Option<(TenantId, AlertId)> {
    approve_button(message).filter(|_| message["embeds"][0]["title"] != "Digest")?;
    let promised = promised.lock().unwrap();
    let mut alerts =
        promised.alerts.iter().flat_map(|(tenant, alerts)| alerts.iter().map(move |alert| (tenant, alert)));
    alerts.find(|(_, alert)| message_of(message, **alert)).map(|(tenant, alert)| (tenant.clone(), *alert))
}

fn approve_button(message: &Value) -> Option<&str> {
    shown_buttons(message).find(|button| button["label"] == "Approve")?["custom_id"].as_str()
}

/// Two approvers press in turn, because one alone may have approved so much already that a second one is wanted.
async fn until_told(http: &reqwest::Client, place: &Place, alert: AlertId) {
    for member in [APPROVER, SECOND_APPROVER].into_iter().cycle() {
        tokio::time::sleep(BETWEEN).await;
        let Some(messages) = channel(http, place).await else { continue };
        let card = messages.iter().find(|message| message_of(message, alert)).expect("a card stays in the channel");
        // Nothing to press any more: the card itself tells.
        let Some(button) = approve_button(card) else { return };
        let press = json!({"member": member, "message": card["id"], "custom_id": button});
        let answer = http.post(format!("{}page/click", page(&at(place).await))).json(&press).send().await;
        let Ok(answer) = answer else { continue };
        let Ok(outcome) = answer.json::<Value>().await else { continue };
        let data = &outcome["callback"]["data"];
        let took_the_question_off = outcome["callback"]["type"] == 7 && approve_button(data).is_none();
        if took_the_question_off || data["content"].as_str().is_some_and(|text| text.contains("already decided")) {
            return;
        }
    }
}

/// Waits until every alert that is shown has its place in the channel, and every approved action its outcome.
async fn come_to_rest(stage: &Stage) {
    let deadline = Instant::now() + TO_REST;
    loop {
        let records = stage.system.table.list::<AlertRecord>(&stage.tenant(), &Prefix::alerts(), stage.now()).await;
        let is_open = |record: &AlertRecord| {
            record.verdict.is_none()
                || card::is_shown(record) && record.place.is_none()
                || record.decision.is_some()
                    && record.containment.as_ref().is_none_or(|action| !action.state.is_final())
        };
        // A machine with much else to do may answer too late once.
        let open = records.map(|records| {
            records.into_iter().map(|found| found.value).filter(|record| is_open(record)).collect::<Vec<_>>()
        });
        if open.as_ref().is_ok_and(Vec::is_empty) {
            break;
        }
        let first = open.as_ref().map(|open| (open.len(), open.first()));
        assert!(Instant::now() < deadline, "it did not come to rest: {first:#?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    stage.quiet().await;
}
