//! How an alert looks in Discord: a pure function of its record, its tenant and the time, so that whoever draws it
//! (`notify` creating and editing, `interactions` answering a click) draws the same.
//!
//! `content` is one line that suffices alone, because some clients do not render embeds; the embed holds the detail.

mod broken;
mod budget;
mod digest;
mod evidence;
mod form;
mod glass;
mod joint;
mod message;
mod notice;
mod past;

pub use broken::channel_is_broken;
pub use digest::digest;
pub use evidence::{RawPayload, investigation, refusal};
pub use form::{Modal, joint_modal, modal};
pub use glass::{break_glass, is_broken_by, release_asked};
pub use message::{Ephemeral, Message, Tone};
pub use notice::{Notice, next_joint_look, next_look};
pub use past::Past;

use crate::action::ActionState;
use crate::approval::{may_release, may_reopen, settled};
use crate::custom_id::{CustomId, Verb};
use crate::plan::Plan;
use crate::record::{ActionSummary, AlertRecord, Decision, Manner, Offer, SecondWanted, Vote};
use crate::redact::Redactor;
use crate::storm::Place;
use crate::tenant::{Snowflake, Tenant};
use crate::text::Shown;
use crate::verdict::{Verdict, VerdictLevel};
use message::{AllowedMentions, Button, Embed, Field, Footer, Row};
use vyrox_contract::{ActionType, Operation, Vendor, Verification};

/// How much of a reason the card shows, in UTF-16 units: two of them and two releases' stay within a field.
const MOST_REASON_SHOWN: usize = 160;

/// What the card says about itself: the question, or how it was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing to decide.
    Informational,
    /// Waiting for people.
    Open,
    /// Nobody decided in time.
    Expired,
    /// Somebody said no.
    Denied,
    /// Approved; the action stands here.
    Acting(ActionState),
    /// Contained, and a release stands here.
    Releasing(ActionState),
}

/// Whether an alert is to be shown in Discord: LOW and BENIGN are not, unless something was done about them, nor is an alert
/// without a verdict.
#[must_use]
pub fn is_shown(record: &AlertRecord) -> bool {
    record.verdict.as_ref().is_some_and(|verdict| verdict.verdict >= VerdictLevel::Medium)
        || record.containment.is_some()
}

/// Draws the card, or nothing: one that is not shown has none, nor has one that is counted on another's card or is a line of
/// a digest. One that was posted is kept true. `now` is unix seconds.
#[must_use]
pub fn render(record: &AlertRecord, tenant: &Tenant, now: i64) -> Option<Message> {
    let verdict = record.verdict.as_ref()?;
    // Its message is the digest's, which shows it among others.
    if matches!(record.place, Some(Place::InDigest { .. })) {
        return None;
    }
    let has_card = is_shown(record) && !matches!(record.place, Some(Place::CountedOn { .. }));
    if !has_card && record.posted.is_none() {
        return None;
    }
    let standing = standing(record, now);
    let ping = tenant.on_call_role.filter(|_| verdict.verdict == VerdictLevel::Critical && standing == Standing::Open);
    Some(Message {
        content: headline(record, verdict, standing, ping),
        embeds: vec![embed(record, verdict, tenant, standing)],
        components: buttons(record, standing),
        allowed_mentions: AllowedMentions { parse: [], roles: ping.into_iter().collect() },
        silent: standing != Standing::Open,
    })
}

/// Where an alert stands, in the words of its card. `now` is unix seconds.
#[must_use]
pub fn state_in_words(record: &AlertRecord, now: i64) -> Shown {
    Shown::literal(said(standing(record, now)))
}

/// Until when (unix seconds) the card asks a question; nothing if it asks none at `now`.
#[must_use]
pub fn open_until(record: &AlertRecord, now: i64) -> Option<i64> {
    record.plan().filter(|_| standing(record, now) == Standing::Open).map(Plan::expires_at)
}

fn standing(record: &AlertRecord, now: i64) -> Standing {
    match (&record.decision, &record.containment, &record.release, record.plan()) {
        (_, _, Some(release), _) => Standing::Releasing(release.state),
        (Some(Decision::Approved { .. }), Some(action), _, _) => Standing::Acting(action.state),
        (Some(Decision::Denied { .. }), ..) => Standing::Denied,
        (_, _, _, Some(plan)) if now >= plan.expires_at() => Standing::Expired,
        (_, _, _, Some(_)) => Standing::Open,
        _ => Standing::Informational,
    }
}

fn host(record: &AlertRecord) -> Shown {
    record.alert.hostname.as_deref().map_or_else(|| Shown::literal("(no host named)"), |name| Shown::span(name, 80))
}

fn headline(record: &AlertRecord, verdict: &Verdict, standing: Standing, ping: Option<Snowflake>) -> Shown {
    let mut parts = Vec::new();
    if let Some(role) = ping {
        parts.extend([Shown::role(role), Shown::literal(" ")]);
    }
    let title = record.alert.title.as_deref().or(record.alert.technique.as_deref());
    if record.canary {
        parts.push(Shown::literal("TEST · "));
    }
    parts.extend([Shown::literal(verdict.verdict.as_str()).bold(), Shown::literal(" on "), host(record)]);
    if let Some(title) = title {
        parts.extend([Shown::literal(" · "), Shown::inline(title, 120)]);
    }
    if let Some(seen) = record.seen {
        parts.extend([Shown::literal(" · seen "), Shown::number(seen.times), Shown::literal(" times")]);
    }
    parts.push(Shown::literal(" — "));
    parts.push(match (standing, record.plan()) {
        (Standing::Open, Some(plan)) => {
            Shown::join([Shown::literal(deed(plan)), Shown::literal("? Expires "), Shown::time(plan.expires_at(), 'R')])
        }
        (standing, _) => Shown::literal(said(standing)),
    });
    if let Some(Decision::Approved { manner: Manner::OptIn { .. }, .. }) = &record.decision {
        parts.push(Shown::literal(" · without asking, as was allowed"));
    } else if let Some(vote) = decider(record) {
        parts.extend([Shown::literal(" · decided by "), Shown::user(vote.user_id)]);
    }
    Shown::join(parts)
}

/// Whoever's click settled the question.
fn decider(record: &AlertRecord) -> Option<&Vote> {
    match record.decision.as_ref()? {
        Decision::Denied { by } => Some(by),
        Decision::Approved { .. } => record.votes.last(),
    }
}

/// What Approve would do, in words.
const fn deed(plan: &Plan) -> &'static str {
    match plan.action_type() {
        ActionType::HostIsolation => "isolate this host",
        ActionType::ProcessKill => "kill this process",
        ActionType::NetworkQuarantine => "quarantine this host's network",
    }
}

/// The same for the plan's own field.
const fn what(plan: &Plan) -> &'static str {
    match plan.action_type() {
        ActionType::HostIsolation => "Isolate the host",
        ActionType::ProcessKill => "Kill the process",
        ActionType::NetworkQuarantine => "Quarantine the host's network",
    }
}

/// What people call the EDR.
const fn product(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Crowdstrike => "CrowdStrike Falcon",
        Vendor::Sentinelone => "SentinelOne",
        Vendor::Defender => "Microsoft Defender for Endpoint",
        Vendor::Generic => "the source",
    }
}

const fn said(standing: Standing) -> &'static str {
    match standing {
        Standing::Informational => "for your information, nothing to approve",
        Standing::Open => "waiting for a decision",
        Standing::Expired => "EXPIRED, nothing was done",
        Standing::Denied => "DENIED, nothing was done",
        Standing::Acting(state) => outcome(state),
        Standing::Releasing(ActionState::Pending | ActionState::Delivered) => "release requested",
        Standing::Releasing(ActionState::RolledBack | ActionState::Executed | ActionState::Already) => "RELEASED",
        Standing::Releasing(ActionState::DryRun) => "release checked, dry run: nothing was changed",
        Standing::Releasing(ActionState::Refused) => "still contained: the proxy REFUSED the release",
        Standing::Releasing(ActionState::Failed) => "still contained: the release FAILED",
        Standing::Releasing(ActionState::Ambiguous) => "release AMBIGUOUS, look at the EDR console",
        Standing::Releasing(ActionState::Expired) => "still contained: the release did not reach the proxy in time",
    }
}

const fn outcome(state: ActionState) -> &'static str {
    match state {
        ActionState::Pending => "APPROVED, waiting for the proxy",
        ActionState::Delivered => "APPROVED, executing",
        ActionState::Executed => "CONTAINED",
        ActionState::Already => "CONTAINED (it already was)",
        ActionState::DryRun => "APPROVED, dry run: checked and recorded, the EDR was not called",
        ActionState::Refused => "REFUSED by the proxy, nothing was done",
        ActionState::Failed => "FAILED, the host is not contained",
        ActionState::Ambiguous => "AMBIGUOUS, look at the EDR console",
        ActionState::RolledBack => "RELEASED",
        ActionState::Expired => "APPROVED, but the proxy did not ask for it in time: nothing was done",
    }
}

const fn colour(level: VerdictLevel, standing: Standing) -> u32 {
    match standing {
        Standing::Acting(ActionState::Executed | ActionState::Already) => 0x0023_a55a,
        Standing::Acting(
            ActionState::Failed | ActionState::Refused | ActionState::Ambiguous | ActionState::Expired,
        ) => 0x00f2_3f43,
        Standing::Acting(_) | Standing::Releasing(_) => 0x0058_65f2,
        Standing::Denied | Standing::Expired => 0x0080_848e,
        Standing::Informational | Standing::Open => match level {
            VerdictLevel::Critical => 0x00da_373c,
            VerdictLevel::High => 0x00e6_7e22,
            VerdictLevel::Medium => 0x00f0_b232,
            VerdictLevel::Low | VerdictLevel::Benign => 0x0080_848e,
        },
    }
}

fn embed(record: &AlertRecord, verdict: &Verdict, tenant: &Tenant, standing: Standing) -> Embed {
    let alert = &record.alert;
    let title = alert.title.as_deref().or(alert.technique.as_deref()).unwrap_or("Alert");
    let description = alert.process_cmdline.as_deref().map_or_else(
        || Shown::literal("The alert carries no command line."),
        |line| Shown::fence(&Redactor::default().text(line), 900),
    );
    let mut fields = vec![field("Host", host(record), true)];
    if let Some(user) = &alert.username {
        fields.push(field("User", Shown::span(user, 80), true));
    }
    if let Some(process) = &alert.process_name {
        let parent = alert
            .parent_process
            .as_deref()
            .map(|parent| Shown::join([Shown::literal("\nfrom "), Shown::span(parent, 80)]));
        let value = Shown::join([Shown::span(process, 80)].into_iter().chain(parent));
        fields.push(field("Process", value, true));
    }
    fields.push(field(
        "Verdict",
        Shown::join([
            Shown::literal(verdict.verdict.as_str()).bold(),
            Shown::literal(" at "),
            Shown::number(i64::from((verdict.confidence.ten_thousandths() + 50) / 100)),
            Shown::literal("\u{a0}%, by "),
            Shown::literal(verdict.decided_by.as_str()),
        ]),
        true,
    ));
    fields.push(field("Vendor says", Shown::literal(alert.vendor_severity.as_str()), true));
    if let Some(seen) = record.seen {
        let times = [Shown::number(seen.times), Shown::literal(" times, last "), Shown::time(seen.last_at, 'R')];
        fields.push(field("Seen", Shown::join(times), true));
    }
    let techniques: Vec<&str> = verdict.techniques.iter().map(String::as_str).collect();
    if !techniques.is_empty() {
        fields.push(field("Technique", Shown::inline(&techniques.join(", "), 120), true));
    }
    if !verdict.evidence.is_empty() {
        fields.push(field("Why", evidence::reasons(verdict, 3), false));
    }
    let asked_and_done: Vec<Field> = question(record, tenant).into_iter().chain(history(record)).collect();
    // The host comes first, and what is asked and what was done last.
    let last = asked_and_done.len();
    fields.extend(asked_and_done);
    let mut embed = Embed {
        title: Shown::inline(title, 200),
        description,
        color: colour(verdict.verdict, standing),
        fields,
        footer: Footer { text: footer(record) },
    };
    budget::fit(&mut embed, 1, last);
    embed
}

fn field(name: &'static str, value: Shown, inline: bool) -> Field {
    Field { name: Shown::literal(name), value, inline }
}

/// What Approve does exactly (once decided: did, or would have done), or why there is nothing to approve.
fn question(record: &AlertRecord, tenant: &Tenant) -> Option<Field> {
    match record.offer.as_ref()? {
        Offer::Containment(plan) => {
            let is_open = record.decision.is_none();
            let expires = || Shown::join([Shown::literal(", expires "), Shown::time(plan.expires_at(), 'f')]);
            let expiry = is_open.then(expires);
            let takes = second_wanted(record, plan, tenant).filter(|_| is_open).map(|wanted| {
                Shown::join([Shown::literal("\ntakes two approvers: "), Shown::literal(why_second(wanted))])
            });
            let lease = plan.lease_seconds().map(|seconds| {
                Shown::join([
                    Shown::literal("\nreleased automatically after "),
                    Shown::number(i64::from(seconds.div_ceil(60))),
                    Shown::literal(" minutes"),
                ])
            });
            let value = Shown::join(
                [
                    Shown::literal(what(plan)).bold(),
                    Shown::literal(" in "),
                    Shown::literal(product(plan.target().vendor)),
                    Shown::literal("\ndevice "),
                    Shown::span(plan.target().shown_device(), 70),
                    Shown::literal("\nthrough proxy "),
                    Shown::span(plan.proxy_id().as_str(), 70),
                    Shown::literal("\nplan "),
                    Shown::span(&plan.digest().short(), 20),
                ]
                .into_iter()
                .chain(expiry)
                .chain(lease)
                .chain(takes),
            );
            Some(field(if is_open { "Approve does" } else { "Plan" }, value, false))
        }
        Offer::Nothing(why) => Some(field("Containment", Shown::literal(why.explanation()), false)),
    }
}

/// Why a containment takes two approvers: because of the one who was first, or whoever comes.
fn second_wanted(record: &AlertRecord, plan: &Plan, tenant: &Tenant) -> Option<SecondWanted> {
    record.second_wanted.or_else(|| settled(plan, Operation::Execute, tenant))
}

const fn why_second(wanted: SecondWanted) -> &'static str {
    match wanted {
        SecondWanted::Quorum => "this tenant always asks for two",
        SecondWanted::Rule => "a rule for this kind of action or host",
        SecondWanted::UserCap => "the first one has approved a lot in the last ten minutes",
        SecondWanted::HostCap => "many hosts were contained in the last hour",
    }
}

/// Who decided what when and why, and what came of it.
fn history(record: &AlertRecord) -> Vec<Field> {
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

fn by(what: &'static str, vote: &Vote) -> Shown {
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

fn footer(record: &AlertRecord) -> Shown {
    let alert = &record.alert;
    Shown::join([
        Shown::literal("alert "),
        Shown::alert(alert.id),
        Shown::literal(" · revision "),
        Shown::number(i64::from(alert.revision)),
    ])
}

fn buttons(record: &AlertRecord, standing: Standing) -> Vec<Row> {
    let alert_id = record.alert.id;
    let plan = record.plan().map_or_else(|| CustomId::NO_PLAN.to_owned(), |plan| plan.digest().short());
    let button = |style, label, verb| Button {
        kind: 2,
        style,
        label,
        custom_id: CustomId { verb, alert_id, plan: plan.clone() },
    };
    let mut components = Vec::new();
    if standing == Standing::Open {
        components.push(button(3, "Approve", Verb::Approve));
        components.push(button(4, "Deny", Verb::Deny));
    }
    if may_release(record) {
        components.push(button(2, "Release", Verb::Release));
    }
    if may_reopen(record) {
        components.push(button(1, "Ask again", Verb::Reopen));
    }
    components.push(button(2, "Investigate", Verb::Investigate));
    vec![Row { kind: 1, components }]
}

#[cfg(test)]
mod tests;
