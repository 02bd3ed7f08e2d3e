//! Third step: does this proxy agree. `Fresh<Action> -> Permitted<Action>`.
//!
//! Everything here is decided locally, whoever signed: a stolen platform key can still not isolate a protected host,
//! exceed the budget, or do anything while the kill switch file exists.

mod maintenance;

pub use maintenance::{Maintenance, NotATime, TimeOfDay, Weekday};

use crate::breaker::Breaker;
use crate::config::{Config, PolicyConfig};
use crate::dedup::{Claim, Fresh};
use crate::edr;
use crate::hosts::ProtectedHosts;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use vyrox_contract::{Action, ActionType, MAX_AHEAD_SECONDS, Operation};

/// An action that this proxy agrees to do. Made only by [`Policy::permit`].
#[derive(Debug)]
pub struct Permitted<T> {
    fresh: Fresh<T>,
}

impl<T> Permitted<T> {
    /// What is agreed to.
    pub fn fresh(&self) -> &Fresh<T> {
        &self.fresh
    }

    /// Its claim.
    pub(crate) fn claim(&mut self) -> &mut Claim {
        self.fresh.claim()
    }

    /// Its claim, for good.
    pub(crate) fn into_claim(self) -> Claim {
        self.fresh.into_claim()
    }
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody approved it.
    #[error("nobody approved the action")]
    NoApprover,
    /// Past its `expires_at`.
    #[error("the action has expired")]
    Expired,
    /// Approved too long ago, or in the future.
    #[error("the approval is too old or lies in the future")]
    ApprovalAge,
    /// Approved before what this proxy remembers begins.
    #[error("the approval is older than what this proxy remembers: it may have been done already")]
    Forgotten,
    /// The kill switch file exists.
    #[error("the kill switch is on")]
    KillSwitch,
    /// Not one of the allowed actions.
    #[error("the action is not allowed by this proxy's policy")]
    NotAllowed,
    /// Not possible with this vendor; never replaced by another action.
    #[error("the action is not supported for this vendor")]
    Unsupported,
    /// The target lacks an id that its vendor needs, or has one of another form.
    #[error("the target lacks an id that its vendor needs, or has one that is not of the vendor's form")]
    DeviceForm,
    /// A protected host.
    #[error("the host is protected by this proxy's policy")]
    ProtectedHost,
    /// A maintenance window.
    #[error("the host is in a maintenance window of this proxy's policy")]
    Maintenance,
    /// Fewer different approvers than the host takes.
    #[error("the host takes more approvers by this proxy's policy")]
    Quorum,
    /// A lease that is too long, or of something that cannot be undone.
    #[error("the lease is 0, longer than this proxy's policy allows, or of an action that cannot be undone")]
    Lease,
    /// Too much went wrong lately.
    #[error("the circuit breaker is open; a person resets it with `vyrox-edge-proxy breaker reset`")]
    BreakerOpen,
    /// Too many isolations in the last hour or day.
    #[error("the isolation budget is used up")]
    Budget,
}

/// A refused action and why. The claim comes back with it, so that the refusal can be recorded and reported. Made only by
/// [`Policy::permit`].
#[derive(Debug)]
pub struct Refused {
    fresh: Fresh<Action>,
    refusal: Refusal,
}

impl Refused {
    /// Why.
    pub fn refusal(&self) -> Refusal {
        self.refusal
    }

    /// Its claim, for good.
    pub(crate) fn into_claim(self) -> Claim {
        self.fresh.into_claim()
    }
}

/// This proxy's rules.
#[derive(Debug)]
pub struct Policy {
    rules: PolicyConfig,
    protected: ProtectedHosts,
    breaker: Arc<Breaker>,
}

impl Policy {
    /// As configured. The breaker outlives a reload.
    pub fn new(config: &Config, breaker: Arc<Breaker>) -> Self {
        let protected = ProtectedHosts::new(&config.policy.protected_hosts);
        Self { rules: config.policy.clone(), protected, breaker }
    }

    /// Decides. The budget is taken last, so that nothing refused for another reason uses it up. `now` in unix seconds.
    ///
    /// # Errors
    /// [`Refused`]. Boxed, because it is the rare way and large.
    pub fn permit(&self, mut fresh: Fresh<Action>, now: i64) -> Result<Permitted<Action>, Box<Refused>> {
        match self.refusal(&mut fresh, now) {
            None => Ok(Permitted { fresh }),
            Some(refusal) => Err(Box::new(Refused { fresh, refusal })),
        }
    }

    fn refusal(&self, fresh: &mut Fresh<Action>, now: i64) -> Option<Refusal> {
        let (rules, action) = (&self.rules, fresh.verified().value());
        let spends = action.operation == Operation::Execute;
        let refusal = first([(fresh.is_doubtful(), Refusal::Forgotten)]).or_else(|| self.objection(action, now));
        let refusal = refusal.or_else(|| if spends { self.to_host(action, now) } else { None });
        let (per_hour, per_day) = (rules.max_isolations_per_hour, rules.max_isolations_per_day);
        refusal
            .or_else(|| (spends && !fresh.claim().spend_isolation(now, per_hour, per_day)).then_some(Refusal::Budget))
    }

    /// What holds for everything, a release included.
    fn objection(&self, action: &Action, now: i64) -> Option<Refusal> {
        let spends = action.operation == Operation::Execute;
        let nobody = action.approved_by.is_empty() || action.approved_by.iter().any(|by| by.id.is_empty());
        first([(nobody, Refusal::NoApprover)]).or_else(|| self.lapsed(action, now)).or_else(|| {
            // What was done while it was allowed can be undone afterwards.
            let allowed = !spends || self.rules.allowed_actions.contains(&action.action_type);
            if allowed { edr::impossible(action) } else { Some(Refusal::NotAllowed) }
        })
    }

    /// What holds only for a time: asked once more right before anything is sent that changes something, because a lookup, a
    /// token, another action on the device or a rate limit may have been waited for.
    pub(crate) fn lapsed(&self, action: &Action, now: i64) -> Option<Refusal> {
        let rules = &self.rules;
        let age = now.checked_sub(action.approved_at);
        let age_fits = age.is_some_and(|age| (-MAX_AHEAD_SECONDS..=rules.max_approval_age_seconds).contains(&age));
        first([
            (now > action.expires_at, Refusal::Expired),
            (!age_fits, Refusal::ApprovalAge),
            (rules.kill_switch_file.as_deref().is_some_and(is_on), Refusal::KillSwitch),
        ])
    }

    /// What holds for doing something to a host. Undoing it is never in the way of anyone.
    fn to_host(&self, action: &Action, now: i64) -> Option<Refusal> {
        let can_be_undone = action.action_type != ActionType::ProcessKill;
        let lease_fits = |seconds: u32| (1..=self.rules.max_lease_seconds).contains(&seconds) && can_be_undone;
        self.by_name(action, action.target.hostname.as_str(), now).or_else(|| {
            first([
                (!action.lease_seconds.is_none_or(lease_fits), Refusal::Lease),
                (self.breaker.is_open(), Refusal::BreakerOpen),
            ])
        })
    }

    /// What goes by the name of the host that something is done to: asked of the name that was signed, and of the one by which
    /// the EDR knows the device, since the two need not be the same.
    pub(crate) fn by_name(&self, action: &Action, host: &str, now: i64) -> Option<Refusal> {
        let rules = &self.rules;
        let approvers: BTreeSet<&str> = action.approved_by.iter().map(|by| by.id.as_str()).collect();
        let wanted = |rule: &&crate::config::Quorum| ProtectedHosts::new(&rule.hosts).protects(host);
        let quorum = rules.quorum.iter().filter(wanted).map(|rule| rule.approvers).max().unwrap_or(1);
        first([
            (self.protected.protects(host), Refusal::ProtectedHost),
            (rules.maintenance.iter().any(|window| window.covers(host, now)), Refusal::Maintenance),
            (approvers.len() < quorum as usize, Refusal::Quorum),
        ])
    }

    /// Whether a device without a name could be one that [`Policy::by_name`] is about.
    pub(crate) fn goes_by_names(&self) -> bool {
        !(self.protected.is_empty() && self.rules.quorum.is_empty() && self.rules.maintenance.is_empty())
    }

    /// Whether the EDR must know the device by the name that the approver saw.
    pub(crate) fn requires_hostname_match(&self) -> bool {
        self.rules.require_hostname_match
    }
}

fn first<const N: usize>(checks: [(bool, Refusal); N]) -> Option<Refusal> {
    checks.into_iter().find_map(|(fails, refusal)| fails.then_some(refusal))
}

/// Whether the kill switch is on. What cannot be looked at counts as there, and so does a link to nothing.
fn is_on(file: &Path) -> bool {
    !matches!(file.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dedup::{Claimed, Ledger};
    use crate::verify::tests::{NOW, config, verified};
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn ledger() -> Arc<Ledger> {
        let log = vyrox_audit::log::Reader::new("nowhere".as_ref());
        Ledger::empty(log, crate::dedup::Terms { dry_run: true, retention_seconds: 7 * 24 * 3600 })
    }

    fn policy(config: &Config) -> Policy {
        Policy::new(config, Arc::new(Breaker::load("nowhere".as_ref(), &config.policy)))
    }

    fn decide(config: &Config, ledger: &Arc<Ledger>, change: impl FnOnce(&mut Value)) -> Option<Refusal> {
        let Claimed::Fresh(fresh) = ledger.claim(verified(change), NOW) else { panic!("not fresh") };
        policy(config).permit(*fresh, NOW).err().map(|refused| refused.refusal())
    }

    #[test]
    fn each_rule_refuses_with_its_own_reason() {
        let set = |pointer: &'static str, value: Value| {
            move |action: &mut Value| *action.pointer_mut(pointer).expect("exists") = value
        };
        let mut config = config();
        config.policy.protected_hosts = vec!["dc-*".into()];
        let refused = |change: Box<dyn FnOnce(&mut Value)>| decide(&config, &ledger(), change);
        assert_eq!(refused(Box::new(|_| ())), None);
        assert_eq!(refused(Box::new(set("/approved_by", json!([])))), Some(Refusal::NoApprover));
        assert_eq!(refused(Box::new(set("/approved_by/0/id", json!("")))), Some(Refusal::NoApprover));
        assert_eq!(refused(Box::new(set("/expires_at", json!(NOW - 1)))), Some(Refusal::Expired));
        assert_eq!(refused(Box::new(set("/action_type", json!("PROCESS_KILL")))), Some(Refusal::NotAllowed));
        assert_eq!(refused(Box::new(set("/target/vendor", json!("generic")))), Some(Refusal::Unsupported));
        assert_eq!(refused(Box::new(set("/target/vendor", json!("sentinelone")))), Some(Refusal::DeviceForm));
        for (seconds, refusal) in [(60, None), (0, Some(Refusal::Lease)), (604_801, Some(Refusal::Lease))] {
            assert_eq!(refused(Box::new(move |action| action["lease_seconds"] = json!(seconds))), refusal);
        }
        assert_eq!(refused(Box::new(set("/target/device_id", json!("abc")))), Some(Refusal::DeviceForm));
        assert_eq!(refused(Box::new(set("/target/hostname", json!("DC-01.corp")))), Some(Refusal::ProtectedHost));
        for approved_at in [NOW - 3601, NOW + 6, i64::MIN, i64::MIN + NOW, i64::MAX] {
            let refusal = refused(Box::new(set("/approved_at", json!(approved_at))));
            assert_eq!(refusal, Some(Refusal::ApprovalAge), "{approved_at}");
        }
    }

    #[test]
    fn named_hosts_take_more_than_one_person_and_one_person_is_one_however_often_named() {
        let mut config = config();
        let rule = |host: &str, approvers| crate::config::Quorum { hosts: vec![host.into()], approvers };
        config.policy.quorum = vec![rule("ws-*", 2), rule("ws-01", 1), rule("srv-*", 3)];
        let by = |ids: &[&str]| {
            let people: Vec<Value> = ids.iter().map(|id| json!({"id": id, "name": "same name"})).collect();
            move |action: &mut Value| action["approved_by"] = json!(people)
        };
        assert_eq!(decide(&config, &ledger(), by(&["1"])), Some(Refusal::Quorum));
        assert_eq!(decide(&config, &ledger(), by(&["1", "1"])), Some(Refusal::Quorum));
        assert_eq!(decide(&config, &ledger(), by(&["1", "2"])), None);
        let release = |action: &mut Value| action["operation"] = json!("rollback");
        assert_eq!(decide(&config, &ledger(), release), None, "undoing takes one");
    }

    #[test]
    fn a_maintenance_window_leaves_its_hosts_alone_but_lets_them_be_released() {
        let mut config = config();
        let window = "hosts = ['ws-*']\nfrom = '00:00'\nto = '00:00'";
        config.policy.maintenance = vec![toml::from_str(window).unwrap()];
        assert_eq!(decide(&config, &ledger(), |_| ()), Some(Refusal::Maintenance));
        let release = |action: &mut Value| action["operation"] = json!("rollback");
        assert_eq!(decide(&config, &ledger(), release), None);
    }

    #[test]
    fn what_is_no_longer_allowed_can_still_be_undone() {
        let mut config = config();
        config.policy.allowed_actions.clear();
        assert_eq!(decide(&config, &ledger(), |_| ()), Some(Refusal::NotAllowed));
        let release = |action: &mut Value| action["operation"] = json!("rollback");
        assert_eq!(decide(&config, &ledger(), release), None);
    }

    #[test]
    fn the_kill_switch_stops_everything_while_its_file_exists() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config();
        let file = dir.path().join("stop");
        config.policy.kill_switch_file = Some(file.clone());
        assert_eq!(decide(&config, &ledger(), |_| ()), None);
        std::os::unix::fs::symlink("/nowhere", &file).unwrap();
        assert_eq!(decide(&config, &ledger(), |_| ()), Some(Refusal::KillSwitch), "a link to nothing");
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "").unwrap();
        assert_eq!(decide(&config, &ledger(), |_| ()), Some(Refusal::KillSwitch));
    }

    #[test]
    fn the_budget_limits_isolations_and_never_releases() {
        let mut config = config();
        config.policy.max_isolations_per_hour = 1;
        let ledger = ledger();
        let Claimed::Fresh(fresh) = ledger.claim(verified(|_| ()), NOW) else { panic!("not fresh") };
        let _done = policy(&config).permit(*fresh, NOW).unwrap();
        let next = |action: &mut Value| action["request_id"] = json!("req-2");
        assert_eq!(decide(&config, &ledger, next), Some(Refusal::Budget));
        assert_eq!(decide(&config, &ledger, |action| action["operation"] = json!("rollback")), None);
    }
}
