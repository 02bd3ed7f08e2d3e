//! What a response says: one answer that is whole, or why it is none, and how many tokens it took.

use super::attempt::{NoAnswer, Spent, Tried, failure};
use serde_json::Value;
use vyrox_domain::llm::{Answer, InvalidAnswer, Prompt};

/// A claim of more tokens than this for one question is not believed.
const MAX_BELIEVED: u64 = 200_000;

/// The first choice of a completion. Everything is looked at before the text, because a half answer may parse, too.
pub(super) fn read(completion: &Value, prompt: &Prompt) -> (Tried, Spent) {
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
}
