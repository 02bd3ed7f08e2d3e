//! A LOW alert whose containment a named person has allowed in advance: approved in their name, and queued. Everything else
//! that comes of an alert is a question for people.

use crate::{Triage, TriageError};
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_domain::approval::{ApprovedAction, InForce, Moment, NotInForce, OptIn, Pace, UnderOptIn};
use vyrox_domain::message::ActionApproved;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::Tenant;
use vyrox_domain::verdict::VerdictLevel;
use vyrox_platform::approved::{self, HeldHost};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{SortKey, Versioned};

/// The tenant's pace is of no use after this, in seconds.
const KEEP_PACE: i64 = 2 * 3_600;

impl Triage {
    /// Approves the containment of a LOW alert, if nobody has decided and somebody's opt-in is in force. A message that comes
    /// again finds it done, or does it then.
    pub(crate) async fn approve_in_advance(
        &self,
        tenant: &Tenant,
        record: &Versioned<AlertRecord>,
    ) -> Result<(), TriageError> {
        let (now, alert_id) = (self.clock.now(), record.value.alert.id);
        if record.value.decision.is_some() {
            return Ok(());
        }
        let key = SortKey::opt_in();
        let found = self.table.together(&tenant.id, &[&key], now).await?;
        let Some(opt_in) = found.of::<OptIn>(&key)? else { return Ok(()) };
        match opt_in.value.in_force(tenant, &self.discord_keys, now) {
            Ok(in_force) => self.approve(tenant, record, in_force, now).await,
            Err(NotInForce::NotProven) => {
                tracing::error!(tenant_id = %tenant.id, "an opt-in that nobody has signed allows nothing");
                Ok(())
            }
            Err(why) => {
                tracing::info!(tenant_id = %tenant.id, %alert_id, %why, "the alert is not approved in advance");
                Ok(())
            }
        }
    }

    async fn approve(
        &self,
        tenant: &Tenant,
        record: &Versioned<AlertRecord>,
        opt_in: InForce<'_>,
        now: i64,
    ) -> Result<(), TriageError> {
        let pace = self.table.read::<Pace>(&tenant.id, &SortKey::pace(), now).await?;
        let no_pace = Pace::default();
        let known = pace.as_ref().map_or(&no_pace, |pace| &pace.value);
        let moment = Moment { tenant, pace: known, factor: None, now };
        let Some(UnderOptIn { record: after, action, pace: paced }) = opt_in.approve(&record.value, &moment) else {
            return Ok(());
        };
        let host = HeldHost::of(&self.table, &tenant.id, action.plan(), now).await?;
        if host.by.is_some() {
            return Ok(());
        }
        // Queued before it is committed: what is queued and not decided leads to nothing.
        let message = ActionApproved::of(&action, now);
        let later = approved::until_closed(&action, now);
        tokio::try_join!(self.actions.send(&message), self.actions.send_after(&message, later))?;
        let alert_id = after.alert.id;
        let expected = pace.as_ref().map_or(Expect::Absent, |pace| Expect::Version(pace.version));
        let mut changes = vec![
            Change::put(SortKey::alert(alert_id), &after, Expect::Version(record.version)).expiring(after.expires_at()),
            Change::put(SortKey::pace(), &paced, expected).expiring(now + KEEP_PACE),
        ];
        changes.extend(approved::remembered(&after));
        changes.extend(approved::changes(&action, &host, self.clock.now_millis()));
        self.ledger.commit(&tenant.id, &changes, &entry(&after, &action, now)).await?;
        tracing::info!(tenant_id = %tenant.id, %alert_id, request_id = %action.request_id(), "approved in advance");
        Ok(())
    }
}

/// What was concluded of an alert.
pub(crate) fn level(record: &AlertRecord) -> Option<VerdictLevel> {
    record.verdict.as_ref().map(|verdict| verdict.verdict)
}

/// As a manual approval is entered, with the opt-in in place of the click.
fn entry(record: &AlertRecord, action: &ApprovedAction, now: i64) -> Draft {
    let alert = &record.alert;
    let mut event = Draft::event(now, alert.tenant_id.as_str(), "APPROVED_BY_OPT_IN");
    event.host = alert.hostname.clone().unwrap_or_default();
    event.alert_id = Some(alert.id.to_string());
    event.request_id = Some(action.request_id().to_string());
    let mut detail = |name: &str, value| event.detail.insert(name.to_owned(), value);
    detail("plan_digest", json!(action.plan().digest().hex()));
    detail("proxy_id", json!(action.plan().proxy_id()));
    detail("lease_seconds", json!(action.plan().lease_seconds()));
    if let Some(vote) = record.votes.first() {
        detail("user_id", json!(vote.user_id));
        detail("opt_in", json!(vote.interaction_id));
        detail("reason", json!(vote.reason));
        event.approved_by.clone_from(&vote.name);
    }
    event
}
