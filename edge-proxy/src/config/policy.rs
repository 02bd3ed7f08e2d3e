//! `[policy]`: what this proxy agrees to do, whoever asks.

use super::Problem;
use crate::hosts::ProtectedHosts;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use vyrox_contract::ActionType;

pub use crate::policy::Maintenance;

/// What this proxy agrees to do, whoever asks. Its canonical form is what the policy digest in receipts is made over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// Default: host isolation only.
    pub allowed_actions: Vec<ActionType>,
    /// Host names that are never contained: exact, or with `*` for any run of characters. Case does not matter.
    pub protected_hosts: Vec<String>,
    /// Default 5.
    pub max_isolations_per_hour: u32,
    /// Default 20.
    pub max_isolations_per_day: u32,
    /// How old an approval may be, in seconds. Default 3600.
    pub max_approval_age_seconds: i64,
    /// The longest lease that is taken on, in seconds. Default 7 days.
    pub max_lease_seconds: u32,
    /// Whether the EDR must know the device by the name that the approver saw. Default true.
    pub require_hostname_match: bool,
    /// While this file exists, nothing is done.
    pub kill_switch_file: Option<PathBuf>,
    /// So many actions that failed, became ambiguous or were contradicted within [`PolicyConfig::breaker_window_seconds`]
    /// open the circuit breaker: nothing is contained any more until a person resets it. Default 5.
    pub breaker_failures: u32,
    /// Default 3600.
    pub breaker_window_seconds: i64,
    /// Hosts that take more than one approver. Where several match, the highest number counts.
    pub quorum: Vec<Quorum>,
    /// Times at which hosts are left alone.
    pub maintenance: Vec<Maintenance>,
}

/// Hosts that are contained only with so many different approvers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quorum {
    /// Names and patterns, as for protected hosts.
    pub hosts: Vec<String>,
    /// At least so many different people.
    pub approvers: u32,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            allowed_actions: vec![ActionType::HostIsolation],
            protected_hosts: Vec::new(),
            max_isolations_per_hour: 5,
            max_isolations_per_day: 20,
            max_approval_age_seconds: 3600,
            max_lease_seconds: 7 * 24 * 3600,
            require_hostname_match: true,
            kill_switch_file: None,
            breaker_failures: 5,
            breaker_window_seconds: 3600,
            quorum: Vec::new(),
            maintenance: Vec::new(),
        }
    }
}

impl PolicyConfig {
    /// What makes no sense: a rule that protects nothing is worse than none, because somebody relies on it.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let possible =
            |hosts: &[String]| !hosts.is_empty() && hosts.iter().all(|host| ProtectedHosts::is_possible(host));
        let pattern = "holds a pattern that no host name can match, or no host at all";
        let protected = self.protected_hosts.is_empty() || possible(&self.protected_hosts);
        let quorum = self.quorum.iter().all(|rule| possible(&rule.hosts));
        let approvers = self.quorum.iter().all(|rule| (1..=16).contains(&rule.approvers));
        let maintenance = self.maintenance.iter().all(|window| possible(&window.hosts));
        let days = self.maintenance.iter().all(|window| !window.days.is_empty());
        let checks = [
            (protected, "policy.protected_hosts", pattern),
            (self.max_approval_age_seconds > 0, "policy.max_approval_age_seconds", "must be above 0"),
            (self.breaker_failures > 0, "policy.breaker_failures", "must be above 0"),
            (self.breaker_window_seconds > 0, "policy.breaker_window_seconds", "must be above 0"),
            (quorum, "policy.quorum", pattern),
            (approvers, "policy.quorum", "approvers must be from 1 to 16"),
            (maintenance, "policy.maintenance", pattern),
            (days, "policy.maintenance", "days is empty: the window would never begin"),
        ];
        Problem::among(checks).collect()
    }
}
