//! The few fields of a slash command that are used, tolerant of all others.

use crate::tenant::Snowflake;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

#[derive(Deserialize)]
pub(super) struct Body {
    pub(super) id: Snowflake,
    pub(super) application_id: Snowflake,
    pub(super) token: String,
    pub(super) guild_id: Option<Snowflake>,
    pub(super) channel_id: Snowflake,
    pub(super) data: DataBody,
    pub(super) member: Option<PermissionsBody>,
}

/// Beside what every member has: what Discord says they may do in this channel.
#[derive(Deserialize)]
pub(super) struct PermissionsBody {
    #[serde(default)]
    pub(super) permissions: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct DataBody {
    pub(super) name: String,
    #[serde(default)]
    pub(super) options: Vec<OptionBody>,
    #[serde(default)]
    pub(super) resolved: ResolvedBody,
}

#[derive(Deserialize)]
pub(super) struct OptionBody {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: u8,
    #[serde(default)]
    pub(super) value: Option<Value>,
    #[serde(default)]
    pub(super) options: Vec<OptionBody>,
}

#[derive(Default, Deserialize)]
pub(super) struct ResolvedBody {
    #[serde(default)]
    pub(super) roles: HashMap<Snowflake, RoleBody>,
}

#[derive(Deserialize)]
pub(super) struct RoleBody {
    pub(super) name: String,
    #[serde(default)]
    pub(super) managed: bool,
    #[serde(default)]
    pub(super) flags: u64,
    /// Present where the role belongs to a bot, an integration, a subscription or boosting.
    #[serde(default)]
    pub(super) tags: Option<Value>,
}
