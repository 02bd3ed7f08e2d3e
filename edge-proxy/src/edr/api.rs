//! The way of every request to a vendor: with a token, within the rate limit, answered in bounded size. A request is sent
//! again only when it cannot have acted (401, 429) or only reads.

use super::Leave;
use super::access::Access;
use super::device::{Device, Found};
use super::failure::{Failure, Refusal, Why};
use crate::config::{EdrConfig, Timing};
use crate::outbound::{self, ClientError};
use crate::text::printable;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// The shortest wait after a 429 that asks for less.
const LEAST_WAIT: Duration = Duration::from_millis(100);
/// The wait after a 429 that does not say for how long, and before a read is repeated.
const PAUSE: Duration = Duration::from_secs(1);

/// One request, as data, so that it can be sent again.
pub(super) struct Call<'a> {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    success: StatusCode,
    needs: &'static str,
    leave: Option<Leave<'a>>,
}

impl<'a> Call<'a> {
    /// A read, answered with 200. `needs` is the permission that a 403 is about.
    pub(super) fn get(path: impl Into<String>, needs: &'static str) -> Self {
        let (query, success) = (Vec::new(), StatusCode::OK);
        Self { method: Method::GET, path: path.into(), query, body: None, success, needs, leave: None }
    }

    /// A change, answered with `success`. It is sent only while the leave holds.
    pub(super) fn post(
        leave: Leave<'a>,
        path: impl Into<String>,
        body: Value,
        success: StatusCode,
        needs: &'static str,
    ) -> Self {
        Self { method: Method::POST, body: Some(body), success, leave: Some(leave), ..Self::get(path, needs) }
    }

    /// An end, answered with 204.
    pub(super) fn delete(path: impl Into<String>, needs: &'static str) -> Self {
        Self { method: Method::DELETE, success: StatusCode::NO_CONTENT, ..Self::get(path, needs) }
    }

    /// With a parameter more.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    fn only_reads(&self) -> bool {
        self.method == Method::GET
    }
}

/// A whole answer of the expected status.
#[derive(Debug)]
pub(super) struct Reply {
    body: Vec<u8>,
    /// The vendor's trace id.
    pub(super) trace: Option<String>,
}

impl Reply {
    /// Reads it; what cannot be read keeps its trace id.
    pub(super) fn read<T>(&self, parse: impl FnOnce(&[u8]) -> Result<T, Malformed>) -> Result<T, Failure> {
        self.settled(|body| parse(body).map_err(|Malformed| None))
    }

    /// What the vendor made of a change: its own error where `parse` finds one in the body.
    pub(super) fn settled<T>(&self, parse: impl FnOnce(&[u8]) -> Result<T, Option<Refusal>>) -> Result<T, Failure> {
        let unread = |refusal: Option<Refusal>| refusal.map_or(Why::Answer, Why::Refused);
        parse(&self.body).map_err(|refusal| Failure { why: unread(refusal), trace: self.trace.clone() })
    }
}

/// An answer that is not what the API documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an answer of this API")]
pub struct Malformed;

impl From<serde_json::Error> for Malformed {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

/// What differs between the vendors: how an answer is traced and refused, and how a device is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// The header with the trace id.
    pub(super) trace: &'static str,
    /// Reads the body of a refusal; of another body, at most its trace id.
    pub(super) refusal: fn(&[u8]) -> Refusal,
    /// Asks for the device of this id.
    pub(super) by_id: fn(&str) -> Call<'static>,
    /// Reads the answer to that.
    pub(super) device: fn(&[u8], &str) -> Result<Option<Device>, Malformed>,
    /// Asks for the devices of this name.
    pub(super) by_name: fn(&str) -> Call<'static>,
    /// Reads the id in the answer to that.
    pub(super) found: fn(&[u8]) -> Result<Found<String>, Malformed>,
}

/// One vendor's API. Its base URL is fixed: redirects and hints at other regions are not followed.
#[derive(Debug)]
pub(super) struct Api {
    http: reqwest::Client,
    base: String,
    access: Access,
    dialect: Dialect,
    timing: Timing,
}

impl Api {
    pub(super) fn new(config: &EdrConfig, access: Access, dialect: Dialect) -> Result<Self, ClientError> {
        let (base, timing) = (config.base.url().to_owned(), config.timing.clone());
        Ok(Self { http: outbound::client(timing.request)?, base, access, dialect, timing })
    }

    pub(super) const fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    pub(super) const fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Until when an action that begins now must have been taken.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.timing.action
    }

    /// Waits before the next look, but not beyond `deadline`.
    pub(super) async fn pause(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline.min(Instant::now() + self.timing.confirm_every)).await;
    }

    /// Sends until there is an answer that settles it, or `until`. A read may come after that, and then has one try.
    pub(super) async fn send(&self, call: &Call<'_>, until: Instant) -> Result<Reply, Failure> {
        let (mut renewed, mut repeated) = (false, false);
        let until = if call.only_reads() { until.max(Instant::now()) } else { until };
        loop {
            // Which still needs a token.
            let look = Instant::now() + self.timing.request;
            let bound = if call.only_reads() { until.max(look) } else { until };
            let token = self.access.token(&self.http, bound).await?;
            // Last of all: what came before may have taken its time.
            if let Some(leave) = &call.leave {
                leave.holds()?;
            }
            let failure = match self.once(call, &token).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let pause = match failure.why {
                Why::RateLimit(wait) => wait,
                Why::Credentials if !renewed && self.access.forget(&token, bound).await => {
                    renewed = true;
                    continue;
                }
                _ if failure.is_unclear() && call.only_reads() && !repeated => {
                    repeated = true;
                    PAUSE.min(self.timing.confirm_every)
                }
                _ => return Err(failure),
            };
            if Instant::now() + pause > until {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn once(&self, call: &Call<'_>, token: &HeaderValue) -> Result<Reply, Failure> {
        let mut request = self.http.request(call.method.clone(), format!("{}{}", self.base, call.path));
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let response = request.header(AUTHORIZATION, token.clone()).send().await.map_err(lost)?;
        let status = response.status();
        let header = response.headers().get(self.dialect.trace).and_then(|value| value.to_str().ok());
        let header = header.map(|text| printable(text, 64));
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Why::RateLimit(wait(response.headers())).into());
        }
        let body = outbound::body(response).await.map_err(Why::NoAnswer)?;
        if status == call.success {
            return Ok(Reply { trace: header.or_else(|| (self.dialect.refusal)(&body).trace), body });
        }
        let refusal = Refusal { status: status.as_u16(), ..(self.dialect.refusal)(&body) };
        let trace = refusal.trace.clone().or(header);
        let why = match status {
            StatusCode::UNAUTHORIZED => Why::Credentials,
            StatusCode::FORBIDDEN => Why::Permission(call.needs),
            _ if status.is_server_error() => Why::Server(status.as_u16()),
            // Another 2xx than the documented one: it may have been taken.
            _ if status.is_success() => Why::Answer,
            _ => Why::Refused(refusal),
        };
        Err(Failure { why, trace })
    }
}

fn lost(error: reqwest::Error) -> Failure {
    if error.is_connect() { Why::Unreachable(error) } else { Why::NoAnswer(error) }.into()
}

/// How long a 429 asks to wait: Falcon's `X-Ratelimit-Retryafter` (unix seconds), everybody else's `Retry-After` (seconds, or
/// a date).
pub(super) fn wait(headers: &HeaderMap) -> Duration {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let seconds = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        // One that is too large to be read asks for the longest.
        is_number.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
    };
    let date = |text: &str| httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok();
    // The vendor's clock against the answer's own Date header, so that this machine's clock does not matter.
    let from_now = |at: Duration| text("Date").and_then(date).map(|now| at.saturating_sub(now));
    let wait = match (text("X-Ratelimit-Retryafter").and_then(seconds), text("Retry-After")) {
        (Some(at), _) => from_now(at),
        (None, Some(text)) => seconds(text).or_else(|| from_now(date(text)?)),
        (None, None) => None,
    };
    // A day is longer than any action may take, and still a time that the clock can tell.
    wait.unwrap_or(PAUSE).clamp(LEAST_WAIT, Duration::from_secs(24 * 3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn both_ways_to_ask_for_patience_are_understood() {
        let seconds = Duration::from_secs;
        let date = ("Date", "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(wait(&headers(&[("X-Ratelimit-Retryafter", "1700000007"), date])), seconds(7));
        assert_eq!(wait(&headers(&[("X-Ratelimit-Retryafter", "1699999999"), date])), LEAST_WAIT, "it is over already");
        assert_eq!(wait(&headers(&[("X-Ratelimit-Retryafter", "1700000007")])), PAUSE, "no clock to compare with");
        assert_eq!(wait(&headers(&[("Retry-After", "3")])), seconds(3));
        assert_eq!(wait(&headers(&[("Retry-After", "18446744073709551615")])), seconds(24 * 3600));
        let number = "99999999999999999999999";
        assert_eq!(wait(&headers(&[("Retry-After", number)])), seconds(24 * 3600), "not a short wait");
        assert_eq!(wait(&headers(&[("X-Ratelimit-Retryafter", number), date])), seconds(24 * 3600));
        assert_eq!(wait(&headers(&[("Retry-After", "Tue, 14 Nov 2023 22:13:29 GMT"), date])), seconds(9));
        for unclear in ["soon", "", "-1", "1.5", "Tue, 14 Nov 2023 22:13:29 GMT"] {
            assert_eq!(wait(&headers(&[("Retry-After", unclear)])), PAUSE, "{unclear}");
        }
        assert_eq!(wait(&headers(&[])), PAUSE);
    }
}
