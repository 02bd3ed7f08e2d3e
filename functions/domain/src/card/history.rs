//! Who decided what when and why, and what came of it.

use super::field;
use super::message::Field;
use super::standing::{Standing, outcome, said};
use crate::record::{ActionSummary, AlertRecord, Decision, Manner, Vote};
use crate::text::Shown;
use vyrox_contract::Verification;

/// How much of a reason the card shows, in UTF-16 units: two of them and two releases' stay within a field.
const MOST_REASON_SHOWN: usize = 160;

/// Who decided what when and why, and what came of it.
pub(super) fn history(record: &AlertRecord) -> Vec<Field> {
    let mut lines = Vec::new();
    if let Some(Decision::Approved { manner: Manner::BreakGlass, .. }) = &record.decision {
        lines.push(Shown::literal("⚠ BREAK-GLASS: one approver decided alone").bold());
    }
    if let Some(Decision::Approved { manner: Manner::Joint { .. }, .. }) = &record.decision {
        lines.push(Shown::literal("Decided together with other hosts of a digest, by two approvers"));
    }
    let is_in_advance = matches!(record.decision, Some(Decision::Approved { manner: Manner::OptIn { .. }, .. }));
    if is_in_advance {
        lines.push(
            Shown::literal("Nobody was asked: LOW alerts are allowed in advance, see `/vyrox auto-approve`").bold(),
        );
    }
    let approved = if is_in_advance { "In the name of " } else { "Approved by " };
    lines.extend(record.votes.iter().map(|vote| by(approved, vote)));
    if let Some(Decision::Denied { by: vote }) = &record.decision {
        lines.push(by("Denied by ", vote));
    }
    if record.decision.is_none() && !record.votes.is_empty() {
        lines.push(Shown::literal("1 of 2: a second approver is needed").bold());
    }
    let mut fields = Vec::new();
    if !lines.is_empty() {
        fields.push(field("Decision", Shown::lines(lines), false));
    }
    if let Some(action) = &record.containment {
        fields.push(field("Outcome", report(action, outcome(action.state)), false));
    }
    let asked: Vec<&Vote> = match (&record.release, record.release_votes.is_empty()) {
        (Some(action), true) => action.requested_by.iter().collect(),
        _ => record.release_votes.iter().collect(),
    };
    let mut lines: Vec<Shown> = asked.into_iter().map(|vote| by("Requested by ", vote)).collect();
    if let Some(action) = &record.release {
        if lines.is_empty() {
            lines.push(Shown::literal("Requested by nobody: the lease has ended"));
        }
        lines.push(report(action, said(Standing::Releasing(action.state))));
    } else if !lines.is_empty() {
        lines.push(Shown::literal("1 of 2: another approver has to press Release, too").bold());
    }
    if !lines.is_empty() {
        fields.push(field("Release", Shown::lines(lines), false));
    }
    fields
}

/// Who, when, and why they say.
pub(super) fn by(what: &'static str, vote: &Vote) -> Shown {
    let when = [Shown::literal(what), Shown::user(vote.user_id), Shown::literal(" "), Shown::time(vote.at, 'f')];
    let reason = vote.reason.as_deref().map(|reason| [Shown::literal(": "), Shown::inline(reason, MOST_REASON_SHOWN)]);
    Shown::join(when.into_iter().chain(reason.into_iter().flatten()))
}

fn report(action: &ActionSummary, words: &'static str) -> Shown {
    let mut lines = vec![Shown::join([Shown::literal(words).bold(), Shown::literal(" "), Shown::time(action.at, 'T')])];
    if let Some(detail) = &action.detail {
        lines.push(Shown::inline(detail, 300));
    }
    match action.verification {
        Some(Verification::Confirmed) => lines.push(Shown::literal("Read back from the EDR: confirmed")),
        Some(Verification::Unconfirmed) => lines.push(Shown::literal("Read back from the EDR: not confirmed yet")),
        Some(Verification::Contradicted) => {
            lines.push(Shown::literal("Read back from the EDR: CONTRADICTED, look at the console"));
        }
        Some(Verification::None) | None => {}
    }
    if let Some(until) = action.lease_until.filter(|_| action.state.is_contained()) {
        lines.push(Shown::join([Shown::literal("released automatically "), Shown::time(until, 'R')]));
    }
    for contradiction in action.contradictions.iter().take(3) {
        lines.push(Shown::join([
            Shown::literal("CONTRADICTION").bold(),
            Shown::literal(": "),
            Shown::literal(contradiction.explanation()),
        ]));
    }
    if let Some(reference) = &action.vendor_reference {
        lines.push(Shown::join([Shown::literal("EDR reference "), Shown::span(reference, 80)]));
    }
    Shown::lines(lines)
}
