//! The customer's machines and what was asked of them. No HTTP.

use super::DefenderOptions;
use crate::effect::Effect;
use crate::issued::Issued;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// The kinds of action: the last part of the path, the type that it gets, the field that its body must have.
pub(super) const KINDS: [(&str, &str, Option<&str>); 5] = [
    ("isolate", "Isolate", Some("IsolationType")),
    ("unisolate", "Unisolate", None),
    ("restrictCodeExecution", "RestrictCodeExecution", None),
    ("unrestrictCodeExecution", "UnrestrictCodeExecution", None),
    ("StopAndQuarantineFile", "StopAndQuarantineFile", Some("Sha1")),
];

/// Why an action was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    UnknownMachine,
    /// One of the same kind is pending or in progress.
    Active,
}

#[derive(Debug)]
struct Action {
    id: String,
    machine: String,
    kind: &'static str,
    field: Option<String>,
    comment: String,
    external: Option<String>,
    since: Instant,
    created: u64,
    ends: &'static str,
}

#[derive(Debug)]
pub(super) struct Estate {
    settle: Duration,
    unreadable: Duration,
    machines: BTreeMap<String, String>,
    offline: BTreeSet<String>,
    actions: Vec<Action>,
    effects: Vec<Effect>,
    ends: &'static str,
    /// Ids and tokens.
    pub(super) issued: Issued,
}

impl Estate {
    pub(super) fn new(options: &DefenderOptions) -> Self {
        Self {
            settle: options.settle,
            unreadable: options.unreadable,
            machines: options.machines.iter().map(|machine| (machine.id.clone(), machine.name.clone())).collect(),
            offline: BTreeSet::new(),
            actions: Vec::new(),
            effects: Vec::new(),
            ends: "Succeeded",
            issued: Issued::default(),
        }
    }

    pub(super) fn effects(&self) -> &[Effect] {
        &self.effects
    }

    pub(super) fn set_offline(&mut self, machine: &str) {
        self.offline.insert(machine.to_owned());
    }

    pub(super) const fn end_with(&mut self, status: &'static str) {
        self.ends = status;
    }

    /// A machine in the vendor's shape. It does not tell whether it is isolated.
    pub(super) fn machine(&self, id: &str) -> Option<Value> {
        let name = self.machines.get(id)?;
        let health = if self.offline.contains(id) { "Inactive" } else { "Active" };
        Some(json!({
            "id": id, "computerDnsName": name, "osPlatform": "Windows11", "healthStatus": health,
            "riskScore": "Low", "exposureLevel": "Low", "machineTags": [],
        }))
    }

    pub(super) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Value> + 'a {
        let same = move |(_, known): &(&String, &String)| known.eq_ignore_ascii_case(name);
        self.machines.iter().filter(same).filter_map(|(id, _)| self.machine(id))
    }

    fn status(&self, action: &Action, now: Instant) -> &'static str {
        let age = now.duration_since(action.since);
        match () {
            () if self.offline.contains(&action.machine) => "Pending",
            () if age >= self.settle => action.ends,
            () if age >= self.settle / 2 => "InProgress",
            () => "Pending",
        }
    }

    /// Takes an action; the machine action in the vendor's shape.
    pub(super) fn ask(
        &mut self,
        machine: &str,
        path: &str,
        field: Option<&str>,
        comment: &str,
        external: Option<&str>,
        now: Instant,
    ) -> Result<Value, NotTaken> {
        let kind = KINDS.iter().find(|(known, ..)| *known == path).map_or("", |(_, kind, _)| kind);
        let active = self.actions.iter().any(|action| {
            action.machine == machine
                && action.kind == kind
                && matches!(self.status(action, now), "Pending" | "InProgress")
        });
        let refusal = match (self.machines.contains_key(machine), active) {
            (false, _) => Some(NotTaken::UnknownMachine),
            (true, true) => Some(NotTaken::Active),
            (true, false) => None,
        };
        let (action, target, detail) = (path.to_owned(), machine.to_owned(), field.map(str::to_owned));
        self.effects.push(Effect { action, target, detail: detail.clone(), accepted: refusal.is_none() });
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let action = Action {
            id: self.issued.id(),
            machine: machine.to_owned(),
            kind,
            field: detail,
            comment: comment.to_owned(),
            external: external.map(str::to_owned),
            since: now,
            created: self.issued.count(),
            ends: self.ends,
        };
        let shown = self.show(&action, now);
        self.actions.push(action);
        Ok(shown)
    }

    fn show(&self, action: &Action, now: Instant) -> Value {
        let file = action.field.as_ref().filter(|_| action.kind == "StopAndQuarantineFile");
        let scope = action.field.as_ref().filter(|_| action.kind == "Isolate");
        json!({
            "id": action.id, "type": action.kind, "scope": scope, "title": null, "requestor": "standin-app",
            "requestorComment": action.comment, "status": self.status(action, now), "machineId": action.machine,
            "computerDnsName": self.machines.get(&action.machine), "externalID": action.external,
            // One second apart each, so that their order is known.
            "creationDateTimeUtc": format!("2026-01-01T{:02}:{:02}:{:02}.0000000Z", action.created / 3600 % 24, action.created / 60 % 60, action.created % 60),
            "lastUpdateTimeUtc": null,
            "relatedFileInfo": file.map(|sha1| json!({"fileIdentifier": sha1, "fileIdentifierType": "Sha1"})),
        })
    }

    /// The actions that can be read now and that `wanted` (machine, type) holds for, oldest first.
    pub(super) fn actions(&self, wanted: impl Fn(&str, &str) -> bool, now: Instant) -> Vec<Value> {
        let readable = self.actions.iter().filter(|action| now.duration_since(action.since) >= self.unreadable);
        let wanted = readable.filter(|action| wanted(&action.machine, action.kind));
        wanted.map(|action| self.show(action, now)).collect()
    }

    pub(super) fn action(&self, id: &str, now: Instant) -> Option<Value> {
        let action = self.actions.iter().find(|action| action.id == id)?;
        (now.duration_since(action.since) >= self.unreadable).then(|| self.show(action, now))
    }

    pub(super) fn isolation(&self, machine: &str, now: Instant) -> Option<String> {
        let ended = self.actions.iter().rev().filter(|action| {
            action.machine == machine
                && matches!(action.kind, "Isolate" | "Unisolate")
                && self.status(action, now) == "Succeeded"
        });
        ended.map(|action| action.field.clone()).next().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defender::Machine;

    #[test]
    fn an_action_is_pending_then_in_progress_then_done_and_one_of_a_kind_at_a_time() {
        let id = "0a".repeat(20);
        let machines = vec![Machine { id: id.clone(), name: "ws-01".into() }];
        let settle = Duration::from_secs(10);
        let mut estate = Estate::new(&DefenderOptions { machines, settle, ..DefenderOptions::default() });
        let (start, later) = (Instant::now(), Instant::now() + settle);
        let action = estate.ask(&id, "isolate", Some("Full"), "c", Some("r-1"), start).unwrap();
        assert_eq!((&action["status"], &action["externalID"]), (&json!("Pending"), &json!("r-1")));
        let name = action["id"].as_str().unwrap().to_owned();
        assert!(estate.action(&name, start).is_none(), "not to be read at once");
        assert_eq!(estate.action(&name, start + settle / 2).unwrap()["status"], "InProgress");
        assert_eq!(estate.ask(&id, "isolate", Some("Full"), "c", None, start), Err(NotTaken::Active));
        assert_eq!(estate.isolation(&id, later).as_deref(), Some("Full"));
        estate.ask(&id, "unisolate", None, "c", None, later).unwrap();
        assert_eq!(estate.isolation(&id, later + settle), None);
        assert_eq!(estate.ask("f", "unisolate", None, "c", None, later), Err(NotTaken::UnknownMachine));
    }
}
