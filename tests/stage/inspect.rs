//! The auditor's side: what is stored, what was entered, and waiting until it is so.

use crate::{LOOK, PATIENCE, Stage};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;
use vyrox_audit::Entry;
use vyrox_contract::{AlertId, RequestId};
use vyrox_domain::action::ActionRecord;
use vyrox_domain::record::AlertRecord;
use vyrox_edr_standin::{Change, HostStatus};
use vyrox_local::scenario::HOSTS;
use vyrox_platform::table::{SortKey, Versioned};

/// All items of the tenant's partition: sort key, and the item as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(pub BTreeMap<String, String>);

impl Snapshot {
    /// The keys that begin so.
    pub fn keys<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().map(String::as_str).filter(move |key| key.starts_with(prefix))
    }

    /// The keys of items that are new, gone or different. When a proxy was last seen is left out: it polls all the while,
    /// whatever a test does.
    #[must_use]
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        let keys: BTreeSet<&String> = self.0.keys().chain(earlier.0.keys()).collect();
        let changed = keys.into_iter().filter(|key| self.0.get(*key) != earlier.0.get(*key));
        changed.filter(|key| !key.starts_with("SEEN#")).cloned().collect()
    }
}

impl Stage {
    /// The stored alert with its version.
    ///
    /// # Panics
    /// There is none.
    pub async fn stored(&self, alert: AlertId) -> Versioned<AlertRecord> {
        let found = self.system.table.read(&self.tenant(), &SortKey::alert(alert), self.now()).await;
        found.expect("the table can be read").unwrap_or_else(|| panic!("alert {alert} is not stored"))
    }

    /// The stored alert.
    pub async fn record(&self, alert: AlertId) -> AlertRecord {
        self.stored(alert).await.value
    }

    /// The stored action.
    ///
    /// # Panics
    /// The table cannot be read.
    pub async fn action(&self, id: &RequestId) -> Option<Versioned<ActionRecord>> {
        self.system.table.read(&self.tenant(), &SortKey::action(id), self.now()).await.expect("the table can be read")
    }

    /// The stored alert, as soon as something holds of it.
    ///
    /// # Panics
    /// It never does; `what` says what was waited for.
    pub async fn until(&self, what: &str, alert: AlertId, holds: impl Fn(&AlertRecord) -> bool) -> AlertRecord {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let record = self.record(alert).await;
            if holds(&record) {
                return record;
            }
            assert!(Instant::now() < deadline, "waited in vain until {what}: {record:#?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The alert with the containment's receipt.
    pub async fn contained(&self, alert: AlertId) -> AlertRecord {
        let settled = |record: &AlertRecord| record.containment.as_ref().is_some_and(|action| action.state.is_final());
        self.until("the containment has a receipt", alert, settled).await
    }

    /// Waits until something holds.
    ///
    /// # Panics
    /// It never does; `what` says what was waited for.
    pub async fn wait(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds().await {
            assert!(Instant::now() < deadline, "waited in vain until {what}: {:#?}", self.system.timeline.stages());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How often a function was done with a message of exactly this body.
    #[must_use]
    pub fn times_handled(&self, part: &str, body: &str) -> usize {
        let done = format!("{body} done");
        self.system.timeline.stages().iter().filter(|stage| stage.part == part && stage.detail == done).count()
    }

    /// The body of the first message about this alert that a function was done with, as soon as there is one.
    ///
    /// # Panics
    /// It never comes.
    pub async fn handled(&self, part: &str, alert: AlertId) -> String {
        let found = || {
            let stages = self.system.timeline.stages();
            let mut details = stages.iter().filter(|stage| stage.part == part).map(|stage| &stage.detail);
            details.find_map(|detail| {
                detail.strip_suffix(" done").filter(|body| body.contains(&alert.to_string())).map(str::to_owned)
            })
        };
        self.wait(&format!("{part} is done with a message about {alert}"), async || found().is_some()).await;
        found().expect("just waited for it")
    }

    /// All entries of the cloud's audit.
    ///
    /// # Panics
    /// It cannot be read.
    pub async fn audit(&self) -> Vec<Entry> {
        let text = vyrox_local::cloud_audit(&self.system.table, &self.tenant()).await.expect("the audit can be read");
        let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| Entry::from_line(line).expect("an audit line is an entry")).collect()
    }

    /// How many entries of one kind there are about this alert.
    pub async fn entries(&self, alert: AlertId, kind: &str) -> usize {
        let alert = alert.to_string();
        let entries = self.audit().await;
        entries.iter().filter(|entry| entry.alert_id() == Some(&alert) && entry.action_type() == kind).count()
    }

    /// The proxy's audit log as it is on disk.
    #[must_use]
    pub fn proxy_log(&self) -> String {
        let files = std::fs::read_dir(self.system.proxy_audit()).into_iter().flatten().flatten();
        let files = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"));
        files.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    }

    /// Everything in the tenant's partition.
    ///
    /// # Panics
    /// The table cannot be scanned.
    pub async fn snapshot(&self) -> Snapshot {
        let mut items = BTreeMap::new();
        let clients = self.clients();
        let mut start = None;
        loop {
            let page =
                clients.dynamodb.scan().table_name(&self.system.endpoints.table_name).set_exclusive_start_key(start);
            let page = page.consistent_read(true).send().await.expect("the table can be scanned");
            for item in page.items() {
                let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
                if text("tenant_id") == self.tenant().as_str() {
                    let version = item.get("version").and_then(|value| value.as_n().ok()).cloned().unwrap_or_default();
                    items.insert(text("sk"), format!("{version} {}", text("body")));
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Snapshot(items);
            }
        }
    }

    /// The state of a host in the EDR.
    ///
    /// # Panics
    /// No scenario names it.
    #[must_use]
    pub fn host(&self, name: &str) -> HostStatus {
        let aid = HOSTS.iter().find(|(host, _)| *host == name).map(|(_, aid)| *aid);
        let status = aid.and_then(|aid| self.system.falcon.host_status(aid));
        status.unwrap_or_else(|| panic!("no host {name}"))
    }

    /// How many calls of this kind the EDR has seen, accepted or not.
    #[must_use]
    pub fn edr_calls(&self, change: Change) -> usize {
        self.system.falcon.calls().iter().filter(|call| call.change == change).count()
    }
}
