//! Where an alert is shown: decided once, in one transaction with the counters it moves. A tenant's alerts meet at the same
//! counters, so those that wait at the same time are decided one after the other and stored together.

use crate::counters::{Counters, Decided};
use crate::{Notify, NotifyError, Subject};
use serde_json::json;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::card;
use vyrox_domain::message::CardRequested;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::storm::Place;
use vyrox_platform::batch::chain;
use vyrox_platform::ledger::CommitError;
use vyrox_platform::line::{self, GivenUp};
use vyrox_platform::table::TableError;

/// The most alerts that are placed in one transaction: each writes its record, its entry and perhaps its group, beside the
/// budget and the digests, and DynamoDB takes 100 together.
const MOST_TOGETHER: usize = 20;

type Outcome = Result<Subject, NotifyError>;
/// One tenant's alerts that wait for a place.
pub(crate) type Line = line::Line<(), Subject, Outcome>;
type Waiting = line::Waiting<Subject, Outcome>;

/// Whether nothing is to be decided: it is not shown at all, was shown already, or has its place. What has become worse
/// than when it was counted elsewhere gets a place of its own.
fn has_its_place(record: &AlertRecord) -> bool {
    let level = record.verdict.as_ref().map(|verdict| verdict.verdict);
    match record.place {
        _ if !card::is_shown(record) => true,
        None => record.posted.is_some(),
        Some(Place::CountedOn { level: then, .. }) => level.is_none_or(|level| level <= then),
        Some(Place::Card | Place::InDigest { .. }) => true,
    }
}

/// What everyone is told whose place was not stored, if that is nobody's own fault: the table does not answer.
fn told_to_all(error: &NotifyError) -> Option<impl Fn() -> NotifyError + use<>> {
    let (is_commit, cause) = match error {
        NotifyError::Commit(CommitError::Unavailable(cause)) => (true, chain(&**cause)),
        NotifyError::Table(TableError::Unavailable(cause)) => (false, chain(&**cause)),
        _ => return None,
    };
    Some(move || match is_commit {
        true => CommitError::Unavailable(cause.clone().into()).into(),
        false => TableError::Unavailable(cause.clone().into()).into(),
    })
}

impl Notify {
    /// The subject with its place decided. Where the alert has changed while it waited for its turn, that is a conflict.
    pub(crate) async fn placed(&self, subject: Subject) -> Result<Subject, NotifyError> {
        if has_its_place(&subject.record) {
            return Ok(subject);
        }
        let given_up =
            |GivenUp| Err(CommitError::Unavailable("the place that it was to have was given up".into()).into());
        let line = self.line(&subject.tenant.id);
        let place_those_whose_turn_it_is = async |turn| {
            let (mut count, mut alerts) = (0, HashSet::new());
            let together = line.next(|subject| {
                count += 1;
                count <= MOST_TOGETHER && alerts.insert(subject.record.alert.id)
            });
            self.place_all(together).await;
            turn
        };
        line.wait(subject, place_those_whose_turn_it_is).await.unwrap_or_else(given_up)
    }

    fn line(&self, tenant: &TenantId) -> Arc<Line> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(tenant.clone()).or_default())
    }

    /// Places them together, and tells each what came of it. One that has changed meanwhile is told so and the others go without
    /// it; if it is not known whose fault it was, each goes alone.
    async fn place_all(&self, mut together: Vec<Waiting>) {
        while together.len() > 1 {
            match self.place(together.iter().map(|one| &one.want)).await {
                Ok(placed) => {
                    together.into_iter().zip(placed).for_each(|(one, placed)| one.tell(Ok(placed)));
                    return;
                }
                Err(NotifyError::Commit(CommitError::Conflict(whose))) if whose < together.len() => {
                    together.remove(whose).tell(Err(CommitError::Conflict(0).into()));
                }
                Err(error) => {
                    let Some(told) = told_to_all(&error) else { break };
                    together.into_iter().for_each(|one| one.tell(Err(told())));
                    return;
                }
            }
        }
        for one in together {
            let placed = self.place([&one.want].into_iter()).await;
            one.tell(placed.map(|mut placed| placed.remove(0)));
        }
    }

    /// Alerts of one tenant with their places, decided in this order and stored. A conflict's number below theirs is that of
    /// the alert that has changed; else it is a counter.
    async fn place(
        &self,
        subjects: impl ExactSizeIterator<Item = &Subject> + Clone,
    ) -> Result<Vec<Subject>, NotifyError> {
        let Some(tenant) = subjects.clone().next().map(|first| &first.tenant) else { return Ok(Vec::new()) };
        // Those before them have moved the counters on since they were read.
        let now = self.clock.now();
        let mut counters = Counters::read(&self.table, tenant, subjects.clone(), now).await?;
        let (mut placed, mut changes, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for subject in subjects {
            let Decided { place, drawn_later } = counters.place(subject).await?;
            if let Some((alert, wait)) = drawn_later {
                // Before the commit: a message too many is nothing, one too few is a card that is never drawn.
                self.later(&tenant.id, alert, wait).await?;
            }
            let mut subject = Subject { now, ..subject.clone() };
            subject.record.place = Some(place);
            let mut event = subject.entry("ALERT_PLACED");
            event.detail.insert("place".to_owned(), json!(place));
            changes.push(subject.change());
            events.push(event);
            placed.push(subject);
        }
        changes.extend(counters.changes());
        self.ledger.commit_all(&tenant.id, &changes, &events).await?;
        for subject in &mut placed {
            subject.version += 1;
            subject.is_just_placed = true;
        }
        Ok(placed)
    }

    /// Asks for an alert's card to be drawn in so many seconds.
    async fn later(&self, tenant: &TenantId, alert: AlertId, wait: i64) -> Result<(), NotifyError> {
        let message = CardRequested::changed(tenant.clone(), alert);
        Ok(self.cards.send_after(&message, Duration::from_secs(u64::try_from(wait).unwrap_or(0))).await?)
    }
}
