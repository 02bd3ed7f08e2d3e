//! Whether the time that a refusal takes tells why. Real requests through the real router against the embedded AWS, one
//! kind after the other in random order, compared by medians and by the Mann-Whitney statistic. A new test goes here if
//! two answers must not be told apart by their time.
//!
//! A difference counts if it is one that a leak would make: the same statistics must catch an ingest that answers for
//! unknown tenants without asking KMS, which is tried beside the real one each time.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "the figures are what a reader of a failure needs")]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use std::sync::Arc;
use tokio::time::{Duration, Instant};
use tower::ServiceExt as _;
use vyrox_audit::Draft;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::tenant::{Tenant, TenantStatus};
use vyrox_domain::webhook::{Keyring, RawDelivery, Scheme, authenticate};
use vyrox_ingest::{Ingest, router};
use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Topology};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::ManualClock;
use vyrox_platform::config;
use vyrox_platform::ledger::{Change, Expect, Ledger};
use vyrox_platform::secrets::{KEEP, Secret, Secrets};
use vyrox_platform::source::{Credential, Previous, Source};
use vyrox_platform::table::{Lookup, SortKey, Table};
use vyrox_tests::proof;

const NOW: i64 = 1_700_000_000;
const KEY: &[u8] = b"a-key-of-more-than-32-characters-for-every-scheme";
const BODY: &[u8] = br#"{"detect_id":"ldt:1","timestamp":1700000000,"sensor":{"hostname":"WS-042"}}"#;

/// How often each kind is measured in one attempt.
const ROUNDS: usize = 120;
/// A machine that is busy with other things spoils an attempt; it does not spoil all of them in the same direction.
const ATTEMPTS: usize = 4;

/// What proves deliveries of `many`; the first of it alone is what proves those of `one` and `off`.
const SCHEMES: [Scheme; 4] = [Scheme::VyroxHmac, Scheme::Bearer, Scheme::GraphClientState, Scheme::StandardWebhooks];

/// Ingest alone, with three tenants.
struct Stand {
    router: Router,
    clock: Arc<ManualClock>,
    table: Table,
    _aws: Embedded,
}

impl Stand {
    async fn start() -> Self {
        let aws = Embedded::start(EmbeddedOptions::default()).await.unwrap();
        let endpoint = aws.endpoint_url();
        let provisioned = Topology::for_stack("vyrox").unwrap().provision(&ClientSet::new(&endpoint)).await.unwrap();
        let lookup = |name: &str| {
            Some(match name {
                "AWS_REGION" => "us-east-1".to_owned(),
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test".to_owned(),
                "AWS_ENDPOINT_URL" => endpoint.clone(),
                "VYROX_TABLE" => provisioned.table("Table").unwrap().to_owned(),
                "VYROX_ALERTS_QUEUE_URL" => provisioned.queue_url("AlertsQueue").unwrap().to_owned(),
                "VYROX_SECRETS_KEY_ID" => provisioned.key("SecretsKey").unwrap().id.clone(),
                _ => return None,
            })
        };
        let config = config::Ingest::from_environment(&lookup).unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        let clients = Clients::new(&config.aws);
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        let secrets = Secrets::new(clients.kms.clone(), &config.secrets_key_id, clock.clone());
        let ledger = Ledger::new(table.clone(), "test", clock.clone());
        let active = TenantStatus::Active;
        for (id, status, schemes) in [("one", active, 1), ("many", active, 4), ("off", TenantStatus::Suspended, 1)] {
            tenant(&ledger, &secrets, id, status, &SCHEMES[..schemes]).await;
        }
        let ingest = Ingest::new(&clients, &config, clock.clone());
        ingest.warm().await;
        Self { router: router(Arc::new(ingest)), clock, table, _aws: aws }
    }

    /// How long the answer to a delivery takes, which must be a refusal.
    async fn refused(&self, tenant: &str, headers: &[(&str, String)]) -> Duration {
        let mut request = Request::post(format!("/webhook/crowdstrike/{tenant}"));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::from(BODY)).unwrap();
        let began = Instant::now();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        response.into_body().collect().await.unwrap();
        let took = began.elapsed();
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        took
    }

    /// What an ingest would take that looks an unknown tenant up, verifies against nothing, and does not ask KMS.
    async fn leaking(&self, tenant: &str) -> Duration {
        let tenant: TenantId = tenant.parse().unwrap();
        let (profile, source) = (SortKey::profile(), SortKey::source(Vendor::Crowdstrike));
        let began = Instant::now();
        let (found, _) = tokio::join!(
            self.table.read::<Tenant>(&tenant, &profile, NOW),
            self.table.read::<Source>(&tenant, &source, NOW)
        );
        let headers = proof(Scheme::VyroxHmac, KEY, BODY, NOW).into_iter().collect();
        let refused = authenticate(RawDelivery { body: BODY, headers }, &Keyring::<Secret>::default(), NOW);
        let took = began.elapsed();
        assert!(found.unwrap().is_none() && refused.is_err());
        took
    }
}

async fn tenant(ledger: &Ledger, secrets: &Secrets, id: &str, status: TenantStatus, schemes: &[Scheme]) {
    let tenant_id: TenantId = id.parse().unwrap();
    let profile = Tenant { status, ..Tenant::new(tenant_id.clone(), id) };
    let vendor = Vendor::Crowdstrike;
    let keep = async |scheme| secrets.keep(&tenant_id, vendor, scheme, &Secret::new(KEY.to_vec())).await.unwrap();
    let mut source = Source::new(vendor, id);
    for scheme in schemes {
        // In the middle of a rotation, if there are several.
        let previous = match schemes {
            [_] => None,
            _ => Some(Previous { secret: keep(*scheme).await, until: i64::MAX }),
        };
        source = source.with(Credential { previous, ..Credential::new(*scheme, keep(*scheme).await) });
    }
    let changes = [
        Change::put(SortKey::profile(), &profile, Expect::Absent),
        Change::put(SortKey::source(vendor), &source, Expect::Absent).known_as(Lookup::account(vendor, id)),
    ];
    ledger.commit(&tenant_id, &changes, &Draft::event(NOW, id, "MADE_BY_TEST")).await.unwrap();
}

/// The kinds of refusal; the first is what the others are compared with, the last is the leak.
const KINDS: [&str; 7] =
    ["wrong secret", "unknown tenant", "wrong scheme", "wrong token", "no proof", "suspended tenant", "LEAK"];

async fn measure(stand: &Stand, tenant: &str, kind: usize, number: usize) -> Duration {
    let made = |scheme, key: &[u8]| proof(scheme, key, BODY, NOW);
    let unknown = format!("unknown-{number}");
    match kind {
        0 => stand.refused(tenant, &made(Scheme::VyroxHmac, b"guessed")).await,
        1 => stand.refused(&unknown, &made(Scheme::VyroxHmac, KEY)).await,
        2 => stand.refused(tenant, &made(Scheme::CrowdstrikeHmac, KEY)).await,
        3 => stand.refused(tenant, &made(Scheme::Bearer, b"guessed")).await,
        4 => stand.refused(tenant, &[]).await,
        5 => stand.refused("off", &made(Scheme::VyroxHmac, KEY)).await,
        _ => stand.leaking(&unknown).await,
    }
}

/// Measures every kind so many times, in an order that is different each time, and lets the clock go on by so many seconds
/// before each.
async fn series(stand: &Stand, tenant: &str, step: i64) -> Vec<Vec<f64>> {
    let mut samples = vec![Vec::new(); KINDS.len()];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..ROUNDS {
        let mut order: Vec<usize> = (0..KINDS.len()).collect();
        for index in (1..order.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(index, (random >> 33) as usize % (index + 1));
        }
        for kind in order {
            stand.clock.advance(step);
            let took = measure(stand, tenant, kind, round).await;
            // The first rounds warm connections up.
            if round >= 5 {
                samples[kind].push(took.as_secs_f64() * 1_000.0);
            }
        }
    }
    samples
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// How likely a sample of the one is to be larger than one of the other: Mann and Whitney's U over all pairs. A half says
/// that they cannot be told apart, nought or one that a single look tells them.
fn superiority(one: &[f64], other: &[f64]) -> f64 {
    let wins: f64 = one
        .iter()
        .flat_map(|a| {
            other.iter().map(move |b| {
                if a > b {
                    1.0
                } else if a < b {
                    0.0
                } else {
                    0.5
                }
            })
        })
        .sum();
    wins / (one.len() * other.len()) as f64
}

/// Whether two kinds can be told apart, and the figures.
fn told_apart(reference: &[f64], other: &[f64]) -> (bool, String) {
    let (wanted, found) = (median(reference), median(other));
    let superiority = superiority(reference, other);
    let apart = (superiority - 0.5).abs() > 0.17 && (wanted - found).abs() > 0.12 * wanted;
    (apart, format!("median {found:.3} ms (reference {wanted:.3}), superiority {superiority:.3}"))
}

/// Every kind of refusal looks like every other, and the leak does not.
async fn compare(stand: &Stand, what: &str, tenant: &str, step: i64) {
    let mut failures = Vec::new();
    for attempt in 0..ATTEMPTS {
        let samples = series(stand, tenant, step).await;
        failures.clear();
        for (kind, name) in KINDS.iter().enumerate().skip(1) {
            let (apart, figures) = told_apart(&samples[0], &samples[kind]);
            eprintln!("{what}, attempt {attempt}: {name}: {figures}");
            if apart != (*name == "LEAK") {
                failures.push(format!("{name}: {figures}"));
            }
        }
        if failures.is_empty() {
            return;
        }
    }
    panic!("{what}: {failures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_refusal_does_not_tell_its_reason() {
    let stand = Stand::start().await;
    // Secrets in memory, and KMS asked for nothing each time.
    compare(&stand, "warm", "many", 1).await;
    // The secret opened anew each time.
    compare(&stand, "cold", "one", KEEP + 1).await;
    // More refusals in a second than KMS is asked about.
    compare(&stand, "flood", "many", 0).await;
}
