//! Discord's rate limits, as its answers tell them, remembered by one execution environment. Nothing is hard-coded and
//! nothing sleeps here: a request that may not be sent now is told when, and its message is put off in its queue.

use super::{DiscordError, Turn};
use crate::clock::Clock;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// How long nothing is sent after Discord has refused the token, in milliseconds.
const TOKEN_PAUSE: i64 = 600_000;
/// Discord bans an address after 10,000 refused requests in ten minutes. The functions share addresses with others, so each
/// environment stops far below.
const MOST_REFUSED: usize = 500;
/// The ten minutes, in milliseconds.
const REFUSED_WINDOW: i64 = 600_000;
/// The longest that a limit is believed, in milliseconds.
const LONGEST: f64 = 900_000.0;
/// How many buckets are remembered; then all are forgotten, which costs at most one 429 each.
const MOST_BUCKETS: usize = 1_000;

/// What one execution environment knows.
#[derive(Debug)]
pub(super) struct Limits {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// Times are unix milliseconds.
#[derive(Debug, Default)]
struct State {
    /// Nothing at all is sent before this.
    global_until: i64,
    /// Nothing at all is sent before this, because of the token or of too many refusals.
    stopped_until: i64,
    /// Route -> the name of its bucket, as Discord calls it.
    names: HashMap<String, String>,
    /// Bucket (or route, while it has no name) -> how much of it is left.
    buckets: HashMap<String, Bucket>,
    /// When requests were refused, oldest first.
    refused: VecDeque<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    limit: i64,
    remaining: i64,
    reset_at: i64,
    /// How long it takes to fill again.
    window: i64,
    /// How many were told to wait for the next windows.
    waiting: i64,
    /// When the last of those comes back that the others let go first.
    promised_until: i64,
}

impl Limits {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request on this route may be sent now. If so it is counted at once, so that others know. One that comes after
    /// others waits until the last of those is back who were told to wait, even if there is room: it is theirs.
    pub(super) fn admit(&self, route: &str, turn: Turn) -> Result<(), DiscordError> {
        let now = self.clock.now_millis();
        let mut locked = self.locked();
        let state = &mut *locked;
        if now < state.stopped_until {
            return Err(DiscordError::Stopped(millis(state.stopped_until - now)));
        }
        if now < state.global_until {
            return Err(DiscordError::RateLimited(millis(state.global_until - now)));
        }
        let key = state.names.get(route).map_or(route, String::as_str);
        let Some(bucket) = state.buckets.get_mut(key) else { return Ok(()) };
        if now >= bucket.reset_at {
            *bucket = Bucket { remaining: bucket.limit, reset_at: now + bucket.window, waiting: 0, ..*bucket };
        }
        let gives_way = turn == Turn::AfterOthers && now < bucket.promised_until;
        if bucket.remaining > 0 && !gives_way {
            bucket.remaining -= 1;
            return Ok(());
        }
        // Those who wait are spread over the coming windows, so that they do not all come back to the same one.
        let windows_later = bucket.waiting / bucket.limit.max(1);
        bucket.waiting += 1;
        let mut back_at = bucket.reset_at + windows_later * bucket.window;
        match turn {
            Turn::Next => bucket.promised_until = bucket.promised_until.max(back_at),
            Turn::AfterOthers => back_at = back_at.max(bucket.promised_until),
        }
        Err(DiscordError::RateLimited(millis(back_at - now)))
    }

    /// Learns from an answer. `retry_after` (seconds) and `is_global` are what the body of a 429 says.
    pub(super) fn learn(
        &self,
        route: &str,
        status: StatusCode,
        headers: &HeaderMap,
        retry_after: Option<f64>,
        is_global: bool,
    ) {
        let now = self.clock.now_millis();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let number = |name: &str| text(name).and_then(|text| text.trim().parse::<f64>().ok()).filter(|n| n.is_finite());
        let after = |seconds: f64| (seconds * 1_000.0).clamp(0.0, LONGEST).ceil() as i64;
        let mut locked = self.locked();
        let state = &mut *locked;
        if state.buckets.len() > MOST_BUCKETS {
            state.buckets.clear();
            state.names.clear();
        }
        // A bucket is shared by routes, but each channel has its own.
        let key = match text("x-ratelimit-bucket") {
            Some(name) => {
                let key = format!("{name} {}", channel(route));
                state.names.insert(route.to_owned(), key.clone());
                key
            }
            None => state.names.get(route).map_or(route, String::as_str).to_owned(),
        };
        let heard = (number("x-ratelimit-limit"), number("x-ratelimit-remaining"), number("x-ratelimit-reset-after"));
        if let (Some(limit), Some(remaining), Some(reset_after)) = heard {
            let (limit, reset_at) = ((limit as i64).max(1), now + after(reset_after));
            let earlier = state.buckets.get(&key).filter(|earlier| now < earlier.reset_at);
            // An answer that was overtaken by others must not give back what they have used up.
            let remaining = earlier.map_or(remaining as i64, |earlier| earlier.remaining.min(remaining as i64));
            let (waiting, window) = earlier.map_or((0, 0), |earlier| (earlier.waiting, earlier.window));
            let window = window.max(after(reset_after)).max(1);
            let promised_until = state.buckets.get(&key).map_or(0, |bucket| bucket.promised_until);
            let bucket = Bucket { limit, remaining, reset_at, window, waiting, promised_until };
            state.buckets.insert(key.clone(), bucket);
        }
        let scope = text("x-ratelimit-scope");
        if status == StatusCode::TOO_MANY_REQUESTS {
            let wait = after(retry_after.or_else(|| number("retry-after")).unwrap_or(1.0));
            // Without Discord's own headers it is the door in front of it that has had enough.
            if is_global || scope == Some("global") || text("x-ratelimit-global").is_some() || scope.is_none() {
                state.global_until = state.global_until.max(now + wait);
            } else {
                let bucket = state.buckets.entry(key).or_insert(Bucket {
                    limit: 1,
                    remaining: 0,
                    reset_at: 0,
                    window: wait.max(1),
                    waiting: 0,
                    promised_until: 0,
                });
                bucket.remaining = 0;
                bucket.reset_at = bucket.reset_at.max(now + wait);
            }
        }
        if status == StatusCode::UNAUTHORIZED {
            state.stopped_until = now + TOKEN_PAUSE;
        }
        // A shared limit is somebody else's doing, and not counted by Discord.
        let is_refused = matches!(status.as_u16(), 401 | 403) || status.as_u16() == 429 && scope != Some("shared");
        if is_refused {
            state.refused.push_back(now);
            while state.refused.front().is_some_and(|at| now - at >= REFUSED_WINDOW) {
                state.refused.pop_front();
            }
            if state.refused.len() >= MOST_REFUSED {
                state.stopped_until = state.stopped_until.max(now + TOKEN_PAUSE);
            }
        }
    }
}

fn millis(wait: i64) -> u64 {
    u64::try_from(wait).unwrap_or(0)
}

/// The part of a route that has buckets of its own: its channel.
fn channel(route: &str) -> &str {
    route.split('/').nth(2).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const POST: &str = "POST /channels/700/messages";

    fn limits() -> (Arc<ManualClock>, Limits) {
        let clock = Arc::new(ManualClock::at(1_700_000_000));
        (clock.clone(), Limits::new(clock))
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn full(remaining: &str) -> HeaderMap {
        headers(&[
            ("x-ratelimit-bucket", "abcd"),
            ("x-ratelimit-limit", "5"),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-reset-after", "5.0"),
        ])
    }

    fn wait(limits: &Limits, route: &str) -> Option<u64> {
        wait_for(limits, route, Turn::Next)
    }

    fn wait_for(limits: &Limits, route: &str, turn: Turn) -> Option<u64> {
        match limits.admit(route, turn) {
            Ok(()) => None,
            Err(DiscordError::RateLimited(millis) | DiscordError::Stopped(millis)) => Some(millis),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn an_empty_bucket_is_waited_for_and_the_waiting_are_spread_over_its_windows() {
        let (clock, limits) = limits();
        assert_eq!(wait(&limits, POST), None, "nothing is known yet");
        limits.learn(POST, StatusCode::OK, &full("2"), None, false);
        assert_eq!((wait(&limits, POST), wait(&limits, POST)), (None, None));
        let waits: Vec<_> = (0..11).map(|_| wait(&limits, POST).unwrap()).collect();
        assert_eq!(waits, [5_000, 5_000, 5_000, 5_000, 5_000, 10_000, 10_000, 10_000, 10_000, 10_000, 15_000]);
        assert_eq!(wait(&limits, "POST /channels/701/messages"), None, "another channel has its own");
        clock.advance(5);
        assert_eq!((0..5).map(|_| wait(&limits, POST)).collect::<Vec<_>>(), [None; 5]);
        assert!(wait(&limits, POST).is_some());
    }

    #[test]
    fn what_comes_after_others_waits_for_the_last_of_them_and_for_no_longer() {
        let (clock, limits) = limits();
        limits.learn(POST, StatusCode::OK, &full("1"), None, false);
        assert_eq!(wait_for(&limits, POST, Turn::AfterOthers), None, "nobody else waits");
        assert_eq!((0..7).map(|_| wait(&limits, POST).unwrap()).max(), Some(10_000));
        clock.advance(5);
        assert_eq!(wait_for(&limits, POST, Turn::AfterOthers), Some(5_000), "there is room, and it is another's");
        assert_eq!(wait(&limits, POST), None);
        limits.learn(POST, StatusCode::OK, &full("4"), None, false);
        assert!(wait_for(&limits, POST, Turn::AfterOthers).is_some(), "an answer makes nobody forget");
        clock.advance(5);
        assert_eq!(wait_for(&limits, POST, Turn::AfterOthers), None, "all are back");
        for _ in 0..4 {
            assert_eq!(wait(&limits, POST), None);
        }
        assert_eq!(wait_for(&limits, POST, Turn::AfterOthers), Some(5_000));
        clock.advance(5);
        assert_eq!(
            wait_for(&limits, POST, Turn::AfterOthers),
            None,
            "those who come after others do not wait for each other"
        );
    }

    #[test]
    fn an_overtaken_answer_gives_nothing_back() {
        let (_, limits) = limits();
        limits.learn(POST, StatusCode::OK, &full("1"), None, false);
        limits.learn(POST, StatusCode::OK, &full("4"), None, false);
        assert_eq!(wait(&limits, POST), None);
        assert!(wait(&limits, POST).is_some());
    }

    #[test]
    fn a_429_stops_what_it_is_about() {
        for (scope, everything) in [("user", false), ("shared", false), ("global", true)] {
            let (clock, limits) = limits();
            let limited = headers(&[("x-ratelimit-scope", scope), ("retry-after", "9")]);
            limits.learn(POST, StatusCode::TOO_MANY_REQUESTS, &limited, Some(2.5), scope == "global");
            assert_eq!(wait(&limits, POST), Some(2_500), "{scope}: the body is more exact than the header");
            assert_eq!(wait(&limits, "PATCH /channels/701/messages").is_some(), everything, "{scope}");
            clock.advance(3);
            assert_eq!(wait(&limits, POST), None);
        }
        let (_, limits) = limits();
        limits.learn(POST, StatusCode::TOO_MANY_REQUESTS, &headers(&[("retry-after", "30")]), None, false);
        assert_eq!(wait(&limits, "GET /channels/9"), Some(30_000), "the door in front of Discord is for everything");
    }

    #[test]
    fn a_bad_token_stops_everything_and_so_do_many_refusals() {
        let (clock, limits) = limits();
        limits.learn(POST, StatusCode::UNAUTHORIZED, &HeaderMap::new(), None, false);
        assert_eq!(wait(&limits, "GET /channels/9"), Some(600_000));
        clock.advance(600);
        assert_eq!(wait(&limits, POST), None);
        for _ in 0..MOST_REFUSED - 1 {
            limits.learn(POST, StatusCode::FORBIDDEN, &HeaderMap::new(), None, false);
        }
        assert_eq!(wait(&limits, POST), None);
        limits.learn(POST, StatusCode::FORBIDDEN, &HeaderMap::new(), None, false);
        assert!(wait(&limits, POST).is_some());
    }
}
