//! Asking a model, on any OpenAI-compatible endpoint: the next model where one is down, slow, limited or answers something
//! else than was asked. Without a key there is no model and no connection (mock mode).

use crate::config;
use crate::random;
use serde::Deserialize;
use serde_json::json;
use vyrox_domain::alert::NormalizedAlert;
use vyrox_domain::heuristics::Assessment;
use vyrox_domain::llm::{Answer, answer_schema, prompt};

/// No model gave a usable answer; why the last one did not. The text is ours and goes into the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It could not be reached in time.
    #[error("model did not answer in time")]
    Unreachable,
    /// 429.
    #[error("model is rate limited")]
    RateLimited,
    /// Another status than 200.
    #[error("model endpoint answered with an error")]
    Status,
    /// Not the object that was asked for.
    #[error("model's answer was not the object that was asked for")]
    Invalid,
}

/// What asking came to.
#[derive(Debug)]
pub enum Consulted {
    /// There is no model to ask.
    Mock,
    /// This model answered.
    Answer {
        /// Its name.
        model: String,
        /// Its answer.
        answer: Answer,
    },
    /// None answered usably.
    None(NoAnswer),
}

/// The models.
#[derive(Debug, Clone)]
pub struct Llm {
    http: reqwest::Client,
    endpoint: Option<config::Llm>,
}

impl Llm {
    /// With this endpoint, or in mock mode. `http` carries the time-out.
    #[must_use]
    pub const fn new(http: reqwest::Client, endpoint: Option<config::Llm>) -> Self {
        Self { http, endpoint }
    }

    /// Asks about one alert.
    pub async fn consult(&self, alert: &NormalizedAlert, assessment: &Assessment) -> Consulted {
        let Some(endpoint) = &self.endpoint else { return Consulted::Mock };
        let mut last = NoAnswer::Unreachable;
        for model in &endpoint.models {
            match self.ask(endpoint, model, alert, assessment).await {
                Ok(answer) => return Consulted::Answer { model: model.clone(), answer },
                Err(reason) => last = reason,
            }
        }
        Consulted::None(last)
    }

    async fn ask(
        &self,
        endpoint: &config::Llm,
        model: &str,
        alert: &NormalizedAlert,
        assessment: &Assessment,
    ) -> Result<Answer, NoAnswer> {
        let prompt = prompt(alert, assessment, &random::nonce());
        let body = json!({
            "model": model,
            "temperature": 0,
            "max_tokens": 500,
            "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
            "response_format": {"type": "json_schema",
                "json_schema": {"name": "verdict", "strict": true, "schema": answer_schema()}},
        });
        let response = self
            .http
            .post(format!("{}/chat/completions", endpoint.url))
            .bearer_auth(endpoint.api_key.expose())
            .json(&body)
            .send()
            .await
            .map_err(|_| NoAnswer::Unreachable)?;
        match response.status().as_u16() {
            200 => {}
            429 => return Err(NoAnswer::RateLimited),
            _ => return Err(NoAnswer::Status),
        }
        let completion: Completion = response.json().await.map_err(|_| NoAnswer::Invalid)?;
        let content = completion.choices.into_iter().next().and_then(|choice| choice.message.content);
        Answer::parse(&content.ok_or(NoAnswer::Invalid)?).map_err(|_| NoAnswer::Invalid)
    }
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: ChoiceMessage,
}

#[derive(Deserialize)]
struct ChoiceMessage {
    content: Option<String>,
}
