//! What the store itself can do, and a large log.

use super::envelopes::AID;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;
use vyrox_audit::log::Log;
use vyrox_audit::{Draft, Phase};
use vyrox_edge_proxy::{Clock as _, SystemClock};

const LASTING: Duration = Duration::from_secs(3);
/// The length of an entry of this log.
const ENTRY: usize = 800;

/// Entries per second with nothing but `write` and `fdatasync`.
pub struct Raw {
    pub one: f64,
    pub sixty_four: f64,
}

pub fn raw(folder: &Path) -> Raw {
    Raw { one: synced(folder, 1), sixty_four: synced(folder, 64) }
}

fn synced(folder: &Path, entries: usize) -> f64 {
    let dir = tempfile::tempdir_in(folder).unwrap();
    let mut file = OpenOptions::new().append(true).create(true).open(dir.path().join("raw")).unwrap();
    let batch = vec![b'x'; ENTRY * entries];
    let (began, mut written) = (Instant::now(), 0);
    while began.elapsed() < LASTING {
        file.write_all(&batch).unwrap();
        file.sync_data().unwrap();
        written += entries;
    }
    written as f64 / began.elapsed().as_secs_f64()
}

/// Entries per second of this log when each is synced by itself.
pub fn one_entry_per_sync(folder: &Path) -> f64 {
    let dir = tempfile::tempdir_in(folder).unwrap();
    let now = SystemClock.now();
    let mut log = Log::open(dir.path(), "proxy-1", "acme", now).unwrap().log;
    let drafts = action(now, 0);
    let (began, mut written) = (Instant::now(), 0);
    while began.elapsed() < LASTING {
        log.append(now, [&drafts[written % 2]]).unwrap();
        written += 1;
    }
    written as f64 / began.elapsed().as_secs_f64()
}

/// Writes a log of so many entries, intents and outcomes in turn, over the last six days; its size in bytes.
pub fn large_log(dir: &Path, entries: usize) -> u64 {
    let now = SystemClock.now();
    let began = now - 6 * 24 * 3600;
    let mut log = Log::open(dir, "proxy-1", "acme", began).unwrap().log;
    let actions = entries / 2;
    for first in (0..actions).step_by(500) {
        let at =
            |number: usize| began + (now - began) * i64::try_from(number).unwrap() / i64::try_from(actions).unwrap();
        let drafts: Vec<Draft> =
            (first..actions.min(first + 500)).flat_map(|number| action(at(number), number)).collect();
        log.append(at(first), &drafts).unwrap();
    }
    log.files().unwrap().iter().map(|file| std::fs::metadata(file).unwrap().len()).sum()
}

/// An intent and its outcome, as the proxy writes them.
fn action(at: i64, number: usize) -> [Draft; 2] {
    let mut intent = Draft {
        phase: Phase::Intent,
        host: "ws-01".into(),
        approved_by: "approver".into(),
        dry_run: true,
        request_id: Some(format!("stored-{number}")),
        alert_id: Some("8c5f1f9e-3f0a-5b1e-9d57-0d9f6f3f1a11".into()),
        ..Draft::event(at, "acme", "HOST_ISOLATION")
    };
    for (name, value) in [("operation", "execute"), ("vendor", "crowdstrike"), ("device_id", AID)] {
        intent.detail.insert(name.into(), value.into());
    }
    let mut outcome = Draft { phase: Phase::Outcome, outcome: Some("dry_run".into()), ..intent.clone() };
    outcome.detail.insert("verification".into(), "none".into());
    outcome.detail.insert("text".into(), "dry run: execute on crowdstrike was not called".into());
    intent.detail.insert("plan_digest".into(), "ab".repeat(32).into());
    intent.detail.insert("authenticated_by".into(), "ef".repeat(32).into());
    intent.detail.insert("approvers".into(), serde_json::json!([{"id": "100", "name": "approver"}]));
    [intent, outcome]
}
