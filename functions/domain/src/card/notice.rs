//! What is said beside a card, each once: that a question still waits, that it ran out, that an approved containment came
//! to nothing. Edits of a card notify nobody, so these are messages of their own, each with a link to its card.

use super::message::{AllowedMentions, Message};
use super::{deed, host, outcome};
use crate::action::ActionState;
use crate::record::{AlertRecord, Posted};
use crate::tenant::Tenant;
use crate::text::Shown;
use std::fmt;

/// Something to be said about an alert, once. Its text form is its purpose: the key against saying it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A third of the time to decide is over.
    Reminder {
        /// Until when the question is open, unix seconds.
        until: i64,
    },
    /// Two thirds are: the escalation role is pinged.
    Escalation {
        /// Until when the question is open, unix seconds.
        until: i64,
    },
    /// Nobody decided in time.
    Expired {
        /// When it ran out, unix seconds.
        until: i64,
    },
    /// An approved containment came to nothing, or nobody knows what it came to.
    Failed {
        /// Which action.
        request: vyrox_contract::RequestId,
        /// What became of it.
        state: ActionState,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reminder { until } => write!(f, "reminder.{until}"),
            Self::Escalation { until } => write!(f, "escalation.{until}"),
            Self::Expired { until } => write!(f, "expired.{until}"),
            Self::Failed { request, state } => write!(f, "failed.{request}.{}", state.as_str()),
        }
    }
}

impl Notice {
    /// What is to be said about an alert at `now` (unix seconds) and was not yet. Nothing about one without a card.
    #[must_use]
    pub fn due(record: &AlertRecord, tenant: &Tenant, now: i64) -> Option<Self> {
        record.posted.as_ref()?;
        let asked = Thirds::of(record, tenant).filter(|_| record.decision.is_none());
        let timely = asked.map(|thirds| match now {
            _ if now >= thirds.until => Some(Self::Expired { until: thirds.until }),
            _ if now >= thirds.second => Some(Self::Escalation { until: thirds.until }),
            _ if now >= thirds.first => Some(Self::Reminder { until: thirds.until }),
            _ => None,
        });
        let failed = record.containment.as_ref().filter(|action| is_failure(action.state));
        let failed = failed.map(|action| Self::Failed { request: action.request_id.clone(), state: action.state });
        timely.flatten().or(failed).filter(|notice| !record.notices.contains(&notice.to_string()))
    }

    /// As it is sent. `posted` is where the card is.
    #[must_use]
    pub fn message(&self, record: &AlertRecord, tenant: &Tenant, posted: &Posted) -> Message {
        let ping = match self {
            Self::Escalation { .. } => tenant.escalation_role.or(tenant.on_call_role),
            _ => None,
        };
        let mut parts = Vec::new();
        if let Some(role) = ping {
            parts.extend([Shown::role(role), Shown::literal(" ")]);
        }
        let level = record.verdict.as_ref().map_or("Alert", |verdict| verdict.verdict.as_str());
        parts.extend([Shown::literal(level).bold(), Shown::literal(" on "), host(record), Shown::literal(" — ")]);
        let asked = |words, until| {
            let deed = record.plan().map_or("decide", deed);
            Shown::join([
                Shown::literal(words),
                Shown::literal(deed),
                Shown::literal("? Expires "),
                Shown::time(until, 'R'),
            ])
        };
        parts.push(match self {
            Self::Reminder { until } => asked("still waiting for a decision: ", *until),
            Self::Escalation { until } => asked("ESCALATED, nobody has decided: ", *until),
            Self::Expired { .. } => Shown::literal("EXPIRED: nobody decided in time, nothing was done."),
            Self::Failed { state, .. } => Shown::literal(outcome(*state)),
        });
        if let Some(guild) = tenant.guild_id {
            parts.extend([Shown::literal("\n"), Shown::jump(guild, posted.channel_id, posted.message_id)]);
        }
        Message {
            content: Shown::join(parts),
            embeds: Vec::new(),
            components: Vec::new(),
            allowed_mentions: AllowedMentions { parse: [], roles: ping.into_iter().collect() },
            silent: false,
        }
    }
}

const fn is_failure(state: ActionState) -> bool {
    matches!(state, ActionState::Failed | ActionState::Refused | ActionState::Ambiguous | ActionState::Expired)
}

/// When a question's time is a third, two thirds and wholly over, unix seconds.
#[derive(Debug, Clone, Copy)]
struct Thirds {
    first: i64,
    second: i64,
    until: i64,
}

impl Thirds {
    fn of(record: &AlertRecord, tenant: &Tenant) -> Option<Self> {
        let until = record.plan()?.expires_at();
        let is_critical = record.verdict.as_ref()?.verdict == crate::verdict::VerdictLevel::Critical;
        let window = tenant.approval_window;
        let third = i64::from(if is_critical { window.critical } else { window.high }) / 3;
        Some(Self { first: until - 2 * third, second: until - third, until })
    }
}

/// When an alert's card, which asks a question at `now`, has to be looked at again: at the next third of its time, unix
/// seconds.
#[must_use]
pub fn next_look(record: &AlertRecord, tenant: &Tenant, now: i64) -> Option<i64> {
    let thirds = Thirds::of(record, tenant)?;
    [thirds.first, thirds.second, thirds.until].into_iter().find(|at| *at > now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::record::{Decision, Offer};
    use crate::stage::{self, NOW};

    fn posted_question() -> AlertRecord {
        let mut record = AlertRecord::received(stage::alert());
        let verdict = stage::verdict();
        record.offer = Some(Offer::Containment(Plan::draft(&record.alert, &verdict, &stage::tenant(), NOW).unwrap()));
        record.verdict = Some(verdict);
        let (channel_id, message_id) = ("700".parse().unwrap(), "800".parse().unwrap());
        record.posted = Some(Posted { channel_id, message_id, digest: String::new(), open_until: None });
        record
    }

    #[test]
    fn a_question_is_said_again_at_each_third_of_its_time_once() {
        let (mut record, tenant) = (posted_question(), stage::tenant());
        let (mut now, mut said) = (NOW, Vec::new());
        while let Some(at) = next_look(&record, &tenant, now) {
            assert_eq!(Notice::due(&record, &tenant, at - 1), None, "not a second early");
            let notice = Notice::due(&record, &tenant, at).unwrap();
            assert!(record.notices.insert(notice.to_string()));
            assert_eq!(Notice::due(&record, &tenant, at), None, "not twice");
            said.push((at - NOW, notice.message(&record, &tenant, record.posted.as_ref().unwrap())));
            now = at;
        }
        assert_eq!(said.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [300, 600, 900]);
        let roles: Vec<usize> = said.iter().map(|(_, message)| message.allowed_mentions.roles.len()).collect();
        assert_eq!(roles, [0, 1, 0], "only the escalation pings");
        assert!(said[1].1.content.as_str().starts_with("<@&802> **CRITICAL** on `WS-042` — ESCALATED"));
        assert!(said[2].1.content.as_str().contains("EXPIRED"));
    }

    #[test]
    fn a_decided_question_is_not_reminded_of() {
        let (mut record, tenant) = (posted_question(), stage::tenant());
        let by = crate::record::Vote {
            user_id: "41".parse().unwrap(),
            name: "a".into(),
            at: NOW,
            interaction_id: "1".parse().unwrap(),
            reason: None,
        };
        record.decision = Some(Decision::Denied { by });
        assert_eq!(Notice::due(&record, &tenant, NOW + 10_000), None);
    }
}
