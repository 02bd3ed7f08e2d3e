//! What Investigate shows, and how a refusal is said: to the one who clicked only.

use super::past::{self, Past};
use super::{AllowedMentions, Embed, Ephemeral, Field, Footer, budget, colour, field, history, standing};
use crate::approval::Refusal;
use crate::record::AlertRecord;
use crate::redact::Redactor;
use crate::text::Shown;
use crate::verdict::Verdict;

/// Discord's flag for "only you can see this".
const EPHEMERAL: u32 = 1 << 6;

/// The strongest `most` reasons, one a line.
pub(super) fn reasons(verdict: &Verdict, most: usize) -> Shown {
    let more = verdict.evidence.len().saturating_sub(most);
    let mut lines: Vec<Shown> = verdict
        .evidence
        .iter()
        .take(most)
        .map(|evidence| {
            Shown::join([
                Shown::literal("• "),
                Shown::inline(&evidence.title, 100),
                Shown::literal(" "),
                Shown::span(&evidence.rule_id, 60),
                Shown::literal(" "),
                Shown::number(i64::from((evidence.weight.ten_thousandths() + 50) / 100)),
                Shown::literal("\u{a0}%"),
            ])
        })
        .collect();
    if more > 0 {
        lines.push(Shown::join([
            Shown::literal("+"),
            Shown::number(i64::try_from(more).unwrap_or(i64::MAX)),
            Shown::literal(" more, see Investigate"),
        ]));
    }
    Shown::lines(lines)
}

/// What an alert came in as, for [`investigation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawPayload<'a> {
    /// It was opened.
    Opened {
        /// The payload with its secrets redacted, or its beginning; hostile text.
        text: &'a str,
        /// How many bytes the whole has.
        bytes: usize,
    },
    /// None is stored.
    Absent,
    /// It is stored and cannot be opened now.
    Unavailable,
}

/// The most of the payload that is shown, in UTF-16 units; all of it is the operator's to read.
const MOST_OF_PAYLOAD: usize = 900;

fn payload(raw: RawPayload<'_>) -> Option<Field> {
    let value = match raw {
        RawPayload::Absent => return None,
        RawPayload::Unavailable => {
            Shown::literal("It cannot be opened just now, because of a fault on our side. Everything else is shown.")
        }
        RawPayload::Opened { text, bytes } => {
            let kept = text.len() < bytes;
            let note = kept.then(|| {
                Shown::join([
                    Shown::literal(" (kept: the first "),
                    Shown::number(i64::try_from(text.len()).unwrap_or(i64::MAX)),
                    Shown::literal(" of "),
                    Shown::number(i64::try_from(bytes).unwrap_or(i64::MAX)),
                    Shown::literal(" bytes)"),
                ])
            });
            Shown::join([Shown::fence(text, MOST_OF_PAYLOAD)].into_iter().chain(note))
        }
    };
    Some(field("Payload, secrets redacted", value, false))
}

/// The evidence and the timeline of an alert, the beginning of what it came in as, and what was seen before; without `past`
/// that could not be read. `now` is unix seconds.
#[must_use]
pub fn investigation(record: &AlertRecord, raw: RawPayload<'_>, past: Option<&Past>, now: i64) -> Ephemeral {
    let (alert, redactor) = (&record.alert, Redactor::default());
    let mut fields: Vec<Field> = Vec::new();
    let mut facts = Vec::new();
    let mut fact = |name: &'static str, value: Option<&str>| {
        if let Some(value) = value {
            facts.push(Shown::join([Shown::literal(name), Shown::span(value, 160)]));
        }
    };
    fact("vendor id ", Some(&alert.raw_id));
    fact("device ", alert.device_id.as_ref().map(vyrox_contract::DeviceId::as_str));
    fact("sha256 ", alert.sha256.as_ref().map(vyrox_contract::Sha256::as_str));
    fact("path ", alert.process_path.as_deref());
    fact("tactic ", alert.tactic.as_deref());
    fact("technique ", alert.technique.as_deref());
    fields.push(field("Alert", Shown::lines(facts), false));
    fields.extend(past::fields(past));
    fields.extend(payload(raw));
    if let Some(parent) = &alert.parent_cmdline {
        fields.push(field("Parent command line", Shown::fence(&redactor.text(parent), 400), false));
    }
    if let Some(verdict) = &record.verdict {
        for evidence in verdict.evidence.iter().take(8) {
            let value = Shown::join([
                Shown::span(&evidence.rule_id, 60),
                Shown::literal(" "),
                Shown::number(i64::from((evidence.weight.ten_thousandths() + 50) / 100)),
                Shown::literal("\u{a0}%, in "),
                Shown::span(&evidence.field, 30),
                Shown::literal("\n"),
                Shown::span(&redactor.text(&evidence.matched), 120),
            ]);
            fields.push(Field { name: Shown::inline(&evidence.title, 100), value, inline: false });
        }
        if let Some(reasoning) = &verdict.reasoning {
            fields.push(field("Reasoning", Shown::inline(&redactor.text(reasoning), 500), false));
        }
    }
    fields.push(field(
        "Timeline",
        Shown::lines([
            Shown::join([Shown::literal("happened "), Shown::time(alert.timestamp, 'f')]),
            Shown::join([Shown::literal("received "), Shown::time(alert.received_at, 'f')]),
        ]),
        false,
    ));
    let happened = history(record);
    // The facts come first and what happened comes last; what was before and the evidence are between them.
    let last = happened.len() + 1;
    fields.extend(happened);
    let level = record.verdict.as_ref().map_or(crate::verdict::VerdictLevel::Low, |verdict| verdict.verdict);
    let command = alert.process_cmdline.as_deref();
    let mut embed = Embed {
        title: Shown::literal("Investigation"),
        description: command.map_or_else(
            || Shown::literal("The alert carries no command line."),
            |line| Shown::fence(&redactor.text(line), 900),
        ),
        color: colour(level, standing(record, now)),
        fields,
        footer: Footer {
            text: record.verdict.as_ref().map_or_else(Shown::default, |verdict| {
                Shown::join([Shown::literal("ruleset "), Shown::inline(&verdict.ruleset, 40)])
            }),
        },
    };
    budget::fit(&mut embed, 1, last);
    Ephemeral {
        content: Shown::literal("Evidence for this alert; only you see this."),
        embeds: vec![embed],
        flags: EPHEMERAL,
        allowed_mentions: AllowedMentions { parse: [], roles: Vec::new() },
    }
}

/// A refusal, in one sentence that says what is missing.
#[must_use]
pub fn refusal(refusal: Refusal) -> Ephemeral {
    Ephemeral::of(Shown::literal(refusal.explanation()))
}

impl Ephemeral {
    /// One line for the one who clicked.
    #[must_use]
    pub fn of(content: Shown) -> Self {
        Self {
            content,
            embeds: Vec::new(),
            flags: EPHEMERAL,
            allowed_mentions: AllowedMentions { parse: [], roles: Vec::new() },
        }
    }
}
