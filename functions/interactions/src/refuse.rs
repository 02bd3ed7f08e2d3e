//! A click that changes nothing: it is said to the one who clicked, entered in the audit, and heals a card that shows an old
//! state. Who is refused again and again is not entered each time: nobody should be able to fill the audit by clicking.

use crate::answer::Answer;
use crate::decide::{Asked, REMEMBER};
use crate::failure::Failure;
use crate::known::Known;
use crate::{Interactions, event};
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::TenantId;
use vyrox_domain::approval::{Refusal, Refused};
use vyrox_domain::message::CardRequested;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::Snowflake;
use vyrox_platform::approver::{Approver, count_refusal};
use vyrox_platform::delivery::CountedClick;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{SortKey, TableError, Versioned};

/// How many refusals of one member are entered within a minute.
const MOST_ENTERED: i64 = 20;

/// What a refusal is entered for.
pub(crate) struct Subject<'a> {
    pub(crate) tenant_id: &'a TenantId,
    pub(crate) approver: Option<&'a Versioned<Approver>>,
    /// The entry, still without the reason.
    pub(crate) entry: Draft,
}

/// Whether a refusal is entered in the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entering {
    /// As what it is.
    Each,
    /// As the one that stands for all that follow within the minute.
    TheLast,
    /// Not any more.
    NoMore,
}

impl Interactions {
    pub(crate) async fn refuse(
        &self,
        asked: Asked<'_>,
        known: &Known,
        refused: &Refused,
        now: i64,
    ) -> Result<Answer, Failure> {
        let (click, tenant, record) = (asked.click, &known.tenant, &known.record.value);
        // The same click again, which Discord may deliver more than once: the same answer, and nothing new in the audit.
        let before = self.counted(click, &tenant.id, now).await?;
        if before.as_ref().is_some_and(CountedClick::has_counted) {
            // What was read may be older than what the click has come to.
            let record = self.table.read::<AlertRecord>(&tenant.id, &SortKey::alert(record.alert.id), now).await?;
            let redraw = CardRequested::changed(tenant.id.clone(), asked.id.alert_id);
            self.cards.send(&redraw).await?;
            return Ok(match record {
                Some(record) => self.answer_to(click, &record.value, tenant, now).await,
                None => Answer::Unknown,
            });
        }
        let subject = Subject {
            tenant_id: &tenant.id,
            approver: known.approver.as_ref(),
            entry: event::of(record, click, "CLICK_REFUSED", now),
        };
        let why = if before.is_some() { refused.why } else { self.enter(asked, subject, refused, now).await? };
        let is_settled = matches!(why, Refusal::AlreadyDecided | Refusal::Expired);
        if is_settled || why == Refusal::PlanChanged {
            self.cards.send(&CardRequested::changed(tenant.id.clone(), record.alert.id)).await?;
        }
        let card = match click.message_id().filter(|_| is_settled) {
            Some(_) => self.message_of(record, tenant, now).await,
            None => None,
        };
        Ok(card.map_or(Answer::Refused(why), |card| Answer::Card(Box::new(card))))
    }

    /// Enters a refusal in the audit, together with the wrong code that it counts, and tells what is to be said.
    pub(crate) async fn enter(
        &self,
        asked: Asked<'_>,
        subject: Subject<'_>,
        refused: &Refused,
        now: i64,
    ) -> Result<Refusal, Failure> {
        let (click, Subject { tenant_id, approver, mut entry }) = (asked.click, subject);
        let (mut why, mut entered) = (refused.why, refused.why);
        let mut changes = Vec::new();
        if let (Some(factor), Some(Versioned { value, version })) = (&refused.factor, approver) {
            // Wrong codes lock the factor after a few, so their entries are bounded already.
            let counted = CountedClick::wrong_code();
            let key = SortKey::interaction(click.interaction_id());
            changes.push(Change::put(key, &counted, Expect::Absent).expiring(now + REMEMBER));
            let key = SortKey::approver(value.user_id);
            changes.push(Change::put(key, &value.with(factor.clone()), Expect::Version(*version)));
        } else {
            match self.entering(tenant_id, click.member().user_id(), now).await? {
                Entering::Each => {}
                Entering::TheLast => (why, entered) = (too_many(why), Refusal::TooManyRefused),
                Entering::NoMore => return Ok(too_many(why)),
            }
        }
        entry.outcome = Some(entered.as_str().to_owned());
        entry.detail.insert("button".to_owned(), json!(asked.id.to_string()));
        self.ledger.commit(tenant_id, &changes, &entry).await?;
        Ok(why)
    }

    /// Counts one more refusal of a member, be it of a click or of a command, and tells whether it is entered.
    pub(crate) async fn entering(
        &self,
        tenant_id: &TenantId,
        user: Snowflake,
        now: i64,
    ) -> Result<Entering, TableError> {
        let refusals = count_refusal(&self.table, tenant_id, user, now).await?;
        Ok(match refusals - MOST_ENTERED {
            ..=0 => Entering::Each,
            1 => Entering::TheLast,
            _ => Entering::NoMore,
        })
    }
}

/// What is said to whoever was refused too often: a card that is settled is still shown as it is.
const fn too_many(why: Refusal) -> Refusal {
    if matches!(why, Refusal::AlreadyDecided | Refusal::Expired) { why } else { Refusal::TooManyRefused }
}
