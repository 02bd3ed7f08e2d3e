//! In which words a question is put: OpenAI's newer models do not take what nearly every endpoint takes.

use super::endpoint::MAX_ANSWER_TOKENS;
use serde_json::{Value, json};
use vyrox_domain::llm::{Prompt, answer_schema};

/// How an answer's length is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `max_tokens`, and temperature 0: what nearly every endpoint takes.
    Common,
    /// `max_completion_tokens` and no temperature: reasoning models take nothing else.
    Newer,
}

impl Dialect {
    /// The body of a request.
    pub(super) fn request(self, model: &str, prompt: &Prompt) -> Value {
        let mut body = json!({
            "model": model,
            "messages": [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}],
            "response_format": {"type": "json_schema",
                "json_schema": {"name": "verdict", "strict": true, "schema": answer_schema()}},
        });
        match self {
            Self::Common => {
                body["temperature"] = json!(0);
                body["max_tokens"] = json!(MAX_ANSWER_TOKENS);
            }
            Self::Newer => body["max_completion_tokens"] = json!(MAX_ANSWER_TOKENS),
        }
        body
    }
}

/// Whether a 400 is about a parameter that the newer dialect does without.
pub(super) fn is_about_parameters(body: &[u8]) -> bool {
    const THEIRS: [&str; 2] = ["max_tokens", "temperature"];
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    let error = &body["error"];
    if error["param"].as_str().is_some_and(|name| THEIRS.contains(&name)) {
        return true;
    }
    // Others name it in words only.
    let message = error["message"].as_str().or(body["message"].as_str()).unwrap_or_default().to_ascii_lowercase();
    let code = error["code"].as_str().unwrap_or_default();
    let is_unsupported = matches!(code, "unsupported_parameter" | "unsupported_value")
        || ["unsupported", "not supported", "does not support"].iter().any(|words| message.contains(words));
    is_unsupported && THEIRS.iter().any(|name| message.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vyrox_domain::llm::Summary;

    #[test]
    fn a_400_about_a_parameter_is_told_from_others() {
        let about = |error: Value| is_about_parameters(json!({"error": error}).to_string().as_bytes());
        assert!(about(json!({"code": "unsupported_parameter", "param": "max_tokens", "message": "m"})));
        assert!(about(json!({"code": "unsupported_value", "param": "temperature", "message": "m"})));
        assert!(about(json!({"message": "Unsupported parameter: 'max_tokens' is not supported with this model."})));
        assert!(!about(json!({"code": "unsupported_parameter", "param": "response_format", "message": "m"})));
        assert!(!about(json!({"message": "Invalid schema for response_format"})));
        assert!(!is_about_parameters(b"Bad Request"));
    }

    #[test]
    fn the_newer_dialect_has_neither_max_tokens_nor_a_temperature() {
        let prompt = Prompt::new(&Summary::default(), "n");
        let (common, newer) = (Dialect::Common.request("m", &prompt), Dialect::Newer.request("m", &prompt));
        assert_eq!((&common["max_tokens"], &common["temperature"]), (&json!(MAX_ANSWER_TOKENS), &json!(0)));
        assert_eq!(newer["max_completion_tokens"], json!(MAX_ANSWER_TOKENS));
        assert!(newer["max_tokens"].is_null() && newer["temperature"].is_null());
    }
}
