//! A channel that takes no cards: its tenant's cards wait, nobody else's do.
//!
//! Discord counts refused requests of one address over all tenants and bans it after 10,000 in ten minutes, so a channel
//! without permission is tried again rarely, by one function only, until a human has put it right.

use crate::tenant::Snowflake;
use serde::{Deserialize, Serialize};

/// When a broken channel is tried again for the first time, in seconds; then twice as long each time.
const FIRST_TRY: i64 = 300;
/// The longest wait, in seconds.
const LAST_TRY: i64 = 3_600;
/// How long a claimed attempt keeps the others waiting, in seconds.
const CLAIM: i64 = 60;

/// What is stored about a channel that refused a message. A channel that takes them has no such item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenChannel {
    /// Which one.
    pub channel_id: Snowflake,
    /// Since when, unix seconds.
    pub since: i64,
    /// The HTTP status of the last refusal.
    pub status: u16,
    /// Discord's own code: 50001 missing access, 50013 missing permissions, 10003 unknown channel.
    pub code: u64,
    /// How often it has refused.
    pub refusals: u32,
    /// When it is tried again, unix seconds.
    pub retry_at: i64,
}

impl BrokenChannel {
    /// After a refusal. `earlier` is what was stored before it.
    #[must_use]
    pub fn refused(channel_id: Snowflake, earlier: Option<Self>, status: u16, code: u64, now: i64) -> Self {
        let refusals = earlier.map_or(0, |earlier| earlier.refusals).saturating_add(1);
        let wait = FIRST_TRY.saturating_mul(1 << refusals.saturating_sub(1).min(10)).min(LAST_TRY);
        let since = earlier.map_or(now, |earlier| earlier.since);
        Self { channel_id, since, status, code, refusals, retry_at: now.saturating_add(wait) }
    }

    /// How many seconds there are until it may be tried again; none if it may be now.
    #[must_use]
    pub fn wait(&self, now: i64) -> Option<i64> {
        (now < self.retry_at).then_some(self.retry_at - now)
    }

    /// The same, while one function tries and the others wait.
    #[must_use]
    pub const fn claimed(self, now: i64) -> Self {
        Self { retry_at: now.saturating_add(CLAIM), ..self }
    }

    /// What to do about it, in one sentence.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self.code {
            10_003 => "The channel does not exist any more: set another one.",
            50_001 => "The bot cannot see the channel: give it View Channel.",
            50_013 => "The bot may not write there: give it Send Messages and Embed Links.",
            _ => "Discord refuses messages to the channel: check the bot's permissions there.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_channel_is_tried_ever_more_rarely() {
        let channel = "700".parse().unwrap();
        let (mut broken, mut waits) = (None, Vec::new());
        for _ in 0..6 {
            let after = BrokenChannel::refused(channel, broken, 403, 50_013, 1_000);
            waits.extend(after.wait(1_000));
            broken = Some(after);
        }
        assert_eq!(waits, [300, 600, 1_200, 2_400, 3_600, 3_600]);
        let broken = broken.unwrap();
        assert_eq!((broken.since, broken.refusals, broken.wait(4_600)), (1_000, 6, None));
        assert_eq!(broken.claimed(4_600).wait(4_601), Some(59));
    }
}
