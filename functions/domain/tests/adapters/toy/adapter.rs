//! The adapter of a made-up watchdog: `{"watchdog":{"event","at","kind","box":{"name","os"},"exe","level"}}`.

use serde_json::Value;
use vyrox_contract::Vendor;
use vyrox_domain::alert::VendorSeverity;
use vyrox_domain::timestamp;
use vyrox_domain::vendor::adapter::fields::{at, basename, has, platform_of_name, text};
use vyrox_domain::vendor::adapter::{Draft, Required};
use vyrox_domain::vendor::{Known, Normalised, Reception};

pub(crate) fn recognises(payload: &Value) -> bool {
    has(payload, &["watchdog"])
}

pub(crate) fn normalise(payload: &Value, reception: &Reception<'_>) -> Known {
    if !recognises(payload) {
        return Ok(None);
    }
    if text(payload, &["watchdog", "kind"]).as_deref() == Some("heartbeat") {
        return Ok(Some(Normalised::Ignored { reason: "a heartbeat is no alert".to_owned() }));
    }
    let process_path = text(payload, &["watchdog", "exe"]);
    let draft = Draft {
        raw_id: text(payload, &["watchdog", "event"]),
        timestamp: at(payload, &["watchdog", "at"]).and_then(timestamp::parse),
        hostname: text(payload, &["watchdog", "box", "name"]),
        platform: text(payload, &["watchdog", "box", "os"]).and_then(|name| platform_of_name(&name)),
        process_name: process_path.as_deref().and_then(basename),
        process_path,
        severity: text(payload, &["watchdog", "level"]).map(|word| VendorSeverity::from_word(&word)),
        ..Draft::default()
    };
    let required = Required { raw_id: "watchdog.event", timestamp: "watchdog.at" };
    Ok(Some(Normalised::Alerts(vec![draft.finish(Vendor::Generic, required, reception)?])))
}
