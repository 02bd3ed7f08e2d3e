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
    /// Whether nobody is notified of it.
    #[serde(skip)]
    pub(super) silent: bool,
}

impl Message {
    /// Whether nobody is to be notified of it when it is posted: it asks nothing. Not in the body, since an edit may not say
    /// so.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.silent
    }
}

/// An answer that only the one who clicked sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ephemeral {
    pub(super) content: Shown,
    pub(super) embeds: Vec<Embed>,
    pub(super) flags: u32,
    pub(super) allowed_mentions: AllowedMentions,
}

/// How an answer is meant, shown as its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// For information.
    Neutral,
    /// Done, or as it should be.
    Good,
    /// Something is missing.
    Warning,
    /// Refused, or wrong.
    Bad,
}

impl Tone {
    const fn colour(self) -> u32 {
        match self {
            Self::Neutral => 0x0058_65f2,
            Self::Good => 0x0023_a55a,
            Self::Warning => 0x00f0_b232,
            Self::Bad => 0x00da_373c,
        }
    }
}

impl Ephemeral {
    /// A line that suffices alone, and a panel below it: a title, a text, and (name, value) fields.
    #[must_use]
    pub fn panel(
        line: Shown,
        tone: Tone,
        title: &'static str,
        text: Shown,
        fields: impl IntoIterator<Item = (Shown, Shown)>,
    ) -> Self {
        let fields = fields.into_iter().map(|(name, value)| Field { name, value, inline: false }).collect();
        let embed = Embed {
            title: Shown::literal(title),
            description: text,
            color: tone.colour(),
            fields,
            footer: Footer { text: Shown::literal("Vyrox") },
        };
        Self { embeds: vec![embed], ..Self::of(line) }
    }
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
