//! A reduced set of Discord's rules for what applications send, as own code: it needs no schema file and knows what the
//! schema does not say (sums, uniqueness, contradictions, unknown fields).
//!
//! Lengths are counted in UTF-16 code units: never fewer than code points, so a text that passes here passes either way.
//! An unknown field is refused although Discord ignores it: it is always a typing error in the sender.

mod callback;
mod command;
mod component;
mod embed;
mod mention;
mod message;
mod modal;

pub use callback::Origin;
pub(crate) use callback::judge_callback;
pub(crate) use command::judge_commands;
pub(crate) use component::custom_ids;
pub(crate) use message::{MessageForm, is_empty_message, judge_message};
pub(crate) use modal::judge_modal_values;

use serde_json::{Map, Value, json};

/// What is wrong with a body, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Problems(Vec<(Vec<String>, &'static str, String)>);

impl Problems {
    /// One more.
    pub(crate) fn add(&mut self, at: &At, code: &'static str, message: impl Into<String>) {
        self.0.push((at.0.clone(), code, message.into()));
    }

    /// Nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The codes, in the order found.
    #[cfg(test)]
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.0.iter().map(|(_, code, _)| *code).collect()
    }

    /// Discord's nested form: `{"embeds":{"0":{"title":{"_errors":[{"code","message"}]}}}}`.
    pub(crate) fn to_json(&self) -> Value {
        let mut root = Map::new();
        for (path, code, message) in &self.0 {
            insert(&mut root, path, json!({"code": code, "message": message}));
        }
        Value::Object(root)
    }
}

fn insert(node: &mut Map<String, Value>, path: &[String], error: Value) {
    match path.split_first() {
        None => {
            if let Value::Array(errors) = node.entry("_errors").or_insert_with(|| json!([])) {
                errors.push(error);
            }
        }
        Some((key, rest)) => {
            if let Value::Object(child) = node.entry(key.clone()).or_insert_with(|| json!({})) {
                insert(child, rest, error);
            }
        }
    }
}

/// Where in a body something is.
#[derive(Debug, Clone, Default)]
pub(crate) struct At(Vec<String>);

impl At {
    /// One step further down.
    pub(crate) fn down(&self, step: &(impl ToString + ?Sized)) -> Self {
        let mut path = self.0.clone();
        path.push(step.to_string());
        Self(path)
    }
}

/// A JSON object being judged. Null counts as absent, as it does for Discord.
struct Form<'a> {
    object: &'a Map<String, Value>,
    at: At,
}

impl<'a> Form<'a> {
    /// `value` as an object whose fields are all among `known`; a problem and `None` if it is no object.
    fn of(value: &'a Value, at: At, known: &[&str], problems: &mut Problems) -> Option<Self> {
        let Value::Object(object) = value else {
            problems.add(&at, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType");
            return None;
        };
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            problems.add(&at.down(key), "UNKNOWN_FIELD", "Discord does not know this field and would ignore it");
        }
        Some(Self { object, at })
    }

    fn at(&self, key: &str) -> At {
        self.at.down(key)
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn required(&self, key: &str, problems: &mut Problems) -> bool {
        let present = self.value(key).is_some();
        if !present {
            problems.add(&self.at(key), "BASE_TYPE_REQUIRED", "This field is required");
        }
        present
    }

    /// A string of `min..=max` UTF-16 units.
    fn text(&self, key: &str, min: usize, max: usize, problems: &mut Problems) -> Option<&'a str> {
        let value = self.value(key)?;
        let Some(text) = value.as_str() else {
            problems.add(&self.at(key), "STRING_TYPE_CONVERT", "Could not interpret value as string.");
            return None;
        };
        judge_length(text, min, max, &self.at(key), problems);
        Some(text)
    }

    /// An integer within bounds.
    fn integer(&self, key: &str, min: i64, max: i64, problems: &mut Problems) -> Option<i64> {
        let value = self.value(key)?;
        let Some(number) = value.as_i64() else {
            problems.add(&self.at(key), "NUMBER_TYPE_COERCE", format!("Value {value} is not int."));
            return None;
        };
        if number < min {
            problems.add(
                &self.at(key),
                "NUMBER_TYPE_MIN",
                format!("int value should be greater than or equal to {min}."),
            );
        }
        if number > max {
            problems.add(&self.at(key), "NUMBER_TYPE_MAX", format!("int value should be less than or equal to {max}."));
        }
        Some(number)
    }

    fn boolean(&self, key: &str, problems: &mut Problems) -> Option<bool> {
        let value = self.value(key)?;
        if !value.is_boolean() {
            problems.add(&self.at(key), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
        }
        value.as_bool()
    }

    /// An array of `min..=max` entries.
    fn list(&self, key: &str, min: usize, max: usize, problems: &mut Problems) -> &'a [Value] {
        let Some(value) = self.value(key) else { return &[] };
        let Some(list) = value.as_array() else {
            problems.add(&self.at(key), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
            return &[];
        };
        if list.len() < min || list.len() > max {
            let message = format!("Must be between {min} and {max} in length.");
            problems.add(&self.at(key), "BASE_TYPE_BAD_LENGTH", message);
        }
        list
    }

    /// An http(s) URL.
    fn url(&self, key: &str, max: usize, problems: &mut Problems) -> Option<&'a str> {
        let url = self.text(key, 1, max, problems)?;
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        match rest {
            None => problems.add(
                &self.at(key),
                "URL_TYPE_INVALID_SCHEME",
                "Scheme is not supported. Scheme must be one of ('http', 'https').",
            ),
            Some(rest) if rest.is_empty() || rest.starts_with('/') || rest.contains(char::is_whitespace) => {
                problems.add(&self.at(key), "URL_TYPE_INVALID_URL", "Not a well formed URL.");
            }
            Some(_) => {}
        }
        Some(url)
    }

    /// A part of Discord that the stand-in does not have; an empty list is fine.
    fn unsupported(&self, key: &str, problems: &mut Problems) {
        if self.value(key).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty())) {
            problems.add(&self.at(key), "STANDIN_UNSUPPORTED", "The stand-in does not have this part of Discord");
        }
    }
}

/// UTF-16 code units.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn judge_length(text: &str, min: usize, max: usize, at: &At, problems: &mut Problems) {
    let length = units(text);
    if length > max && min == 0 {
        problems.add(at, "BASE_TYPE_MAX_LENGTH", format!("Must be {max} or fewer in length."));
    } else if length == 0 && min > 0 {
        problems.add(at, "BASE_TYPE_REQUIRED", "This field is required");
    } else if length < min || length > max {
        problems.add(at, "BASE_TYPE_BAD_LENGTH", format!("Must be between {min} and {max} in length."));
    }
}

fn judge_snowflake(value: &Value, at: &At, problems: &mut Problems) {
    let snowflake = value.as_str().is_some_and(|id| id.parse::<u64>().is_ok());
    if !snowflake {
        problems.add(at, "NUMBER_TYPE_COERCE", format!("Value {value} is not snowflake."));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_nest_as_discord_nests_them() {
        let mut problems = Problems::default();
        problems.add(&At::default().down("embeds").down(&0).down("title"), "A", "a");
        problems.add(&At::default().down("embeds"), "B", "b");
        assert_eq!(
            problems.to_json(),
            json!({"embeds": {"0": {"title": {"_errors": [{"code": "A", "message": "a"}]}}, "_errors": [{"code": "B", "message": "b"}]}})
        );
    }

    #[test]
    fn lengths_count_utf16_units() {
        assert_eq!(units("a🛡"), 3);
    }
}
