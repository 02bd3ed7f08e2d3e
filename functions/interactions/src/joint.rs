//! One click on a plan for several hosts, from its parsing to the committed decision: the same way as a click on a card,
//! with a digest and all its alerts in place of one.

use crate::answer::Answer;
use crate::decide::{Asked, KEEP_PACE, REDRAW_AFTER, REMEMBER, expected};
use crate::failure::Failure;
use crate::known::KnownJoint;
use crate::refuse::Subject;
use crate::{Interactions, event};
use vyrox_contract::TenantId;
use vyrox_domain::approval::{self, JointOutcome, JointRuling, JointSubject, Refusal, Refused};
use vyrox_domain::card;
use vyrox_domain::message::{ActionApproved, CardRequested};
use vyrox_domain::record::AlertRecord;
use vyrox_platform::approved;
use vyrox_platform::delivery::CountedClick;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::queue::SendError;
use vyrox_platform::table::{SortKey, Versioned};

impl Interactions {
    /// Rules on a click; a conflict if somebody else was quicker.
    pub(crate) async fn click_on_plan(&self, asked: Asked<'_>, tenant_id: &TenantId) -> Result<Answer, Failure> {
        let user = asked.click.member().user_id();
        let Some(known) = self.known_joint(tenant_id, asked.id.alert_id, user).await? else {
            return Ok(Answer::Refused(Refusal::NotThisCard));
        };
        let now = self.clock.now();
        let records: Vec<AlertRecord> = known.gathered.records.iter().map(|record| record.value.clone()).collect();
        let held = known.held_by_others();
        let subject = JointSubject { digest: &known.gathered.digest.value, records: &records, held: &held };
        let admitted = match approval::admit_joint(subject, asked.click, asked.id, known.moment(now)) {
            Ok(admitted) => admitted,
            Err(why) => return self.refuse_joint(asked, &known, &records, &why.into(), now).await,
        };
        match admitted.form() {
            Err(why) => return self.refuse_joint(asked, &known, &records, &why.into(), now).await,
            Ok(Some(wanted)) => {
                return Ok(Answer::Form(Box::new(card::joint_modal(&wanted, admitted.plan(), &records))));
            }
            Ok(None) => {}
        }
        let secret = match &known.approver {
            Some(approver) if admitted.needs_code() => {
                Some(approver.value.open(&self.secrets, &known.tenant.id).await?)
            }
            _ => None,
        };
        let ruling = match admitted.rule(secret.as_ref().map(AsRef::as_ref)) {
            Ok(ruling) => ruling,
            Err(refused) => return self.refuse_joint(asked, &known, &records, &refused, now).await,
        };
        self.queue_all(asked, &ruling, now).await?;
        self.commit_joint(asked, &known, &ruling, now).await?;
        // The hosts that the decision changed, beside those that it did not.
        let is_changed = |record: &AlertRecord| ruling.records.iter().any(|after| after.alert.id == record.alert.id);
        let others = records.into_iter().filter(|record| !is_changed(record));
        let records: Vec<AlertRecord> = others.chain(ruling.records.iter().cloned()).collect();
        Ok(Answer::Card(Box::new(card::digest(&ruling.digest, &records, now))))
    }

    /// Queues every action before any of them is committed: what is queued and not decided leads to nothing.
    async fn queue_all(&self, asked: Asked<'_>, ruling: &JointRuling, now: i64) -> Result<(), SendError> {
        let redraw = async {
            let alert = ruling.plan.alerts().next();
            let Some(alert) = alert.filter(|_| asked.progress.may_redraw()) else { return Ok(()) };
            let message = CardRequested::changed(ruling.digest.tenant_id.clone(), alert);
            self.cards.send_after(&message, REDRAW_AFTER).await
        };
        // A race that is run again finds the messages of the first one sent.
        let actions = ruling.outcome.actions().iter().filter(|action| asked.progress.may_queue(action.request_id()));
        let messages = actions.map(|action| {
            let (message, later) = (ActionApproved::of(action, now), approved::until_closed(action, now));
            async move {
                tokio::try_join!(self.actions.send(&message), self.actions.send_after(&message, later))?;
                asked.progress.has_queued(action.request_id());
                Ok(())
            }
        });
        tokio::try_join!(futures::future::try_join_all(messages), redraw)?;
        Ok(())
    }

    /// One transaction: the digest, every alert with its action, the click's id, an audit entry for each alert.
    async fn commit_joint(
        &self,
        asked: Asked<'_>,
        known: &KnownJoint,
        ruling: &JointRuling,
        now: i64,
    ) -> Result<(), Failure> {
        let tenant_id = &known.tenant.id;
        let (kind, digest) = (ruling.outcome.as_str(), &ruling.digest);
        let click_id = asked.click.interaction_id();
        let counted = CountedClick { kind: kind.to_owned(), proof: Some(asked.click.proof().clone()) };
        let mut changes = vec![
            Change::put(SortKey::digest(digest.id), digest, Expect::Version(known.gathered.digest.version))
                .expiring(digest.expires_at()),
            Change::put(SortKey::interaction(click_id), &counted, Expect::Absent).expiring(now + REMEMBER),
        ];
        if let Some(pace) = &ruling.pace {
            changes.push(Change::put(SortKey::pace(), pace, expected(known.pace.as_ref())).expiring(now + KEEP_PACE));
        }
        if let (Some(factor), Some(Versioned { value, version })) = (&ruling.factor, &known.approver) {
            let key = SortKey::approver(value.user_id);
            changes.push(Change::put(key, &value.with(factor.clone()), Expect::Version(*version)));
        }
        if matches!(ruling.outcome, JointOutcome::Approved(_)) {
            // What the signed clicks name by its digest: read again when each action is delivered.
            let key = SortKey::joint_plan(digest.id, ruling.plan.digest());
            changes.push(Change::put(key, &ruling.plan, Expect::Anything).expiring(digest.expires_at()));
        }
        for record in &ruling.records {
            let version = known.gathered.version_of(record.alert.id).ok_or(Failure::Unread)?;
            let put = Change::put(SortKey::alert(record.alert.id), record, Expect::Version(version));
            changes.push(put.expiring(record.expires_at()));
            changes.extend(approved::remembered(record));
        }
        for action in ruling.outcome.actions() {
            let host = known.held(action.alert_id()).ok_or(Failure::Unread)?;
            changes.extend(approved::changes(action, host, self.clock.now_millis()));
        }
        let entries = event::ruled_jointly(ruling, asked.click, now);
        asked.progress.begin_commit();
        self.ledger.commit_all(tenant_id, &changes, &entries).await?;
        tracing::info!(%tenant_id, digest = %digest.id, interaction_id = %click_id, kind, "decided");
        Ok(())
    }

    /// A click on a plan that changes nothing.
    async fn refuse_joint(
        &self,
        asked: Asked<'_>,
        known: &KnownJoint,
        records: &[AlertRecord],
        refused: &Refused,
        now: i64,
    ) -> Result<Answer, Failure> {
        let (click, digest) = (asked.click, &known.gathered.digest.value);
        let redraw = async {
            match digest.hosts.first() {
                Some(host) => self.cards.send(&CardRequested::changed(digest.tenant_id.clone(), host.alert_id)).await,
                None => Ok(()),
            }
        };
        // The same click again, which Discord may deliver more than once: the same answer, and nothing new in the audit.
        let before = self.counted(click, &known.tenant.id, now).await?;
        if before.as_ref().is_some_and(CountedClick::has_counted) {
            redraw.await?;
            // What was read may be older than what the click has come to.
            let again = self.known_joint(&known.tenant.id, digest.id, click.member().user_id()).await?;
            return Ok(again.map_or(Answer::Unknown, |known| Answer::Card(Box::new(known.gathered.card(None, now)))));
        }
        let subject = Subject {
            tenant_id: &known.tenant.id,
            approver: known.approver.as_ref(),
            entry: event::of_digest(digest, click, "CLICK_REFUSED", now),
        };
        let why = if before.is_some() { refused.why } else { self.enter(asked, subject, refused, now).await? };
        let is_settled = matches!(why, Refusal::AlreadyDecided | Refusal::Expired);
        if is_settled || why == Refusal::PlanChanged {
            redraw.await?;
        }
        Ok(if is_settled { Answer::Card(Box::new(card::digest(digest, records, now))) } else { Answer::Refused(why) })
    }
}
