//! Where an alert stands, in a few words for a terminal: those of its card, and why there is none.

use crate::table;
use vyrox_domain::card;
use vyrox_domain::record::AlertRecord;

/// At `now`, unix seconds.
pub(crate) fn standing(record: &AlertRecord, now: i64) -> String {
    let Some(verdict) = record.verdict.as_ref().map(|verdict| verdict.verdict) else {
        // What was decided about an earlier revision stays.
        return match &record.decision {
            None => "waits for a verdict".to_owned(),
            Some(_) => card::state_in_words(record, now).to_string(),
        };
    };
    if !card::is_shown(record) && record.decision.is_none() {
        return format!("not shown, since it is {verdict}");
    }
    match (card::open_until(record, now), record.votes.len()) {
        (Some(until), 0) => format!("waits until {} for a decision", table::time(until)),
        (Some(until), votes) => format!("waits until {} for another yes ({votes} so far)", table::time(until)),
        (None, _) => card::state_in_words(record, now).to_string(),
    }
}
