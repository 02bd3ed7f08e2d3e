//! What was seen before: small items that lead from a host to its alerts, and from a fingerprint to the decisions on alerts
//! that looked the same. They are written in the transaction that makes them true, and expire with their alerts.

use crate::alert::NormalizedAlert;
use crate::fingerprint::Fingerprint;
use crate::record::{AlertRecord, Decision};
use crate::tenant::Snowflake;
use crate::verdict::VerdictLevel;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use vyrox_contract::AlertId;

/// The longest title and reason that are remembered, in characters.
const MOST_TEXT: usize = 120;

/// A host's name as part of a key: the first 16 bytes of SHA-256 over it in small letters, as hex digits. Names are text from
/// outside, of any length and with any character.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostKey(String);

impl HostKey {
    /// Of a name.
    #[must_use]
    pub fn of(host: &str) -> Self {
        Self(hex::encode(&Sha256::digest(host.to_lowercase().as_bytes())[..16]))
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An alert on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAlert {
    /// Which.
    pub alert_id: AlertId,
    /// When it came in, unix seconds.
    pub at: i64,
    /// Its verdict.
    pub level: VerdictLevel,
    /// What it was called; hostile text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl HostAlert {
    /// What is remembered of an alert under its host: nothing without a host, and nothing of what was benign.
    #[must_use]
    pub fn of(alert: &NormalizedAlert, level: VerdictLevel) -> Option<(HostKey, Self)> {
        let host = alert.hostname.as_deref().filter(|_| level > VerdictLevel::Benign)?;
        let title = alert.title.as_deref().or(alert.technique.as_deref()).map(short);
        Some((HostKey::of(host), Self { alert_id: alert.id, at: alert.received_at, level, title }))
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// Yes.
    Approved,
    /// No.
    Denied,
}

/// A decision on an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastDecision {
    /// Which alert.
    pub alert_id: AlertId,
    /// Its host; hostile text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// When, unix seconds.
    pub at: i64,
    /// What.
    pub decided: Decided,
    /// Whose click settled it.
    pub by: Snowflake,
    /// Why, if that was said; hostile text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl PastDecision {
    /// What is remembered of a decision under its alert's fingerprint. Nothing without either.
    #[must_use]
    pub fn of(record: &AlertRecord) -> Option<(Fingerprint, Self)> {
        let fingerprint = record.fingerprint.clone()?;
        let (decided, at, vote) = match record.decision.as_ref()? {
            Decision::Approved { at, .. } => (Decided::Approved, *at, record.votes.last()?),
            Decision::Denied { by } => (Decided::Denied, by.at, by),
        };
        let decision = Self {
            alert_id: record.alert.id,
            host: record.alert.hostname.as_deref().map(short),
            at,
            decided,
            by: vote.user_id,
            reason: vote.reason.as_deref().map(short),
        };
        Some((fingerprint, decision))
    }
}

fn short(text: &str) -> String {
    text.chars().take(MOST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage;

    #[test]
    fn a_host_is_one_host_however_it_is_written() {
        assert_eq!(HostKey::of("WS-042"), HostKey::of("ws-042"));
        assert_ne!(HostKey::of("ws-042"), HostKey::of("ws-043"));
        assert_eq!(HostKey::of("a#b\u{202e}").to_string().len(), 32);
    }

    #[test]
    fn what_is_benign_or_nowhere_is_not_remembered() {
        let mut alert = stage::alert();
        assert!(HostAlert::of(&alert, VerdictLevel::Benign).is_none());
        let (key, seen) = HostAlert::of(&alert, VerdictLevel::Low).unwrap();
        assert_eq!((key, seen.at), (HostKey::of("ws-042"), alert.received_at));
        alert.hostname = None;
        assert!(HostAlert::of(&alert, VerdictLevel::Critical).is_none());
    }
}
