//! What a request to a vendor is allowed by: a token that is fetched, or one that was given.

use super::api::{Malformed, wait};
use super::failure::{Failure, Why};
use crate::outbound;
use crate::secret::Secret;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use vyrox_contract::strict;

/// A token is renewed this long before it ends.
const MARGIN: Duration = Duration::from_secs(60);
/// The longest that a token is kept.
const LONGEST: u64 = 3600;

/// The right to make requests. It does not print.
#[derive(Debug)]
pub(super) enum Access {
    /// OAuth2 client credentials: the URL that gives out tokens, the form that it wants, the token that it gave.
    Client { url: String, form: Vec<(&'static str, Secret)>, cached: Mutex<Option<Token>> },
    /// A token of the vendor's console, as the whole header.
    Given(Secret),
}

/// A token and when to ask for the next.
#[derive(Debug)]
pub(super) struct Token {
    header: HeaderValue,
    until: Instant,
}

impl Access {
    pub(super) fn client(url: String, form: &[(&'static str, &str)]) -> Self {
        let form = form.iter().map(|(name, value)| (*name, Secret::new((*value).to_owned()))).collect();
        Self::Client { url, form, cached: Mutex::new(None) }
    }

    /// The `Authorization` header: the cached token's, or a new one's. One caller at a time asks for it; who has none at
    /// `until` goes without, as if the vendor had throttled it.
    pub(super) async fn token(&self, http: &reqwest::Client, until: Instant) -> Result<HeaderValue, Failure> {
        tokio::time::timeout_at(until, self.fetched(http, until))
            .await
            .unwrap_or_else(|_| Err(Why::RateLimit(Duration::ZERO).into()))
    }

    async fn fetched(&self, http: &reqwest::Client, until: Instant) -> Result<HeaderValue, Failure> {
        let (url, form, cached) = match self {
            Self::Given(header) => return sensitive(header),
            Self::Client { url, form, cached } => (url, form, cached),
        };
        let mut cached = cached.lock().await;
        if let Some(token) = cached.as_ref().filter(|token| token.until > Instant::now()) {
            return Ok(token.header.clone());
        }
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.expose())).collect();
        let body = loop {
            // Without a token nothing was asked of the EDR yet, so a lost answer here is only "unreachable".
            let response = http.post(url).form(&form).send().await.map_err(Why::Unreachable)?;
            match response.status() {
                status if status.is_success() => break outbound::body(response).await.map_err(Why::Unreachable)?,
                StatusCode::TOO_MANY_REQUESTS => {
                    let pause = wait(response.headers());
                    if Instant::now() + pause > until {
                        return Err(Why::RateLimit(pause).into());
                    }
                    tokio::time::sleep(pause).await;
                }
                StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    return Err(Why::Credentials.into());
                }
                status => return Err(Why::NoToken(status.as_u16()).into()),
            }
        };
        let (text, life) = token(&body).map_err(|Malformed| Why::Credentials)?;
        let header = sensitive(&Secret::new(format!("Bearer {}", text.expose())))?;
        let until = Instant::now() + life.saturating_sub(MARGIN);
        Ok(cached.insert(Token { header, until }).header.clone())
    }

    /// Drops a token that was refused; only this one, since another caller may have a new one already. Whether there can
    /// be another before `until`.
    pub(super) async fn forget(&self, refused: &HeaderValue, until: Instant) -> bool {
        let Self::Client { cached, .. } = self else { return false };
        let Ok(mut cached) = tokio::time::timeout_at(until, cached.lock()).await else { return false };
        cached.take_if(|token| token.header == *refused);
        true
    }
}

/// As a header that is not logged.
fn sensitive(header: &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(header.expose()).map_err(|_| Why::Credentials)?;
    value.set_sensitive(true);
    Ok(value)
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: u64,
}

/// Reads a token answer: the token and how long it is good for.
///
/// # Errors
/// [`Malformed`].
pub fn token(body: &[u8]) -> Result<(Secret, Duration), Malformed> {
    let answer: TokenAnswer = strict::from_slice(body)?;
    let text = Secret::new(answer.access_token);
    if text.expose().is_empty() || !text.expose().bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Malformed);
    }
    Ok((text, Duration::from_secs(answer.expires_in.min(LONGEST))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_not_waited_for_longer_than_the_action_may_take() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let access = Access::client(format!("http://{}/", silent.local_addr().unwrap()), &[]);
        let http = outbound::client(Duration::from_secs(20)).unwrap();
        let begun = Instant::now();
        let until = begun + Duration::from_millis(200);
        // The second waits for the first.
        let (first, second) = tokio::join!(access.token(&http, until), access.token(&http, until));
        for token in [first, second] {
            assert!(matches!(token.unwrap_err().why, Why::RateLimit(_)));
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_token_is_one_word_and_never_kept_too_long() {
        let (text, life) = token(br#"{"access_token":"abc","token_type":"bearer","expires_in":1799}"#).unwrap();
        assert_eq!((text.expose(), life), ("abc", Duration::from_secs(1799)));
        assert_eq!(token(br#"{"access_token":"abc","expires_in":18446744073709551615}"#).unwrap().1.as_secs(), LONGEST);
        for bad in [
            r#"{"access_token":"","expires_in":1}"#,
            r#"{"access_token":"a\nb","expires_in":1}"#,
            r#"{"access_token":"abc","expires_in":-1}"#,
            r#"{"access_token":"abc"}"#,
            r#"["abc",1799]"#,
            "",
        ] {
            assert!(token(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
