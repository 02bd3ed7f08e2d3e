//! Models: where they are, and what they may cost in time and tokens.

use super::reader::Reader;
use crate::secrets::Secret;
use std::time::Duration;

/// An OpenAI-compatible endpoint.
#[derive(Debug, Clone)]
pub struct Llm {
    /// Its base URL, up to and including `/v1` (`VYROX_LLM_URL`).
    pub url: String,
    /// Its key (`VYROX_LLM_API_KEY`).
    pub api_key: Secret,
    /// The models to ask, the next where one fails, at most three (`VYROX_LLM_MODELS`, comma separated).
    pub models: Vec<String>,
    /// How long one model may take (`VYROX_LLM_TRY_SECONDS`, 15 s unless set).
    pub try_timeout: Duration,
    /// How long all of them may take together (`VYROX_LLM_TOTAL_SECONDS`, 40 s unless set).
    pub deadline: Duration,
    /// How many tokens a day one tenant may spend, unless its profile says otherwise (`VYROX_LLM_DAILY_TOKENS`, 500,000
    /// unless set: about 300 questions).
    pub daily_tokens: u64,
}

/// What all questions of one batch may take together: the function's time limit in the template (120 s) without what the
/// table and the queues need.
const BATCH_SECONDS: u64 = 105;
/// The most messages of a batch, as in the template.
const BATCH_SIZE: u64 = 10;

impl Llm {
    /// Without a key there is no model: mock mode, no connection at all.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let api_key = reader.optional("VYROX_LLM_API_KEY")?;
        let url = reader.url("VYROX_LLM_URL");
        let models: Vec<String> = reader
            .required("VYROX_LLM_MODELS")
            .split(',')
            .map(|model| model.trim().to_owned())
            .filter(|model| !model.is_empty())
            .collect();
        if models.len() > 3 {
            reader.problems.push("VYROX_LLM_MODELS names more than three models".to_owned());
        }
        let one = reader.number("VYROX_LLM_TRY_SECONDS", 15, 1..=60);
        let all = reader.number("VYROX_LLM_TOTAL_SECONDS", 40, 1..=100);
        let at_once = reader.number("VYROX_TRIAGE_CONCURRENCY", 8, 1..=10);
        if BATCH_SIZE.div_ceil(at_once) * all > BATCH_SECONDS {
            reader.problems.push(format!(
                "VYROX_LLM_TOTAL_SECONDS is too long for VYROX_TRIAGE_CONCURRENCY: a batch of {BATCH_SIZE} would need more than {BATCH_SECONDS} s"
            ));
        }
        Some(Self {
            url,
            api_key: Secret::new(api_key.into_bytes()),
            models,
            try_timeout: Duration::from_secs(one),
            deadline: Duration::from_secs(all),
            daily_tokens: reader.number("VYROX_LLM_DAILY_TOKENS", 500_000, 0..=u64::MAX),
        })
    }
}
