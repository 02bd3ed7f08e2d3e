//! The few fields of an interaction that are used, tolerant of all others: Discord adds some all the time.

use crate::tenant::Snowflake;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Body {
    #[serde(rename = "type")]
    pub(super) kind: u8,
}

/// A click or a sent form. A form that a command opened has no message.
#[derive(Deserialize)]
pub(super) struct ClickBody {
    pub(super) id: Snowflake,
    pub(super) application_id: Snowflake,
    pub(super) guild_id: Option<Snowflake>,
    pub(super) channel_id: Snowflake,
    pub(super) message: Option<MessageBody>,
    pub(super) data: DataBody,
    pub(super) member: Option<MemberBody>,
}

/// The member of an interaction of any kind.
#[derive(Deserialize)]
pub(super) struct MemberOf {
    pub(super) member: Option<MemberBody>,
}

#[derive(Deserialize)]
pub(super) struct MessageBody {
    pub(super) id: Snowflake,
}

#[derive(Deserialize)]
pub(super) struct DataBody {
    pub(super) custom_id: String,
    #[serde(default)]
    components: Vec<RowBody>,
}

/// A label (type 18) holds one component; an action row (type 1, the older form) holds a list. Others hold neither.
#[derive(Deserialize)]
struct RowBody {
    component: Option<InputBody>,
    #[serde(default)]
    components: Vec<InputBody>,
}

/// What somebody entered. Only text inputs have a `value`.
#[derive(Deserialize)]
struct InputBody {
    custom_id: Option<String>,
    value: Option<Value>,
}

impl DataBody {
    /// The texts of the form by the ids of their inputs. Of two inputs with one id neither counts.
    pub(super) fn texts(self) -> (String, BTreeMap<String, String>) {
        let inputs = self.components.into_iter().flat_map(|row| row.component.into_iter().chain(row.components));
        let mut texts = BTreeMap::new();
        let mut twice = Vec::new();
        for input in inputs {
            if let (Some(id), Some(Value::String(text))) = (input.custom_id, input.value)
                && texts.insert(id.clone(), text).is_some()
            {
                twice.push(id);
            }
        }
        texts.retain(|id, _| !twice.contains(id));
        (self.custom_id, texts)
    }
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
