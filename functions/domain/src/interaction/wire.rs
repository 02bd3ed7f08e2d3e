//! The few fields of an interaction that are used, tolerant of all others: Discord adds some all the time.

use crate::tenant::Snowflake;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct Body {
    #[serde(rename = "type")]
    pub(super) kind: u8,
}

#[derive(Deserialize)]
pub(super) struct ClickBody {
    pub(super) id: Snowflake,
    pub(super) application_id: Snowflake,
    pub(super) guild_id: Option<Snowflake>,
    pub(super) channel_id: Snowflake,
    pub(super) message: MessageBody,
    pub(super) data: DataBody,
    pub(super) member: Option<MemberBody>,
}

#[derive(Deserialize)]
pub(super) struct MessageBody {
    pub(super) id: Snowflake,
}

#[derive(Deserialize)]
pub(super) struct DataBody {
    pub(super) custom_id: String,
}

#[derive(Deserialize)]
pub(super) struct MemberBody {
    pub(super) user: UserBody,
    pub(super) roles: Vec<Snowflake>,
    #[serde(default)]
    pub(super) pending: bool,
    pub(super) communication_disabled_until: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct UserBody {
    pub(super) id: Snowflake,
    pub(super) username: String,
    pub(super) global_name: Option<String>,
    #[serde(default)]
    pub(super) bot: bool,
}
