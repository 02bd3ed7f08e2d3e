//! dispatch: an approved action is signed at delivery, pushed to its proxy, and the proxy's signed receipt recorded.
//!
//! ```text
//!  ActionApproved --bears out?--> ApprovedAction --KMS--> SignedAction --POST /execute | /rollback--> Receipt --verified--> recorded
//! ```
//!
//! A proxy without a push address polls `relay` instead; its actions wait in its outbox and dispatch leaves them there. A
//! message may be early (it is sent before the decision is committed) or repeated (the proxy answers with what it did).

use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use vyrox_contract::{Envelope, Operation, strict};
use vyrox_domain::message::{ActionApproved, Message as _};
use vyrox_domain::trace::TRACEPARENT;
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::Clock;
use vyrox_platform::config;
use vyrox_platform::delivery::{Delivery, DeliveryError, EnrolledProxy};
use vyrox_platform::kms_key::KmsKeyError;
use vyrox_platform::ledger::Ledger;
use vyrox_platform::queue::Queue;
use vyrox_platform::signer::{SignedAction, Signer};
use vyrox_platform::table::{SortKey, Table, TableError};
use vyrox_platform::{Class, Classified, trace};

/// A message whose decision is not committed after this is about a decision that never was, in seconds.
const COMMITTED_WITHIN: i64 = 60;
/// How often, and how far apart, a decision that is just being committed is looked for.
const LOOKS: (usize, Duration) = (20, Duration::from_millis(25));

/// The longest answer of a proxy that is read, in bytes.
const MOST_ANSWER: usize = 64 * 1024;

/// Why a message was not handled.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// Preparing, or recording the receipt.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The proxy's item could not be read.
    #[error("reading")]
    Table(#[from] TableError),
    /// The decision is not committed yet.
    #[error("the decision is not committed yet")]
    Early,
    /// The proxy could not be reached, or gave no answer that can be used. It may have acted: asking again is safe.
    #[error("the proxy did not answer")]
    Proxy(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Classified for DispatchError {
    fn class(&self) -> Class {
        match self {
            Self::Delivery(error) => error.class(),
            Self::Table(error) => error.class(),
            Self::Early | Self::Proxy(_) => Class::Retry,
        }
    }
}

/// What dispatch can do: read, sign, push, record receipts, request cards.
#[derive(Debug)]
pub struct Dispatch {
    table: Table,
    delivery: Delivery,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
}

impl Dispatch {
    /// Wires the function up; reads the signing key's public half, while its other connections are opened.
    ///
    /// # Errors
    /// [`KmsKeyError`].
    pub async fn connect(
        clients: &Clients,
        config: &config::Dispatch,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KmsKeyError> {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        let cards = Queue::new(clients.sqs.clone(), &config.cards_queue_url);
        let signer = Signer::connect(clients.kms.clone(), &config.signing_key_id);
        let (signer, _, _) = tokio::join!(signer, table.warm(), cards.warm());
        let signer = signer?;
        let ledger = Ledger::new(table.clone(), "dispatch", Arc::clone(&clock));
        Ok(Self {
            delivery: Delivery::new(
                table.clone(),
                ledger,
                signer,
                cards,
                config.discord_keys.clone(),
                Arc::clone(&clock),
            ),
            table,
            http,
            clock,
        })
    }

    /// Delivers one approved action.
    ///
    /// # Errors
    /// [`DispatchError`].
    pub async fn handle(&self, message: ActionApproved) -> Result<(), DispatchError> {
        let tenant = message.tenant_id();
        // A second message comes when the action expires, so that one whose proxy never asked is closed and says so.
        self.delivery.close_overdue(tenant, message.request_id()).await?;
        let Some(proxy_id) = self.committed(&message).await? else { return Ok(()) };
        let proxy = self.table.read::<EnrolledProxy>(tenant, &SortKey::proxy(&proxy_id), self.clock.now()).await?;
        let Some(proxy) = proxy.map(|proxy| proxy.value).filter(|proxy| proxy.revoked_at.is_none()) else {
            tracing::warn!(tenant_id = %tenant, %proxy_id, "action waits for a proxy that is not enrolled");
            return Ok(());
        };
        let Some(push_url) = &proxy.push_url else {
            let (alert_id, request_id) = (message.alert_id(), message.request_id());
            tracing::info!(tenant_id = %tenant, %alert_id, %request_id, %proxy_id, "action waits for its proxy to poll");
            return Ok(());
        };
        let signed = match self.delivery.prepare(tenant, message.request_id(), 0).await {
            Ok(Some(signed)) => signed,
            Ok(None) => return Ok(()),
            Err(DeliveryError::NotApproved(why)) => {
                return Ok(self.delivery.refuse(tenant, &proxy.id, message.request_id(), &why).await?);
            }
            Err(error) => return Err(error.into()),
        };
        let receipt = self.push(push_url, &signed).await?;
        // Whatever answered in the proxy's place, the proxy may have acted: it is asked again.
        let receipt = self
            .delivery
            .verify_receipt(tenant, &proxy, &receipt)
            .map_err(|error| DispatchError::Proxy(Box::new(error)))?;
        self.delivery.record(tenant, &receipt).await?;
        Ok(())
    }

    /// The proxy of a committed action; `None` for a decision that never was.
    async fn committed(&self, message: &ActionApproved) -> Result<Option<vyrox_contract::ProxyId>, DispatchError> {
        let (looks, apart) = LOOKS;
        for look in 0..looks {
            if look > 0 {
                tokio::time::sleep(apart).await;
            }
            if let Some(action) = self.delivery.action(message.tenant_id(), message.request_id()).await? {
                return Ok(Some(action.value.plan.proxy_id().clone()));
            }
        }
        if self.clock.now().saturating_sub(message.queued_at()) < COMMITTED_WITHIN {
            return Err(DispatchError::Early);
        }
        tracing::info!(tenant_id = %message.tenant_id(), request_id = %message.request_id(), "decision was never committed");
        Ok(None)
    }

    /// POSTs the envelope. Every answer that holds a receipt counts, whatever its status: a refusal is a receipt too.
    async fn push(&self, push_url: &str, signed: &SignedAction) -> Result<Envelope, DispatchError> {
        let route = match signed.action().operation {
            Operation::Execute => "execute",
            Operation::Rollback => "rollback",
        };
        let mut request = self.http.post(format!("{}/{route}", push_url.trim_end_matches('/'))).json(signed.envelope());
        if let Some(cause) = trace::current() {
            request = request.header(TRACEPARENT, cause.to_string());
        }
        let response = request.send().await.map_err(|error| DispatchError::Proxy(error.without_url().into()))?;
        let status = response.status();
        let body = bounded(response).await?;
        match strict::from_slice::<Reply>(&body) {
            Ok(reply) => Ok(reply.receipt),
            Err(error) => Err(DispatchError::Proxy(format!("status {status} without a receipt: {error}").into())),
        }
    }
}

/// The answer's body, up to a limit: a push address is a tenant's own choice and may answer without end.
async fn bounded(mut response: reqwest::Response) -> Result<Vec<u8>, DispatchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| DispatchError::Proxy(error.without_url().into()))? {
        if body.len() + chunk.len() > MOST_ANSWER {
            return Err(DispatchError::Proxy("the answer is too long".into()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[derive(Deserialize)]
struct Reply {
    receipt: Envelope,
}
