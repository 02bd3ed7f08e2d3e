//! What the audit log says about an action, and reading it back from there.

use crate::edr;
use crate::receipt::word;
use serde_json::{Map, Value, json};
use vyrox_audit::{Draft, Entry, Phase};
use vyrox_contract::{Action, Operation, RequestId, Target};

/// The fields of a target that stand in an entry's detail, under the names that they have on the wire.
const TARGET: [&str; 6] = ["vendor", "device_id", "process_id", "threat_id", "sha1", "measure"];

/// The member of an outcome's detail with the id of the device that the signed name was found to be.
pub(crate) const FOUND: &str = "edr_device_id";

/// The target that an entry tells of.
fn target(entry: &Entry) -> Option<Target> {
    let detail = TARGET.iter().filter_map(|name| Some(((*name).to_owned(), entry.detail().get(*name)?.clone())));
    let host = [("hostname".to_owned(), json!(entry.host()))];
    serde_json::from_value(Value::Object(detail.chain(host).collect())).ok()
}

/// Members of an entry's detail.
pub(crate) fn detail<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The key against doing something twice. A release may carry the request id of what it releases.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The action's id.
    pub request_id: RequestId,
    /// Do or undo.
    pub operation: Operation,
}

impl Key {
    /// The key of an action.
    pub fn of(action: &Action) -> Self {
        Self { request_id: action.request_id.clone(), operation: action.operation }
    }

    /// The key of an entry; `None` for an entry that is not about an action.
    pub fn of_entry(entry: &Entry) -> Option<Self> {
        let operation = word(entry.detail().get("operation")?.as_str()?)?;
        Some(Self { request_id: entry.request_id()?.parse().ok()?, operation })
    }
}

/// An action as its entries tell of it: enough to report on it after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its key.
    pub key: Key,
    /// What it is aimed at; an entry of another version may not tell.
    pub target: Option<Target>,
    /// Whether no EDR was to be called.
    pub dry_run: bool,
    /// For an isolation that ends by itself: when, unix seconds.
    pub lease_until: Option<i64>,
    /// For a release at the end of a lease: the isolation that had it.
    pub lease_of: Option<RequestId>,
    /// The kind of containment.
    pub action_type: String,
    found: Option<String>,
    /// The alert.
    pub alert_id: Option<String>,
    host: String,
    approved_by: String,
}

impl Subject {
    /// Of an action that is begun at `now` (unix seconds).
    pub fn of(action: &Action, dry_run: bool, now: i64) -> Self {
        let approvers: Vec<&str> = action.approved_by.iter().map(|approver| approver.name.as_str()).collect();
        Self {
            key: Key::of(action),
            target: Some(action.target.clone()),
            dry_run,
            lease_until: action
                .lease_seconds
                .filter(|_| action.operation == Operation::Execute)
                .map(|seconds| now.saturating_add(i64::from(seconds))),
            lease_of: None,
            action_type: action.action_type.to_string(),
            found: None,
            host: action.target.hostname.to_string(),
            approved_by: approvers.join(", "),
            alert_id: Some(action.alert_id.to_string()),
        }
    }

    /// Of an intent that is in the log; `None` for an entry that is not about an action.
    pub fn of_entry(entry: &Entry) -> Option<Self> {
        let text = |name: &str| entry.detail().get(name).and_then(Value::as_str);
        Some(Self {
            key: Key::of_entry(entry)?,
            target: target(entry),
            dry_run: entry.dry_run(),
            lease_until: entry.detail().get("lease_until").and_then(Value::as_i64),
            lease_of: text("lease_of").and_then(|text| text.parse().ok()),
            action_type: entry.action_type().to_owned(),
            found: text(FOUND).map(str::to_owned),
            host: entry.host().to_owned(),
            approved_by: entry.approved_by().to_owned(),
            alert_id: entry.alert_id().map(str::to_owned),
        })
    }

    /// The device by the vendor's id, if it was signed or the EDR has told it.
    pub fn device_id(&self) -> Option<String> {
        edr::device_id(self.target.as_ref()?).or_else(|| self.found.clone())
    }

    /// Whether it asks for the same thing of the same device.
    pub fn is_same_action(&self, other: &Self) -> bool {
        self.target == other.target && self.action_type == other.action_type && self.host == other.host
    }

    /// An entry about it. What is so about its lease differs by phase: that is in `detail`.
    pub fn draft(&self, tenant_id: &str, now: i64, phase: Phase, mut detail: Map<String, Value>) -> Draft {
        detail.insert("operation".into(), json!(self.key.operation.as_str()));
        if let Some(Value::Object(target)) = self.target.as_ref().map(|target| json!(target)) {
            // The host name has a field of its own.
            detail.extend(target.into_iter().filter(|(name, _)| TARGET.contains(&name.as_str())));
        }
        if let Some(isolation) = &self.lease_of {
            detail.insert("lease_of".into(), json!(isolation.as_str()));
        }
        Draft {
            timestamp: now,
            tenant_id: tenant_id.to_owned(),
            action_type: self.action_type.clone(),
            host: self.host.clone(),
            approved_by: self.approved_by.clone(),
            dry_run: self.dry_run,
            phase,
            request_id: Some(self.key.request_id.to_string()),
            alert_id: self.alert_id.clone(),
            outcome: None,
            detail,
        }
    }
}
