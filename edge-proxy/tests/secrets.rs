//! The vendors' credentials and tokens stay here: not in a log line, an audit entry, a receipt, or what the relay is told.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

mod support;

use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::vendors::{
    AGENT, MACHINE, aimed, defender, falcon, sentinelone, with_defender, with_falcon, with_sentinelone,
};
use support::{AID, Harness};
use tracing::Level;
use vyrox_edr_standin::{Fault, On};

/// Everything that is logged, at the finest level.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const SECRETS: [&str; 4] = ["standin-secret", "standin-api-token", "standin-app-secret", "standin-token-"];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaves_the_proxy_but_to_its_vendor() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber =
        tracing_subscriber::fmt().json().with_max_level(Level::TRACE).with_writer(move || writer.clone()).finish();
    // The only test of this file, so that the subscriber is its own.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let (crowdstrike, sentinelone, defender) = (falcon().await, sentinelone().await, defender().await);
    let mut config = with_falcon(dir.path(), &crowdstrike);
    config.edrs.extend(with_sentinelone(dir.path(), &sentinelone).edrs);
    config.edrs.extend(with_defender(dir.path(), &defender).edrs);
    let mut told = format!("{config:?}");
    let proxy = Harness::start(config).await;
    let mut number = 0;
    for fault in [None, Some(Fault::Forbidden), Some(Fault::HangAfterActing), Some(Fault::Torn)] {
        if let Some(fault) = fault {
            for on in [On::Action, On::Details] {
                crowdstrike.inject(on, fault.clone());
                sentinelone.inject(on, fault.clone());
                defender.inject(on, fault.clone());
            }
        }
        for (vendor, device) in [("crowdstrike", AID), ("sentinelone", AGENT), ("defender", MACHINE)] {
            number += 1;
            let change = aimed("HOST_ISOLATION", json!({"vendor": vendor, "device_id": device}));
            let (status, body) = proxy
                .execute(|action| {
                    change(action);
                    action["request_id"] = json!(format!("req-{number}"));
                })
                .await;
            assert!(matches!(status, 200 | 502), "{status} {body}");
            told.push_str(&body.to_string());
            told.push_str(&format!("{:?}", support::receipt(&body)));
        }
    }
    crowdstrike.expire_tokens();
    tokio::time::sleep(Duration::from_millis(10)).await;
    proxy.running.shutdown().await;
    for entry in support::entries(dir.path()) {
        told.push_str(&serde_json::to_string(entry.detail()).unwrap());
    }
    told.push_str(&String::from_utf8_lossy(&logged.0.lock().unwrap()));
    assert!(told.contains("action ended") && told.contains("verification"), "there is something to look at");
    for secret in SECRETS {
        assert!(!told.contains(secret), "{secret} was told");
    }
}
