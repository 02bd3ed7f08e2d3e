//! A field map: where a tenant's own JSON keeps what an alert needs, as data. TOML or JSON:
//!
//! ```toml
//! name = "my-siem"
//! when = ["alert.id", "kind == detection"]          # optional: all must hold, a list within is "one of"
//! each = "alerts"                                   # optional: where the body keeps several alerts
//! [fields]
//! raw_id = "alert.id"
//! timestamp = "alert.time"
//! hostname = ["host.fqdn", "host.name"]             # the first that is there
//! process_name = "basename(process.path)"
//! vendor_severity = "lookup(alert.level, level)"
//! [tables.level]
//! "0-6" = "low"
//! "7-11" = "medium"
//! ```
//!
//! The language of places is in [`expression`]; `docs/adapters/field-maps.md` explains it with examples.

mod error;
mod evaluate;
mod expression;
mod preset;
mod table;
mod trace;

pub use error::{Fault, FieldMapError};
pub use preset::{PRESETS, Preset};
pub(super) use preset::{generic, preset};
pub use trace::{FieldTrace, ItemTrace};

use super::draft::{Draft, Required};
use super::fields::{platform_of_name, platform_of_path};
use super::{Known, NormaliseError, Reception, each, one};
use crate::alert::{NormalizedAlert, VendorSeverity, VendorStatus};
use crate::timestamp;
use expression::{Condition, Expression};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;
use table::Tables;
use vyrox_contract::Vendor;

/// The longest field map, in bytes.
const MAX_TEXT: usize = 16 * 1024;
/// The most alternatives of one field.
const MAX_ALTERNATIVES: usize = 16;

const KEYS: &str = "name, when, each, fields, tables";
const FIELDS: &str = "raw_id, timestamp, hostname, username, process_name, process_cmdline, sha256, tactic, \
                           technique, vendor_severity, device_id, process_id, threat_id, sha1, process_path, \
                           parent_process, parent_cmdline, title, platform, vendor_status";

/// A field map that has been checked. Only [`FieldMap::parse`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMap {
    name: Option<String>,
    when: Vec<Vec<Condition>>,
    each: Vec<Expression>,
    fields: BTreeMap<String, Vec<Expression>>,
    /// The fields' expressions as they were written, for [`FieldMap::trace`].
    written: BTreeMap<String, Vec<String>>,
    tables: Tables,
}

impl FieldMap {
    /// Reads and checks a field map: JSON if it begins with `{`, else TOML.
    ///
    /// # Errors
    /// [`FieldMapError`], which names the key that is wrong.
    pub fn parse(text: &str) -> Result<Self, FieldMapError> {
        if text.len() > MAX_TEXT {
            return Err(FieldMapError::TooLarge { most: MAX_TEXT });
        }
        let document: Map<String, Value> = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(FieldMapError::NotJson)?
        } else {
            toml::from_str(text).map_err(|error| FieldMapError::NotToml(Box::new(error)))?
        };
        if let Some(key) = document.keys().find(|key| !KEYS.split(", ").any(|known| known == *key)) {
            return Err(FieldMapError::key(key, Fault::Unknown { known: KEYS }));
        }
        let name = match document.get("name") {
            None => None,
            Some(Value::String(name)) => Some(name.clone()),
            Some(_) => return Err(FieldMapError::key("name", Fault::Kind { wanted: "a text" })),
        };
        let tables = Tables::read(&object(&document, "tables")?)?;
        let map = Self {
            name,
            when: conditions(document.get("when"))?,
            each: match document.get("each") {
                None => Vec::new(),
                Some(value) => expressions("each", value)?,
            },
            fields: object(&document, "fields")?
                .iter()
                .map(|(name, value)| Ok((name.clone(), field(name, value)?)))
                .collect::<Result<_, FieldMapError>>()?,
            written: object(&document, "fields")?
                .iter()
                .map(|(name, value)| Ok((name.clone(), texts(name, value)?.into_iter().map(str::to_owned).collect())))
                .collect::<Result<_, FieldMapError>>()?,
            tables,
        };
        map.check()?;
        Ok(map)
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether it has conditions, so that it does not take every body.
    #[must_use]
    pub const fn is_conditional(&self) -> bool {
        !self.when.is_empty()
    }

    /// What no single key shows: required fields, names of tables, severities, and the time of reception.
    fn check(&self) -> Result<(), FieldMapError> {
        for required in ["raw_id", "timestamp"] {
            if !self.fields.contains_key(required) {
                return Err(FieldMapError::key(format!("fields.{required}"), Fault::Missing));
            }
        }
        let places = self.fields.iter().map(|(name, places)| (format!("fields.{name}"), places));
        for (key, expressions) in places.chain([("each".to_owned(), &self.each)]) {
            for expression in expressions {
                if let Some(table) = expression.tables().into_iter().find(|table| !self.tables.has(table)) {
                    return Err(FieldMapError::key(key, Fault::NoTable { table: table.to_owned() }));
                }
                if key != "fields.timestamp" && expression.has_received() {
                    return Err(FieldMapError::key(key, Fault::NotATime));
                }
            }
        }
        for expression in self.fields.get("vendor_severity").into_iter().flatten() {
            let wrong = match expression {
                Expression::Literal(word) => {
                    Some(word.clone()).filter(|word| VendorSeverity::from_word(word) == VendorSeverity::Unknown)
                }
                Expression::Call { function: expression::Function::Lookup(table), .. } => {
                    self.tables.not_a_severity(table)
                }
                _ => None,
            };
            if let Some(word) = wrong {
                return Err(FieldMapError::key("fields.vendor_severity", Fault::NotASeverity { word }));
            }
        }
        let conditions = self.when.iter().flatten();
        match conditions.flat_map(|condition| condition.place.tables()).find(|table| !self.tables.has(table)) {
            Some(table) => Err(FieldMapError::key("when", Fault::NoTable { table: table.to_owned() })),
            None => Ok(()),
        }
    }

    /// The body's alerts, or `None` if the conditions do not hold for each of them.
    pub(super) fn normalise(&self, vendor: Vendor, payload: &Value, reception: &Reception<'_>) -> Known {
        match self.items(payload) {
            Items::Several(items) => self.all(vendor, &items, reception),
            Items::One(item) if self.holds(item) => self.alert(vendor, item, reception).map(one),
            Items::One(_) => Ok(None),
        }
    }

    /// Whether the conditions hold for every item of the body, of which there is one at least.
    pub(super) fn takes(&self, payload: &Value) -> bool {
        match self.items(payload) {
            Items::Several(items) => !items.is_empty() && items.iter().all(|item| self.holds(item)),
            Items::One(item) => self.holds(item),
        }
    }

    /// Where the body keeps its alerts.
    fn items<'a>(&self, payload: &'a Value) -> Items<'a> {
        if let Value::Array(items) = payload {
            return Items::Several(Cow::Borrowed(items));
        }
        let arrays = self.each.iter().filter_map(|place| place.value(payload, &self.tables, 0));
        match arrays.into_iter().find(|value| value.is_array()) {
            Some(Cow::Borrowed(Value::Array(items))) => Items::Several(Cow::Borrowed(items)),
            Some(Cow::Owned(Value::Array(items))) => Items::Several(Cow::Owned(items)),
            _ => Items::One(payload),
        }
    }

    fn all(&self, vendor: Vendor, items: &[Value], reception: &Reception<'_>) -> Known {
        if items.is_empty() || !items.iter().all(|item| self.holds(item)) {
            return Ok(None);
        }
        each(items, |item| self.alert(vendor, item, reception).map(one))
    }

    fn holds(&self, item: &Value) -> bool {
        item.is_object() && self.when.iter().all(|any| any.iter().any(|condition| condition.holds(item, &self.tables)))
    }

    fn alert(
        &self,
        vendor: Vendor,
        item: &Value,
        reception: &Reception<'_>,
    ) -> Result<NormalizedAlert, NormaliseError> {
        let places = |field: &str| self.fields.get(field).map_or(&[][..], Vec::as_slice).iter();
        let text = |field: &str| places(field).find_map(|place| place.text(item, &self.tables, reception.received_at));
        let process_path = text("process_path");
        let draft = Draft {
            raw_id: text("raw_id"),
            timestamp: places("timestamp")
                .filter_map(|place| place.value(item, &self.tables, reception.received_at))
                .find_map(|value| timestamp::parse(&value)),
            hostname: text("hostname"),
            username: text("username"),
            process_name: text("process_name"),
            process_cmdline: text("process_cmdline"),
            sha256: self.valid("sha256", item),
            tactic: text("tactic"),
            technique: text("technique"),
            severity: places("vendor_severity")
                .filter_map(|place| place.text(item, &self.tables, 0))
                .map(|word| VendorSeverity::from_word(&word))
                .find(|severity| *severity != VendorSeverity::Unknown),
            device_id: self.valid("device_id", item),
            process_id: self.valid("process_id", item),
            threat_id: self.valid("threat_id", item),
            sha1: self.valid("sha1", item),
            parent_process: text("parent_process"),
            parent_cmdline: text("parent_cmdline"),
            title: text("title"),
            platform: places("platform")
                .filter_map(|place| place.text(item, &self.tables, 0))
                .find_map(|name| platform_of_name(&name))
                .or_else(|| process_path.as_deref().and_then(platform_of_path)),
            process_path,
            status: places("vendor_status")
                .filter_map(|place| place.text(item, &self.tables, 0))
                .find_map(|word| VendorStatus::from_word(&word)),
            partial: false,
        };
        let required = Required {
            raw_id: "raw_id (where the field map looks for it)",
            timestamp: "timestamp (where the field map looks for it)",
        };
        draft.finish(vendor, required, reception)
    }

    /// The first alternative that is a valid `T`.
    fn valid<T: FromStr>(&self, field: &str, item: &Value) -> Option<T> {
        let places = self.fields.get(field)?.iter();
        places.filter_map(|place| place.text(item, &self.tables, 0)).find_map(|text| text.parse().ok())
    }
}

/// A body is one alert, or holds several.
enum Items<'a> {
    One(&'a Value),
    Several(Cow<'a, [Value]>),
}

fn object(document: &Map<String, Value>, key: &'static str) -> Result<Map<String, Value>, FieldMapError> {
    match document.get(key) {
        None => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object.clone()),
        Some(_) => Err(FieldMapError::key(key, Fault::Kind { wanted: "a table" })),
    }
}

fn field(name: &str, value: &Value) -> Result<Vec<Expression>, FieldMapError> {
    let key = format!("fields.{name}");
    if !FIELDS.split(", ").any(|known| known == name) {
        return Err(FieldMapError::key(key, Fault::Unknown { known: FIELDS }));
    }
    expressions(&key, value)
}

/// One place, or several of which the first that has something counts.
fn expressions(key: &str, value: &Value) -> Result<Vec<Expression>, FieldMapError> {
    texts(key, value)?
        .into_iter()
        .map(|text| Expression::parse(text).map_err(|fault| FieldMapError::key(key, fault)))
        .collect()
}

fn texts<'a>(key: &str, value: &'a Value) -> Result<Vec<&'a str>, FieldMapError> {
    const WANTED: Fault = Fault::Kind { wanted: "a text or a list of texts" };
    let texts: Vec<&str> = match value {
        Value::String(text) => vec![text],
        Value::Array(items) => {
            items.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(|| FieldMapError::key(key, WANTED))?
        }
        _ => return Err(FieldMapError::key(key, WANTED)),
    };
    match texts.len() {
        0 => Err(FieldMapError::key(key, WANTED)),
        1..=MAX_ALTERNATIVES => Ok(texts),
        _ => Err(FieldMapError::key(key, Fault::TooMuch { most: MAX_ALTERNATIVES })),
    }
}

fn conditions(when: Option<&Value>) -> Result<Vec<Vec<Condition>>, FieldMapError> {
    let Some(when) = when else { return Ok(Vec::new()) };
    let Some(all) = when.as_array() else {
        return Err(FieldMapError::key("when", Fault::Kind { wanted: "a list of conditions" }));
    };
    if all.len() > MAX_ALTERNATIVES {
        return Err(FieldMapError::key("when", Fault::TooMuch { most: MAX_ALTERNATIVES }));
    }
    let read = |text: &str| Condition::parse(text).map_err(|fault| FieldMapError::key("when", fault));
    all.iter().map(|any| texts("when", any)?.into_iter().map(read).collect()).collect()
}

#[cfg(test)]
mod tests;
