//! What the audit log says about an action, and reading it back from there.

use serde_json::{Map, Value, json};
use vyrox_audit::{Draft, Entry, Phase};
use vyrox_contract::{Action, DeviceId, Operation, RequestId, Vendor};

/// The key against doing something twice. A release may carry the request id of what it releases.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The action's id.
    pub request_id: RequestId,
    /// Whether it is the release.
    pub rollback: bool,
}

impl Key {
    /// The key of an action.
    pub fn of(action: &Action) -> Self {
        Self { request_id: action.request_id.clone(), rollback: action.operation == Operation::Rollback }
    }

    /// The key of an entry; `None` for an entry that is not about an action.
    pub fn of_entry(entry: &Entry) -> Option<Self> {
        let rollback = entry.detail().get("operation")?.as_str()? == Operation::Rollback.as_str();
        Some(Self { request_id: entry.request_id()?.parse().ok()?, rollback })
    }
}

/// An action as its entries tell of it: enough to report on it after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its key.
    pub key: Key,
    /// The EDR.
    pub vendor: Option<Vendor>,
    /// The device.
    pub device_id: Option<DeviceId>,
    /// Whether no EDR was to be called.
    pub dry_run: bool,
    action_type: String,
    host: String,
    approved_by: String,
    alert_id: Option<String>,
}

impl Subject {
    /// Of an action.
    pub fn of(action: &Action, dry_run: bool) -> Self {
        let approvers: Vec<&str> = action.approved_by.iter().map(|approver| approver.name.as_str()).collect();
        Self {
            key: Key::of(action),
            vendor: Some(action.target.vendor),
            device_id: Some(action.target.device_id.clone()),
            dry_run,
            action_type: action.action_type.to_string(),
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
            vendor: text("vendor").and_then(|text| text.parse().ok()),
            device_id: text("device_id").and_then(|text| text.parse().ok()),
            dry_run: entry.dry_run(),
            action_type: entry.action_type().to_owned(),
            host: entry.host().to_owned(),
            approved_by: entry.approved_by().to_owned(),
            alert_id: entry.alert_id().map(str::to_owned),
        })
    }

    /// Do or undo.
    pub fn operation(&self) -> Operation {
        if self.key.rollback { Operation::Rollback } else { Operation::Execute }
    }

    /// Whether it asks for the same thing of the same device.
    pub fn is_same_action(&self, other: &Self) -> bool {
        let what = |subject: &Self| (subject.vendor, subject.device_id.clone(), subject.action_type.clone());
        what(self) == what(other) && self.host == other.host
    }

    /// Whether it counts against the isolation budget of a proxy in this mode.
    pub fn spends_budget(&self, dry_run: bool) -> bool {
        !self.key.rollback && self.dry_run == dry_run
    }

    /// An entry about it.
    pub fn draft(&self, tenant_id: &str, now: i64, phase: Phase, mut detail: Map<String, Value>) -> Draft {
        detail.insert("operation".into(), json!(self.operation().as_str()));
        if let Some(vendor) = self.vendor {
            detail.insert("vendor".into(), json!(vendor.as_str()));
        }
        if let Some(device_id) = &self.device_id {
            detail.insert("device_id".into(), json!(device_id.as_str()));
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
