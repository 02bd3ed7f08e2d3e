//! Field maps as their authors write them: what is refused, by which key, and what a good one yields.

use super::*;
use crate::vendor::Normalised;
use serde_json::json;

const MAP: &str = r#"
name = "my-siem"
when = ["kind == detection", ["alert.id", "alert.uid"]]
each = "alerts"

[fields]
raw_id = ["alert.id", "alert.uid"]
timestamp = "alert.time"
hostname = "hosts[?role==victim].name"
username = "account(user.domain, user.name)"
process_name = "basename(unescape(process.path))"
sha256 = ["process.sha256", "pair(process.hashes, SHA256)"]
vendor_severity = ["lookup(alert.level, level)", "alert.word", "'low'"]
process_id = "process.pid"
platform = "hosts[?role==victim].os"
title = "\"a.literal.key\""

[tables.level]
"0-6" = "low"
"7-11" = "medium"
"12-15" = "high"
emergency = "critical"
"#;

fn read(map: &str, payload: &Value) -> Known {
    let tenant = "acme".parse().unwrap();
    let reception = Reception { tenant_id: &tenant, received_at: 1_700_000_100 };
    FieldMap::parse(map).unwrap().normalise(Vendor::Generic, payload, &reception)
}

fn payload() -> Value {
    json!({
        "kind": "detection", "alert": {"id": 9_007_199_254_740_993_u64, "time": "2023-11-14T22:13:20.005+0000", "level": 12},
        "hosts": [{"role": "attacker", "name": "WS-666"}, {"role": "victim", "name": "WS-042", "os": "Windows 11"}],
        "user": {"domain": "CORP", "name": "svc"}, "a.literal.key": "A title",
        "process": {"path": "C:\\\\Windows\\\\cmd.exe", "hashes": format!("MD5=00,SHA256={}", "AB".repeat(32)), "pid": "4711"}
    })
}

fn only(known: Known) -> NormalizedAlert {
    match known.unwrap().unwrap() {
        Normalised::Alerts(mut alerts) if alerts.len() == 1 => alerts.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_part_of_the_language_fills_its_field() {
    let alert = only(read(MAP, &payload()));
    assert_eq!(alert.raw_id, "9007199254740993", "integers beyond 2^53 are exact");
    assert_eq!(alert.timestamp, 1_700_000_000);
    assert_eq!(alert.hostname.as_deref(), Some("WS-042"));
    assert_eq!(alert.username.as_deref(), Some("CORP\\svc"));
    assert_eq!(alert.process_name.as_deref(), Some("cmd.exe"));
    assert_eq!(alert.sha256.unwrap().as_str(), "ab".repeat(32));
    assert_eq!(alert.vendor_severity, VendorSeverity::High);
    assert_eq!(alert.process_id.unwrap().as_u32(), 4711);
    assert_eq!(alert.platform, Some(crate::alert::Platform::Windows));
    assert_eq!(alert.title.as_deref(), Some("A title"));
    assert_eq!(alert.process_cmdline, None);
}

#[test]
fn severity_is_the_tables_the_vendors_or_the_default_but_no_bare_number() {
    for (level, word, wanted) in [
        (json!(3), json!(null), VendorSeverity::Low),
        (json!("11"), json!(null), VendorSeverity::Medium),
        (json!("EMERGENCY"), json!(null), VendorSeverity::Critical),
        (json!(16), json!("high"), VendorSeverity::High),
        (json!(16), json!(9), VendorSeverity::Low),
        (json!(1.5), json!(null), VendorSeverity::Low),
    ] {
        let mut payload = payload();
        payload["alert"]["level"] = level.clone();
        payload["alert"]["word"] = word.clone();
        assert_eq!(only(read(MAP, &payload)).vendor_severity, wanted, "{level} {word}");
    }
}

#[test]
fn a_body_of_several_is_as_many_alerts_and_one_that_does_not_fit_is_not_this_maps() {
    let mut second = payload();
    second["alert"] = json!({"uid": "two", "time": 1_700_000_000});
    for body in [json!({"alerts": [payload(), second]}), json!([payload(), second])] {
        assert!(matches!(read(MAP, &body), Ok(Some(Normalised::Alerts(alerts))) if alerts.len() == 2), "{body}");
    }
    let mut foreign = payload();
    foreign["kind"] = json!("heartbeat");
    for body in [foreign.clone(), json!({"alerts": [payload(), foreign]}), json!([]), json!(5), json!({"alerts": []})] {
        assert!(matches!(read(MAP, &body), Ok(None)), "{body}");
    }
    let mut timeless = payload();
    timeless["alert"]["time"] = json!("soon");
    assert_eq!(
        read(MAP, &timeless).unwrap_err().to_string(),
        "timestamp (where the field map looks for it) is missing or unreadable"
    );
}

#[test]
fn json_and_toml_are_the_same_language() {
    let document: Value = toml::from_str(MAP).unwrap();
    assert_eq!(FieldMap::parse(&document.to_string()).unwrap(), FieldMap::parse(MAP).unwrap());
}

#[test]
fn what_is_wrong_is_said_with_the_keys_name() {
    let with = |from: &str, to: &str| {
        assert!(MAP.contains(from), "{from}");
        MAP.replacen(from, to, 1)
    };
    for (map, wanted) in [
        (
            with("hostname =", "hostnme ="),
            "fields.hostnme: there is no such key; there are raw_id, timestamp, hostname,",
        ),
        (with("[fields]", "[feilds]"), "feilds: there is no such key; there are name, when, each, fields, tables"),
        (with("raw_id =", "title ="), "the field map is not TOML"),
        (with("timestamp = \"alert.time\"", ""), "fields.timestamp: it is missing, and no alert can do without it"),
        (with("\"process.pid\"", "5"), "fields.process_id: it must be a text or a list of texts"),
        (with("\"process.pid\"", "[]"), "fields.process_id: it must be a text or a list of texts"),
        (with("\"process.pid\"", "\"process.\""), "fields.process_id: at character 9: a key was expected"),
        (with("level)", "levels)"), "fields.vendor_severity: there is no table \"levels\""),
        (with("'low'", "'lowish'"), "fields.vendor_severity: \"lowish\" is none of informational,"),
        (with("\"critical\"", "\"catastrophic\""), "fields.vendor_severity: \"catastrophic\" is none of"),
        (
            with("\"alert.time\"", "[\"received()\"]").replacen("\"process.pid\"", "\"received()\"", 1),
            "fields.process_id: received() is a time: only timestamp may have it",
        ),
        (with("emergency = \"critical\"", "emergency = 5"), "tables.level.emergency: it must be a text"),
        (with("kind == detection", "kind = detection"), "when: at character 6: the end was expected"),
        (with("each = \"alerts\"", "each = \"al[erts\""), "each: at character 4: a number, or ? with a condition"),
        ("{".to_owned(), "the field map is not JSON"),
        ("[]".to_owned(), "the field map is not TOML"),
        ("#".repeat(20_000), "the field map is longer than 16384 bytes"),
    ] {
        let error = FieldMap::parse(&map).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}\nwanted: {wanted}");
    }
}
