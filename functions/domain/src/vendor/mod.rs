//! Vendors' payloads become [`NormalizedAlert`]s. One folder per vendor, one file per shape; the shape inside the payload
//! decides, not the URL alone, because one vendor posts several shapes. `docs/adapters.md` says what each yields.

pub mod adapter;
mod crowdstrike;
mod defender;
mod draft;
mod field_map;
pub mod fields;
mod generic;
mod sentinelone;

pub use adapter::{ADAPTERS, Adapter};
pub use field_map::{Fault, FieldMap, FieldMapError, FieldTrace, ItemTrace, PRESETS, Preset};

use crate::alert::NormalizedAlert;
use crate::webhook::Authenticated;
use serde_json::Value;
use vyrox_contract::{TenantId, Vendor};

/// How deeply a payload may nest. The deepest real one seen has 7 levels.
const MAX_DEPTH: usize = 32;
/// How many alerts one body may have. Each is stored and audited on its own.
const MAX_ALERTS: usize = 200;

/// What a payload turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Normalised {
    /// One or more alerts.
    Alerts(Vec<NormalizedAlert>),
    /// A genuine event of the vendor that is not an alert. It is acknowledged, or its forwarder would retry for ever.
    Ignored {
        /// Why, for the sender and the audit.
        reason: String,
    },
}

/// Why an authenticated payload is not an alert.
#[derive(Debug, thiserror::Error)]
pub enum NormaliseError {
    /// The body is not JSON (or not UTF-8).
    #[error("body is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// Nested deeper than any real payload.
    #[error("body is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// More alerts than one body may have.
    #[error("body has more than {MAX_ALERTS} alerts")]
    TooMany,
    /// JSON, but none of the vendor's shapes.
    #[error("body has no {vendor} shape that is known: {hint}")]
    UnknownShape {
        /// The vendor of the route.
        vendor: Vendor,
        /// What was looked for.
        hint: &'static str,
    },
    /// A shape that is known, with a field that an alert cannot do without missing or unreadable.
    #[error("{field} is missing or unreadable")]
    Field {
        /// The field's path in the vendor's payload.
        field: &'static str,
    },
}

/// Who received the payload, and when.
#[derive(Debug, Clone)]
pub struct Reception<'a> {
    /// The tenant that the authentication proved.
    pub tenant_id: &'a TenantId,
    /// Unix seconds.
    pub received_at: i64,
}

/// What an adapter knows of a body: nothing, if it is none of its shapes.
pub type Known = Result<Option<Normalised>, NormaliseError>;

/// Turns an authenticated payload into alerts.
///
/// # Errors
/// [`NormaliseError`]; the text names fields, never values.
pub fn normalise<B: AsRef<[u8]>>(
    vendor: Vendor,
    delivery: &Authenticated<B>,
    reception: &Reception<'_>,
) -> Result<Normalised, NormaliseError> {
    read(ADAPTERS, vendor, None, delivery.bytes(), reception)
}

/// [`normalise`] by another table of adapters.
///
/// # Errors
/// [`NormaliseError`]; the text names fields, never values.
pub fn normalise_by<B: AsRef<[u8]>>(
    adapters: &[Adapter],
    vendor: Vendor,
    delivery: &Authenticated<B>,
    reception: &Reception<'_>,
) -> Result<Normalised, NormaliseError> {
    read(adapters, vendor, None, delivery.bytes(), reception)
}

/// [`normalise`] for a source with a field map of its own. The map is asked first; a body for which its conditions do not
/// hold is looked at as if there were no map. A map without conditions takes every body.
///
/// # Errors
/// [`NormaliseError`]; the text names fields, never values.
pub fn normalise_mapped<B: AsRef<[u8]>>(
    vendor: Vendor,
    map: &FieldMap,
    delivery: &Authenticated<B>,
    reception: &Reception<'_>,
) -> Result<Normalised, NormaliseError> {
    read(ADAPTERS, vendor, Some(map), delivery.bytes(), reception)
}

fn read(
    adapters: &[Adapter],
    vendor: Vendor,
    map: Option<&FieldMap>,
    body: &[u8],
    reception: &Reception<'_>,
) -> Result<Normalised, NormaliseError> {
    if depth_exceeds(body, MAX_DEPTH) {
        return Err(NormaliseError::TooDeep);
    }
    let payload: Value = serde_json::from_slice(body).map_err(NormaliseError::NotJson)?;
    let mut known = match map {
        Some(map) => map.normalise(vendor, &payload, reception)?,
        None => None,
    };
    for adapter in adapters.iter().filter(|adapter| adapter.route == vendor) {
        if known.is_none() {
            known = (adapter.normalise)(&payload, reception)?;
        }
    }
    match known {
        Some(Normalised::Alerts(alerts)) if alerts.len() > MAX_ALERTS => Err(NormaliseError::TooMany),
        Some(normalised) => Ok(normalised),
        None => Err(NormaliseError::UnknownShape { vendor, hint: adapter::hint(adapters, vendor, &payload) }),
    }
}

/// Where a body belongs that came by another vendor's route.
const fn crosswise(route: Vendor) -> &'static str {
    match route {
        Vendor::Crowdstrike => "it is a CrowdStrike shape; post it to the crowdstrike route",
        Vendor::Sentinelone => "it is a SentinelOne shape; post it to the sentinelone route",
        Vendor::Defender => "it is a Microsoft shape; post it to the defender route",
        Vendor::Generic => "it is a shape of the generic route; post it there",
    }
}

fn one(alert: NormalizedAlert) -> Option<Normalised> {
    Some(Normalised::Alerts(vec![alert]))
}

/// All items of one body, each with its own alerts. One that cannot be read refuses the whole body, so that none is lost in
/// silence; events that are not alerts are passed over as long as there is an alert.
fn each<'a>(items: &'a [Value], mut read: impl FnMut(&'a Value) -> Known) -> Known {
    let mut alerts = Vec::new();
    let mut reason = None;
    for item in items {
        match read(item)? {
            Some(Normalised::Alerts(more)) => alerts.extend(more),
            Some(Normalised::Ignored { reason: why }) => reason = reason.or(Some(why)),
            None => return Ok(None),
        }
        if alerts.len() > MAX_ALERTS {
            return Err(NormaliseError::TooMany);
        }
    }
    Ok(Some(if alerts.is_empty() {
        Normalised::Ignored { reason: reason.unwrap_or_else(|| "the list is empty".to_owned()) }
    } else {
        Normalised::Alerts(alerts)
    }))
}

/// Whether arrays and objects nest deeper than `limit`, found without building a document.
fn depth_exceeds(body: &[u8], limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn depth_counts_brackets_outside_strings_only() {
        assert!(!depth_exceeds(br#"{"a":[{"b":"[[[[[[\"[["}]}"#, 3));
        assert!(depth_exceeds(br#"{"a":[{"b":[]}]}"#, 3));
        assert!(depth_exceeds("[".repeat(100_000).as_bytes(), 32));
    }

    fn refusal(vendor: Vendor, payload: &Value) -> String {
        let tenant = "acme".parse().unwrap();
        let body = serde_json::to_vec(payload).unwrap();
        read(ADAPTERS, vendor, None, &body, &Reception { tenant_id: &tenant, received_at: 0 }).unwrap_err().to_string()
    }

    #[test]
    fn a_body_at_another_vendors_route_is_refused_and_told_where_it_belongs() {
        let crowdstrike = json!({"detect_id": "ldt:1", "timestamp": 1_700_000_000});
        let sentinelone = json!({"id": "1", "threatInfo": {"createdAt": "2023-11-14T22:13:20Z"}});
        let defender = json!({"id": "1", "createdDateTime": "2023-11-14T22:13:20Z", "serviceSource": "x"});
        for vendor in [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender, Vendor::Generic] {
            for (payload, route) in [
                (&crowdstrike, Vendor::Crowdstrike),
                (&sentinelone, Vendor::Sentinelone),
                (&defender, Vendor::Defender),
            ] {
                if vendor != route {
                    let refusal = refusal(vendor, payload);
                    assert!(refusal.ends_with(&format!("post it to the {route} route")), "{refusal}");
                }
            }
            assert!(refusal(vendor, &json!({"a": 1})).contains("neither"));
            for other in [json!([]), json!(null), json!("x"), json!([[[]]]), json!({})] {
                assert!(refusal(vendor, &other).contains("shape that is known"), "{vendor} {other}");
            }
        }
    }

    #[test]
    fn one_item_that_is_no_shape_refuses_the_body_so_that_none_is_lost_in_silence() {
        let good = json!({"detect_id": "ldt:1", "timestamp": 1_700_000_000});
        assert!(refusal(Vendor::Crowdstrike, &json!([good, {"a": 1}])).contains("neither"));
        assert!(refusal(Vendor::Crowdstrike, &json!([good, {"detect_id": "ldt:2"}])).contains("timestamp"));
    }

    #[test]
    fn a_body_with_too_many_alerts_is_refused_whole() {
        let items: Vec<Value> =
            (0..=MAX_ALERTS).map(|id| json!({"detect_id": id, "timestamp": 1_700_000_000})).collect();
        assert_eq!(refusal(Vendor::Crowdstrike, &Value::Array(items)), "body has more than 200 alerts");
    }
}
