//! An alert's way as OpenTelemetry's protocol has it in JSON (OTLP/HTTP, `ExportTraceServiceRequest`): one span for the whole,
//! one below it for each step, from the step before to the step itself.
//!
//! A span's id is made of where its entry is, so that the same alert exported twice is the same trace.

use super::journey::{Journey, Step};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use vyrox_contract::TenantId;
use vyrox_domain::trace::{SpanId, TraceId};

/// A span that is neither a server's nor a client's.
const INTERNAL: u8 = 1;

pub(super) fn document(trace: TraceId, tenant: &TenantId, journey: &Journey) -> Value {
    let whole = span_id(&format!("{trace}|whole"));
    let mut by_function = BTreeMap::<&str, Vec<Value>>::new();
    let began = journey.began_at_ms.unwrap_or(0);
    let ends = began.saturating_add(journey.took_ms);
    if journey.steps.is_empty() {
        return json!({"resourceSpans": []});
    }
    by_function.entry("alert").or_default().push(json!({
        "traceId": trace.to_string(), "spanId": whole, "name": "alert", "kind": INTERNAL,
        "startTimeUnixNano": nanos(began), "endTimeUnixNano": nanos(ends),
        "attributes": [attribute("vyrox.tenant_id", tenant.as_str())],
    }));
    for step in &journey.steps {
        by_function.entry(&step.function).or_default().push(span(trace, &whole, step));
    }
    let resources = by_function.into_iter().map(|(function, spans)| {
        json!({
            "resource": {"attributes": [attribute("service.namespace", "vyrox"), attribute("service.name", function)]},
            "scopeSpans": [{"scope": {"name": "vyroxctl", "version": env!("CARGO_PKG_VERSION")}, "spans": spans}],
        })
    });
    json!({"resourceSpans": resources.collect::<Vec<_>>()})
}

fn span(trace: TraceId, whole: &str, step: &Step) -> Value {
    let mut attributes = vec![
        attribute("vyrox.audit.lane", &step.lane),
        attribute("vyrox.audit.seq", &step.seq.to_string()),
        attribute("vyrox.note", &step.note),
    ];
    attributes.extend(step.request_id.as_deref().map(|id| attribute("vyrox.request_id", id)));
    json!({
        "traceId": trace.to_string(), "spanId": span_id(&format!("{}|{}", step.lane, step.seq)), "parentSpanId": whole,
        "name": step.event, "kind": INTERNAL,
        "startTimeUnixNano": nanos(step.at_ms - step.took_ms), "endTimeUnixNano": nanos(step.at_ms),
        "attributes": attributes,
    })
}

/// The protocol's JSON has 64-bit numbers as text.
fn nanos(millis: i64) -> String {
    millis.saturating_mul(1_000_000).to_string()
}

fn attribute(key: &str, text: &str) -> Value {
    json!({"key": key, "value": {"stringValue": text}})
}

fn span_id(of: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(of).into();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    SpanId::from_bytes(first).to_string()
}
