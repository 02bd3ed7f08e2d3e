//! Talking to the relay: signed envelopes out, JSON back.

use crate::outbound::{self, ClientError};
use reqwest::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use vyrox_contract::strict;

/// A difference between the clocks of more than this is worth a word, in seconds.
const WORTH_SAYING: u64 = 5;

/// Why a call to the relay did not work.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// No answer.
    #[error("the relay cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// 401.
    #[error("the relay does not accept this proxy: it is revoked or not enrolled there{}", skew(*.0))]
    Unauthorised(Option<i64>),
    /// 410: what was signed is outside the relay's window.
    #[error("the relay finds this proxy's request too old or too far ahead: set this machine's clock{}", skew(*.0))]
    Clock(Option<i64>),
    /// Another status.
    #[error("the relay answered HTTP {0}")]
    Status(u16),
    /// A 200 that is not what the relay documents.
    #[error("the relay's answer is not understood")]
    Answer(#[source] serde_json::Error),
    /// A success that does not say the one thing which was asked for.
    #[error("the relay does not say that it has done it")]
    Unsaid,
}

impl RelayError {
    /// Whether sending the same again can never work. Not 403 and 404: what stands in front of a relay answers those, too,
    /// while it is being replaced or its address is wrong.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Status(400 | 409 | 413 | 422))
    }
}

/// What to say about the two clocks; nothing when they agree or the relay did not tell its time.
fn skew(seconds: Option<i64>) -> String {
    match seconds {
        Some(seconds) if seconds.unsigned_abs() > WORTH_SAYING => {
            format!(" (this machine's clock is off by {seconds:+} s against the relay's)")
        }
        _ => String::new(),
    }
}

/// A relay.
#[derive(Debug, Clone)]
pub struct Relay {
    http: reqwest::Client,
    base: String,
    /// How far the clocks differed when that was last said, in seconds.
    skew: Arc<AtomicI64>,
}

impl Relay {
    /// The relay at a URL.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Ok(Self {
            http: outbound::client(Duration::from_secs(30))?,
            base: url.trim_end_matches('/').to_owned(),
            skew: Arc::default(),
        })
    }

    /// Posts; `None` for 204. `now` (unix seconds) is compared with the relay's `Date`.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        now: i64,
    ) -> Result<Option<T>, RelayError> {
        let url = format!("{}{path}", self.base);
        let response = self.http.post(url).json(body).send().await.map_err(RelayError::Unreachable)?;
        let ahead = ahead(&response, now);
        self.say_skew(ahead.unwrap_or_default());
        match response.status() {
            StatusCode::NO_CONTENT => Ok(None),
            status if status.is_success() => {
                let body = outbound::body(response).await.map_err(RelayError::Unreachable)?;
                if body.is_empty() {
                    return Ok(None);
                }
                strict::from_slice(&body).map(Some).map_err(RelayError::Answer)
            }
            StatusCode::UNAUTHORIZED => Err(RelayError::Unauthorised(ahead)),
            StatusCode::GONE => Err(RelayError::Clock(ahead)),
            status => Err(RelayError::Status(status.as_u16())),
        }
    }

    /// Speaks of a difference between the clocks before it makes the relay refuse, and again when it has changed.
    fn say_skew(&self, ahead: i64) {
        let is_off = |seconds: i64| seconds.unsigned_abs() > WORTH_SAYING;
        let said = self.skew.load(Ordering::Relaxed);
        if is_off(ahead) && !(is_off(said) && ahead.abs_diff(said) <= WORTH_SAYING) {
            tracing::warn!(
                seconds = ahead,
                "this machine's clock differs from the relay's: signed requests are valid for seconds only"
            );
        }
        self.skew.store(ahead, Ordering::Relaxed);
    }
}

/// How far this machine's clock is ahead of the relay's, in seconds.
fn ahead(response: &reqwest::Response, now: i64) -> Option<i64> {
    let date = response.headers().get("Date")?.to_str().ok()?;
    let theirs = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    now.checked_sub(i64::try_from(theirs).ok()?)
}

#[cfg(test)]
mod tests {
    use super::RelayError;

    #[test]
    fn a_refusal_names_the_clock_only_when_the_clock_is_off() {
        assert!(RelayError::Unauthorised(Some(-90)).to_string().contains("-90 s"));
        assert!(!RelayError::Unauthorised(Some(2)).to_string().contains("clock"));
        assert!(!RelayError::Unauthorised(None).to_string().contains("clock"));
    }
}
