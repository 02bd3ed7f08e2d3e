//! How a digest looks: one numbered line a host, the plan that asks about several of them at once, a button for what can be
//! decided about each, and what the rest was.

use super::message::{AllowedMentions, Button, Embed, Field, Footer, Message, Row};
use super::{Standing, budget, colour, field, joint, said, standing};
use crate::approval::{may_release, may_reopen};
use crate::custom_id::{CustomId, Verb};
use crate::record::AlertRecord;
use crate::storm::{Digest, DigestHost, JointQuestion, MOST_HOSTS};
use crate::text::Shown;

/// A button's words for each host: known when this was compiled, so no text from outside can be on one.
macro_rules! numbered {
    ($word:literal) => { numbered!($word; 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15) };
    ($word:literal; $($number:literal)*) => { [$(concat!($word, " ", $number)),*] };
}

const APPROVE: [&str; MOST_HOSTS] = numbered!("Approve");
const RELEASE: [&str; MOST_HOSTS] = numbered!("Release");
const ASK_AGAIN: [&str; MOST_HOSTS] = numbered!("Ask again");
/// How many buttons a row holds.
const A_ROW: usize = 5;
/// How many lines a field holds for certain, of Discord's 1,024 units.
const A_FIELD: usize = 5;

/// Draws a digest. `records` are its hosts' alerts, as they are now, in any order; `now` is unix seconds.
#[must_use]
pub fn digest(digest: &Digest, records: &[AlertRecord], now: i64) -> Message {
    let record_of = |host: &DigestHost| records.iter().find(|record| record.alert.id == host.alert_id);
    let counted = |count: usize| Shown::number(i64::try_from(count).unwrap_or(i64::MAX));
    // In the order in which they came, which never changes: a number stands for the same host in every edit.
    let line = |(index, host): (usize, &DigestHost)| {
        let record = record_of(host);
        let state = record.map_or("(its alert is gone)", |record| state(digest, host, record, now));
        // The plan that would be carried out, which a newer payload of the alert may have changed.
        let plan = record.and_then(AlertRecord::plan).unwrap_or(&host.plan);
        Shown::join([
            Shown::literal("("),
            counted(index + 1),
            Shown::literal(") "),
            Shown::literal(host.level.as_str()).bold(),
            Shown::literal(" "),
            Shown::span(plan.target().hostname.as_str(), 60),
            Shown::literal(" × "),
            Shown::number(host.alerts),
            Shown::literal(" · "),
            Shown::literal(state),
        ])
    };
    let lines: Vec<Shown> = digest.hosts.iter().enumerate().map(line).collect();
    let mut fields: Vec<Field> = Vec::new();
    for (index, lines) in lines.chunks(A_FIELD).enumerate() {
        fields.push(field(if index == 0 { "Hosts" } else { "More hosts" }, Shown::lines(lines.to_vec()), false));
    }
    if digest.others > 0 {
        let words = [Shown::number(digest.others), Shown::literal(" more alerts, for which no containment is offered")];
        fields.push(field("Besides", Shown::join(words), false));
    }
    let asked: Vec<Field> = joint::field(digest, records).into_iter().chain(joint::decided(digest, records)).collect();
    let last = asked.len() + usize::from(digest.others > 0);
    fields.extend(asked);
    let mut embed = Embed {
        title: Shown::literal("Digest"),
        description: Shown::literal(
            "More alerts came than cards are shown in a while. Each is judged, stored and in the audit; here they are together.",
        ),
        color: colour(digest.worst, Standing::Open),
        fields,
        footer: Footer { text: Shown::join([Shown::literal("digest "), Shown::alert(digest.id)]) },
    };
    budget::fit(&mut embed, MOST_HOSTS.div_ceil(A_FIELD), last);
    let buttons: Vec<Button> = digest
        .hosts
        .iter()
        .enumerate()
        .filter_map(|(index, host)| button(host, record_of(host)?, index, now))
        .collect();
    Message {
        content: Shown::join([
            Shown::literal(digest.worst.as_str()).bold(),
            Shown::literal(" · alert storm: "),
            Shown::number(digest.alerts()),
            Shown::literal(" alerts in one card, "),
            counted(digest.hosts.len()),
            Shown::literal(" hosts that could be contained"),
            joint::headline(digest),
        ]),
        embeds: vec![embed],
        components: [joint::buttons(digest)]
            .iter()
            .map(Vec::as_slice)
            .chain(buttons.chunks(A_ROW))
            .filter(|row| !row.is_empty())
            .map(|row| Row { kind: 1, components: row.to_vec() })
            .collect(),
        allowed_mentions: AllowedMentions { parse: [], roles: Vec::new() },
        silent: false,
    }
}

/// Where one host stands.
fn state(digest: &Digest, host: &DigestHost, record: &AlertRecord, now: i64) -> &'static str {
    let is_asked = |question: &JointQuestion| question.plan.alerts().any(|alert| alert == host.alert_id);
    match standing(record, now) {
        Standing::Open if host.held => "contained already, because of another alert",
        Standing::Open if digest.asked.as_ref().is_some_and(is_asked) => "in the plan",
        standing => said(standing),
    }
}

/// What can be decided about one host now. The button is that of the host's own alert and plan, so the decision, its proof
/// and its action are the same as from a card of its own.
fn button(host: &DigestHost, record: &AlertRecord, index: usize, now: i64) -> Option<Button> {
    let (labels, style, verb) = match standing(record, now) {
        Standing::Open if host.held => return None,
        Standing::Open => (&APPROVE, 3, Verb::Approve),
        _ if may_release(record) => (&RELEASE, 2, Verb::Release),
        _ if may_reopen(record) => (&ASK_AGAIN, 1, Verb::Reopen),
        _ => return None,
    };
    let custom_id = CustomId { verb, alert_id: record.alert.id, plan: record.plan()?.digest().short() };
    Some(Button { kind: 2, style, label: labels.get(index)?, custom_id })
}
