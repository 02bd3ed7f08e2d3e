//! Ids and tokens that a stand-in has given out.

use std::collections::HashMap;
use tokio::time::Instant;

/// What was given out so far.
#[derive(Debug, Default)]
pub(crate) struct Issued {
    tokens: HashMap<String, Instant>,
    count: u64,
}

impl Issued {
    /// An id in the form of a UUID; unique, not unguessable.
    pub(crate) fn id(&mut self) -> String {
        self.count += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.count)
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn token(&mut self, expires: Instant) -> String {
        let token = format!("standin-token-{}", self.id());
        self.tokens.insert(token.clone(), expires);
        token
    }

    pub(crate) fn knows_token(&self, token: &str, now: Instant) -> bool {
        self.tokens.get(token).is_some_and(|expires| now < *expires)
    }

    pub(crate) fn expire_tokens(&mut self) {
        self.tokens.clear();
    }
}
