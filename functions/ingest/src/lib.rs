//! ingest: a vendor's webhook becomes a stored, audited and queued alert, and only then a 202.
//!
//! ```text
//!  POST /webhook/{vendor}/{tenant}  --bytes-->  RawDelivery --scheme--> Authenticated --adapter--> NormalizedAlert
//!       --one transaction: alert + audit entry-->  stored  --SQS-->  queued  -->  202
//! ```
//!
//! It never calls a model and never waits for Discord. The order after authentication is store, then queue: a delivery
//! that fails between the two is answered 503, the vendor retries, and the retry queues what is stored.

mod accept;
mod answer;
mod authenticate;
mod decoy;
mod handshake;
mod raw;
mod settings;

use crate::answer::Answer;
use crate::decoy::Decoy;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::sync::Arc;
use std::time::Duration;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::message::AlertQueued;
use vyrox_domain::webhook::{Headers, MAX_BODY};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::Clock;
use vyrox_platform::config;
use vyrox_platform::evidence::Sealer;
use vyrox_platform::ledger::Ledger;
use vyrox_platform::metric::{self, Metric};
use vyrox_platform::queue::Queue;
use vyrox_platform::random;
use vyrox_platform::rate::{Limits, Rate};
use vyrox_platform::refusals::{Refusals, Refused};
use vyrox_platform::secrets::Secrets;
use vyrox_platform::table::Table;

/// What the function is called in logs, numbers and lanes.
const FUNCTION: &str = "ingest";

/// The answer must be out before the most impatient sender (3 s) gives up.
const DEADLINE: Duration = Duration::from_millis(2_500);

/// How much of a body that is too large is read and thrown away, in bytes: Lambda's own limit is 6 MB.
const DISCARD_MOST: usize = 8 * 1024 * 1024;

/// What ingest can do: read the table, commit with an audit entry, open secrets, queue alerts.
#[derive(Debug)]
pub struct Ingest {
    table: Table,
    ledger: Ledger,
    secrets: Secrets,
    alerts: Queue<AlertQueued>,
    clock: Arc<dyn Clock>,
    refusals: Refusals,
    rate: Rate,
    /// The rates of tenants that have chosen none.
    unless_set: Limits,
    evidence: Sealer,
    /// A tenant that nobody can be: the dot at its end is in no id that is given out.
    nobody: TenantId,
    decoy: Decoy,
}

impl Ingest {
    /// Wires the function up.
    #[must_use]
    pub fn new(clients: &Clients, config: &config::Ingest, clock: Arc<dyn Clock>) -> Self {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        let nobody: TenantId = "nobody.".parse().expect("letters and a dot are a tenant id");
        Self {
            ledger: Ledger::new(table.clone(), FUNCTION, Arc::clone(&clock)),
            secrets: Secrets::new(clients.kms.clone(), &config.secrets_key_id, Arc::clone(&clock)),
            alerts: Queue::new(clients.sqs.clone(), &config.alerts_queue_url),
            refusals: Refusals::default(),
            rate: Rate::new(table.clone()),
            unless_set: Limits { tenant: config.tenant_rate_per_minute, source: config.source_rate_per_minute },
            evidence: Sealer::new(clients.kms.clone(), &config.secrets_key_id, Arc::clone(&clock)),
            decoy: Decoy::new(nobody.clone()),
            nobody,
            table,
            clock,
        }
    }

    /// Counts a refused delivery.
    fn refuse(&self, tenant: &TenantId, why: Refused) {
        Metric::DeliveriesRefused.add_by(why.reason(), 1);
        self.refusals.count(tenant, why);
    }

    /// Opens connections before the first request, all at once; KMS is asked for what refusals ask it for.
    pub async fn warm(&self) {
        let decoy = self.secrets.open_nothing(&self.nobody);
        let (_, _, decoy) = tokio::join!(self.table.warm(), self.alerts.warm(), decoy);
        if let Err(error) = decoy {
            tracing::warn!(error = %vyrox_platform::batch::chain(&error), "KMS does not answer yet");
        }
    }
}

/// The function's routes.
pub fn router(ingest: Arc<Ingest>) -> Router {
    Router::new()
        .route("/webhook/{vendor}", post(by_body))
        .route("/webhook/{vendor}/{tenant_id}", post(by_path))
        .route("/health", get(async || Answer::Health.into_response("health")))
        .fallback(async || Answer::NoRoute.into_response(&random::nonce()))
        .method_not_allowed_fallback(async || Answer::WrongMethod.into_response(&random::nonce()))
        .with_state(ingest)
}

/// The tenant is in the path: nothing of the body is looked at before authentication.
async fn by_path(
    State(ingest): State<Arc<Ingest>>,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(Path((vendor, tenant))) = path else { return Answer::NoRoute.into_response(&random::nonce()) };
    if let Some(answer) = handshake::answer(&vendor, query.as_deref()) {
        return answer.into_response(&random::nonce());
    }
    respond(&ingest, &vendor, &headers, body, |_, _| Some(Named::Tenant(tenant.parse().ok()))).await
}

/// The tenant is named by one string in the body, which only selects the secret.
async fn by_body(
    State(ingest): State<Arc<Ingest>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(Path(vendor)) = path else { return Answer::NoRoute.into_response(&random::nonce()) };
    if let Some(answer) = handshake::answer(&vendor, query.as_deref()) {
        return answer.into_response(&random::nonce());
    }
    respond(&ingest, &vendor, &headers, body, |vendor, body| {
        vyrox_domain::webhook::scan_tenant_reference(vendor, body).map(|account| Named::Account(account.to_owned()))
    })
    .await
}

/// One delivery's coming in.
#[derive(Debug, Clone, Copy)]
struct Reception<'a> {
    /// Names it in the answer, in the log and in the audit.
    request_id: &'a str,
    /// When, milliseconds since 1970.
    began: i64,
}

/// How a delivery names its tenant.
#[derive(Debug)]
enum Named {
    /// By its id in the path; `None` where that is no id at all.
    Tenant(Option<TenantId>),
    /// By the vendor's account id in the body.
    Account(String),
}

async fn respond(
    ingest: &Ingest,
    vendor: &str,
    headers: &HeaderMap,
    body: Body,
    named: impl FnOnce(Vendor, &[u8]) -> Option<Named>,
) -> Response {
    let began = ingest.clock.now_millis();
    let reception = Reception { request_id: &random::nonce(), began };
    let work = async {
        let answer = match vendor.parse::<Vendor>() {
            Err(_) => Answer::UnknownVendor,
            Ok(vendor) => match read(body).await {
                Err(answer) => answer,
                Ok(body) => match named(vendor, &body) {
                    None => Answer::NoTenant,
                    Some(named) => {
                        let headers: Headers = headers.iter().collect();
                        let work = ingest.deliver(vendor, named, headers, body, reception);
                        tokio::time::timeout(DEADLINE, work).await.unwrap_or(Answer::Unavailable)
                    }
                },
            },
        };
        if answer == Answer::Unavailable {
            Metric::DeliveriesFailed.add(1);
        }
        Metric::WebhookToAnswer.took((began, ingest.clock.now_millis()));
        answer
    };
    let answer = metric::gather(Arc::clone(&ingest.clock), FUNCTION, work).await;
    answer.into_response(reception.request_id)
}

/// The whole body, up to the limit.
async fn read(mut body: Body) -> Result<Bytes, Answer> {
    match Limited::new(&mut body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body).await;
            Err(Answer::TooLarge)
        }
        Err(_) => Err(Answer::Unavailable),
    }
}

/// Takes the rest of a body that is too large, within reason: a sender that is still sending when the connection closes
/// sees a broken connection and tries again, instead of reading the answer.
async fn discard(mut body: Body) {
    let rest = async {
        let mut taken = 0;
        while let Some(Ok(frame)) = body.frame().await {
            taken += frame.data_ref().map_or(0, Bytes::len);
            if taken > DISCARD_MOST {
                break;
            }
        }
    };
    // Whoever takes longer has lost the answer.
    let _ = tokio::time::timeout(DEADLINE, rest).await;
}
