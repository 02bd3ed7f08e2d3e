//! relay: proxies in networks that only open connections outwards enrol, poll for signed actions, and return receipts.
//!
//! | route | who may call it | what it does |
//! |---|---|---|
//! | `POST /proxy/v1/enrol` | the holder of a one-time token | binds the proxy's public key to the tenant |
//! | `POST /proxy/v1/poll` | an enrolled proxy, by its signature | hands out the actions that wait for it, signed now |
//! | `POST /proxy/v1/rotate` | an enrolled proxy, by the signatures of its old and its new key | knows it by the new key |
//! | `POST /proxy/v1/receipts` | an enrolled proxy, by its signature | records what became of an action |
//!
//! It holds no state: who a key belongs to, what waits and what was answered is in the table.

mod enrol;
mod head;
mod poll;
mod rotate;
mod sightings;

use crate::head::Heads;
use crate::sightings::Sightings;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::sync::Arc;
use vyrox_contract::{TenantId, VerifyingKey, strict};
use vyrox_domain::message::CardRequested;
use vyrox_platform::aws::Clients;
use vyrox_platform::batch::chain;
use vyrox_platform::clock::Clock;
use vyrox_platform::config;
use vyrox_platform::delivery::{Delivery, DeliveryError};
use vyrox_platform::kms_key::KmsKeyError;
use vyrox_platform::ledger::{CommitError, Ledger};
use vyrox_platform::metric::{self, Metric};
use vyrox_platform::queue::Queue;
use vyrox_platform::refusals::{Refusals, Refused};
use vyrox_platform::signer::{Signer, public_half};
use vyrox_platform::table::{Table, TableError};

/// What the function is called in logs, numbers and lanes.
const FUNCTION: &str = "relay";
/// The largest body, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// What relay can do: read, commit with an audit entry, sign, record receipts, request cards.
#[derive(Debug)]
pub struct Relay {
    table: Table,
    ledger: Ledger,
    delivery: Delivery,
    /// What proxies pin, the one that signs first.
    platform_keys: Vec<String>,
    heads: Heads,
    sightings: Sightings,
    refusals: Refusals,
    clock: Arc<dyn Clock>,
}

impl Relay {
    /// Wires the function up; reads the signing key's public half, while its other connections are opened.
    ///
    /// # Errors
    /// [`KmsKeyError`].
    pub async fn connect(
        clients: &Clients,
        config: &config::Relay,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KmsKeyError> {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        let cards: Queue<CardRequested> = Queue::new(clients.sqs.clone(), &config.cards_queue_url);
        let signer = Signer::connect(clients.kms.clone(), &config.signing_key_id);
        let other = async {
            match &config.other_signing_key_id {
                Some(key_id) => public_half(clients.kms.clone(), key_id).await.map(Some),
                None => Ok(None),
            }
        };
        let (signer, other, _, _) = tokio::join!(signer, other, table.warm(), cards.warm());
        let (signer, other) = (signer?, other?);
        let platform_keys = [signer.public_key()].into_iter().chain(&other).map(VerifyingKey::to_text).collect();
        let ledger = Ledger::new(table.clone(), FUNCTION, Arc::clone(&clock));
        let delivery = Delivery::new(
            table.clone(),
            ledger.clone(),
            signer,
            cards,
            config.discord_keys.clone(),
            Arc::clone(&clock),
        );
        let (sightings, heads) = (Sightings::new(table.clone()), Heads::default());
        Ok(Self { table, ledger, delivery, platform_keys, heads, sightings, refusals: Refusals::default(), clock })
    }

    /// Counts a call that is not proven to be the tenant's.
    fn not_authentic(&self, tenant: &TenantId) -> Refusal {
        self.refusals.count(tenant, Refused::NotAuthentic);
        Refusal::Unauthorised
    }
}

/// The function's routes.
pub fn router(relay: Arc<Relay>) -> Router {
    Router::new()
        .route(
            "/proxy/v1/enrol",
            post(async |State(relay): State<Arc<Relay>>, body: Body| {
                respond(&relay.clock, body, async |request| relay.enrol(request).await).await
            }),
        )
        .route(
            "/proxy/v1/poll",
            post(async |State(relay): State<Arc<Relay>>, body: Body| {
                respond(&relay.clock, body, async |envelope| relay.poll(envelope).await).await
            }),
        )
        .route(
            "/proxy/v1/receipts",
            post(async |State(relay): State<Arc<Relay>>, body: Body| {
                respond(&relay.clock, body, async |envelope| relay.receipt(envelope).await).await
            }),
        )
        .route(
            "/proxy/v1/rotate",
            post(async |State(relay): State<Arc<Relay>>, body: Body| {
                respond(&relay.clock, body, async |envelope| relay.rotate(envelope).await).await
            }),
        )
        .with_state(relay)
}

/// Why a call was refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// An unknown, used, expired, revoked or forged token or key; one answer for all.
    #[error("not authorised")]
    Unauthorised,
    /// The body is not what the route takes.
    #[error("request cannot be read")]
    Unreadable,
    /// The key to be enrolled did not sign the token.
    #[error("the proof that the key is yours is missing or wrong; enrol with the vyrox-edge-proxy of this release")]
    NoProof,
    /// A signed poll outside the window: the clocks differ.
    #[error("request is too old or too far ahead; check the clock")]
    Stale,
    /// The receipt answers no action of this proxy.
    #[error("receipt answers no action of this proxy")]
    ForeignReceipt,
    /// The table.
    #[error("reading")]
    Table(#[from] TableError),
    /// The ledger.
    #[error("storing")]
    Commit(#[from] CommitError),
    /// Delivery.
    #[error("delivering")]
    Delivery(#[source] DeliveryError),
}

impl From<DeliveryError> for Refusal {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Receipt(_) => Self::Unauthorised,
            DeliveryError::ForeignReceipt | DeliveryError::NoSuchAction | DeliveryError::NoSuchAlert => {
                Self::ForeignReceipt
            }
            other => Self::Delivery(other),
        }
    }
}

async fn respond<T: DeserializeOwned>(
    clock: &Arc<dyn Clock>,
    body: Body,
    handle: impl AsyncFnOnce(T) -> Result<Response, Refusal>,
) -> Response {
    metric::gather(Arc::clone(clock), FUNCTION, answer(body, handle)).await
}

async fn answer<T: DeserializeOwned>(body: Body, handle: impl AsyncFnOnce(T) -> Result<Response, Refusal>) -> Response {
    let outcome = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => match strict::from_slice(&body.to_bytes()) {
            Ok(request) => handle(request).await,
            Err(_) => Err(Refusal::Unreadable),
        },
        Err(_) => return refuse(StatusCode::PAYLOAD_TOO_LARGE, "body is larger than 64 KiB"),
    };
    match outcome {
        Ok(response) => response,
        Err(refusal) => {
            tracing::warn!(error = %chain(&refusal), "refused");
            Metric::ProxiesRefused.add(1);
            let status = match &refusal {
                Refusal::Unauthorised => StatusCode::UNAUTHORIZED,
                Refusal::Unreadable | Refusal::NoProof => StatusCode::BAD_REQUEST,
                Refusal::Stale => StatusCode::GONE,
                Refusal::ForeignReceipt => StatusCode::UNPROCESSABLE_ENTITY,
                Refusal::Table(_) | Refusal::Commit(_) | Refusal::Delivery(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            refuse(status, &refusal.to_string())
        }
    }
}

fn refuse(status: StatusCode, detail: &str) -> Response {
    (status, axum::Json(json!({ "detail": detail }))).into_response()
}
