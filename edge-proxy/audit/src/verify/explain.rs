//! The story of one action, told by the entries of both sides, with what can be checked checked: who approved what was
//! shown, whether exactly that was signed by the platform, what the proxy and the EDR said, and how it was undone.

mod story;

pub use story::{Check, Step, Story, Verdict};

use super::{Failure, PublicKey, Seen, Verifier};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where the entries are, and the keys that are known to be the right ones.
#[derive(Debug, Default)]
pub struct Sources {
    /// The cloud's export.
    pub cloud: Vec<PathBuf>,
    /// The proxy's log, if it is there.
    pub proxy: Vec<PathBuf>,
    /// The keys that sign actions.
    pub platform_keys: Vec<PublicKey>,
    /// The proxy's own key, which signs receipts.
    pub proxy_keys: Vec<PublicKey>,
    /// The keys that sign checkpoints.
    pub checkpoint_keys: Vec<PublicKey>,
}

/// There is no story to tell.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// A log does not verify, so nothing that it says counts.
    #[error("a log does not verify")]
    Unsound(#[from] Failure),
    /// No entry names the request.
    #[error("no entry names this request id")]
    Unknown,
}

/// Which log an entry is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Log {
    /// The cloud's.
    Cloud,
    /// The proxy's.
    Proxy,
}

/// An entry of the story.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) log: Log,
    pub(crate) chain: String,
    pub(crate) seq: u64,
    fields: Map<String, Value>,
}

impl Told {
    fn of(log: Log, seen: Seen<'_>) -> Self {
        Self { log, chain: seen.chain.to_owned(), seq: seen.seq, fields: seen.fields.clone() }
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn at(&self) -> i64 {
        self.fields.get("timestamp").and_then(Value::as_i64).unwrap_or(0)
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.fields.get("dry_run").and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn detail(&self, name: &str) -> &Value {
        &self.fields.get("detail").unwrap_or(&Value::Null)[name]
    }

    pub(crate) fn detail_text(&self, name: &str) -> &str {
        self.detail(name).as_str().unwrap_or_default()
    }

    pub(crate) fn kind(&self) -> &str {
        self.text("action_type")
    }
}

/// Tells what became of the action `request_id`. `now` is as for [`Verifier::at`].
///
/// # Errors
/// [`ExplainError`].
pub fn explain(request_id: &str, sources: &Sources, now: i64) -> Result<Story, ExplainError> {
    // Which alert it was about is said in its own entries; the alert's entries are then found in a second reading.
    let mut alerts = BTreeSet::new();
    let mut asked = false;
    let mut look = |seen: Seen<'_>| {
        if seen.text("request_id") == request_id {
            asked = true;
            if !seen.text("alert_id").is_empty() {
                alerts.insert(seen.text("alert_id").to_owned());
            }
        }
    };
    read(&sources.cloud, &sources.checkpoint_keys, now, &mut look)?;
    read(&sources.proxy, &[], now, &mut look)?;
    if !asked {
        return Err(ExplainError::Unknown);
    }
    let mut told = Vec::new();
    for (log, paths) in [(Log::Cloud, &sources.cloud), (Log::Proxy, &sources.proxy)] {
        read(paths, &[], now, &mut |seen| {
            if seen.text("request_id") == request_id || alerts.contains(seen.text("alert_id")) {
                told.push(Told::of(log, seen));
            }
        })?;
    }
    told.sort_by_key(Told::at);
    Ok(Story::tell(request_id, &told, sources))
}

/// An entry put into words, by itself.
#[must_use]
pub fn step(log: Log, seen: Seen<'_>) -> Step {
    story::step(&Told::of(log, seen))
}

fn read(
    paths: &[PathBuf],
    keys: &[PublicKey],
    now: i64,
    watch: &mut (dyn FnMut(Seen<'_>) + Send),
) -> Result<(), Failure> {
    let verifier = keys.iter().cloned().fold(Verifier::new().at(now), Verifier::trust);
    let mut verifier = verifier.watch(watch);
    paths.iter().try_for_each(|path| verifier.path(path))?;
    verifier.finish().map(|_| ())
}
