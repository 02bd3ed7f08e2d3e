//! One try at one model: a request, and a bounded response.

use super::attempt::{NoAnswer, Spent, Tried, failure};
use super::completion;
use super::dialect::{self, Dialect};
use crate::config;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vyrox_contract::strict;
use vyrox_domain::llm::Prompt;

/// The most tokens that an answer may have.
pub(super) const MAX_ANSWER_TOKENS: u64 = 500;
/// The most bytes of a response that are read.
const MAX_BODY: usize = 256 * 1024;
/// Nobody is waited for longer than this, in seconds; what a header says beyond it is not even added to a time.
const LONGEST_WAIT: u64 = 3_600;

/// The endpoint.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    http: reqwest::Client,
    config: config::Llm,
    /// Models that are asked in the newer dialect because they have turned the other one away. Known as long as this
    /// process lives.
    newer: Arc<Mutex<HashSet<String>>>,
}

impl Endpoint {
    pub(super) fn new(http: reqwest::Client, config: config::Llm) -> Self {
        Self { http, config, newer: Arc::default() }
    }

    pub(super) fn models(&self) -> &[String] {
        &self.config.models
    }

    pub(super) const fn deadline(&self) -> Duration {
        self.config.deadline
    }

    pub(super) const fn daily_tokens(&self) -> u64 {
        self.config.daily_tokens
    }

    /// Asks one model, for as long as one model may take but not beyond `left`.
    pub(super) async fn ask(&self, model: &str, prompt: &Prompt, left: Duration) -> (Tried, Spent) {
        let limit = self.config.try_timeout.min(left);
        match tokio::time::timeout(limit, self.exchange(model, prompt, limit)).await {
            Ok(result) => result,
            Err(_) => failure(NoAnswer::TimedOut, Spent::Unknown),
        }
    }

    /// One request, and another one if the model does not know the first one's parameters: it has not worked on that.
    async fn exchange(&self, model: &str, prompt: &Prompt, limit: Duration) -> (Tried, Spent) {
        let is_newer = self.newer.lock().unwrap_or_else(PoisonError::into_inner).contains(model);
        let mut dialect = if is_newer { Dialect::Newer } else { Dialect::Common };
        loop {
            let response = match self.send(model, prompt, limit, dialect).await {
                Ok(response) => response,
                Err(error) => return unsent(&error),
            };
            if response.status().as_u16() != 400 || dialect == Dialect::Newer {
                return received(response, prompt).await;
            }
            let headers = response.headers().clone();
            if !whole(response).await.is_ok_and(|body| dialect::is_about_parameters(&body)) {
                return refused(400, &headers);
            }
            self.newer.lock().unwrap_or_else(PoisonError::into_inner).insert(model.to_owned());
            dialect = Dialect::Newer;
        }
    }

    async fn send(
        &self,
        model: &str,
        prompt: &Prompt,
        limit: Duration,
        dialect: Dialect,
    ) -> Result<reqwest::Response, reqwest::Error> {
        self.http
            .post(format!("{}/chat/completions", self.config.url))
            .bearer_auth(self.config.api_key.expose())
            .timeout(limit)
            .json(&dialect.request(model, prompt))
            .send()
            .await
    }
}

async fn received(response: reqwest::Response, prompt: &Prompt) -> (Tried, Spent) {
    let status = response.status().as_u16();
    if status != 200 {
        return refused(status, response.headers());
    }
    if !may_be_json(response.headers()) {
        return failure(NoAnswer::ContentType, Spent::Unknown);
    }
    let body = match whole(response).await {
        Ok(body) => body,
        Err(why) => return failure(why, Spent::Unknown),
    };
    match strict::from_slice(&body) {
        Ok(completion) => completion::read(&completion, prompt),
        Err(error) if error.is_data() => failure(NoAnswer::Ambiguous, Spent::Unknown),
        Err(_) => failure(NoAnswer::NotJson, Spent::Unknown),
    }
}

/// The body, as far as one is read.
async fn whole(mut response: reqwest::Response) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY => return Err(NoAnswer::TooLarge),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err(NoAnswer::TimedOut),
            Err(_) => return Err(NoAnswer::BrokeOff),
        }
    }
}

/// The request did not come through, or no response came back.
fn unsent(error: &reqwest::Error) -> (Tried, Spent) {
    if error.is_timeout() && !error.is_connect() {
        return failure(NoAnswer::TimedOut, Spent::Unknown);
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return failure(NoAnswer::Tls, Spent::Nothing);
        }
        cause = error.source();
    }
    if error.is_connect() {
        failure(NoAnswer::Unreachable, Spent::Nothing)
    } else {
        failure(NoAnswer::BrokeOff, Spent::Unknown)
    }
}

fn refused(status: u16, headers: &HeaderMap) -> (Tried, Spent) {
    let why = match status {
        300..=399 => NoAnswer::Redirected(status),
        401 | 403 => NoAnswer::KeyRefused(status),
        429 => NoAnswer::RateLimited,
        500..=599 => NoAnswer::ServerError(status),
        _ => NoAnswer::RequestRefused(status),
    };
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let retry_after = seconds
        .map(|seconds: u64| Duration::from_secs(seconds.min(LONGEST_WAIT)))
        .filter(|_| matches!(status, 429 | 503));
    // A server that fails may have had the model work first.
    let spent = if status >= 500 && status != 503 { Spent::Unknown } else { Spent::Nothing };
    (Tried::Failure { why, retry_after }, spent)
}

/// Some endpoints do not say what they send; one that says something else is believed.
fn may_be_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default().to_ascii_lowercase());
    let kind = kind.as_deref().map(|kind| kind.split(';').next().unwrap_or_default().trim());
    kind.is_none_or(|kind| kind == "application/json" || kind.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_wait_without_end_is_bounded() {
        for (written, expected) in
            [("7", Some(7)), ("18446744073709551615", Some(LONGEST_WAIT)), ("-1", None), ("soon", None), ("1e9", None)]
        {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, written.parse().unwrap())]);
            let (Tried::Failure { retry_after, .. }, _) = refused(429, &headers) else { panic!("429 is a failure") };
            assert_eq!(retry_after, expected.map(Duration::from_secs), "{written}");
            // As whoever waits reckons: it must not overflow.
            let _ = retry_after.map(|wait| tokio::time::Instant::now() + wait);
        }
    }

    #[test]
    fn what_says_it_is_not_json_is_not_read() {
        let with = |kind: &str| may_be_json(&HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]));
        assert!(
            with("application/json; charset=utf-8")
                && with("application/problem+json")
                && may_be_json(&HeaderMap::new())
        );
        assert!(!with("text/html") && !with("text/event-stream"));
    }
}
