//! Handing an approved action to its proxy and taking its receipt back: what push (`dispatch`) and poll (`relay`) share.
//!
//! Both sign at delivery, and both accept a receipt only if the proxy's own enrolled key signed it and it answers an action
//! of that proxy.

mod entry;
mod watch;

pub use watch::ProxyWatch;

use crate::checkpoint;
use crate::clock::Clock;
use crate::kms_key::KmsKeyError;
use crate::ledger::{Change, CommitError, Expect, Ledger};
use crate::metric::Metric;
use crate::queue::{Queue, SendError};
use crate::signer::{SignedAction, Signer};
use crate::table::{SortKey, Table, TableError, Versioned};
use crate::trace::{self, Origin};
use crate::{Class, Classified};
use ed25519_dalek::VerifyingKey as DiscordKey;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use vyrox_audit::Draft;
use vyrox_contract::{
    Envelope, EnvelopeError, KeyError, Operation, ProxyId, Receipt, RequestId, TenantId, VerifyingKey,
};
use vyrox_domain::action::{ActionRecord, ActionState};
use vyrox_domain::approval::{ApprovedAction, Grounds, NotApproved, OptIn, may_release};
use vyrox_domain::contradiction::{Contradiction, contradictions};
use vyrox_domain::interaction::ClickProof;
use vyrox_domain::message::CardRequested;
use vyrox_domain::record::{ActionSummary, AlertRecord, Decision, Manner};
use vyrox_domain::storm::JointPlan;
use vyrox_domain::tenant::Tenant;

/// An action without a receipt is handed over again after this, in seconds: the proxy answers a repetition with what it did.
pub const AGAIN_AFTER: i64 = 30;
/// How often a race with another writer is run again.
const RACES: usize = 4;

/// An enrolled proxy, as stored under `PROXY#`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolledProxy {
    /// Its id.
    pub id: ProxyId,
    /// Its public key: SPKI, base64 DER.
    pub public_key: String,
    /// When it was enrolled, unix seconds.
    pub enrolled_at: i64,
    /// Where it takes pushed actions; a proxy without one polls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_url: Option<String>,
    /// When it was revoked, unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<i64>,
    /// The key that it had before, while that is still believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousKey>,
}

/// A key that is on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousKey {
    /// SPKI, base64 DER.
    pub public_key: String,
    /// Until when it is believed, unix seconds.
    pub until: i64,
}

impl EnrolledProxy {
    /// Its key.
    ///
    /// # Errors
    /// [`KeyError`] if the stored text is none.
    pub fn key(&self) -> Result<VerifyingKey, KeyError> {
        VerifyingKey::from_text(&self.public_key)
    }

    /// The keys that are believed at `now` (unix seconds): its own, and for a while after a rotation the one before.
    ///
    /// # Errors
    /// [`KeyError`] if a stored text is none.
    pub fn keys(&self, now: i64) -> Result<Vec<VerifyingKey>, KeyError> {
        let previous = self.previous.iter().filter(|previous| now < previous.until);
        let texts = std::iter::once(&self.public_key).chain(previous.map(|previous| &previous.public_key));
        texts.map(|text| VerifyingKey::from_text(text)).collect()
    }
}

/// A click that was counted, or a wrong code that was, as stored under `INTER#`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedClick {
    /// What it came to.
    pub kind: String,
    /// What Discord signed; nothing of a wrong code, which must never prove anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ClickProof>,
}

/// What a click with a wrong code is remembered as.
const CODE_REFUSED: &str = "CODE_REFUSED";

impl CountedClick {
    /// A click with a wrong code: it must never prove anything.
    #[must_use]
    pub fn wrong_code() -> Self {
        Self { kind: CODE_REFUSED.to_owned(), proof: None }
    }

    /// Whether it came to anything but a wrong code.
    #[must_use]
    pub fn has_counted(&self) -> bool {
        self.kind != CODE_REFUSED
    }
}

/// Why an action was not handed over, or a receipt not taken.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The table could not be read.
    #[error("reading")]
    Table(#[from] TableError),
    /// The state could not be stored.
    #[error("storing")]
    Commit(#[from] CommitError),
    /// The card could not be requested.
    #[error("requesting the card")]
    Send(#[from] SendError),
    /// KMS did not sign.
    #[error("signing")]
    Sign(#[from] KmsKeyError),
    /// The alert does not bear the action out.
    #[error("not an approved action")]
    NotApproved(#[from] NotApproved),
    /// The receipt is not the proxy's.
    #[error("receipt is not authentic")]
    Receipt(#[from] EnvelopeError),
    /// The stored key of the proxy cannot be read.
    #[error("the proxy's key cannot be read")]
    Key(#[from] KeyError),
    /// The receipt is the proxy's, but answers no action of it.
    #[error("receipt answers no action of this proxy")]
    ForeignReceipt,
    /// There is no such action.
    #[error("there is no such action")]
    NoSuchAction,
    /// Its alert has expired.
    #[error("there is no such alert")]
    NoSuchAlert,
}

impl Classified for DeliveryError {
    fn class(&self) -> Class {
        match self {
            Self::Table(error) => error.class(),
            Self::Commit(error) => error.class(),
            Self::Send(error) => error.class(),
            Self::Sign(error) => error.class(),
            Self::NotApproved(_) | Self::Receipt(_) | Self::ForeignReceipt | Self::NoSuchAction | Self::NoSuchAlert => {
                Class::Reject
            }
            Self::Key(_) => Class::Poison,
        }
    }
}

/// A receipt that the proxy's own key signed. Made only by [`Delivery::verify_receipt`].
#[derive(Debug, Clone)]
pub struct VerifiedReceipt {
    receipt: Receipt,
    envelope: Envelope,
}

/// What dispatch and relay can do: read, commit with an audit entry, sign, request cards.
#[derive(Debug, Clone)]
pub struct Delivery {
    table: Table,
    ledger: Ledger,
    signer: Signer,
    cards: Queue<CardRequested>,
    discord_keys: Vec<DiscordKey>,
    clock: Arc<dyn Clock>,
}

impl Delivery {
    /// Wires it up. `discord_keys` prove the clicks behind an approval once more before it is signed.
    #[must_use]
    pub fn new(
        table: Table,
        ledger: Ledger,
        signer: Signer,
        cards: Queue<CardRequested>,
        discord_keys: Vec<DiscordKey>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { table, ledger, signer, cards, discord_keys, clock }
    }

    /// The public half of the key that signs.
    #[must_use]
    pub const fn platform_key(&self) -> &VerifyingKey {
        self.signer.public_key()
    }

    /// One stored action.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn action(
        &self,
        tenant: &TenantId,
        id: &RequestId,
    ) -> Result<Option<Versioned<ActionRecord>>, DeliveryError> {
        Ok(self.table.read(tenant, &SortKey::action(id), self.clock.now()).await?)
    }

    /// Marks an action delivered, with its audit entry, and signs it for delivery now. `None` if it is not due: finished,
    /// expired, or handed over a moment ago.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn prepare(
        &self,
        tenant: &TenantId,
        id: &RequestId,
        again_after: i64,
    ) -> Result<Option<SignedAction>, DeliveryError> {
        let found = self.action(tenant, id).await?.ok_or(DeliveryError::NoSuchAction)?;
        let about = found.value.plan.alert_id().into();
        let work = self.prepare_found(tenant, found, again_after);
        trace::follow(self.ledger.writer(), about, Origin::default(), work).await
    }

    async fn prepare_found(
        &self,
        tenant: &TenantId,
        Versioned { value: mut action, version }: Versioned<ActionRecord>,
        again_after: i64,
    ) -> Result<Option<SignedAction>, DeliveryError> {
        let (now, id) = (self.clock.now(), action.request_id.clone());
        if let Some(state) = action.overdue(now) {
            // One that was handed over is asked about at the next occasion.
            self.close(tenant, action, version, state).await?;
            return Ok(None);
        }
        if !action.is_due(now, again_after) {
            return Ok(None);
        }
        let (alert_key, profile_key) = (SortKey::alert(action.plan.alert_id()), SortKey::profile());
        let (record, profile) = tokio::try_join!(
            self.table.read::<AlertRecord>(tenant, &alert_key, now),
            self.table.read::<Tenant>(tenant, &profile_key, now),
        )?;
        let (Some(record), Some(profile)) = (record, profile) else { return Err(DeliveryError::NoSuchAlert) };
        let proofs = self.proofs(tenant, &action, &record.value, now).await?;
        let joint = self.joint_plan(tenant, &record.value, now).await?;
        let opt_in = self.opt_in(tenant, &record.value, now).await?;
        let grounds = Grounds { proofs: &proofs, joint: joint.as_ref(), opt_in: opt_in.as_ref(), now };
        let approved = ApprovedAction::reclaim(&action, &record.value, &profile.value, grounds, &self.discord_keys)?;
        // An ambiguous action that is asked about again stays ambiguous until the proxy answers.
        if action.state == ActionState::Pending {
            action.state = ActionState::Delivered;
        }
        action.delivered_at = Some(now);
        let first = action.moments.delivered.is_none();
        let delivered = *action.moments.delivered.get_or_insert_with(|| self.clock.now_millis());
        let mut event = entry::event(&action, "ACTION_DELIVERED", now);
        event.detail.insert("platform_key".to_owned(), json!(self.signer.public_key().id()));
        let change =
            Change::put(SortKey::action(&id), &action, Expect::Version(version)).expiring(record.value.expires_at());
        // The proxy enters the checkpoint in its own chain: from then on the cloud cannot rewrite what it covers unseen.
        let checkpoint = checkpoint::latest(&self.table, tenant, now).await?;
        // Signed first: what is marked delivered can be delivered.
        let signed = self.signer.sign(&approved, checkpoint, now).await?;
        // The envelope itself, so that anyone can check the signature later.
        event.detail.insert("envelope".to_owned(), json!(signed.envelope()));
        self.ledger.commit(tenant, &[change], &event).await?;
        Metric::ActionsDelivered.add(1);
        if let Some(approved) = action.moments.approved.filter(|_| first) {
            Metric::ApprovalToDelivery.took((approved, delivered));
        }
        let (alert_id, proxy_id) = (action.plan.alert_id(), action.plan.proxy_id());
        tracing::info!(tenant_id = %tenant, %alert_id, request_id = %id, %proxy_id, "action is handed over");
        Ok(Some(signed))
    }

    /// What Discord signed for each vote that an action rests on.
    async fn proofs(
        &self,
        tenant: &TenantId,
        action: &ActionRecord,
        record: &AlertRecord,
        now: i64,
    ) -> Result<Vec<ClickProof>, DeliveryError> {
        let mut proofs = Vec::new();
        for vote in ApprovedAction::votes(action, record)? {
            let key = SortKey::interaction(vote.interaction_id);
            proofs
                .extend(self.table.read::<CountedClick>(tenant, &key, now).await?.and_then(|click| click.value.proof));
        }
        Ok(proofs)
    }

    /// The plan for several hosts that the alert's decision names, if it was one.
    async fn joint_plan(
        &self,
        tenant: &TenantId,
        record: &AlertRecord,
        now: i64,
    ) -> Result<Option<JointPlan>, DeliveryError> {
        let Some(Decision::Approved { manner: Manner::Joint { digest, plan }, .. }) = record.decision else {
            return Ok(None);
        };
        let found = self.table.read::<JointPlan>(tenant, &SortKey::joint_plan(digest, plan), now).await?;
        Ok(found.map(|found| found.value))
    }

    /// The opt-in that the alert's decision names, as it is now, if it was made under one.
    async fn opt_in(&self, tenant: &TenantId, record: &AlertRecord, now: i64) -> Result<Option<OptIn>, DeliveryError> {
        let Some(Decision::Approved { manner: Manner::OptIn { id }, .. }) = record.decision else { return Ok(None) };
        let found = self.table.read::<OptIn>(tenant, &SortKey::opt_in(), now).await?;
        Ok(found.map(|found| found.value).filter(|opt_in| opt_in.by().interaction_id == id))
    }

    /// Closes an action that is past its expiry without a receipt, with its audit entry, and requests its card. Nothing
    /// happens to one that is not.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn close_overdue(&self, tenant: &TenantId, id: &RequestId) -> Result<(), DeliveryError> {
        let Some(Versioned { value: action, version }) = self.action(tenant, id).await? else { return Ok(()) };
        match action.overdue(self.clock.now()) {
            Some(state) => self.close(tenant, action, version, state).await,
            None => Ok(()),
        }
    }

    async fn close(
        &self,
        tenant: &TenantId,
        mut action: ActionRecord,
        version: u64,
        state: ActionState,
    ) -> Result<(), DeliveryError> {
        let now = self.clock.now();
        let (alert_id, request_id) = (action.plan.alert_id(), action.request_id.clone());
        let alert_key = SortKey::alert(alert_id);
        let record =
            self.table.read::<AlertRecord>(tenant, &alert_key, now).await?.ok_or(DeliveryError::NoSuchAlert)?;
        let Versioned { value: mut record, version: record_version } = record;
        action.state = state;
        if let Some(summary) = summary_of(&mut record, &action) {
            summary.state = state;
            summary.at = now;
        }
        let mut event = entry::event(&action, "ACTION_OVERDUE", now);
        event.outcome = Some(state.as_str().to_owned());
        let mut changes = vec![
            Change::put(SortKey::action(&request_id), &action, Expect::Version(version)).expiring(record.expires_at()),
            Change::put(alert_key, &record, Expect::Version(record_version)).expiring(record.expires_at()),
        ];
        // What was handed over is asked about for a while longer; what was not is done with.
        if state == ActionState::Expired {
            changes.push(Change::delete(SortKey::outbox(action.plan.proxy_id(), &request_id)));
        }
        self.ledger.commit(tenant, &changes, &event).await?;
        Metric::ActionsOverdue.add(1);
        tracing::warn!(tenant_id = %tenant, %alert_id, %request_id, outcome = state.as_str(), "action is overdue");
        self.cards.send(&CardRequested::changed(tenant.clone(), alert_id)).await?;
        Ok(())
    }

    /// Enters in the audit that an action was not handed over because it is not an approved one, and takes it out of its
    /// proxy's outbox.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn refuse(
        &self,
        tenant: &TenantId,
        proxy: &ProxyId,
        id: &RequestId,
        why: &NotApproved,
    ) -> Result<(), DeliveryError> {
        let mut event = Draft::event(self.clock.now(), tenant.as_str(), "ACTION_REFUSED");
        event.request_id = Some(id.to_string());
        event.outcome = Some(why.to_string());
        event.detail.insert("proxy_id".to_owned(), json!(proxy));
        tracing::error!(tenant_id = %tenant, request_id = %id, error = %why, "an action that nobody approved was not signed");
        Metric::ActionsRefused.add(1);
        self.ledger.commit(tenant, &[Change::delete(SortKey::outbox(proxy, id))], &event).await?;
        Ok(())
    }

    /// Authenticates a receipt on its raw bytes.
    ///
    /// # Errors
    /// [`DeliveryError::Receipt`], [`DeliveryError::Key`], [`DeliveryError::ForeignReceipt`].
    pub fn verify_receipt(
        &self,
        tenant: &TenantId,
        proxy: &EnrolledProxy,
        envelope: &Envelope,
    ) -> Result<VerifiedReceipt, DeliveryError> {
        let receipt = envelope.verify::<Receipt>(&proxy.keys(self.clock.now())?)?.parse()?;
        if receipt.tenant_id != *tenant || receipt.proxy_id != proxy.id {
            return Err(DeliveryError::ForeignReceipt);
        }
        Ok(VerifiedReceipt { receipt, envelope: envelope.clone() })
    }

    /// Records what became of an action, and requests its card. The same receipt again changes nothing.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn record(&self, tenant: &TenantId, receipt: &VerifiedReceipt) -> Result<(), DeliveryError> {
        for _ in 0..RACES {
            match self.try_record(tenant, receipt).await {
                Err(DeliveryError::Commit(CommitError::Conflict(_))) => {}
                other => return other,
            }
        }
        Err(CommitError::Conflict(0).into())
    }

    async fn try_record(&self, tenant: &TenantId, verified: &VerifiedReceipt) -> Result<(), DeliveryError> {
        let receipt = &verified.receipt;
        // A release at the end of a lease answers the isolation that had it.
        let answered = receipt.lease_of.as_ref().unwrap_or(&receipt.request_id);
        let found = self.action(tenant, answered).await?.ok_or(DeliveryError::NoSuchAction)?;
        let about = found.value.plan.alert_id().into();
        let work = self.record_found(tenant, verified, found);
        trace::follow(self.ledger.writer(), about, Origin::default(), work).await
    }

    async fn record_found(
        &self,
        tenant: &TenantId,
        verified: &VerifiedReceipt,
        Versioned { value: mut action, version }: Versioned<ActionRecord>,
    ) -> Result<(), DeliveryError> {
        let (receipt, now, answered) = (&verified.receipt, self.clock.now(), action.request_id.clone());
        if *action.plan.proxy_id() != receipt.proxy_id {
            return Err(DeliveryError::ForeignReceipt);
        }
        let alert_id = action.plan.alert_id();
        let (alert_key, watch_key) = (SortKey::alert(alert_id), SortKey::proxy_watch(&receipt.proxy_id));
        let (record, watch) = tokio::try_join!(
            self.table.read::<AlertRecord>(tenant, &alert_key, now),
            self.table.read::<ProxyWatch>(tenant, &watch_key, now),
        )?;
        let Versioned { value: mut record, version: record_version } = record.ok_or(DeliveryError::NoSuchAlert)?;
        let watch = watch.map(|watch| watch.value).unwrap_or_default();
        let found = contradictions(&action, receipt, watch.audit_head.as_ref());
        let is_first = action.receipt.is_none() && receipt.lease_of.is_none();
        if entered(&mut action, &mut record, receipt, &found, now) {
            let mut event = entry::receipt_event(&action, verified, &found, now);
            let has_drifted = watch.note_drift(receipt, &mut event);
            let mut changes = vec![
                Change::put(SortKey::action(&answered), &action, Expect::Version(version))
                    .expiring(record.expires_at()),
                Change::put(alert_key, &record, Expect::Version(record_version)).expiring(record.expires_at()),
                Change::delete(SortKey::outbox(&receipt.proxy_id, &answered)),
            ];
            if let Some(watch) = watch.after(receipt, now) {
                changes.push(Change::put(watch_key, &watch, Expect::Anything));
            }
            self.ledger.commit(tenant, &changes, &event).await?;
            let outcome = receipt.outcome.as_str();
            Metric::Receipts.add_by(outcome, 1);
            Metric::ReceiptsContradicted.add(u64::from(!found.is_empty()));
            Metric::ProxiesDrifted.add(u64::from(has_drifted));
            if let Some(delivered) = action.moments.delivered.filter(|_| is_first) {
                Metric::DeliveryToReceipt.took((delivered, self.clock.now_millis()));
            }
            tracing::info!(tenant_id = %tenant, %alert_id, request_id = %receipt.request_id, outcome, "receipt");
            if !found.is_empty() {
                let found: Vec<_> = found.iter().map(|which| which.as_str()).collect();
                tracing::error!(tenant_id = %tenant, %alert_id, contradictions = ?found, "a receipt contradicts its plan");
            }
        }
        self.cards.send(&CardRequested::changed(tenant.clone(), alert_id)).await?;
        Ok(())
    }
}

/// Enters a receipt in the action and on the card's record, if it says something new: only an ambiguous report may still be
/// corrected by a later one.
fn entered(
    action: &mut ActionRecord,
    record: &mut AlertRecord,
    receipt: &Receipt,
    found: &[Contradiction],
    now: i64,
) -> bool {
    if receipt.lease_of.is_some() {
        if action.operation != Operation::Execute || !action.is_news_of_lease(receipt) {
            return false;
        }
        action.lease_end = Some(receipt.clone());
        let is_current = record.containment.as_ref().is_some_and(|summary| summary.request_id == action.request_id);
        // What a person asked for is shown before what nobody did, unless that did not happen.
        let is_free =
            record.release.as_ref().is_none_or(|release| release.requested_by.is_none()) || may_release(record);
        if is_current && is_free {
            record.release = Some(ActionSummary::of_lease(receipt, found.to_vec(), now));
            record.release_votes.clear();
        }
        return true;
    }
    let is_settled = action.state.is_final() && action.state != ActionState::Ambiguous;
    if is_settled || action.receipt.as_ref() == Some(receipt) {
        return false;
    }
    action.state = ActionState::from(receipt.outcome);
    action.receipt = Some(receipt.clone());
    if let Some(summary) = summary_of(record, action) {
        summary.report(receipt, found.to_vec(), now);
    }
    true
}

/// The card's line about this very action. An earlier release's late receipt has none any more.
fn summary_of<'a>(record: &'a mut AlertRecord, action: &ActionRecord) -> Option<&'a mut ActionSummary> {
    let summary = match action.operation {
        Operation::Execute => record.containment.as_mut(),
        Operation::Rollback => record.release.as_mut(),
    };
    summary.filter(|summary| summary.request_id == action.request_id)
}
