//! Anything else that posts JSON: Wazuh, OCSF, Elastic, or whatever a tenant's own field map describes. It is read by field
//! maps only, so there is no code per source here.

use super::field_map::generic;
use super::{Known, Reception};
use serde_json::Value;
use vyrox_contract::Vendor;

/// What an unknown body is told.
pub(super) const HINT: &str =
    "neither Wazuh 4, Wazuh 5, OCSF (class_uid 2004) nor Elastic; save a field map for this source";

/// Whether the body is one that a preset takes.
pub(super) fn recognises(payload: &Value) -> bool {
    generic().iter().any(|map| map.takes(payload))
}

/// The body's alerts by the first preset whose conditions hold; `None` if there is none.
pub(super) fn normalise(payload: &Value, reception: &Reception<'_>) -> Known {
    for map in generic() {
        if let Some(normalised) = map.normalise(Vendor::Generic, payload, reception)? {
            return Ok(Some(normalised));
        }
    }
    Ok(None)
}
