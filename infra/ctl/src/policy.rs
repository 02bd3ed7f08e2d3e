//! What a tenant asks of a decision, as flags. No I/O.

use clap::{Args, ValueEnum};
use vyrox_domain::tenant::{Caps, Freeze, HostTag, Policy, ReasonRule, StepUpRule, TwoApprovers};

/// The settings about decisions. What is not given stays as it is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PolicyFlags {
    /// When a decision needs a reason in words [a new tenant: none]
    #[arg(long, value_name = "WHEN")]
    reason: Option<Reason>,
    /// What an approver shows beside their Discord session [a new tenant: none]. Enrol them with `vyroxctl approver enrol`
    #[arg(long, value_name = "WHAT")]
    step_up: Option<StepUp>,
    /// For how many minutes after a good code no other one is asked of the same approver [a new tenant: 0]
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(0..=15))]
    step_up_grace: Option<u32>,
    /// What takes two approvers whatever the quorum: any, isolate, kill, quarantine or release, and @TAG for hosts with that
    /// tag only; may be repeated, and replaces all earlier ones (a new tenant: any@critical, kill@server)
    #[arg(long, value_name = "DEED[@TAG]")]
    two_approvers: Vec<TwoApprovers>,
    /// Gives hosts a tag; HOST may end in `*`; may be repeated, and adds to those there are
    #[arg(long, value_name = "TAG=HOST")]
    host_tag: Vec<HostTag>,
    /// When nothing is contained except by break-glass, in UTC: FROM/UNTIL in RFC 3339, or DAY[-DAY] HH:MM-HH:MM every week;
    /// may be repeated, and replaces all earlier ones
    #[arg(long, value_name = "TIME")]
    freeze: Vec<Freeze>,
    /// After how many approvals of one person in ten minutes the next needs a second person [a new tenant: 10]
    #[arg(long, value_name = "N")]
    user_cap: Option<u32>,
    /// After how many hosts within an hour the next needs a second person [a new tenant: 20]
    #[arg(long, value_name = "N")]
    host_cap: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reason {
    /// Never
    None,
    /// For a no
    Deny,
    /// For a no, a yes and a release
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StepUp {
    /// Nothing
    None,
    /// The code of their authenticator app, for Approve and Release
    Totp,
}

impl PolicyFlags {
    /// The policy with these settings.
    pub(crate) fn apply(&self, mut policy: Policy) -> Policy {
        policy.reason = match self.reason {
            Some(Reason::None) => ReasonRule::None,
            Some(Reason::Deny) => ReasonRule::Deny,
            Some(Reason::Always) => ReasonRule::Always,
            None => policy.reason,
        };
        policy.step_up = match self.step_up {
            Some(StepUp::None) => StepUpRule::None,
            Some(StepUp::Totp) => StepUpRule::Totp,
            None => policy.step_up,
        };
        policy.step_up_grace = self.step_up_grace.map_or(policy.step_up_grace, |minutes| minutes * 60);
        if !self.two_approvers.is_empty() {
            policy.two_approvers = self.two_approvers.iter().cloned().collect();
        }
        for HostTag { tag, host } in self.host_tag.iter().cloned() {
            policy.host_tags.entry(tag).or_default().insert(host);
        }
        if !self.freeze.is_empty() {
            policy.freeze = self.freeze.iter().cloned().collect();
        }
        policy.caps = Caps {
            per_user: self.user_cap.unwrap_or(policy.caps.per_user),
            hosts_per_hour: self.host_cap.unwrap_or(policy.caps.hosts_per_hour),
        };
        policy
    }
}

/// The policy as `tenant show` has it: a name and its value each.
pub(crate) fn fields(policy: &Policy) -> Vec<(&'static str, String)> {
    let reason = match policy.reason {
        ReasonRule::None => "not asked",
        ReasonRule::Deny => "for a no",
        ReasonRule::Always => "always",
    };
    let step_up = match (policy.step_up, policy.step_up_grace / 60) {
        (StepUpRule::None, _) => "none".to_owned(),
        (StepUpRule::Totp, 0) => "a code each time".to_owned(),
        (StepUpRule::Totp, minutes) => format!("a code, good for {minutes} min"),
    };
    let tags = policy.host_tags.iter().flat_map(|(tag, hosts)| hosts.iter().map(move |host| format!("{tag}={host}")));
    vec![
        ("reason", reason.to_owned()),
        ("step-up", step_up),
        ("two approvers for", listed(policy.two_approvers.iter().map(ToString::to_string))),
        ("host tags", listed(tags)),
        ("frozen", listed(policy.freeze.iter().map(ToString::to_string))),
        (
            "one alone approves",
            format!("{} in 10 min; {} hosts an hour in all", policy.caps.per_user, policy.caps.hosts_per_hour),
        ),
    ]
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() { "-".to_owned() } else { values.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_replaced_and_tags_are_added_to() {
        let flags = PolicyFlags {
            reason: Some(Reason::Always),
            step_up: Some(StepUp::Totp),
            step_up_grace: Some(5),
            two_approvers: vec!["release".parse().unwrap()],
            host_tag: vec!["critical=dc-*".parse().unwrap()],
            freeze: vec!["sat-sun 00:00-24:00".parse().unwrap()],
            user_cap: Some(3),
            host_cap: None,
        };
        let policy = flags.apply(Policy::default());
        assert_eq!((policy.reason, policy.step_up, policy.step_up_grace), (ReasonRule::Always, StepUpRule::Totp, 300));
        assert_eq!(policy.two_approvers.len(), 1);
        assert_eq!((policy.caps.per_user, policy.caps.hosts_per_hour), (3, 20));
        let more = PolicyFlags { host_tag: vec!["critical=sql01".parse().unwrap()], ..PolicyFlags::default() };
        let more = more.apply(policy.clone());
        assert_eq!(more.host_tags["critical"].len(), 2);
        assert_eq!(Policy { host_tags: policy.host_tags.clone(), ..more }, policy, "and nothing else is changed");
        assert_eq!(PolicyFlags::default().apply(policy.clone()), policy);
    }
}
