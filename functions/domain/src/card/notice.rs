//! What is said beside a card, each once: that a question still waits, that it ran out, that an approved containment came
//! to nothing. Edits of a card notify nobody, so these are messages of their own, each with a link to its card.

use super::host;
use super::message::{AllowedMentions, Message};
use super::question::deed;
use super::standing::outcome;
use crate::action::ActionState;
use crate::record::{AlertRecord, Posted};
use crate::storm::Digest;
use crate::tenant::Tenant;
use crate::text::Shown;
use crate::verdict::VerdictLevel;
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
        let posted = record.posted.as_ref()?;
        let asked = Thirds::of(record, tenant).filter(|_| record.decision.is_none());
        let timely = asked.map(|thirds| match now {
            _ if now >= thirds.until => Some(Self::Expired { until: thirds.until }),
            _ if now >= thirds.second => Some(Self::Escalation { until: thirds.until }),
            _ if now >= thirds.first && !thirds.is_late(posted) => Some(Self::Reminder { until: thirds.until }),
            _ => None,
        });
        let failed = record.containment.as_ref().filter(|action| is_failure(action.state));
        let failed = failed.map(|action| Self::Failed { request: action.request_id.clone(), state: action.state });
        timely.flatten().or(failed).filter(|notice| !record.notices.contains(&notice.to_string()))
    }

    /// What is to be said about a digest's plan for several hosts at `now` (unix seconds) and was not yet. That it ran out
    /// stands in the digest.
    #[must_use]
    pub fn due_jointly(digest: &Digest, tenant: &Tenant, now: i64) -> Option<Self> {
        let (posted, until) = (digest.posted.as_ref()?, digest.asked.as_ref()?.plan.expires_at());
        let thirds = Thirds::until(until, digest.worst, tenant);
        let notice = match now {
            _ if now >= thirds.until => return None,
            _ if now >= thirds.second => Self::Escalation { until },
            _ if now >= thirds.first && !thirds.is_late(posted) => Self::Reminder { until },
            _ => return None,
        };
        Some(notice).filter(|notice| !digest.notices.contains(&notice.to_string()))
    }

    /// The same as it is sent. `posted` is where the digest is.
    #[must_use]
    pub fn joint_message(&self, digest: &Digest, tenant: &Tenant, posted: &Posted) -> Message {
        let hosts = digest.asked.as_ref().map_or(0, |question| question.plan.alerts().len());
        let words = match self {
            Self::Escalation { .. } => " — ESCALATED, nobody has decided: isolate them? Expires ",
            _ => " — still waiting for a decision: isolate them? Expires ",
        };
        let until = digest.asked.as_ref().map_or(0, |question| question.plan.expires_at());
        let said = vec![
            Shown::literal(digest.worst.as_str()).bold(),
            Shown::literal(" on "),
            Shown::number(i64::try_from(hosts).unwrap_or(i64::MAX)),
            Shown::literal(" hosts"),
            Shown::literal(words),
            Shown::time(until, 'R'),
        ];
        self.said(said, tenant, posted)
    }

    /// As it is sent. `posted` is where the card is.
    #[must_use]
    pub fn message(&self, record: &AlertRecord, tenant: &Tenant, posted: &Posted) -> Message {
        let mut parts = Vec::new();
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
        self.said(parts, tenant, posted)
    }

    /// With the ping before it, and the way to the card behind it.
    fn said(&self, mut parts: Vec<Shown>, tenant: &Tenant, posted: &Posted) -> Message {
        let ping = match self {
            Self::Escalation { .. } => tenant.escalation_role.or(tenant.on_call_role),
            _ => None,
        };
        if let Some(role) = ping {
            parts.splice(0..0, [Shown::role(role), Shown::literal(" ")]);
        }
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
        Some(Self::until(record.plan()?.expires_at(), record.verdict.as_ref()?.verdict, tenant))
    }

    fn until(until: i64, level: VerdictLevel, tenant: &Tenant) -> Self {
        let window = tenant.approval_window;
        let third = i64::from(if level == VerdictLevel::Critical { window.critical } else { window.high }) / 3;
        Self { first: until - 2 * third, second: until - third, until }
    }

    /// Whether the question was shown only after a third of its time, because Discord was down or the channel full: then that
    /// card, which has just come, reminds of it.
    const fn is_late(self, posted: &Posted) -> bool {
        posted.message_id.made_at() >= self.first
    }

    fn next(self, now: i64) -> Option<i64> {
        [self.first, self.second, self.until].into_iter().find(|at| *at > now)
    }
}

/// When an alert's card, which asks a question at `now`, has to be looked at again: at the next third of its time, unix
/// seconds.
#[must_use]
pub fn next_look(record: &AlertRecord, tenant: &Tenant, now: i64) -> Option<i64> {
    Thirds::of(record, tenant)?.next(now)
}

/// The same for a digest's plan for several hosts.
#[must_use]
pub fn next_joint_look(digest: &Digest, tenant: &Tenant, now: i64) -> Option<i64> {
    Thirds::until(digest.asked.as_ref()?.plan.expires_at(), digest.worst, tenant).next(now)
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
    fn a_question_that_was_shown_late_is_not_reminded_of_at_once() {
        let (mut record, tenant) = (posted_question(), stage::tenant());
        let shown_at = |record: &mut AlertRecord, at: i64| {
            let id = u64::try_from(at * 1_000 - 1_420_070_400_000).unwrap() << 22;
            record.posted.as_mut().unwrap().message_id = id.to_string().parse().unwrap();
        };
        shown_at(&mut record, NOW + 299);
        assert!(matches!(Notice::due(&record, &tenant, NOW + 310), Some(Notice::Reminder { .. })));
        shown_at(&mut record, NOW + 305);
        assert_eq!(Notice::due(&record, &tenant, NOW + 310), None, "its card has just come");
        assert!(matches!(Notice::due(&record, &tenant, NOW + 600), Some(Notice::Escalation { .. })));
        shown_at(&mut record, NOW + 605);
        assert!(matches!(Notice::due(&record, &tenant, NOW + 610), Some(Notice::Escalation { .. })), "others are told");
    }

    #[test]
    fn a_plan_for_several_hosts_is_said_again_at_two_thirds_and_pings_at_the_second() {
        let tenant = stage::tenant();
        let records = [stage::asked_about(1, 1), stage::asked_about(2, 2)];
        let begun = Digest::begun(&tenant.id, records[0].alert.id, NOW);
        let mut digest = records.iter().fold(begun, |digest, record| digest.with(record, NOW).unwrap().0);
        assert!(digest.ask(&records, NOW));
        assert_eq!(Notice::due_jointly(&digest, &tenant, NOW + 400), None, "it is not shown yet");
        digest.posted = posted_question().posted;
        let (mut now, mut said) = (NOW, Vec::new());
        while let Some(at) = next_joint_look(&digest, &tenant, now) {
            assert_eq!(Notice::due_jointly(&digest, &tenant, at - 1), None, "not a second early");
            if let Some(notice) = Notice::due_jointly(&digest, &tenant, at) {
                assert!(digest.notices.insert(notice.to_string()));
                let message = notice.joint_message(&digest, &tenant, digest.posted.as_ref().unwrap());
                said.push((at - NOW, message.allowed_mentions.roles.len(), message.content.as_str().to_owned()));
            }
            now = at;
        }
        assert_eq!(said.iter().map(|(at, roles, _)| (*at, *roles)).collect::<Vec<_>>(), [(300, 0), (600, 1)]);
        assert!(said[0].2.starts_with("**CRITICAL** on 2 hosts — still waiting"), "{}", said[0].2);
        assert!(said[1].2.starts_with("<@&802> **CRITICAL** on 2 hosts — ESCALATED"), "{}", said[1].2);
        digest.asked = None;
        assert_eq!(Notice::due_jointly(&digest, &tenant, NOW + 400), None, "it is decided");
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
