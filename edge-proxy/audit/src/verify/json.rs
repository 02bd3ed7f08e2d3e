//! The verifier's own JSON: an object without repeated keys or floats, and its canonical bytes.

use super::Problem;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt::{self, Write as _};
use std::ops::Range;

const DUPLICATE: &str = "a key occurs twice";

pub(super) fn parse(line: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice::<Strict>(line) {
        Ok(Strict(Value::Object(map))) if map.values().all(only_integers) => Ok(map),
        Ok(Strict(Value::Object(_))) => Err(Problem::Float),
        Err(error) if error.to_string().starts_with(DUPLICATE) => Err(Problem::DuplicateKey),
        Ok(_) | Err(_) => Err(Problem::NotJson),
    }
}

/// Any JSON in which no object repeats a key.
pub(super) fn any(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok().map(|Strict(value)| value)
}

fn only_integers(value: &Value) -> bool {
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(items) => items.iter().all(only_integers),
        Value::Object(map) => map.values().all(only_integers),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// An object's canonical bytes, and where its own member `hash` stands in them.
pub(super) struct Spelled {
    pub(super) bytes: Vec<u8>,
    /// From the first byte of the member to the one behind its comma, if there is a comma.
    hash: Range<usize>,
}

impl Spelled {
    /// What is hashed: the bytes before and behind the member `hash`, as if it had never been there.
    pub(super) fn around_hash(&self) -> (&[u8], &[u8]) {
        (&self.bytes[..self.hash.start], &self.bytes[self.hash.end..])
    }
}

/// Keys in the order of their bytes, no white space, nothing escaped that need not be.
pub(super) fn canonical(map: &Map<String, Value>) -> Spelled {
    let mut out = String::new();
    let mut hash = 0..0;
    let mut separator = '{';
    for (key, member) in sorted(map) {
        out.push(std::mem::replace(&mut separator, ','));
        let start = out.len();
        string(key, &mut out);
        out.push(':');
        value(member, &mut out);
        if key == "hash" {
            // With the comma behind it, which the next member brings; the last member takes the one before it along.
            hash = start..out.len() + 1;
        }
    }
    if hash.end > out.len() && out.len() > hash.start {
        hash = hash.start.saturating_sub(1)..out.len();
    }
    out.push_str(if separator == '{' { "{}" } else { "}" });
    Spelled { bytes: out.into_bytes(), hash }
}

/// The canonical bytes of any object.
pub(super) fn plain(map: &Map<String, Value>) -> Vec<u8> {
    let mut out = String::new();
    object(map, &mut out);
    out.into_bytes()
}

fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<(&String, &Value)> = map.iter().collect();
    members.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
    members
}

fn object(map: &Map<String, Value>, out: &mut String) {
    let mut separator = '{';
    for (key, member) in sorted(map) {
        out.push(std::mem::replace(&mut separator, ','));
        string(key, out);
        out.push(':');
        value(member, out);
    }
    out.push_str(if separator == '{' { "{}" } else { "}" });
}

fn value(value_: &Value, out: &mut String) {
    match value_ {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => string(text, out),
        Value::Object(map) => object(map, out),
        Value::Array(items) => {
            let mut separator = '[';
            for item in items {
                out.push(std::mem::replace(&mut separator, ','));
                value(item, out);
            }
            out.push_str(if separator == '[' { "[]" } else { "]" });
        }
    }
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
}

/// A JSON value in which no object repeats a key.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let Strict(value) = access.next_value()?;
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(map))
    }
}
