//! What is wrong with a field map. It is checked when it is saved, and the error names the key, because its author is a
//! customer's administrator who has nothing but this text.

/// Why a text is not a field map.
#[derive(Debug, thiserror::Error)]
pub enum FieldMapError {
    /// Longer than any useful one.
    #[error("the field map is longer than {most} bytes")]
    TooLarge {
        /// The most, in bytes.
        most: usize,
    },
    /// Begins like JSON and is none.
    #[error("the field map is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// Not TOML.
    #[error("the field map is not TOML")]
    NotToml(#[source] Box<toml::de::Error>),
    /// One key is wrong.
    #[error("{key}: {fault}")]
    Key {
        /// The key's path in the field map: `fields.hostname`, `tables.level.0-6`.
        key: String,
        /// What is wrong with it; a part of the text, so not its source as well.
        fault: Fault,
    },
}

/// What is wrong with one key of a field map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no such key.
    #[error("there is no such key; there are {known}")]
    Unknown {
        /// The keys there are.
        known: &'static str,
    },
    /// A map cannot do without it.
    #[error("it is missing, and no alert can do without it")]
    Missing,
    /// A value of another kind was wanted.
    #[error("it must be {wanted}")]
    Kind {
        /// The kind.
        wanted: &'static str,
    },
    /// An expression that cannot be read.
    #[error("at character {at}: {wanted} was expected")]
    Syntax {
        /// The character's number, from 1.
        at: usize,
        /// What should stand there.
        wanted: &'static str,
    },
    /// `lookup` names a table that is not there.
    #[error("there is no table {table:?}")]
    NoTable {
        /// The name.
        table: String,
    },
    /// A severity's table or default gives a word that is no severity.
    #[error("{word:?} is none of informational, low, medium, high, critical")]
    NotASeverity {
        /// The word.
        word: String,
    },
    /// The time of reception can stand for a time only.
    #[error("received() is a time: only timestamp may have it")]
    NotATime,
    /// Longer or more than any useful one.
    #[error("it has more than {most}")]
    TooMuch {
        /// The most.
        most: usize,
    },
}

impl FieldMapError {
    pub(super) fn key(key: impl Into<String>, fault: Fault) -> Self {
        Self::Key { key: key.into(), fault }
    }
}
