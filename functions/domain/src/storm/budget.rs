//! How many cards a tenant gets in a while, before the rest is gathered in a digest.

use serde::{Deserialize, Serialize};
use vyrox_contract::AlertId;

/// A tenant's budget of cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormPolicy {
    /// How many cards in one window.
    pub cards: u16,
    /// The window's length, in seconds.
    pub window_seconds: u32,
    /// How long alerts of the same kind are counted on the first one's card, in seconds; 0 is never.
    #[serde(default = "an_hour")]
    pub group_seconds: u32,
}

const fn an_hour() -> u32 {
    3_600
}

impl Default for StormPolicy {
    /// Ten cards in ten minutes, what one person can look at; the same is the same for an hour.
    fn default() -> Self {
        Self { cards: 10, window_seconds: 600, group_seconds: an_hour() }
    }
}

impl StormPolicy {
    /// Whether it is the default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How much of the budget is used up, and the digest that takes the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// When it began, unix seconds.
    pub began_at: i64,
    /// How many cards were given away in it.
    pub cards: u16,
    /// The digest that is being filled, if one was begun; it may outlast the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<AlertId>,
}

impl Window {
    /// The window that `now` is in: this one, or a new one after it.
    #[must_use]
    pub const fn at(earlier: Option<Self>, policy: StormPolicy, now: i64) -> Self {
        match earlier {
            Some(window) if now < window.began_at.saturating_add(policy.window_seconds as i64) => window,
            Some(window) => Self { began_at: now, cards: 0, digest: window.digest },
            None => Self { began_at: now, cards: 0, digest: None },
        }
    }

    /// The window after one more card, or `None` if the budget is used up.
    #[must_use]
    pub const fn with_a_card(self, policy: StormPolicy) -> Option<Self> {
        if self.cards < policy.cards { Some(Self { cards: self.cards + 1, ..self }) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_and_comes_back_with_the_next_window() {
        let policy = StormPolicy { cards: 2, window_seconds: 60, ..StormPolicy::default() };
        let mut window = Window::at(None, policy, 1_000);
        for _ in 0..2 {
            window = Window::at(Some(window), policy, 1_059).with_a_card(policy).unwrap();
        }
        assert_eq!(window, Window { began_at: 1_000, cards: 2, digest: None });
        assert_eq!(window.with_a_card(policy), None);
        assert_eq!(Window::at(Some(window), policy, 1_059), window);
        assert_eq!(Window::at(Some(window), policy, 1_060), Window { began_at: 1_060, cards: 0, digest: None });
        assert_eq!(
            Window::at(None, StormPolicy { cards: 0, ..policy }, 1).with_a_card(StormPolicy { cards: 0, ..policy }),
            None
        );
    }
}
