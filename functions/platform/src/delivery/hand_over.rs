//! The way out: an action is proven to be approved once more, signed, marked delivered, or closed when its time is over.

use super::{CountedClick, Delivery, DeliveryError, entry, summary_of};
use crate::checkpoint;
use crate::ledger::{Change, Expect};
use crate::metric::Metric;
use crate::signer::SignedAction;
use crate::table::{SortKey, Versioned};
use crate::trace::{self, Origin};
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::{ProxyId, RequestId, TenantId};
use vyrox_domain::action::{ActionRecord, ActionState};
use vyrox_domain::approval::{ApprovedAction, Grounds, NotApproved, OptIn};
use vyrox_domain::interaction::ClickProof;
use vyrox_domain::message::CardRequested;
use vyrox_domain::record::{AlertRecord, Decision, Manner};
use vyrox_domain::storm::JointPlan;
use vyrox_domain::tenant::Tenant;

impl Delivery {
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
        // Whose it claims to be: whoever follows that alert finds it.
        if let Ok(Some(Versioned { value: action, .. })) = self.action(tenant, id).await {
            event.alert_id = Some(action.plan.alert_id().to_string());
            event.host = action.plan.target().hostname.to_string();
        }
        event.outcome = Some(why.to_string());
        event.detail.insert("proxy_id".to_owned(), json!(proxy));
        tracing::error!(tenant_id = %tenant, request_id = %id, error = %why, "an action that nobody approved was not signed");
        Metric::ActionsRefused.add(1);
        self.ledger.commit(tenant, &[Change::delete(SortKey::outbox(proxy, id))], &event).await?;
        Ok(())
    }
}
