//! Talking to the relay: signed envelopes out, JSON back.

use crate::outbound::{self, ClientError};
use reqwest::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::{Duration, UNIX_EPOCH};

/// Why a call to the relay did not work.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// No answer.
    #[error("the relay cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// 401.
    #[error("the relay does not accept this proxy: it is revoked or not enrolled there{}", skew(*.0))]
    Unauthorised(Option<i64>),
    /// Another status.
    #[error("the relay answered HTTP {0}")]
    Status(u16),
    /// A 200 that is not what the relay documents.
    #[error("the relay's answer is not understood")]
    Answer(#[source] serde_json::Error),
}

impl RelayError {
    /// Whether sending the same again can never work. Not 403 and 404: what stands in front of a relay answers those, too,
    /// while it is being replaced or its address is wrong.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Status(400 | 409 | 410 | 413 | 422))
    }
}

/// What to say about the two clocks; nothing when they agree or the relay did not tell its time.
fn skew(seconds: Option<i64>) -> String {
    match seconds {
        Some(seconds) if seconds.abs() > 5 => {
            format!(", or this machine's clock is wrong ({seconds:+} s against the relay)")
        }
        _ => String::new(),
    }
}

/// A relay.
#[derive(Debug, Clone)]
pub struct Relay {
    http: reqwest::Client,
    base: String,
}

impl Relay {
    /// The relay at a URL.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Ok(Self { http: outbound::client(Duration::from_secs(30))?, base: url.trim_end_matches('/').to_owned() })
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
        match response.status() {
            StatusCode::NO_CONTENT => Ok(None),
            status if status.is_success() => {
                let body = outbound::body(response).await.map_err(RelayError::Unreachable)?;
                serde_json::from_slice(&body).map(Some).map_err(RelayError::Answer)
            }
            StatusCode::UNAUTHORIZED => Err(RelayError::Unauthorised(ahead(&response, now))),
            status => Err(RelayError::Status(status.as_u16())),
        }
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
