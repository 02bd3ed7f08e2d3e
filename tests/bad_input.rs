//! Bodies that are too large, not JSON, nested without end, or no alert: what is answered, and that nothing is left
//! behind. A new test goes here if the sender may be genuine but the bytes are not what they should be.

use serde_json::{Value, json};
use vyrox_domain::webhook::{SIGNATURE_HEADER, sign};
use vyrox_tests::{Reply, Stage};

const NOTHING: [&str; 0] = [];

/// What every answer carries (the published contract).
const HEADERS: [(&str, Option<&str>); 8] = [
    ("strict-transport-security", Some("max-age=63072000; includeSubDomains")),
    ("x-content-type-options", Some("nosniff")),
    ("x-frame-options", Some("DENY")),
    ("referrer-policy", Some("no-referrer")),
    ("permissions-policy", None),
    ("content-security-policy", Some("default-src 'none'")),
    ("cache-control", Some("no-store")),
    ("x-request-id", None),
];

/// What it is, whether it is signed, path, body, the code, what the answer says.
type Case<'a> = (&'a str, bool, &'a str, &'a [u8], u16, &'a str);

#[track_caller]
fn carries_the_headers(what: &str, reply: &Reply) {
    for (name, wanted) in HEADERS {
        let found: Vec<&str> = reply.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        assert_eq!(found.len(), 1, "{what}: {name} {found:?} on {}", reply.status);
        assert!(!found[0].is_empty() && wanted.is_none_or(|wanted| found[0] == wanted), "{what}: {name} is {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bodies_are_refused_each_with_its_code_and_leave_nothing_behind() {
    let stage = Stage::dry_run().await;
    let by_path = format!("/webhook/crowdstrike/{}", stage.tenant());
    let good = stage.body("credential-dump");
    let secret = stage.system.endpoints.webhook_secret.clone();
    let bomb = [r#"{"detect_id":"#.as_bytes(), "[".repeat(100_000).as_bytes()].concat();
    let nested = format!("{}{}", "{\"a\":".repeat(100_000 / 6), "1");
    let latin = [br#"{"detect_id":"caf"#.as_slice(), &[0xe9], br#"","timestamp":1700000000}"#].concat();
    let nameless =
        json!({"detect_id": "ldt:1", "timestamp": 1_700_000_000, "sensor": {"hostname": "WS-042"}}).to_string();
    let timeless = json!({"detect_id": "ldt:1"}).to_string();
    let cases: [Case<'_>; 15] = [
        ("1 MB", true, &by_path, &vec![b'x'; 1_000_000], 413, "larger than 256 KiB"),
        ("1 MB, unsigned", false, &by_path, &vec![b'x'; 1_000_000], 413, "larger than 256 KiB"),
        ("a byte over the limit", true, &by_path, &vec![b' '; 256 * 1024 + 1], 413, "larger than 256 KiB"),
        ("no signature", false, &by_path, &good, 401, "invalid signature"),
        ("bytes that are not UTF-8", true, &by_path, &latin, 415, "not JSON"),
        ("prose", true, &by_path, b"the host is on fire", 415, "not JSON"),
        ("nothing", true, &by_path, b"", 415, "not JSON"),
        ("half of a body", true, &by_path, &good[..good.len() / 2], 415, "not JSON"),
        ("arrays 100,000 deep", true, &by_path, &bomb, 422, "nested deeper"),
        ("objects nested without end", true, &by_path, nested.as_bytes(), 422, "nested deeper"),
        ("JSON of no shape", true, &by_path, br#"{"hello":"world"}"#, 422, "no crowdstrike shape"),
        ("an array", true, &by_path, b"[]", 422, "no crowdstrike shape"),
        ("an alert without a time", true, &by_path, timeless.as_bytes(), 422, "timestamp"),
        ("no tenant reference", true, "/webhook/crowdstrike", nameless.as_bytes(), 400, "missing tenant identifier"),
        ("a vendor that nobody knows", true, "/webhook/acme-edr/demo", &good, 404, "unknown vendor"),
    ];
    let before = stage.snapshot().await;
    for (what, signed, path, body, status, said) in cases {
        let signature = sign(secret.as_bytes(), body);
        let headers = [(SIGNATURE_HEADER, signature.as_str())];
        let reply = stage.post(path, body, if signed { &headers } else { &[] }).await;
        assert_eq!(reply.status, status, "{what}: {}", String::from_utf8_lossy(&reply.body));
        let detail = reply.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains(said), "{what}: {detail}");
        assert!(
            !detail.contains("fire") && !detail.contains("world"),
            "{what}: no value of the sender's comes back: {detail}"
        );
        carries_the_headers(what, &reply);
    }
    assert_eq!(stage.snapshot().await.changes_since(&before), NOTHING, "stored, audited or counted");

    // The same System still works.
    let reply = stage.deliver(&good).await;
    assert_eq!(reply.status, 202);
    carries_the_headers("an accepted alert", &reply);
    stage.card(reply.alert_id()).await;
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers_even_where_there_is_no_route() {
    let stage = Stage::dry_run().await;
    carries_the_headers("health", &stage.read_url("/health").await);
    assert_eq!(stage.read_url("/health").await.json(), json!({"status": "ok"}));
    for (what, reply, status) in [
        ("no such path", stage.read_url("/favicon.ico").await, 404),
        ("no such path under the webhook", stage.post("/webhook/crowdstrike/demo/more", b"{}", &[]).await, 404),
        ("another method", stage.read_url("/webhook/crowdstrike/demo").await, 405),
        ("a tenant that is not UTF-8", stage.post("/webhook/crowdstrike/%FF", b"{}", &[]).await, 404),
        ("a vendor that is not UTF-8", stage.post("/webhook/%FF", b"{}", &[]).await, 404),
    ] {
        assert_eq!(reply.status, status, "{what}");
        carries_the_headers(what, &reply);
        assert!(reply.json()["detail"].is_string(), "{what}");
    }
    let ignored = stage.deliver(&stage.body("not-an-alert")).await;
    assert_eq!((ignored.status, ignored.json()["status"].as_str()), (202, Some("ignored")));
    carries_the_headers("an ignored event", &ignored);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn integers_beyond_two_to_the_53_keep_every_digit() {
    let stage = Stage::dry_run().await;
    let now = stage.now();
    // As text, because these digits must reach the wire as they are.
    let published =
        format!(r#"{{"detect_id":9007199254740993,"customer_id":"demo","timestamp":{now},"severity":"high"}}"#);
    let event = format!(
        r#"{{"metadata":{{"customerIDString":"demo","eventType":"EppDetectionSummaryEvent","eventCreationTime":{now}123}},
            "event":{{"CompositeId":1719309930613520072,"ProcessId":1719309930613520072,"Hostname":"WS-042","Severity":70}}}}"#
    );
    for (body, raw_id) in [(published, "9007199254740993"), (event, "1719309930613520072")] {
        let reply = stage.deliver(body.as_bytes()).await;
        assert_eq!(reply.status, 202, "{}", String::from_utf8_lossy(&reply.body));
        let alert = stage.record(reply.alert_id()).await.alert;
        assert_eq!(alert.raw_id, raw_id);
        assert_eq!(alert.process_id, None, "the vendor's graph id is no process id");
        assert_eq!(alert.timestamp, now);
        let stored = stage.snapshot().await.0[&format!("ALERT#{}", alert.id)].clone();
        let item: Value = serde_json::from_str(stored.split_once(' ').unwrap().1).unwrap();
        assert_eq!(item["alert"]["raw_id"], raw_id, "in the item itself, as text");
        let entries = stage.audit().await;
        let accepted = entries.iter().find(|entry| entry.alert_id() == Some(&alert.id.to_string())).unwrap();
        assert_eq!(accepted.detail()["raw_id"], raw_id);
    }
    stage.end().await;
}
