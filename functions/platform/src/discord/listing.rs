//! What a channel's last messages are about, as one execution environment has read them: a look at the list serves every card
//! that asks within the next half minute, since looking has a limit of its own, as small as that of posting.
//!
//! ```text
//!   since                        read by earlier looks            newest     as of
//!   --|------------------------------|===========================|------------|--------> now
//!     `-- read further back, once     `-- the next look reads back to here     `-- at most GOOD_FOR ago
//! ```
//!
//! **Why no card is posted twice because of it.** Each attempt at a card carries the same nonce, and Discord answers a nonce that
//! it remembers with the message that is there. A message that is about an alert was made either more than a minute ago: then
//! a list that was asked for within the last half minute, plus half a minute for what is listed late, has it. Or within
//! the last minute: then its nonce is remembered, which takes less than the few minutes that Discord promises. It makes no
//! difference which environment made it, whether its answer came, nor whether anybody wrote down that it was tried.

use super::DiscordError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use tokio::sync::Mutex;
use vyrox_contract::AlertId;
use vyrox_domain::tenant::Snowflake;

/// How many messages of a channel are read at once; Discord's own maximum.
pub(super) const PAGE: usize = 100;
/// How many pages are read, at most, to join what earlier looks have read, and back from there. The list may be longer than
/// that: what one look has read is not read again.
const PAGES: usize = 10;
/// How old a look may be that is relied on, in milliseconds since it began.
const GOOD_FOR: i64 = 30_000;
/// A message may be listed this much later than its id says that it was made, and the clocks differ so much, in seconds.
const LISTED_WITHIN: i64 = 30;
/// More messages than are remembered of one channel; then its list begins anew.
const MOST_KNOWN: usize = 20_000;
/// More channels than are remembered; then all are forgotten, and are looked at again.
const MOST_CHANNELS: usize = 1_000;

/// The lists of all channels.
#[derive(Debug, Default)]
pub(super) struct Listings {
    channels: StdMutex<HashMap<Snowflake, Arc<ChannelList>>>,
}

impl Listings {
    pub(super) fn of(&self, channel: Snowflake) -> Arc<ChannelList> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if channels.len() >= MOST_CHANNELS && !channels.contains_key(&channel) {
            channels.clear();
        }
        Arc::clone(channels.entry(channel).or_default())
    }
}

/// One channel's list. Whoever looks holds it, and the others wait for what comes of it, be it an error.
#[derive(Debug, Default)]
pub(super) struct ChannelList {
    list: Mutex<List>,
    failures: AtomicU64,
}

impl ChannelList {
    /// The newest message about this alert or digest made since `since` (unix seconds), if there is one. `now` tells the time in
    /// unix milliseconds; `ask` reads the newest page of messages, or the newest before a message.
    pub(super) async fn find<Page: Future<Output = Result<Vec<Listed>, DiscordError>>>(
        &self,
        about: AlertId,
        since: i64,
        now: impl Fn() -> i64,
        ask: impl Fn(Option<Snowflake>) -> Page,
    ) -> Result<Option<Snowflake>, DiscordError> {
        let failures = self.failures.load(Ordering::Acquire);
        let mut list = self.list.lock().await;
        if let Some(wait) = list.limited_for(now()) {
            return Err(DiscordError::RateLimited(wait));
        }
        // A request that hangs does so once, and not once for each that has waited for it.
        if self.failures.load(Ordering::Acquire) != failures {
            return Err(DiscordError::Unavailable("a look at the channel's messages has just failed".into()));
        }
        for _ in 0..=2 * PAGES {
            if let Some(found) = list.about(about, now()) {
                return Ok(Some(found));
            }
            let Some(before) = list.missing(since, now()) else { return Ok(None) };
            match ask(before).await {
                Ok(page) => list.take(&page, since),
                Err(error) => {
                    match &error {
                        DiscordError::RateLimited(wait) => list.limited_until = now().saturating_add_unsigned(*wait),
                        // Everybody is told so at once, and nothing is asked.
                        DiscordError::Stopped(_) => {}
                        _ => _ = self.failures.fetch_add(1, Ordering::AcqRel),
                    }
                    return Err(error);
                }
            }
        }
        Err(DiscordError::Unavailable(
            "the channel's messages are listed more slowly than a look at them is good for".into(),
        ))
    }
}

/// What is known of a channel's messages: all that were made between its oldest and its newest, and some older ones.
#[derive(Debug, Default)]
struct List {
    /// The newest message about each alert and digest.
    about: HashMap<AlertId, Snowflake>,
    /// When the last finished look began, unix milliseconds; none before the first.
    as_of: Option<i64>,
    /// The newest message that was listed.
    newest: Option<Snowflake>,
    /// The oldest message to which the list reaches back without a gap.
    oldest: Option<Snowflake>,
    /// How many pages it was read back without meeting an earlier look.
    pages: usize,
    /// Nothing older is read: there is nothing, or it is too far back.
    is_whole: bool,
    /// A look that is under way, perhaps since an earlier call whose limit was used up.
    look: Option<Look>,
    /// Before this nobody asks again, unix milliseconds.
    limited_until: i64,
}

/// A look from the newest message back to where the last one began.
#[derive(Debug, Clone, Copy)]
struct Look {
    began_at: i64,
    newest: Option<Snowflake>,
    before: Option<Snowflake>,
    pages: usize,
}

impl List {
    fn limited_for(&self, now: i64) -> Option<u64> {
        u64::try_from(self.limited_until.saturating_sub(now)).ok().filter(|wait| *wait > 0)
    }

    fn is_fresh(&self, now: i64) -> bool {
        self.as_of.is_some_and(|began_at| now.saturating_sub(began_at) <= GOOD_FOR)
    }

    /// The message about this, if one was listed: by a fresh look, since it may have been deleted meanwhile.
    fn about(&self, about: AlertId, now: i64) -> Option<Snowflake> {
        self.about.get(&about).copied().filter(|_| self.is_fresh(now))
    }

    /// What is to be asked for next, if it is not certain yet that there is no message made since `since`: the newest page, or
    /// the newest before a message.
    fn missing(&mut self, since: i64, now: i64) -> Option<Option<Snowflake>> {
        if self.is_fresh(now) {
            let reaches = self.oldest.is_some_and(|oldest| oldest.made_at() < since.saturating_sub(LISTED_WITHIN));
            return if self.is_whole || reaches { None } else { Some(self.oldest) };
        }
        if self.look.is_none() && self.about.len() > MOST_KNOWN {
            *self = Self::default();
        }
        // One that takes long is finished all the same: what it reads, the next one need not.
        Some(self.look.get_or_insert(Look { began_at: now, newest: None, before: None, pages: 0 }).before)
    }

    /// Takes what was asked for.
    fn take(&mut self, page: &[Listed], since: i64) {
        for message in page {
            for about in message.about() {
                let known = self.about.entry(about).or_insert(message.id);
                *known = message.id.max(*known);
            }
        }
        let oldest = page.iter().map(|message| message.id).min();
        let is_end = page.len() < PAGE;
        let Some(mut look) = self.look.take() else {
            self.pages += 1;
            self.oldest = oldest.or(self.oldest);
            self.is_whole = is_end || self.pages >= PAGES;
            return;
        };
        look.pages += 1;
        look.newest = look.newest.or_else(|| page.iter().map(|message| message.id).max());
        look.before = oldest.or(look.before);
        let is_older_than =
            |time: i64| oldest.is_some_and(|oldest| oldest.made_at() < time.saturating_sub(LISTED_WITHIN));
        let has_joined = self.newest.is_some_and(|newest| is_older_than(newest.made_at()));
        let is_first = self.newest.is_none();
        if !(has_joined || is_first || is_end || is_older_than(since) || look.pages >= PAGES) {
            self.look = Some(look);
            return;
        }
        if !has_joined {
            (self.oldest, self.pages, self.is_whole) = (look.before, look.pages, is_end || look.pages >= PAGES);
        }
        self.newest = look.newest.or(self.newest);
        self.as_of = Some(look.began_at);
    }
}

/// A message of a channel, as far as it is looked at.
#[derive(Deserialize)]
pub(super) struct Listed {
    id: Snowflake,
    author: Author,
    #[serde(default)]
    embeds: Vec<Value>,
}

#[derive(Deserialize)]
struct Author {
    #[serde(default)]
    bot: bool,
}

impl Listed {
    /// The alerts or digests that a bot has sent it about: their ids stand in the footers.
    fn about(&self) -> impl Iterator<Item = AlertId> {
        let embeds = self.embeds.iter().filter(|_| self.author.bot);
        let footers = embeds.filter_map(|embed| embed["footer"]["text"].as_str());
        footers.flat_map(str::split_whitespace).filter_map(|word| word.parse().ok())
    }
}

#[cfg(test)]
mod tests;
