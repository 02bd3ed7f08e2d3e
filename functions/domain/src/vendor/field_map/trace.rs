//! How a field map reads a body, field by field: for the person who writes one.

use super::super::{NormaliseError, Reception};
use super::{FIELDS, FieldMap, Items};
use crate::alert::NormalizedAlert;
use serde::Serialize;
use serde_json::Value;
use vyrox_contract::Vendor;

/// One field of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldTrace {
    /// The field.
    pub field: &'static str,
    /// The place that had something, as it is written in the map; none if the map has no place for the field, or none of
    /// its places has anything.
    pub place: Option<String>,
    /// What stood there.
    pub found: Option<String>,
    /// What the alert has of it. It differs from `found` where that is not valid: no hash, no severity, no id of this
    /// vendor's devices.
    pub value: Option<String>,
}

/// One item of a body: one alert, if it becomes one.
#[derive(Debug)]
pub struct ItemTrace {
    /// Whether the map's conditions hold.
    pub holds: bool,
    /// Every field, in the order of the alert.
    pub fields: Vec<FieldTrace>,
    /// The alert, or why it is none.
    pub alert: Result<NormalizedAlert, NormaliseError>,
}

impl FieldMap {
    /// How this map reads `payload`: every item of it, every field.
    #[must_use]
    pub fn trace(&self, vendor: Vendor, payload: &Value, reception: &Reception<'_>) -> Vec<ItemTrace> {
        match self.items(payload) {
            Items::One(item) => vec![self.trace_item(vendor, item, reception)],
            Items::Several(items) => items.iter().map(|item| self.trace_item(vendor, item, reception)).collect(),
        }
    }

    fn trace_item(&self, vendor: Vendor, item: &Value, reception: &Reception<'_>) -> ItemTrace {
        let alert = self.alert(vendor, item, reception);
        let values = alert.as_ref().ok().and_then(|alert| serde_json::to_value(alert).ok()).unwrap_or_default();
        let fields = FIELDS
            .split(", ")
            .map(|field| {
                let places = self.fields.get(field).into_iter().flatten();
                let found = places
                    .enumerate()
                    .find_map(|(at, place)| Some((at, place.text(item, &self.tables, reception.received_at)?)));
                let value = match &values[field] {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                };
                let place = found.as_ref().and_then(|(at, _)| self.written.get(field)?.get(*at).cloned());
                FieldTrace { field, place, found: found.map(|(_, text)| text), value }
            })
            .collect();
        ItemTrace { holds: self.holds(item), fields, alert }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_trace_names_the_place_what_stood_there_and_what_became_of_it() {
        let map = FieldMap::parse(
            "when = ['k == 1']\neach = 'alerts'\n[fields]\nraw_id = ['uid', 'id']\ntimestamp = 't'\nsha256 = 'hash'\nhostname = 'host'",
        )
        .unwrap();
        let tenant = "acme".parse().unwrap();
        let reception = Reception { tenant_id: &tenant, received_at: 1 };
        let body = json!({"alerts": [{"k": 1, "id": "7", "t": 1_700_000_000, "hash": "zz"}, {"k": 2, "id": "8"}]});
        let items = map.trace(Vendor::Generic, &body, &reception);
        let of = |item: usize, field| items[item].fields.iter().find(|trace| trace.field == field).unwrap().clone();
        assert_eq!(of(0, "raw_id").place.as_deref(), Some("id"));
        assert_eq!(of(0, "raw_id").value.as_deref(), Some("7"));
        assert_eq!((of(0, "sha256").found.as_deref(), of(0, "sha256").value), (Some("zz"), None));
        assert_eq!((of(0, "hostname").place, of(0, "title").place), (None, None));
        assert!(items[0].holds && items[0].alert.is_ok());
        assert!(!items[1].holds && items[1].alert.is_err());
    }
}
