//! The part of a digest that asks about several hosts at once, and who decided it.

use super::history::by;
use super::message::{Button, Field};
use super::question::product;
use crate::custom_id::{CustomId, Verb};
use crate::plan::{Plan, PlanDigest};
use crate::record::{AlertRecord, Decision, Manner, Vote};
use crate::storm::{Digest, JointPlan};
use crate::text::Shown;
use std::collections::BTreeSet;

/// How many decisions are told of, the newest ones.
const MOST_DECISIONS: usize = 2;

/// The question, as the end of the digest's first line.
pub(super) fn headline(digest: &Digest) -> Shown {
    let Some(question) = &digest.asked else { return Shown::default() };
    Shown::join([
        Shown::literal(" — isolate "),
        counted(question.plan.alerts().len()),
        Shown::literal(" of them? Takes two approvers. Expires "),
        Shown::time(question.plan.expires_at(), 'R'),
    ])
}

/// What the plan does exactly, and who has said yes to it.
pub(super) fn field(digest: &Digest, records: &[AlertRecord]) -> Option<Field> {
    let question = digest.asked.as_ref()?;
    let plans = plans(&question.plan, records);
    let products: BTreeSet<&str> = plans.iter().map(|plan| product(plan.target().vendor)).collect();
    let proxies: BTreeSet<&str> = plans.iter().map(|plan| plan.proxy_id().as_str()).collect();
    let leased = plans.iter().filter_map(|plan| plan.lease_seconds()).max().map(|seconds| {
        Shown::join([
            Shown::literal("released automatically after "),
            Shown::number(i64::from(seconds.div_ceil(60))),
            Shown::literal(" minutes"),
        ])
    });
    let what =
        Shown::join([Shown::literal("Isolate "), counted(question.plan.alerts().len()), Shown::literal(" hosts")]);
    let mut lines = vec![
        Shown::join([
            what.bold(),
            Shown::literal(": every host above that says \u{201c}in the plan\u{201d}, each once, in "),
            Shown::inline(&products.into_iter().collect::<Vec<_>>().join(", "), 100),
        ]),
        Shown::join([
            Shown::literal("through proxy "),
            Shown::span(&proxies.into_iter().collect::<Vec<_>>().join(", "), 140),
        ]),
        Shown::join([
            Shown::literal("plan "),
            Shown::span(&question.plan.digest().short(), 20),
            Shown::literal(", expires "),
            Shown::time(question.plan.expires_at(), 'f'),
        ]),
    ];
    lines.extend(leased);
    lines.extend(question.votes.iter().map(|vote| by("Approved by ", vote)));
    lines.push(
        Shown::literal(if question.votes.is_empty() {
            "takes two approvers, whatever is set otherwise"
        } else {
            "1 of 2: a second approver is needed"
        })
        .bold(),
    );
    Some(super::field("Approve the plan does", Shown::lines(lines), false))
}

/// Who has decided about several hosts of this digest at once.
pub(super) fn decided(digest: &Digest, records: &[AlertRecord]) -> Option<Field> {
    let mut told: Vec<(i64, Shown)> = Vec::new();
    let joint = records.iter().filter_map(|record| Some((joint_plan(record, digest)?, record)));
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (plan, record) in joint {
        if seen.insert(plan.short()) {
            let same = records.iter().filter(|other| joint_plan(other, digest) == Some(plan)).count();
            let votes = record.votes.iter().map(|vote| by("Approved by ", vote));
            let about = Shown::join([counted(same), Shown::literal(" hosts, plan "), Shown::span(&plan.short(), 20)]);
            told.push((record.votes.last().map_or(0, |vote| vote.at), Shown::lines(votes.chain([about]))));
        }
    }
    for vote in records.iter().filter_map(denied) {
        if seen.insert(vote.interaction_id.to_string()) {
            let same = records.iter().filter(|other| denied(other) == Some(vote)).count();
            let about = Shown::join([counted(same), Shown::literal(" hosts stay as they are")]);
            told.push((vote.at, Shown::lines([by("Denied by ", vote), about])));
        }
    }
    told.sort_by_key(|(at, _)| *at);
    let newest = told.split_off(told.len().saturating_sub(MOST_DECISIONS));
    (!newest.is_empty())
        .then(|| super::field("Decided", Shown::lines(newest.into_iter().map(|(_, lines)| lines)), false))
}

/// Its buttons.
pub(super) fn buttons(digest: &Digest) -> Vec<Button> {
    let Some(question) = &digest.asked else { return Vec::new() };
    let button = |style, label, verb| Button {
        kind: 2,
        style,
        label,
        custom_id: CustomId { verb, alert_id: digest.id, plan: question.plan.digest().short() },
    };
    vec![button(3, "Approve the plan", Verb::ApproveAll), button(4, "Deny the plan", Verb::DenyAll)]
}

/// What stands on top of the form for a joint plan: every host by its name.
pub(super) fn subject(plan: &JointPlan, records: &[AlertRecord]) -> Shown {
    let hosts = plans(plan, records).into_iter().enumerate().map(|(index, plan)| {
        let separator = Shown::literal(if index == 0 { "" } else { ", " });
        Shown::join([separator, Shown::span(plan.target().hostname.as_str(), 60)])
    });
    Shown::join([
        Shown::join([Shown::literal("Isolate "), counted(plan.alerts().len()), Shown::literal(" hosts")]).bold(),
        Shown::literal(": "),
        Shown::join(hosts),
        Shown::literal(", plan "),
        Shown::span(&plan.digest().short(), 20),
    ])
}

fn plans<'a>(joint: &JointPlan, records: &'a [AlertRecord]) -> Vec<&'a Plan> {
    let record = |alert| records.iter().find(|record| record.alert.id == alert);
    joint.alerts().filter_map(|alert| record(alert)?.plan()).collect()
}

fn joint_plan(record: &AlertRecord, of: &Digest) -> Option<PlanDigest> {
    match record.decision {
        Some(Decision::Approved { manner: Manner::Joint { digest, plan }, .. }) if digest == of.id => Some(plan),
        _ => None,
    }
}

fn denied(record: &AlertRecord) -> Option<&Vote> {
    match &record.decision {
        Some(Decision::Denied { by }) => Some(by),
        _ => None,
    }
}

fn counted(count: usize) -> Shown {
    Shown::number(i64::try_from(count).unwrap_or(i64::MAX))
}
