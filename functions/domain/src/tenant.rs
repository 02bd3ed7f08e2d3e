//! A tenant's own settings: who may approve, where cards are shown, which proxy acts.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use vyrox_contract::{ProxyId, TenantId, UntrustedInput};

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
    /// The role that a CRITICAL card pings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_call_role: Option<Snowflake>,
    /// How many different approvers it takes: 1 or 2.
    pub quorum: u8,
    /// The proxy that acts for this tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_id: Option<ProxyId>,
    /// For isolations that end by themselves: their length in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u32>,
    /// How long an approval may be given.
    #[serde(default)]
    pub approval_window: ApprovalWindow,
    /// Whether a model may be asked.
    pub llm: LlmConsent,
}
