//! Third step: does this proxy agree. `Fresh<Action> -> Permitted<Action>`.
//!
//! Everything here is decided locally, whoever signed: a stolen platform key can still not isolate a protected host,
//! exceed the budget, or do anything while the kill switch file exists.

use crate::config::{Config, PolicyConfig};
use crate::dedup::Fresh;
use crate::edr;
use crate::hosts::ProtectedHosts;
use std::path::Path;
use vyrox_contract::{Action, MAX_AHEAD_SECONDS, Operation};

/// An action that this proxy agrees to do. Made only by [`Policy::permit`].
#[derive(Debug)]
pub struct Permitted<T> {
    pub(crate) fresh: Fresh<T>,
}

impl<T> Permitted<T> {
    /// What is agreed to.
    pub fn fresh(&self) -> &Fresh<T> {
        &self.fresh
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
    /// The kill switch file exists.
    #[error("the kill switch is on")]
    KillSwitch,
    /// Not one of the allowed actions.
    #[error("the action is not allowed by this proxy's policy")]
    NotAllowed,
    /// Not possible with this vendor; never replaced by another action.
    #[error("the action is not supported for this vendor")]
    Unsupported,
    /// The device id is not of the vendor's form.
    #[error("the device id does not have the vendor's form")]
    DeviceForm,
    /// A protected host.
    #[error("the host is protected by this proxy's policy")]
    ProtectedHost,
    /// Too many isolations in the last hour or day.
    #[error("the isolation budget is used up")]
    Budget,
}

/// A refused action and why. The claim comes back with it, so that the refusal can be recorded and reported.
#[derive(Debug)]
pub struct Refused {
    /// The action.
    pub fresh: Fresh<Action>,
    /// Why.
    pub refusal: Refusal,
}

/// This proxy's rules.
#[derive(Debug)]
pub struct Policy {
    rules: PolicyConfig,
    protected: ProtectedHosts,
}

impl Policy {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        Self { rules: config.policy.clone(), protected: ProtectedHosts::new(&config.policy.protected_hosts) }
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
        let action = fresh.verified().value();
        let rules = &self.rules;
        let isolates = action.operation == Operation::Execute;
        let age = now.checked_sub(action.approved_at);
        let checks: [(bool, Refusal); 8] = [
            (
                action.approved_by.is_empty() || action.approved_by.iter().any(|by| by.id.is_empty()),
                Refusal::NoApprover,
            ),
            (now > action.expires_at, Refusal::Expired),
            (
                !age.is_some_and(|age| (-MAX_AHEAD_SECONDS..=rules.max_approval_age_seconds).contains(&age)),
                Refusal::ApprovalAge,
            ),
            (rules.kill_switch_file.as_deref().is_some_and(is_on), Refusal::KillSwitch),
            (!rules.allowed_actions.contains(&action.action_type), Refusal::NotAllowed),
            // A lease would have to be ended by this proxy, which this version does not do: better no than half.
            (!edr::supports(action) || action.lease_seconds.is_some(), Refusal::Unsupported),
            (!edr::accepts_device(action), Refusal::DeviceForm),
            (isolates && self.protected.protects(action.target.hostname.as_str()), Refusal::ProtectedHost),
        ];
        if let Some((_, refusal)) = checks.into_iter().find(|(fails, _)| *fails) {
            return Some(refusal);
        }
        let (per_hour, per_day) = (rules.max_isolations_per_hour, rules.max_isolations_per_day);
        (isolates && !fresh.claim.spend_isolation(now, per_hour, per_day)).then_some(Refusal::Budget)
    }
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

    fn ledger(config: &Config) -> Arc<Ledger> {
        let owner = (&config.tenant_id, &config.proxy_id);
        Ledger::rebuild(std::iter::empty(), owner, true, 7 * 24 * 3600).unwrap().ledger
    }

    fn decide(config: &Config, ledger: &Arc<Ledger>, change: impl FnOnce(&mut Value)) -> Option<Refusal> {
        let Claimed::Fresh(fresh) = ledger.claim(verified(change), NOW) else { panic!("not fresh") };
        Policy::new(config).permit(*fresh, NOW).err().map(|refused| refused.refusal)
    }

    #[test]
    fn each_rule_refuses_with_its_own_reason() {
        let set = |pointer: &'static str, value: Value| {
            move |action: &mut Value| *action.pointer_mut(pointer).expect("exists") = value
        };
        let mut config = config();
        config.policy.protected_hosts = vec!["dc-*".into()];
        let refused = |change: Box<dyn FnOnce(&mut Value)>| decide(&config, &ledger(&config), change);
        assert_eq!(refused(Box::new(|_| ())), None);
        assert_eq!(refused(Box::new(set("/approved_by", json!([])))), Some(Refusal::NoApprover));
        assert_eq!(refused(Box::new(set("/approved_by/0/id", json!("")))), Some(Refusal::NoApprover));
        assert_eq!(refused(Box::new(set("/expires_at", json!(NOW - 1)))), Some(Refusal::Expired));
        assert_eq!(refused(Box::new(set("/action_type", json!("PROCESS_KILL")))), Some(Refusal::NotAllowed));
        assert_eq!(refused(Box::new(set("/target/vendor", json!("sentinelone")))), Some(Refusal::Unsupported));
        assert_eq!(refused(Box::new(|action| action["lease_seconds"] = json!(60))), Some(Refusal::Unsupported));
        assert_eq!(refused(Box::new(set("/target/device_id", json!("abc")))), Some(Refusal::DeviceForm));
        assert_eq!(refused(Box::new(set("/target/hostname", json!("DC-01.corp")))), Some(Refusal::ProtectedHost));
        for approved_at in [NOW - 3601, NOW + 6, i64::MIN, i64::MIN + NOW, i64::MAX] {
            let refusal = refused(Box::new(set("/approved_at", json!(approved_at))));
            assert_eq!(refusal, Some(Refusal::ApprovalAge), "{approved_at}");
        }
    }

    #[test]
    fn the_kill_switch_stops_everything_while_its_file_exists() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = config();
        let file = dir.path().join("stop");
        config.policy.kill_switch_file = Some(file.clone());
        assert_eq!(decide(&config, &ledger(&config), |_| ()), None);
        std::os::unix::fs::symlink("/nowhere", &file).unwrap();
        assert_eq!(decide(&config, &ledger(&config), |_| ()), Some(Refusal::KillSwitch), "a link to nothing");
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, "").unwrap();
        assert_eq!(decide(&config, &ledger(&config), |_| ()), Some(Refusal::KillSwitch));
    }

    #[test]
    fn the_budget_limits_isolations_and_never_releases() {
        let mut config = config();
        config.policy.max_isolations_per_hour = 1;
        let ledger = ledger(&config);
        let Claimed::Fresh(fresh) = ledger.claim(verified(|_| ()), NOW) else { panic!("not fresh") };
        let _done = Policy::new(&config).permit(*fresh, NOW).unwrap();
        let next = |action: &mut Value| action["request_id"] = json!("req-2");
        assert_eq!(decide(&config, &ledger, next), Some(Refusal::Budget));
        assert_eq!(decide(&config, &ledger, |action| action["operation"] = json!("rollback")), None);
    }
}
