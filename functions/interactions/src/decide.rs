//! One click, from its parsing to the committed decision.

use crate::answer::Answer;
use crate::{Interactions, event};
use serde_json::json;
use std::time::Duration;
use vyrox_contract::TenantId;
use vyrox_domain::action::{ActionRecord, GRACE};
use vyrox_domain::approval::{self, ApprovedAction, Refusal, Ruling};
use vyrox_domain::card;
use vyrox_domain::custom_id::{CustomId, Verb};
use vyrox_domain::interaction::Click;
use vyrox_domain::message::{ActionApproved, CardRequested};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::Tenant;
use vyrox_platform::batch::chain;
use vyrox_platform::delivery::CountedClick;
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::queue::SendError;
use vyrox_platform::table::{Lookup, SortKey, TableError, Versioned};

/// How often a click that lost a race is ruled on again.
const RACES: usize = 3;
/// How long a counted click is remembered, in seconds: longer than an action may be asked about, since it is what proves it.
const REMEMBER: i64 = 3 * 24 * 3_600;
/// How long after a decision the card is drawn once more by notify.
const REDRAW_AFTER: Duration = Duration::from_secs(5);
/// How long after its expiry an action without a receipt is closed, in seconds.
const CLOSE_AFTER: i64 = 2;
/// An action outlives its approval window by this, so that a late receipt still finds it, in seconds.
const KEEP_ACTION: i64 = 90 * 24 * 3_600;
/// How often, and how far apart, a card that has just been posted is looked for.
const CARD_LOOKS: (usize, Duration) = (6, Duration::from_millis(80));

/// Something of ours failed, and nothing was recorded.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error(transparent)]
    Send(#[from] SendError),
}

impl Interactions {
    pub(crate) async fn click(&self, click: &Click) -> Answer {
        match self.try_click(click).await {
            Ok(answer) => answer,
            Err(failure) => {
                tracing::error!(interaction_id = %click.interaction_id(), error = %chain(&failure), "click was not recorded");
                // A commit of unknown fate may have been recorded; every other failure certainly was not.
                if matches!(failure, Failure::Commit(CommitError::Unavailable(_))) {
                    Answer::Unknown
                } else {
                    Answer::NotRecorded
                }
            }
        }
    }

    async fn try_click(&self, click: &Click) -> Result<Answer, Failure> {
        if click.application_id() != self.application_id {
            return Ok(Answer::Refused(Refusal::NotThisCard));
        }
        let Ok(id) = click.custom_id().parse::<CustomId>() else { return Ok(Answer::Unsupported) };
        // The tenant comes from the guild that Discord signed, never from the button.
        let Some((tenant_id, _)) = self.table.owner(&Lookup::guild(click.guild_id())).await? else {
            return Ok(Answer::Refused(Refusal::NotThisCard));
        };
        for _ in 0..RACES {
            // Roles, status and quorum as they are now, not as the index remembers them.
            let profile = self.table.read::<Tenant>(&tenant_id, &SortKey::profile(), self.clock.now()).await?;
            let Some(Versioned { value: tenant, .. }) = profile else {
                return Ok(Answer::Refused(Refusal::NotThisCard));
            };
            let Some(found) = self.record(&tenant_id, &id).await? else {
                return Ok(Answer::Refused(Refusal::NotThisCard));
            };
            match self.rule(click, &id, &tenant, found).await {
                Err(Failure::Commit(CommitError::Conflict(_))) => {}
                other => return other,
            }
        }
        Ok(Answer::NotRecorded)
    }

    /// The alert's record. A card that was posted a moment ago may not be in it yet, so a few looks are taken.
    async fn record(&self, tenant_id: &TenantId, id: &CustomId) -> Result<Option<Versioned<AlertRecord>>, TableError> {
        let (looks, apart) = CARD_LOOKS;
        let mut found = None;
        for look in 0..looks {
            if look > 0 {
                tokio::time::sleep(apart).await;
            }
            found = self.table.read::<AlertRecord>(tenant_id, &SortKey::alert(id.alert_id), self.clock.now()).await?;
            if found.as_ref().is_none_or(|found| found.value.posted.is_some()) {
                break;
            }
        }
        Ok(found)
    }

    async fn rule(
        &self,
        click: &Click,
        id: &CustomId,
        tenant: &Tenant,
        found: Versioned<AlertRecord>,
    ) -> Result<Answer, Failure> {
        let now = self.clock.now();
        let Versioned { value: record, version } = found;
        let ruling = match id.verb {
            Verb::Approve => approval::approve(&record, click, id, tenant, now),
            Verb::Deny => approval::deny(&record, click, id, tenant, now),
            Verb::Release => approval::release(&record, click, id, tenant, now),
            Verb::Reopen => approval::reopen(&record, click, id, tenant, now),
            Verb::Investigate => {
                return match approval::investigate(&record, click, tenant, now) {
                    Ok(()) => {
                        let payload = self.payload(&record, now).await;
                        let mut entry = event::of(&record, click, "INVESTIGATED", now);
                        entry.detail.insert("payload".to_owned(), json!(payload.as_str()));
                        self.ledger.commit(&tenant.id, &[], &entry).await?;
                        Ok(Answer::Whisper(Box::new(card::investigation(&record, payload.shown(), now))))
                    }
                    Err(why) => self.refuse(&record, click, id, tenant, why, now).await,
                };
            }
        };
        let (record, kind, action) = match ruling {
            Err(why) => return self.refuse(&record, click, id, tenant, why, now).await,
            Ok(Ruling::Counted(record)) => (record, "APPROVAL_COUNTED", None),
            Ok(Ruling::Approved(record, action)) => (record, "APPROVED", Some(action)),
            Ok(Ruling::Denied(record)) => (record, "DENIED", None),
            Ok(Ruling::Released(record, action)) => (record, "RELEASE_APPROVED", Some(action)),
            Ok(Ruling::Reopened(record)) => (record, "QUESTION_REOPENED", None),
        };
        if let Some(action) = &action {
            let message = ActionApproved::of(action, now);
            let until_expiry = action.expires_at().saturating_sub(now).saturating_add(CLOSE_AFTER);
            let until_expiry = Duration::from_secs(u64::try_from(until_expiry).unwrap_or(0));
            tokio::try_join!(self.actions.send(&message), self.actions.send_after(&message, until_expiry))?;
        }
        // Should the answer below never reach the card, notify draws it a little later.
        let redraw = CardRequested::changed(tenant.id.clone(), record.alert.id);
        self.cards.send_after(&redraw, REDRAW_AFTER).await?;
        self.record_ruling(&record, version, click, kind, action.as_ref(), now).await?;
        Ok(card::render(&record, tenant, now).map_or(Answer::Unknown, |card| Answer::Card(Box::new(card))))
    }

    /// One transaction: the record, the action with its place in the proxy's outbox, the click's id, the audit entry.
    async fn record_ruling(
        &self,
        record: &AlertRecord,
        version: u64,
        click: &Click,
        kind: &str,
        action: Option<&ApprovedAction>,
        now: i64,
    ) -> Result<(), Failure> {
        let tenant_id = &record.alert.tenant_id;
        let click_id = click.interaction_id();
        let counted = CountedClick { kind: kind.to_owned(), proof: click.proof().clone() };
        let mut changes = vec![
            Change::put(SortKey::alert(record.alert.id), record, Expect::Version(version))
                .expiring(record.expires_at()),
            Change::put(SortKey::interaction(click_id), &counted, Expect::Absent).expiring(now + REMEMBER),
        ];
        let mut entry = event::of(record, click, kind, now);
        if let Some(action) = action {
            let stored = ActionRecord::approved(action);
            let outbox = SortKey::outbox(action.plan().proxy_id(), action.request_id());
            changes.push(
                Change::put(SortKey::action(action.request_id()), &stored, Expect::Absent).expiring(now + KEEP_ACTION),
            );
            changes
                .push(Change::put(outbox, action.request_id(), Expect::Anything).expiring(action.expires_at() + GRACE));
            entry.request_id = Some(action.request_id().to_string());
            entry.detail.insert("plan_digest".to_owned(), json!(action.plan().digest().hex()));
            entry.detail.insert("proxy_id".to_owned(), json!(action.plan().proxy_id()));
        }
        self.ledger.commit(tenant_id, &changes, &entry).await?;
        tracing::info!(%tenant_id, alert_id = %record.alert.id, interaction_id = %click_id, kind, "decided");
        Ok(())
    }

    /// A refusal is said to the one who clicked, entered in the audit, and heals a card that shows an old state.
    async fn refuse(
        &self,
        record: &AlertRecord,
        click: &Click,
        id: &CustomId,
        tenant: &Tenant,
        why: Refusal,
        now: i64,
    ) -> Result<Answer, Failure> {
        let click_key = SortKey::interaction(click.interaction_id());
        // The same click again, which Discord may deliver more than once: the same answer, and nothing new in the audit.
        let is_repeated = self.table.read::<serde_json::Value>(&tenant.id, &click_key, now).await?.is_some();
        if !is_repeated {
            let mut entry = event::of(record, click, "CLICK_REFUSED", now);
            entry.outcome = Some(why.as_str().to_owned());
            entry.detail.insert("button".to_owned(), json!(id.to_string()));
            self.ledger.commit(&tenant.id, &[], &entry).await?;
        }
        let shows_old_state = matches!(why, Refusal::AlreadyDecided | Refusal::Expired | Refusal::PlanChanged);
        if shows_old_state || is_repeated {
            let message = CardRequested::changed(tenant.id.clone(), record.alert.id);
            self.cards.send(&message).await?;
        }
        match card::render(record, tenant, now) {
            Some(card) if is_repeated || matches!(why, Refusal::AlreadyDecided | Refusal::Expired) => {
                Ok(Answer::Card(Box::new(card)))
            }
            _ => Ok(Answer::Refused(why)),
        }
    }
}
