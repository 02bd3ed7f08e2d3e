//! Microsoft Defender. The shapes, in the order in which they are looked for:
//!
//! | shape | known by | file |
//! |---|---|---|
//! | Graph change notification | `value[].subscriptionId` | here: ignored, the alert must be fetched |
//! | XDR streaming, several records merged per alert | `category` begins `AdvancedHunting-` | [`streaming`] |
//! | Defender for Endpoint `api/alerts` | `alertCreationTime` | [`endpoint`] |
//! | Graph v1 `security/alerts` | `azureTenantId` with `vendorInformation` | [`legacy`] |
//! | Graph `alerts_v2`, and the published subset of it | `createdDateTime` with `evidence`, `serviceSource` or `tenantId` | [`graph`] |
//! | Event Grid | CloudEvents `type` begins `Microsoft.Graph.` | here: ignored, the alert must be fetched |
//! | Sentinel incident | `additional_data`, or a type that ends in `/incidents` | [`incident`] |

mod endpoint;
mod evidence;
mod graph;
mod incident;
mod legacy;
mod linked;
mod streaming;

use super::fields::{at, elements, has, text};
use super::{Known, Normalised, Reception, each, one};
use serde_json::Value;

/// What an unknown body is told.
pub(super) const HINT: &str = "neither value[].subscriptionId, a category AdvancedHunting-..., alertCreationTime, \
                               createdDateTime with evidence, serviceSource or tenantId, nor a Sentinel incident";

/// Why a change notification is acknowledged and goes no further.
const NOTIFICATION: &str = "a change notification carries no alert: fetch it with Graph and post the alerts_v2 object";

enum Shape<'a> {
    Notification,
    Streaming(Vec<&'a Value>),
    Endpoint,
    Legacy,
    Graph,
    EventGrid,
    Incident(&'a Value),
    Several(&'a [Value]),
}

fn shape(payload: &Value) -> Option<Shape<'_>> {
    if let Value::Array(items) = payload {
        return several(items);
    }
    if let Some(records) = at(payload, &["records"]).and_then(Value::as_array) {
        return several(records);
    }
    if let Some(value) = at(payload, &["value"]).and_then(Value::as_array) {
        // The answer to a list of alerts has `value` too, as has a batch of notifications.
        return if value.iter().any(|item| has(item, &["subscriptionId"])) {
            Some(Shape::Notification)
        } else if value.is_empty() {
            has(payload, &["@odata.context"]).then_some(Shape::Several(value))
        } else {
            several(value)
        };
    }
    if streaming::recognises(payload) {
        return Some(Shape::Streaming(vec![payload]));
    }
    if has(payload, &["alertCreationTime"]) {
        return Some(Shape::Endpoint);
    }
    if has(payload, &["azureTenantId"])
        && ["vendorInformation", "vendorInformation_provider"].iter().any(|key| has(payload, &[*key]))
    {
        return Some(Shape::Legacy);
    }
    if has(payload, &["createdDateTime"])
        && ["evidence", "serviceSource", "tenantId"].iter().any(|key| has(payload, &[*key]))
    {
        return Some(Shape::Graph);
    }
    let kind = ["type", "eventType"].iter().find_map(|key| text(payload, &[*key]));
    if kind.is_some_and(|kind| kind.starts_with("Microsoft.Graph.")) {
        return Some(Shape::EventGrid);
    }
    incident::recognise(payload).map(Shape::Incident)
}

/// Several items of one shape. Streaming records belong together, since each is a part of an alert.
fn several(items: &[Value]) -> Option<Shape<'_>> {
    if !items.is_empty() && items.iter().all(streaming::recognises) {
        return Some(Shape::Streaming(items.iter().collect()));
    }
    shape(items.first()?).map(|_| Shape::Several(items))
}

/// Whether the body is one of the vendor's, whatever route it came by.
pub(super) fn recognises(payload: &Value) -> bool {
    shape(payload).is_some()
}

/// The body's alerts; `None` if it is none of the vendor's shapes.
pub(super) fn normalise(payload: &Value, reception: &Reception<'_>) -> Known {
    let Some(shape) = shape(payload) else { return Ok(None) };
    match shape {
        Shape::Notification | Shape::EventGrid => Ok(Some(Normalised::Ignored { reason: NOTIFICATION.to_owned() })),
        Shape::Streaming(records) => streaming::normalise(&records, reception).map(Some),
        Shape::Endpoint => endpoint::normalise(payload, reception).map(one),
        Shape::Legacy => legacy::normalise(payload, reception).map(one),
        Shape::Graph => graph::normalise(payload, reception).map(one),
        Shape::Incident(incident) => incident::normalise(incident, reception).map(one),
        Shape::Several(items) => each(items, |item| normalise(item, reception)),
    }
}

/// The first text of a list.
fn first_of(value: &Value, path: &[&str]) -> Option<String> {
    elements(value, path).iter().find_map(super::fields::text_of)
}

#[cfg(test)]
mod tests;
