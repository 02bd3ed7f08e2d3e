//! A tenant's own settings: who may approve, where cards are shown, which proxy acts.

mod freeze;
mod policy;

pub use freeze::Freeze;
pub use policy::{Caps, Deed, HostTag, Policy, ReasonRule, StepUpRule, TwoApprovers};

use crate::backup::BackupPath;
use crate::redact::Personal;
use crate::storm::StormPolicy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use vyrox_contract::{ProxyId, TenantId, UntrustedInput, Vendor};

/// A Discord id: a number of up to 64 bits, written in decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Snowflake(u64);

impl Snowflake {
    /// The number.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// When Discord made it, unix seconds: the upper bits are milliseconds since 2015.
    #[must_use]
    pub const fn made_at(self) -> i64 {
        const EPOCH: u64 = 1_420_070_400_000;
        (((self.0 >> 22) + EPOCH) / 1_000).cast_signed()
    }
}

impl FromStr for Snowflake {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |reason| UntrustedInput { what: "Discord id", reason };
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(refused("it is not decimal digits"));
        }
        match text.parse() {
            Ok(0) | Err(_) => Err(refused("it is zero or longer than 64 bits")),
            Ok(number) => Ok(Self(number)),
        }
    }
}

impl TryFrom<String> for Snowflake {
    type Error = UntrustedInput;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Snowflake> for String {
    fn from(value: Snowflake) -> Self {
        value.0.to_string()
    }
}

impl fmt::Display for Snowflake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a tenant's alerts are worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TenantStatus {
    /// Set up, but not proven end to end yet.
    Onboarding,
    /// In use.
    Active,
    /// Switched off; its webhooks answer 401.
    Suspended,
}

/// Whether a model may see summaries of this tenant's ambiguous alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LlmConsent {
    /// It may.
    OptedIn,
    /// It may not: ambiguous alerts keep their deterministic level.
    OptedOut,
}

/// How long an approval may be given, in seconds, by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalWindow {
    /// For CRITICAL.
    pub critical: u32,
    /// For HIGH.
    pub high: u32,
}

impl Default for ApprovalWindow {
    /// 15 minutes and one hour.
    fn default() -> Self {
        Self { critical: 900, high: 3_600 }
    }
}

/// How many deliveries a minute a tenant may make. What is not said is the deployment's own limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rates {
    /// All sources together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_per_minute: Option<u32>,
    /// One source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source_per_minute: BTreeMap<Vendor, u32>,
}

impl Rates {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The tenant's profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The id.
    pub id: TenantId,
    /// The name on cards.
    pub name: String,
    /// Whether alerts are worked on.
    pub status: TenantStatus,
    /// The Discord guild that is linked to this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<Snowflake>,
    /// The channel for cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<Snowflake>,
    /// Whose members may decide. Empty means nobody.
    #[serde(default)]
    pub approver_roles: Vec<Snowflake>,
    /// Whose members may set the tenant up in Discord, together with Manage Server. Empty means nobody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admin_roles: Vec<Snowflake>,
    /// The role that a CRITICAL card pings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_call_role: Option<Snowflake>,
    /// How many different approvers it takes: 1 or 2.
    pub quorum: u8,
    /// What else is asked of a decision.
    #[serde(default, skip_serializing_if = "Policy::is_default")]
    pub policy: Policy,
    /// The proxy that acts for this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_id: Option<ProxyId>,
    /// For isolations that end by themselves: their length in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u32>,
    /// How long an approval may be given.
    #[serde(default)]
    pub approval_window: ApprovalWindow,
    /// Whether e-mail addresses are taken out of the evidence, as secrets always are.
    #[serde(default)]
    pub evidence_personal: Personal,
    /// Its own rates, where they are not the deployment's.
    #[serde(default, skip_serializing_if = "Rates::is_default")]
    pub rates: Rates,
    /// How many cards in a while, before the rest is gathered in a digest.
    #[serde(default, skip_serializing_if = "StormPolicy::is_default")]
    pub storm: StormPolicy,
    /// Whom a question that nobody has answered pings at last; the on-call role without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_role: Option<Snowflake>,
    /// Where a CRITICAL alert goes while Discord is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupPath>,
    /// Whether a model may be asked.
    pub llm: LlmConsent,
    /// How many tokens a day (UTC) may be spent on asking; the deployment's own number without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub llm_daily_tokens: Option<u64>,
}

impl Tenant {
    /// A tenant as it begins: onboarding, linked to no server, one approver per decision, no model.
    #[must_use]
    pub fn new(id: TenantId, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            status: TenantStatus::Onboarding,
            guild_id: None,
            channel_id: None,
            approver_roles: Vec::new(),
            admin_roles: Vec::new(),
            on_call_role: None,
            quorum: 1,
            policy: Policy::default(),
            proxy_id: None,
            lease_seconds: None,
            approval_window: ApprovalWindow::default(),
            evidence_personal: Personal::default(),
            rates: Rates::default(),
            storm: StormPolicy::default(),
            escalation_role: None,
            backup: None,
            llm: LlmConsent::OptedOut,
            llm_daily_tokens: None,
        }
    }
}
