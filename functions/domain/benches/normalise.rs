//! What one delivery costs before any I/O, per vendor: verify, parse, normalise; time and allocations.
//!
//! `cargo bench -p vyrox-domain --bench normalise`
#![allow(missing_docs, clippy::unwrap_used)]

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher, black_box};
use vyrox_contract::Vendor;
use vyrox_domain::vendor::{Reception, normalise};
use vyrox_domain::webhook::{Headers, Keyring, RawDelivery, SIGNATURE_HEADER, authenticate, sign};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// A payload of `events/` and its route.
struct Payload {
    name: &'static str,
    vendor: Vendor,
    body: &'static [u8],
}

macro_rules! payloads {
    ($($vendor:ident $folder:literal $name:literal),* $(,)?) => {
        &[$(Payload {
            name: concat!($folder, "/", $name),
            vendor: Vendor::$vendor,
            body: include_bytes!(concat!("../../../events/", $folder, "/", $name, ".json")),
        }),*]
    };
}

const PAYLOADS: &[Payload] = payloads![
    Crowdstrike "crowdstrike" "ransomware",
    Crowdstrike "crowdstrike" "alerts-api",
    Sentinelone "sentinelone" "threat",
    Sentinelone "sentinelone" "unified-alert",
    Defender "defender" "graph-alert",
    Defender "defender" "streaming-process",
    Generic "generic" "wazuh-4-windows",
    Generic "generic" "ocsf-finding",
];

impl std::fmt::Display for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} B)", self.name, self.body.len())
    }
}

const SECRET: &[u8] = b"a secret of the benchmark, 32 by";

fn delivery(payload: &Payload) -> RawDelivery<&'static [u8]> {
    let headers = Headers::from_iter([(SIGNATURE_HEADER, sign(SECRET, payload.body))]);
    RawDelivery { body: payload.body, headers }
}

/// All six schemes, as for every delivery.
#[divan::bench(args = PAYLOADS)]
fn verify(bencher: Bencher<'_, '_>, payload: &Payload) {
    let (delivery, keyring) = (delivery(payload), Keyring::of_vyrox_hmac(SECRET));
    bencher
        .counter(BytesCount::of_slice(payload.body))
        .bench_local(|| authenticate(black_box(&delivery).clone(), &keyring, 0).unwrap());
}

/// Everything between the bytes and the alert.
#[divan::bench(args = PAYLOADS)]
fn verify_parse_normalise(bencher: Bencher<'_, '_>, payload: &Payload) {
    let (delivery, keyring) = (delivery(payload), Keyring::of_vyrox_hmac(SECRET));
    let tenant = "acme".parse().unwrap();
    let reception = Reception { tenant_id: &tenant, received_at: 1_700_000_000 };
    bencher.counter(BytesCount::of_slice(payload.body)).bench_local(|| {
        let authenticated = authenticate(black_box(&delivery).clone(), &keyring, 0).unwrap();
        normalise(payload.vendor, &authenticated, &reception).unwrap()
    });
}

fn main() {
    divan::main();
}
