//! One try at one model: a request, a bounded answer, and a name for everything that can be wrong with it.

use super::dialect::{self, Dialect};
use crate::config;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::Value;
use std::collections::HashSet;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vyrox_domain::llm::{Answer, InvalidAnswer, Prompt};

/// The most tokens that an answer may have.
pub(super) const MAX_ANSWER_TOKENS: u64 = 500;
/// The most bytes of a response that are read.
const MAX_BODY: usize = 256 * 1024;
/// Nobody is waited for longer than this, in seconds; what a header says beyond it is not even added to a time.
const LONGEST_WAIT: u64 = 3_600;
/// A claim of more tokens than this for one question is not believed.
const MAX_BELIEVED: u64 = 200_000;

/// Why a model gave no usable answer. The text is ours and goes into the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection.
    #[error("endpoint cannot be reached")]
    Unreachable,
    /// TLS refused.
    #[error("endpoint's TLS was not accepted")]
    Tls,
    /// It took too long, before or amid its answer.
    #[error("did not answer in time")]
    TimedOut,
    /// The connection ended amid the answer.
    #[error("answer broke off")]
    BrokeOff,
    /// 429.
    #[error("rate limited (429)")]
    RateLimited,
    /// 5xx.
    #[error("endpoint failed ({0})")]
    ServerError(u16),
    /// 401, 403.
    #[error("endpoint does not accept the key ({0})")]
    KeyRefused(u16),
    /// 3xx; redirects are not followed.
    #[error("endpoint redirects elsewhere ({0})")]
    Redirected(u16),
    /// Any other status.
    #[error("endpoint does not take the request ({0})")]
    RequestRefused(u16),
    /// More than is read.
    #[error("response is too large")]
    TooLarge,
    /// It says that it is something else than JSON.
    #[error("response is not JSON by its own account")]
    ContentType,
    /// It is not JSON.
    #[error("response is not JSON")]
    NotJson,
    /// 200 with an error inside.
    #[error("response is an error with status 200")]
    ErrorObject,
    /// No choices.
    #[error("response contains no answer")]
    NoChoices,
    /// The model refused.
    #[error("model refused to answer")]
    Refused,
    /// The answer hit the token limit.
    #[error("answer was cut short")]
    CutShort,
    /// The provider's filter withheld it.
    #[error("answer was withheld by the provider's filter")]
    Filtered,
    /// It wants to call tools, of which there are none.
    #[error("model asked for a tool instead of answering")]
    ToolCalls,
    /// No text.
    #[error("answer is empty")]
    Empty,
    /// Longer than any valid one.
    #[error("answer is too long")]
    AnswerTooLong,
    /// Prose, or JSON inside prose.
    #[error("answer is not JSON")]
    AnswerNotJson,
    /// JSON of another shape.
    #[error("answer is not the object that was asked for")]
    WrongShape,
    /// The tenant's tokens for today.
    #[error("token budget of the day is used up")]
    BudgetUsedUp,
    /// Earlier models took it all.
    #[error("no time was left to ask")]
    NoTimeLeft,
}

/// What a try came to.
#[derive(Debug)]
pub(super) enum Tried {
    Answer(Answer),
    Failure { why: NoAnswer, retry_after: Option<Duration> },
}

/// What a try cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// It was turned away before any model saw it.
    Nothing,
    /// As much as the endpoint says.
    Tokens(u64),
    /// Nobody says.
    Unknown,
}

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
    match serde_json::from_slice(&body) {
        Ok(completion) => read(&completion, prompt),
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

const fn failure(why: NoAnswer, spent: Spent) -> (Tried, Spent) {
    (Tried::Failure { why, retry_after: None }, spent)
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

/// The first choice of a completion. Everything is looked at before the text, because a half answer may parse, too.
fn read(completion: &Value, prompt: &Prompt) -> (Tried, Spent) {
    let spent = usage(&completion["usage"]);
    if !completion["error"].is_null() {
        return failure(NoAnswer::ErrorObject, spent);
    }
    let Some(choice) = completion["choices"].as_array().and_then(|choices| choices.first()) else {
        return failure(NoAnswer::NoChoices, spent);
    };
    let message = &choice["message"];
    if message["refusal"].as_str().is_some_and(|refusal| !refusal.is_empty()) {
        return failure(NoAnswer::Refused, spent);
    }
    let calls = |name: &str| message[name].as_array().is_some_and(|calls| !calls.is_empty());
    match choice["finish_reason"].as_str() {
        Some("length") => return failure(NoAnswer::CutShort, spent),
        Some("content_filter") => return failure(NoAnswer::Filtered, spent),
        Some("tool_calls" | "function_call") => return failure(NoAnswer::ToolCalls, spent),
        _ if calls("tool_calls") || message["function_call"].is_object() => {
            return failure(NoAnswer::ToolCalls, spent);
        }
        _ => {}
    }
    let text = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    };
    if text.trim().is_empty() {
        return failure(NoAnswer::Empty, spent);
    }
    match Answer::to(prompt, &text) {
        Ok(answer) => (Tried::Answer(answer), spent),
        Err(InvalidAnswer::TooLong) => failure(NoAnswer::AnswerTooLong, spent),
        Err(InvalidAnswer::NotJson(_)) => failure(NoAnswer::AnswerNotJson, spent),
        Err(InvalidAnswer::Shape(_)) => failure(NoAnswer::WrongShape, spent),
    }
}

fn usage(usage: &Value) -> Spent {
    let parts = || Some(usage["prompt_tokens"].as_u64()?.saturating_add(usage["completion_tokens"].as_u64()?));
    match usage["total_tokens"].as_u64().or_else(parts) {
        // Servers that do not count say so. Nothing was answered for nothing.
        Some(0) | None => Spent::Unknown,
        Some(tokens) => Spent::Tokens(tokens.min(MAX_BELIEVED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use vyrox_domain::llm::Summary;

    const ANSWER: &str =
        r#"{"verdict":"HIGH","confidence":0.8,"reasoning":"r","mitre_techniques":[],"suggested_action":"escalate"}"#;

    fn completion(change: impl FnOnce(&mut Value)) -> Value {
        let mut completion = json!({
            "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER, "refusal": null}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        });
        change(&mut completion);
        completion
    }

    fn why(change: impl FnOnce(&mut Value)) -> Option<NoAnswer> {
        match read(&completion(change), &Prompt::new(&Summary::default(), "n")).0 {
            Tried::Answer(_) => None,
            Tried::Failure { why, .. } => Some(why),
        }
    }

    #[test]
    fn only_a_whole_answer_of_the_first_choice_is_one() {
        assert_eq!(why(|_| {}), None);
        assert_eq!(why(|c| c["choices"][0]["message"]["content"] = json!([{"type": "text", "text": ANSWER}])), None);
        type Change = fn(&mut Value);
        let cases: [(NoAnswer, Change); 13] = [
            (NoAnswer::ErrorObject, |c| c["error"] = json!({"message": "overloaded"})),
            (NoAnswer::NoChoices, |c| c["choices"] = json!([])),
            (NoAnswer::NoChoices, |c| c["choices"] = json!("none")),
            (NoAnswer::Refused, |c| c["choices"][0]["message"]["refusal"] = json!("I cannot help with that")),
            (NoAnswer::CutShort, |c| c["choices"][0]["finish_reason"] = json!("length")),
            (NoAnswer::Filtered, |c| c["choices"][0]["finish_reason"] = json!("content_filter")),
            (NoAnswer::ToolCalls, |c| c["choices"][0]["finish_reason"] = json!("tool_calls")),
            (NoAnswer::ToolCalls, |c| c["choices"][0]["message"]["tool_calls"] = json!([{"id": "1"}])),
            (NoAnswer::Empty, |c| c["choices"][0]["message"]["content"] = Value::Null),
            (NoAnswer::Empty, |c| c["choices"][0]["message"] = json!({})),
            (NoAnswer::AnswerNotJson, |c| c["choices"][0]["message"]["content"] = json!("It is fine.")),
            (NoAnswer::WrongShape, |c| c["choices"][0]["message"]["content"] = json!("{\"verdict\":\"SAFE\"}")),
            (NoAnswer::AnswerTooLong, |c| c["choices"][0]["message"]["content"] = json!("x".repeat(20_000))),
        ];
        for (expected, change) in cases {
            assert_eq!(why(change), Some(expected));
        }
    }

    #[test]
    fn what_a_question_cost_is_taken_from_the_endpoint_within_reason() {
        assert_eq!(usage(&json!({"total_tokens": 15})), Spent::Tokens(15));
        assert_eq!(usage(&json!({"prompt_tokens": 10, "completion_tokens": 5})), Spent::Tokens(15));
        assert_eq!(usage(&json!({"total_tokens": u64::MAX})), Spent::Tokens(MAX_BELIEVED));
        let overflowing = json!({"prompt_tokens": u64::MAX, "completion_tokens": 5});
        assert_eq!(usage(&overflowing), Spent::Tokens(MAX_BELIEVED));
        assert_eq!(usage(&json!({"total_tokens": 0})), Spent::Unknown);
        assert_eq!(usage(&json!({"total_tokens": -4})), Spent::Unknown);
        assert_eq!(usage(&Value::Null), Spent::Unknown);
    }

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
