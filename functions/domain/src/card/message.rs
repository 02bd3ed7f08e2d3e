//! A message in Discord's form, its texts all made harmless.

use crate::custom_id::CustomId;
use crate::tenant::Snowflake;
use crate::text::Shown;
use serde::Serialize;

/// A message's body, in Discord's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    pub(super) content: Shown,
    pub(super) embeds: Vec<Embed>,
    pub(super) components: Vec<Row>,
    pub(super) allowed_mentions: AllowedMentions,
}

/// An answer that only the one who clicked sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ephemeral {
    pub(super) content: Shown,
    pub(super) embeds: Vec<Embed>,
    pub(super) flags: u32,
    pub(super) allowed_mentions: AllowedMentions,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Embed {
    pub(super) title: Shown,
    pub(super) description: Shown,
    pub(super) color: u32,
    pub(super) fields: Vec<Field>,
    pub(super) footer: Footer,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Field {
    pub(super) name: Shown,
    pub(super) value: Shown,
    pub(super) inline: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Footer {
    pub(super) text: Shown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    #[serde(rename = "type")]
    pub(super) kind: u8,
    pub(super) components: Vec<Button>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Button {
    #[serde(rename = "type")]
    pub(super) kind: u8,
    pub(super) style: u8,
    pub(super) label: &'static str,
    pub(super) custom_id: CustomId,
}

/// Who may be pinged: nobody, or the roles named. Always explicit; escaping alone is not relied on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct AllowedMentions {
    pub(super) parse: [&'static str; 0],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) roles: Vec<Snowflake>,
}
