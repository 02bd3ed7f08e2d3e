//! What a tenant asks of a decision beyond an approver's click: a reason, a code, a second person, another time.

use super::freeze::Freeze;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use vyrox_contract::{ActionType, Operation, UntrustedInput};

/// When a decision needs a reason in words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonRule {
    /// Never.
    #[default]
    None,
    /// For a no.
    Deny,
    /// For a no, a yes and a release.
    Always,
}

/// What an approver has to show beside their Discord session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepUpRule {
    /// Nothing.
    #[default]
    None,
    /// The code of their authenticator app, for Approve and Release.
    Totp,
}

/// How much may be approved by single approvers. Past it each approval needs a second person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Caps {
    /// Approvals of one person in ten minutes.
    pub per_user: u32,
    /// Hosts of the tenant that were approved for containment within one hour.
    pub hosts_per_hour: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { per_user: 10, hosts_per_hour: 20 }
    }
}

/// What is done, as far as it decides how many approvers it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// Anything.
    Any,
    /// Isolating a host.
    Isolate,
    /// Killing a process.
    Kill,
    /// Quarantining a host's network.
    Quarantine,
    /// Undoing any of these.
    Release,
}

impl Deed {
    const ALL: [Self; 5] = [Self::Any, Self::Isolate, Self::Kill, Self::Quarantine, Self::Release];

    /// The deed of an operation.
    #[must_use]
    pub const fn of(operation: Operation, action: ActionType) -> Self {
        match (operation, action) {
            (Operation::Rollback, _) => Self::Release,
            (Operation::Execute, ActionType::HostIsolation) => Self::Isolate,
            (Operation::Execute, ActionType::ProcessKill) => Self::Kill,
            (Operation::Execute, ActionType::NetworkQuarantine) => Self::Quarantine,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Isolate => "isolate",
            Self::Kill => "kill",
            Self::Quarantine => "quarantine",
            Self::Release => "release",
        }
    }
}

/// A rule that asks for two approvers, written `DEED` or `DEED@TAG`: `release`, `kill@server`, `any@critical`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TwoApprovers {
    /// What is done.
    pub deed: Deed,
    /// Only on hosts with this tag.
    pub tag: Option<String>,
}

impl FromStr for TwoApprovers {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |reason| UntrustedInput { what: "rule for two approvers", reason };
        let (deed, tag) = text.split_once('@').map_or((text, None), |(deed, tag)| (deed, Some(tag)));
        let deed = Deed::ALL.into_iter().find(|known| known.as_str() == deed);
        let deed = deed.ok_or(refused("it begins with none of any, isolate, kill, quarantine, release"))?;
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(refused("its tag is not 1 to 32 small letters, digits and hyphens"));
        }
        Ok(Self { deed, tag: tag.map(str::to_owned) })
    }
}

impl TryFrom<String> for TwoApprovers {
    type Error = UntrustedInput;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TwoApprovers> for String {
    fn from(rule: TwoApprovers) -> Self {
        rule.to_string()
    }
}

impl fmt::Display for TwoApprovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.deed.as_str())?;
        self.tag.as_ref().map_or(Ok(()), |tag| write!(f, "@{tag}"))
    }
}

/// Which hosts bear a tag, written `TAG=HOST`; the host may end in `*`: `critical=dc-*`, `server=sql01`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostTag {
    /// The tag.
    pub tag: String,
    /// The host's name in small letters, or its beginning and `*`.
    pub host: String,
}

impl FromStr for HostTag {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |reason| UntrustedInput { what: "host tag", reason };
        let (tag, host) = text.split_once('=').ok_or(refused("it is not of the form TAG=HOST"))?;
        if !is_tag(tag) {
            return Err(refused("its tag is not 1 to 32 small letters, digits and hyphens"));
        }
        let name = host.strip_suffix('*').unwrap_or(host);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if host.is_empty() || host.len() > 253 || !name.bytes().all(is_name) {
            return Err(refused("its host is no host name, with or without * at its end"));
        }
        Ok(Self { tag: tag.to_owned(), host: host.to_ascii_lowercase() })
    }
}

fn is_tag(tag: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&tag.len()) && tag.bytes().all(is_sign)
}

/// Everything that a tenant asks beyond an approver's click. Each part has a default; a stored profile without it means that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// When a reason is asked for.
    #[serde(skip_serializing_if = "is_default")]
    pub reason: ReasonRule,
    /// What an approver has to show.
    #[serde(skip_serializing_if = "is_default")]
    pub step_up: StepUpRule,
    /// For how long after a good code no other one is asked of the same approver, in seconds; at most 15 minutes.
    #[serde(skip_serializing_if = "is_default")]
    pub step_up_grace: u32,
    /// What takes two approvers whatever the tenant's quorum is.
    pub two_approvers: BTreeSet<TwoApprovers>,
    /// The hosts of each tag.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub host_tags: BTreeMap<String, BTreeSet<String>>,
    /// When nothing is contained, except by break-glass.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub freeze: BTreeSet<Freeze>,
    /// How much single approvers may approve.
    #[serde(skip_serializing_if = "is_default")]
    pub caps: Caps,
}

impl Default for Policy {
    /// No reason, no code, no freeze. Two approvers for whatever is done to a host tagged `critical`, and for killing a process
    /// on one tagged `server`: neither can be taken back easily.
    fn default() -> Self {
        let irreversible = ["any@critical", "kill@server"].map(|rule| rule.parse().expect("a rule of this form"));
        Self {
            reason: ReasonRule::None,
            step_up: StepUpRule::None,
            step_up_grace: 0,
            two_approvers: BTreeSet::from(irreversible),
            host_tags: BTreeMap::new(),
            freeze: BTreeSet::new(),
            caps: Caps::default(),
        }
    }
}

impl Policy {
    /// The longest grace, in seconds.
    pub const MOST_GRACE: u32 = 900;

    /// Whether nothing differs from the default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        is_default(self)
    }

    /// The rule that asks for two approvers, if one does.
    #[must_use]
    pub fn two_for(&self, deed: Deed, host: &str) -> Option<&TwoApprovers> {
        self.two_approvers.iter().find(|rule| {
            (rule.deed == Deed::Any || rule.deed == deed)
                && rule.tag.as_ref().is_none_or(|tag| self.is_tagged(host, tag))
        })
    }

    fn is_tagged(&self, host: &str, tag: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => host.starts_with(beginning),
            None => host == *pattern,
        };
        self.host_tags.get(tag).is_some_and(|patterns| patterns.iter().any(matches))
    }

    /// Whether containment stands still at `now` (unix seconds).
    #[must_use]
    pub fn is_frozen(&self, now: i64) -> bool {
        self.freeze.iter().any(|freeze| freeze.covers(now))
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_it_is_written() {
        for text in ["any", "release", "kill@server", "isolate@dc-1"] {
            assert_eq!(text.parse::<TwoApprovers>().unwrap().to_string(), text);
        }
        for bad in ["", "@x", "wipe", "kill@", "kill@SERVER", "kill@a b", "Kill"] {
            assert!(bad.parse::<TwoApprovers>().is_err(), "{bad}");
        }
        let tag: HostTag = "critical=DC-*".parse().unwrap();
        assert_eq!((tag.tag.as_str(), tag.host.as_str()), ("critical", "dc-*"));
        for bad in ["critical", "critical=", "=dc", "critical=d*c", "Critical=dc", "critical=a b"] {
            assert!(bad.parse::<HostTag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_takes_two_depends_on_the_deed_and_the_hosts_tags() {
        let mut policy = Policy::default();
        policy.host_tags.insert("critical".into(), BTreeSet::from(["dc-*".into()]));
        policy.host_tags.insert("server".into(), BTreeSet::from(["sql01".into()]));
        let two = |deed, host| policy.two_for(deed, host).map(ToString::to_string);
        assert_eq!(two(Deed::Isolate, "WS-042"), None);
        assert_eq!(two(Deed::Isolate, "DC-01"), Some("any@critical".to_owned()));
        assert_eq!(two(Deed::Release, "dc-01"), Some("any@critical".to_owned()));
        assert_eq!(two(Deed::Kill, "SQL01"), Some("kill@server".to_owned()));
        assert_eq!(two(Deed::Isolate, "sql01"), None);
        assert_eq!(two(Deed::Kill, "sql011"), None, "a name without a star is the whole name");
    }

    #[test]
    fn a_profile_without_a_policy_has_the_default_one() {
        let policy: Policy = serde_json::from_str("{}").unwrap();
        assert!(policy.is_default());
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
        let none: Policy = serde_json::from_str(r#"{"two_approvers":[]}"#).unwrap();
        assert!(none.two_approvers.is_empty(), "an empty list is no default");
    }
}
