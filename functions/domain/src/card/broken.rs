//! How a channel that takes no cards is told of, by `/vyrox status` and `/vyrox doctor`.

use crate::channel::BrokenChannel;
use crate::text::Shown;

/// Since when it refuses, when it is tried again, and what to do about it.
#[must_use]
pub fn channel_is_broken(channel: &BrokenChannel) -> Shown {
    Shown::join([
        Shown::literal("It takes no cards since "),
        Shown::time(channel.since, 'R'),
        Shown::literal(" (Discord's code "),
        Shown::number(i64::try_from(channel.code).unwrap_or(0)),
        Shown::literal("), and is tried again "),
        Shown::time(channel.retry_at, 'R'),
        Shown::literal(". "),
        Shown::literal(channel.advice()),
        Shown::literal(" Cards wait until then."),
    ])
}
