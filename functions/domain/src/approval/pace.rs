//! How fast a tenant's approvers approve. Whoever holds a stolen session, or is tired, should not be able to take a company
//! off the network alone: past a cap, each approval needs a second person.

use crate::record::Vote;
use crate::tenant::{Caps, Snowflake};
use serde::{Deserialize, Serialize};

/// The window of one person's approvals, in seconds.
const USER_WINDOW: i64 = 600;
/// The window of the tenant's hosts, in seconds.
const HOST_WINDOW: i64 = 3_600;
/// The longest host name that is kept, in characters; two that begin alike then count as one.
const MOST_HOST: usize = 64;

/// The approvals of the last hour, as far as the caps need them. Written in the same transaction as each approval.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Who said yes when, oldest first.
    #[serde(default)]
    votes: Vec<(i64, Snowflake)>,
    /// Which hosts were approved for containment when, oldest first; each once.
    #[serde(default)]
    hosts: Vec<(i64, String)>,
}

impl Pace {
    /// Whether this person has given as many approvals as one may alone, at `now` (unix seconds).
    #[must_use]
    pub fn is_user_at_cap(&self, user: Snowflake, caps: Caps, now: i64) -> bool {
        let recent = self.votes.iter().filter(|(at, who)| *who == user && is_within(*at, USER_WINDOW, now));
        recent.count() >= size(caps.per_user)
    }

    /// Whether as many hosts were approved as may be by single persons. One that was among them makes no difference.
    #[must_use]
    pub fn is_tenant_at_cap(&self, host: &str, caps: Caps, now: i64) -> bool {
        let recent: Vec<&String> =
            self.hosts.iter().filter(|(at, _)| is_within(*at, HOST_WINDOW, now)).map(|(_, host)| host).collect();
        recent.len() >= size(caps.hosts_per_hour) && !recent.contains(&&kept(host))
    }

    /// With one more approval, and with its hosts if it decided. No more is kept than the caps need.
    #[must_use]
    pub fn after<'a>(&self, vote: &Vote, contained: impl IntoIterator<Item = &'a str>, caps: Caps) -> Self {
        let mut pace = self.clone();
        pace.votes.retain(|(at, _)| is_within(*at, USER_WINDOW, vote.at));
        pace.votes.push((vote.at, vote.user_id));
        // Each person's own newest ones, as many as their cap.
        let votes = pace.votes.clone();
        let newer = |index: usize, who| votes[index + 1..].iter().filter(|(_, other)| *other == who).count();
        let mut index = 0;
        pace.votes.retain(|(_, who)| {
            index += 1;
            newer(index - 1, *who) < size(caps.per_user)
        });
        for host in contained {
            let host = kept(host);
            pace.hosts.retain(|(at, known)| is_within(*at, HOST_WINDOW, vote.at) && *known != host);
            pace.hosts.push((vote.at, host));
            let surplus = pace.hosts.len().saturating_sub(size(caps.hosts_per_hour).max(1));
            pace.hosts.drain(..surplus);
        }
        pace
    }
}

fn is_within(at: i64, window: i64, now: i64) -> bool {
    now.saturating_sub(at) < window
}

fn size(cap: u32) -> usize {
    usize::try_from(cap).unwrap_or(usize::MAX)
}

fn kept(host: &str) -> String {
    host.chars().take(MOST_HOST).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps { per_user: 3, hosts_per_hour: 2 };
    const NOW: i64 = 1_700_000_000;

    fn id(number: u64) -> Snowflake {
        number.to_string().parse().unwrap()
    }

    fn vote(user: u64, at: i64) -> Vote {
        Vote { user_id: id(user), name: String::new(), at, interaction_id: id(1), reason: None }
    }

    #[test]
    fn a_person_is_at_their_cap_for_ten_minutes() {
        let mut pace = Pace::default();
        for second in 0..3 {
            assert!(!pace.is_user_at_cap(id(41), CAPS, NOW + second));
            pace = pace.after(&vote(41, NOW + second), None, CAPS);
        }
        assert!(pace.is_user_at_cap(id(41), CAPS, NOW + 599) && !pace.is_user_at_cap(id(41), CAPS, NOW + 600));
        assert!(!pace.is_user_at_cap(id(42), CAPS, NOW + 3), "others are not");
    }

    #[test]
    fn others_do_not_push_a_persons_approvals_out() {
        let mut pace = Pace::default();
        for second in 0..3 {
            pace = pace.after(&vote(41, NOW + second), None, CAPS);
        }
        for user in 100..150 {
            pace = pace.after(&vote(user, NOW + 10), None, CAPS);
        }
        for _ in 0..50 {
            pace = pace.after(&vote(42, NOW + 11), None, CAPS);
        }
        assert!(pace.is_user_at_cap(id(41), CAPS, NOW + 20) && pace.is_user_at_cap(id(42), CAPS, NOW + 20));
        assert_eq!(pace.votes.len(), 3 + 50 + 3, "no more is kept than the caps need");
    }

    #[test]
    fn a_tenant_is_at_its_cap_of_hosts_for_an_hour() {
        let pace = Pace::default().after(&vote(41, NOW), Some("WS-1"), CAPS).after(&vote(42, NOW), Some("ws-1"), CAPS);
        assert!(!pace.is_tenant_at_cap("ws-2", CAPS, NOW), "one host twice is one host");
        let pace = pace.after(&vote(41, NOW + 1), Some("ws-2"), CAPS);
        assert!(pace.is_tenant_at_cap("ws-3", CAPS, NOW + 2) && !pace.is_tenant_at_cap("WS-2", CAPS, NOW + 2));
        assert!(!pace.is_tenant_at_cap("ws-3", CAPS, NOW + 3_600));
        let strict = Caps { hosts_per_hour: 0, ..CAPS };
        assert!(Pace::default().is_tenant_at_cap("ws-1", strict, NOW), "none alone");
    }
}
