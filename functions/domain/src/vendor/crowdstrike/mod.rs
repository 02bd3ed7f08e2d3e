//! CrowdStrike Falcon. The shapes, in the order in which they are looked for:
//!
//! | shape | known by | file |
//! |---|---|---|
//! | published Vyrox shape | `detect_id` | [`published`] |
//! | event stream, as forwarders repost it | `metadata.eventType` | [`stream`] |
//! | Falcon Data Replicator's copy of the stream | `ExternalApiType` | [`stream`] |
//! | Alerts API v2 entity, alone or in `resources` | `composite_id` | [`entity`] |
//! | Fusion workflow webhook | `data` with `meta.trigger_name` | the field map `presets/crowdstrike-fusion.toml` |

mod entity;
mod published;
mod severity;
mod stream;

use super::field_map::preset;
use super::fields::{at, elements, has, text};
use super::{Known, Reception, each, one};
use serde_json::Value;
use vyrox_contract::Vendor;

/// What an unknown body is told.
pub(super) const HINT: &str =
    "neither detect_id, metadata.eventType with event, ExternalApiType, composite_id nor data with meta.trigger_name";

enum Shape<'a> {
    Published,
    Stream(String),
    Replicator(String),
    Entity,
    Entities(&'a [Value]),
    Fusion,
    Several(&'a [Value]),
}

fn shape(payload: &Value) -> Option<Shape<'_>> {
    if let Value::Array(items) = payload {
        return shape(items.first()?).map(|_| Shape::Several(items));
    }
    if payload.get("detect_id").is_some() {
        return Some(Shape::Published);
    }
    if let Some(kind) = text(payload, &["metadata", "eventType"]) {
        return Some(Shape::Stream(kind));
    }
    let replicated =
        [&["event", "ExternalApiType"][..], &["ExternalApiType"]].iter().find_map(|path| text(payload, path));
    if let Some(kind) = replicated {
        return Some(Shape::Replicator(kind));
    }
    if has(payload, &["composite_id"]) {
        return Some(Shape::Entity);
    }
    // Alerts API v2 answers with `meta` and `resources`; ids alone are not entities.
    if let Some(Value::Array(_)) = at(payload, &["resources"]) {
        let resources = elements(payload, &["resources"]);
        if resources.first().map_or_else(|| has(payload, &["meta"]), |first| has(first, &["composite_id"])) {
            return Some(Shape::Entities(resources));
        }
    }
    (payload.get("data").is_some_and(Value::is_object) && has(payload, &["meta", "trigger_name"]))
        .then_some(Shape::Fusion)
}

/// Whether the body is one of the vendor's, whatever route it came by.
pub(super) fn recognises(payload: &Value) -> bool {
    shape(payload).is_some()
}

/// The body's alerts; `None` if it is none of the vendor's shapes.
pub(super) fn normalise(payload: &Value, reception: &Reception<'_>) -> Known {
    let Some(shape) = shape(payload) else { return Ok(None) };
    match shape {
        Shape::Published => published::normalise(payload, reception).map(one),
        Shape::Stream(kind) => {
            stream::normalise(&kind, payload, payload.get("event").unwrap_or(&Value::Null), reception).map(Some)
        }
        Shape::Replicator(kind) => {
            let kind = kind.strip_prefix("Event_").unwrap_or(&kind);
            stream::normalise(kind, payload, payload.get("event").unwrap_or(payload), reception).map(Some)
        }
        Shape::Entity => entity::normalise(payload, reception).map(one),
        Shape::Entities(resources) => each(resources, |resource| entity::normalise(resource, reception).map(one)),
        Shape::Fusion => preset("crowdstrike-fusion").normalise(Vendor::Crowdstrike, payload, reception),
        Shape::Several(items) => each(items, |item| normalise(item, reception)),
    }
}

#[cfg(test)]
mod tests;
