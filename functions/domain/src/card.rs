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
mod history;
mod joint;
mod message;
mod notice;
mod past;
mod question;
mod standing;

pub use broken::channel_is_broken;
pub use digest::digest;
pub use evidence::{RawPayload, investigation, refusal};
pub use form::{Modal, joint_modal, modal};
pub use glass::{break_glass, is_broken_by, release_asked};
pub use message::{Ephemeral, Message, Tone};
pub use notice::{Notice, next_joint_look, next_look};
pub use past::Past;

use crate::approval::{may_release, may_reopen};
use crate::custom_id::{CustomId, Verb};
use crate::plan::Plan;
use crate::record::{AlertRecord, Decision, Manner, Vote};
use crate::redact::Redactor;
use crate::storm::Place;
use crate::tenant::{Snowflake, Tenant};
use crate::text::Shown;
use crate::verdict::{Verdict, VerdictLevel};
use history::history;
use message::{AllowedMentions, Button, Embed, Field, Footer, Row};
use question::{deed, question};
use standing::{Standing, colour, said, standing};

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
