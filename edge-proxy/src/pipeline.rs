//! The one way for every action, pushed or polled:
//!
//! ```text
//! Verified --claim--> Fresh --permit--> Permitted --record--> Recorded --execute--> Outcome --conclude--> Receipt
//!             |                 |                     |
//!             in flight: 409    refused: recorded     not recorded: 500, nothing done, the request id is free again
//!             finished: replay  and reported
//! ```
//!
//! From the claim on, work runs in a task of its own: whoever asked may leave.

use crate::audit::Audit;
use crate::cause::chain;
use crate::clock::Clock;
use crate::config::Config;
use crate::dedup::{Claim, Claimed, Fresh, Ledger};
use crate::edr::{self, Edr, Outcome};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::policy::{Policy, Refusal};
use crate::receipt;
use crate::record;
use crate::verify::{Rejection, Verified, Verifier};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::task::TaskTracker;
use vyrox_contract::{Action, Ed25519Signer, Envelope, ProxyId, Receipt, TenantId};

/// The answer to whoever asked.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It has ended now, or was refused for the reason given.
    Ended {
        /// What was recorded.
        receipt: Arc<Receipt>,
        /// Why, if it was refused.
        refusal: Option<Refusal>,
    },
    /// It had ended before; this is what was recorded then.
    Replayed(Arc<Receipt>),
    /// It is being worked on.
    InFlight,
    /// Its request id belongs to an action against something else.
    Taken,
    /// Too much is being worked on.
    Busy,
    /// The audit log could not be written.
    AuditFailed,
}

/// All steps and what they need.
pub struct Pipeline {
    pub(crate) verifier: Verifier,
    pub(crate) audit: Audit,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) outbox: Outbox,
    pub(crate) tenant_id: TenantId,
    pub(crate) proxy_id: ProxyId,
    pub(crate) dry_run: bool,
    ledger: Arc<Ledger>,
    policy: Policy,
    edr: Edr,
    signer: Ed25519Signer,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    recovered: AtomicBool,
    /// When a rejection was last spoken of.
    spoke: AtomicI64,
}

impl Pipeline {
    pub(crate) fn new(
        config: &Config,
        clock: Arc<dyn Clock>,
        audit: Audit,
        ledger: Arc<Ledger>,
        edr: Edr,
        outbox: Outbox,
    ) -> Self {
        Self {
            verifier: Verifier::new(config),
            audit,
            clock,
            metrics: Metrics::default(),
            outbox,
            tenant_id: config.tenant_id.clone(),
            proxy_id: config.proxy_id.clone(),
            dry_run: config.dry_run,
            ledger,
            policy: Policy::new(config),
            edr,
            signer: config.signer.clone(),
            places: Arc::new(Semaphore::new(config.limits.in_flight)),
            tasks: TaskTracker::new(),
            recovered: AtomicBool::new(false),
            spoke: AtomicI64::new(i64::MIN),
        }
    }

    /// Authenticates an envelope at the time of the proxy's clock.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn verify(&self, envelope: &Envelope) -> Result<Verified<Action>, Rejection> {
        self.verifier.envelope(envelope, self.clock.now())
    }

    /// Counts what was turned away and speaks of it, at most once a second: whoever has no key must not be able to fill a
    /// disk with log lines.
    pub(crate) fn turn_away(&self, rejection: &Rejection) {
        self.metrics.rejected();
        let now = self.clock.now();
        if self.spoke.swap(now, Ordering::Relaxed) != now {
            tracing::warn!(reason = rejection.reason(), "turned away");
        }
    }

    /// Takes a verified action through all further steps. Dropping the future does not stop the work.
    pub async fn submit(self: &Arc<Self>, verified: Verified<Action>) -> Answer {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Answer::Busy };
        let fresh = match self.ledger.claim(verified, self.clock.now()) {
            Claimed::Fresh(fresh) => *fresh,
            Claimed::InFlight => return Answer::InFlight,
            Claimed::Taken => return Answer::Taken,
            Claimed::Finished(receipt) => {
                // Asked again because the report was lost, perhaps.
                self.outbox.add(&receipt);
                return Answer::Replayed(receipt);
            }
        };
        let (reply, answer) = oneshot::channel();
        let subject = fresh.claim.subject().clone();
        let pipeline = Arc::clone(self);
        self.tasks.spawn(async move {
            let worker = Arc::clone(&pipeline);
            let ended = tokio::spawn(async move { worker.work(fresh, reply).await }).await;
            // A fault in the work itself. If its intent is on disk, it is what a crash would have left: reported, not
            // repeated.
            if ended.is_err() && pipeline.ledger.is_in_flight(&subject.key) {
                pipeline.report_unfinished(pipeline.ledger.held(subject)).await;
            }
            drop(place);
        });
        // Without an answer the work has failed or the process is stopping; asking again tells.
        answer.await.unwrap_or(Answer::InFlight)
    }

    /// Like [`Pipeline::submit`], for an action that nobody waits for.
    pub(crate) fn submit_unattended(self: &Arc<Self>, verified: Verified<Action>) {
        let pipeline = Arc::clone(self);
        self.tasks.spawn(async move {
            let request_id = verified.value().request_id.clone();
            // Its end is recorded and reported; the rest is said here. The relay hands out again what was not reported.
            match pipeline.submit(verified).await {
                Answer::Ended { .. } | Answer::Replayed(_) => {}
                Answer::InFlight => tracing::info!(%request_id, "already being worked on"),
                Answer::Taken => tracing::warn!(%request_id, "the request id belongs to another action"),
                Answer::Busy => tracing::warn!(%request_id, "too many actions at work"),
                Answer::AuditFailed => tracing::error!(%request_id, "not recorded"),
            }
        });
    }

    /// Reports on what an earlier run left unfinished. Until it is done, those request ids answer "in flight".
    pub(crate) fn recover(self: &Arc<Self>, unfinished: Vec<Claim>) {
        let pipeline = Arc::clone(self);
        self.tasks.spawn(async move {
            for claim in unfinished {
                pipeline.report_unfinished(claim).await;
            }
            pipeline.recovered.store(true, Ordering::Release);
        });
    }

    /// Whether it can do its work.
    pub fn is_ready(&self) -> bool {
        self.recovered.load(Ordering::Acquire) && self.audit.is_healthy()
    }

    /// A receipt in its signed envelope.
    pub fn seal(&self, receipt: &Receipt) -> Envelope {
        Envelope::seal(receipt, &self.signer)
    }

    /// Waits until no work is left.
    pub(crate) async fn drain(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn report_unfinished(&self, claim: Claim) {
        tracing::warn!(request_id = %claim.subject().key.request_id, "this action was begun and not ended");
        let outcome = edr::examine(claim, &self.edr).await;
        self.conclude(outcome, || ()).await;
    }

    async fn work(&self, fresh: Fresh<Action>, reply: oneshot::Sender<Answer>) {
        let request_id = fresh.verified().value().request_id.clone();
        let (outcome, refusal) = match self.policy.permit(fresh, self.clock.now()) {
            Err(refused) => {
                let refusal = refused.refusal;
                (Outcome::refused(*refused), Some(refusal))
            }
            Ok(permitted) => {
                let now = self.clock.now();
                match record::record(permitted, &self.audit, &self.tenant_id, now).await {
                    Ok(recorded) => (edr::execute(recorded, &self.edr).await, None),
                    Err(error) => {
                        tracing::error!(%request_id, error = %chain(&error), "not recorded, not done");
                        self.metrics.audit_failed();
                        let _ = reply.send(Answer::AuditFailed);
                        return;
                    }
                }
            }
        };
        let mut reply = Some(reply);
        let mut answer = |answer| {
            // Whoever asked may have left; the work is done all the same.
            if let Some(reply) = reply.take() {
                let _ = reply.send(answer);
            }
        };
        let receipt = self.conclude(outcome, || answer(Answer::AuditFailed)).await;
        answer(Answer::Ended { receipt, refusal });
    }

    /// Puts the outcome on disk, however long that takes: what has happened must be recorded. `failing` is called when a
    /// write fails.
    async fn conclude(&self, outcome: Outcome, mut failing: impl FnMut()) -> Arc<Receipt> {
        let entry = loop {
            let draft = receipt::draft(&outcome, &self.tenant_id, self.clock.now());
            match self.audit.append(vec![draft]).await.map(|mut entries| entries.pop()) {
                Ok(Some(entry)) => break entry,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(error = %chain(&error), "an outcome is not recorded yet")
                }
            }
            self.metrics.audit_failed();
            failing();
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        let receipt = receipt::from_entry(&entry, &self.tenant_id, &self.proxy_id)
            .map(Arc::new)
            .expect("the entry was made by receipt::draft from valid ids");
        self.metrics.ended(receipt.outcome);
        tracing::info!(
            request_id = %receipt.request_id,
            outcome = receipt.outcome.as_str(),
            verification = receipt.verification.as_str(),
            dry_run = outcome.subject().dry_run,
            seq = receipt.audit_head.seq,
            "action ended"
        );
        outcome.into_claim().finish(Arc::clone(&receipt));
        self.outbox.add(&receipt);
        receipt
    }
}
