//! The way back: a receipt is proven to be the proxy's, held against its plan, and recorded.

use super::{Delivery, DeliveryError, EnrolledProxy, ProxyWatch, entry, summary_of};
use crate::ledger::{Change, CommitError, Expect};
use crate::metric::Metric;
use crate::table::{SortKey, Versioned};
use crate::trace::{self, Origin};
use vyrox_contract::{Envelope, Operation, Receipt, TenantId};
use vyrox_domain::action::{ActionRecord, ActionState};
use vyrox_domain::approval::may_release;
use vyrox_domain::contradiction::{Contradiction, contradictions};
use vyrox_domain::message::CardRequested;
use vyrox_domain::record::{ActionSummary, AlertRecord};

/// How often a race with another writer is run again.
const RACES: usize = 4;

/// A receipt that the proxy's own key signed. Made only by [`Delivery::verify_receipt`].
#[derive(Debug, Clone)]
pub struct VerifiedReceipt {
    pub(super) receipt: Receipt,
    pub(super) envelope: Envelope,
}

impl Delivery {
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
