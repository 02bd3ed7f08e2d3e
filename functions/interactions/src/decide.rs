//! One click, from its parsing to the committed decision.

use crate::answer::Answer;
use crate::failure::Failure;
use crate::known::Known;
use crate::{Interactions, event};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use vyrox_contract::{RequestId, TenantId};
use vyrox_domain::approval::{self, Admitted, Refusal, Ruling};
use vyrox_domain::card::{self, Message};
use vyrox_domain::custom_id::{CustomId, Verb};
use vyrox_domain::interaction::Click;
use vyrox_domain::message::{ActionApproved, CardRequested};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::storm::Place;
use vyrox_domain::tenant::Tenant;
use vyrox_platform::approved::{self, HeldHost};
use vyrox_platform::batch::chain;
use vyrox_platform::delivery::CountedClick;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::metric::Metric;
use vyrox_platform::queue::SendError;
use vyrox_platform::secrets::Secret;
use vyrox_platform::table::{Lookup, SortKey, Versioned};

/// How often a click that lost a race is ruled on again. A tenant's approvals share one item (their pace), so clicks on
/// different cards can race, too.
const RACES: usize = 8;
/// How long a counted click is remembered, in seconds: longer than an action may be asked about, since it is what proves it.
pub(crate) const REMEMBER: i64 = 3 * 24 * 3_600;
/// How long after a decision the card is drawn once more by notify.
pub(crate) const REDRAW_AFTER: Duration = Duration::from_secs(5);
/// The tenant's pace is of no use after this, in seconds.
pub(crate) const KEEP_PACE: i64 = 2 * 3_600;

/// How far a click has come, over all the races that it runs.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    begun: AtomicBool,
    redrawn: AtomicBool,
    queued: Mutex<BTreeSet<String>>,
}

impl Progress {
    /// Whether an action has to be queued: a race that is run again finds the messages of the first one sent. Another
    /// action's messages, of an earlier race, lead to no decision, and are nothing.
    pub(crate) fn may_queue(&self, action: &RequestId) -> bool {
        !self.queued.lock().expect("nothing panics while it is held").contains(action.as_str())
    }

    /// An action's messages are sent.
    pub(crate) fn has_queued(&self, action: &RequestId) {
        self.queued.lock().expect("nothing panics while it is held").insert(action.to_string());
    }

    /// Whether the card has to be asked for; true once.
    pub(crate) fn may_redraw(&self) -> bool {
        !self.redrawn.swap(true, Ordering::SeqCst)
    }

    /// From here on, something may be recorded.
    pub(crate) fn begin_commit(&self) {
        self.begun.store(true, Ordering::SeqCst);
    }

    /// Whether a commit has begun: until then, whatever stops a click has certainly recorded nothing.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }
}

/// A click with what it carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) click: &'a Click,
    pub(crate) id: &'a CustomId,
    pub(crate) progress: &'a Progress,
}

impl Interactions {
    pub(crate) async fn click(&self, click: &Click, progress: &Progress) -> Answer {
        match self.try_click(click, progress).await {
            Ok(answer) => answer,
            Err(failure) => {
                tracing::error!(interaction_id = %click.interaction_id(), error = %chain(&failure), "click was not recorded");
                if failure.may_be_recorded() { Answer::Unknown } else { Answer::NotRecorded }
            }
        }
    }

    async fn try_click(&self, click: &Click, progress: &Progress) -> Result<Answer, Failure> {
        if click.application_id() != self.application_id {
            return Ok(Answer::Refused(Refusal::NotThisCard));
        }
        let Ok(id) = click.custom_id().parse::<CustomId>() else { return Ok(Answer::Unsupported) };
        // The tenant comes from the guild that Discord signed, never from the button.
        let Some((tenant_id, _)) = self.table.owner(&Lookup::guild(click.guild_id())).await? else {
            return Ok(Answer::Refused(Refusal::NotThisCard));
        };
        let asked = Asked { click, id: &id, progress };
        for _ in 0..RACES {
            if id.verb.is_joint() {
                match self.click_on_plan(asked, &tenant_id).await {
                    Err(failure) if failure.is_race() => continue,
                    other => return other,
                }
            }
            let Some(known) = self.known(&tenant_id, id.alert_id, click.member().user_id()).await? else {
                return Ok(Answer::Refused(Refusal::NotThisCard));
            };
            match self.rule(asked, &known).await {
                Err(failure) if failure.is_race() => {}
                other => return other,
            }
        }
        Ok(Answer::NotRecorded)
    }

    async fn rule(&self, asked: Asked<'_>, known: &Known) -> Result<Answer, Failure> {
        let now = self.clock.now();
        let record = &known.record.value;
        let admitted = match approval::admit(record, asked.click, asked.id, known.moment(now)) {
            Ok(admitted) => admitted,
            Err(why) => return self.refuse(asked, known, &why.into(), now).await,
        };
        if asked.id.verb == Verb::Investigate {
            return self.investigate(asked.click, known, now).await;
        }
        match (admitted.form(), record.plan()) {
            (Err(why), _) => return self.refuse(asked, known, &why.into(), now).await,
            // Discord takes a form only as the first answer, so it cannot wait for anything else.
            (Ok(Some(wanted)), Some(plan)) => return Ok(Answer::Form(Box::new(card::modal(&wanted, plan)))),
            (Ok(_), _) => {}
        }
        let secret = self.secret(&admitted, known).await?;
        match admitted.rule(secret.as_ref().map(AsRef::as_ref)) {
            Ok(ruling) => self.carry_out(asked, known, &ruling, now).await,
            Err(refused) => self.refuse(asked, known, &refused, now).await,
        }
    }

    /// The secret of the approver's second factor, where it is needed.
    async fn secret(&self, admitted: &Admitted<'_>, known: &Known) -> Result<Option<Secret>, Failure> {
        match &known.approver {
            Some(approver) if admitted.needs_code() => {
                Ok(Some(approver.value.open(&self.secrets, &known.tenant.id).await?))
            }
            _ => Ok(None),
        }
    }

    async fn carry_out(&self, asked: Asked<'_>, known: &Known, ruling: &Ruling, now: i64) -> Result<Answer, Failure> {
        let tenant_id = &known.tenant.id;
        let progress = asked.progress;
        if let Some(action) = ruling.outcome.action().filter(|action| progress.may_queue(action.request_id())) {
            let message = ActionApproved::of(action, now);
            // Should the answer below never reach the card, notify draws it a little later.
            tokio::try_join!(
                self.actions.send(&message),
                self.actions.send_after(&message, approved::until_closed(action, now)),
                self.redraw(asked, tenant_id, ruling),
            )?;
            progress.has_queued(action.request_id());
        } else {
            self.redraw(asked, tenant_id, ruling).await?;
        }
        // Whose the host is by now, where something is about to be done to it.
        let host = match ruling.outcome.action() {
            Some(action) => Some(HeldHost::of(&self.table, tenant_id, action.plan(), now).await?),
            None => None,
        };
        self.commit(asked, known, ruling, host, now).await?;
        Ok(self.answer_to(asked.click, &ruling.record, &known.tenant, now).await)
    }

    /// The answer to a click that counted: the message that holds its button as it is now.
    pub(crate) async fn answer_to(&self, click: &Click, record: &AlertRecord, tenant: &Tenant, now: i64) -> Answer {
        if click.message_id().is_none() {
            return Answer::to_form(click, record, tenant);
        }
        self.message_of(record, tenant, now).await.map_or(Answer::Unknown, |card| Answer::Card(Box::new(card)))
    }

    /// The message that an alert is shown in: its own card, or the digest that it is a line of. None if that cannot be read.
    pub(crate) async fn message_of(&self, record: &AlertRecord, tenant: &Tenant, now: i64) -> Option<Message> {
        let Some(Place::InDigest { digest }) = record.place else { return card::render(record, tenant, now) };
        match self.gathered(&tenant.id, digest, now).await {
            Ok(found) => found.map(|gathered| gathered.card(Some(record), now)),
            Err(error) => {
                tracing::warn!(tenant_id = %tenant.id, %digest, error = %chain(&error), "a digest cannot be shown");
                None
            }
        }
    }

    async fn redraw(&self, asked: Asked<'_>, tenant_id: &TenantId, ruling: &Ruling) -> Result<(), SendError> {
        if !asked.progress.may_redraw() {
            return Ok(());
        }
        let message = CardRequested::changed(tenant_id.clone(), ruling.record.alert.id);
        self.cards.send_after(&message, REDRAW_AFTER).await
    }

    /// One transaction: the record, what came of it, the click's id, the audit entry.
    async fn commit(
        &self,
        asked: Asked<'_>,
        known: &Known,
        ruling: &Ruling,
        host: Option<HeldHost>,
        now: i64,
    ) -> Result<(), Failure> {
        let tenant_id = &known.tenant.id;
        let record = &ruling.record;
        let kind = ruling.outcome.as_str();
        let click_id = asked.click.interaction_id();
        let counted = CountedClick { kind: kind.to_owned(), proof: Some(asked.click.proof().clone()) };
        let mut changes = vec![
            Change::put(SortKey::alert(record.alert.id), record, Expect::Version(known.record.version))
                .expiring(record.expires_at()),
            Change::put(SortKey::interaction(click_id), &counted, Expect::Absent).expiring(now + REMEMBER),
        ];
        if let Some(pace) = &ruling.pace {
            let change = Change::put(SortKey::pace(), pace, expected(known.pace.as_ref()));
            changes.push(change.expiring(now + KEEP_PACE));
        }
        if let (Some(factor), Some(Versioned { value, version })) = (&ruling.factor, &known.approver) {
            let key = SortKey::approver(value.user_id);
            changes.push(Change::put(key, &value.with(factor.clone()), Expect::Version(*version)));
        }
        if ruling.outcome.is_decision() {
            changes.extend(approved::remembered(record));
        }
        if let (Some(action), Some(host)) = (ruling.outcome.action(), host) {
            changes.extend(approved::changes(action, &host, self.clock.now_millis()));
        }
        let entry = event::ruled(ruling, asked.click, kind, now);
        asked.progress.begin_commit();
        self.ledger.commit(tenant_id, &changes, &entry).await?;
        Metric::Decisions.add_by(kind, 1);
        tracing::info!(%tenant_id, alert_id = %record.alert.id, interaction_id = %click_id, kind, "decided");
        Ok(())
    }

    /// What this very click came to before, if it did: Discord may deliver one more than once.
    pub(crate) async fn counted(
        &self,
        click: &Click,
        tenant_id: &TenantId,
        now: i64,
    ) -> Result<Option<CountedClick>, Failure> {
        let key = SortKey::interaction(click.interaction_id());
        Ok(self.table.read::<CountedClick>(tenant_id, &key, now).await?.map(|counted| counted.value))
    }
}

/// An item as it was read, or none.
pub(crate) fn expected<T>(found: Option<&Versioned<T>>) -> Expect {
    found.map_or(Expect::Absent, |found| Expect::Version(found.version))
}
