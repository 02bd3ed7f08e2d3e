//! Hostile fields in signed requests, against the real program: refused, and nothing forged in its log or in the audit log.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::{Value, json};
use support::edr::{Edr, Mood};
use support::process::{Process, now_with};
use support::{AID, entries};

/// What would write on a terminal, into another line, or show a text otherwise than it is.
const FORGERIES: [&str; 11] = [
    "a\n{\"timestamp\":\"2026-01-01T00:00:00Z\",\"level\":\"INFO\",\"fields\":{\"message\":\"forged\"}}",
    "a\r\nforged",
    "\u{1b}[2J\u{1b}[31mforged",
    "\u{9b}31mforged",
    "forged\u{0}",
    "\u{202e}degrof",
    "\u{2066}forged\u{2069}",
    "forged\u{200b}",
    "\u{feff}forged",
    "forged\u{2028}forged",
    "\u{7f}forged",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_fields_are_refused_and_forge_nothing_in_any_log() {
    let dir = tempfile::tempdir().unwrap();
    let edr = Edr::start(Mood::Fine).await;
    let (mut process, messages) = Process::spawn(dir.path(), &edr.url, "");
    process.url = loop {
        let line = messages.recv_timeout(std::time::Duration::from_secs(60)).expect("it starts");
        if line["fields"]["message"] == "started" {
            break format!("http://{}", line["fields"]["address"].as_str().unwrap());
        }
    };
    let send = async |pointer: &str, value: Value| {
        let body = now_with("hostile", |action| *action.pointer_mut(pointer).unwrap() = value);
        let response = process.http.post(format!("{}/execute", process.url)).body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let texts = [
        "/request_id",
        "/tenant_id",
        "/proxy_id",
        "/alert_id",
        "/target/hostname",
        "/target/device_id",
        "/approved_by/0/id",
        "/approved_by/0/name",
        "/plan_digest",
    ];
    for pointer in texts {
        for forgery in FORGERIES {
            let (status, answer) = send(pointer, json!(forgery)).await;
            assert_eq!(status, 422, "{pointer}: {forgery:?}: {answer}");
            assert!(
                answer.chars().all(|c| !c.is_control() && !"\u{202e}\u{2066}\u{200b}\u{feff}".contains(c)),
                "{answer:?}"
            );
        }
        let (status, answer) = send(pointer, json!("x".repeat(40_000))).await;
        assert_eq!((status, answer.len() < 1000), (422, true), "{pointer}: as long as a body can be");
        assert_eq!(send(pointer, json!("x".repeat(1 << 20))).await.0, 413, "{pointer}: 1 MB");
    }
    for pointer in ["/issued_at", "/approved_at", "/expires_at"] {
        for time in [json!(1.5), json!(u64::MAX), json!("1700000000"), json!(1e300)] {
            assert_eq!(send(pointer, time.clone()).await.0, 422, "{pointer}: {time}");
        }
    }
    // Well-formed, and outside of every window: refused before anything is recorded.
    for time in [i64::MIN, i64::MIN + 1_700_000_000, i64::MAX] {
        assert_eq!(send("/issued_at", json!(time)).await.0, 410, "{time}");
    }
    assert!(
        !dir.path()
            .join("audit")
            .read_dir()
            .unwrap()
            .any(|file| { file.unwrap().path().extension().is_some_and(|extension| extension == "jsonl") })
    );
    assert_eq!(process.execute("honest").await.unwrap().0, 200);
    assert_eq!(process.stop(), Some(0));

    // Every line of the process was JSON, which `Process` checks, and none is of a forger's making.
    let lines: Vec<Value> = messages.try_iter().collect();
    assert!(lines.iter().any(|line| line["fields"]["message"] == "action ended"));
    for line in &lines {
        let text = line.to_string();
        assert!(!text.contains("forged") && !text.contains("degrof"), "{text}");
        assert!(text.len() < 1000, "{text}");
    }
    let entries = entries(dir.path());
    assert_eq!(entries.len(), 2, "the honest request's");
    assert!(entries.iter().all(|entry| entry.request_id() == Some("honest") && entry.detail()["device_id"] == AID));
}
