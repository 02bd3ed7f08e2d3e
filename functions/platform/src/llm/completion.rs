//! What a response says: one answer that is whole, or why it is none, and how many tokens it took.

use super::attempt::{NoAnswer, Spent, Tried, failure};
use serde_json::Value;
use vyrox_domain::llm::{Answer, InvalidAnswer, Prompt};

/// A claim of more tokens than this for one question is not believed.
const MAX_BELIEVED: u64 = 200_000;

/// The one choice of a completion. Everything is looked at before the text, because a half answer may parse, too.
pub(super) fn read(completion: &Value, prompt: &Prompt) -> (Tried, Spent) {
    let spent = usage(&completion["usage"]);
    match only_text(completion) {
        Err(why) => failure(why, spent),
        Ok(text) => match Answer::to(prompt, &text) {
            Ok(answer) => (Tried::Answer(answer), spent),
            Err(InvalidAnswer::TooLong) => failure(NoAnswer::AnswerTooLong, spent),
            Err(InvalidAnswer::NotJson(_)) => failure(NoAnswer::AnswerNotJson, spent),
            Err(InvalidAnswer::Shape(_)) => failure(NoAnswer::WrongShape, spent),
        },
    }
}

/// The text of an answer that is whole, alone, and an assistant's.
fn only_text(completion: &Value) -> Result<String, NoAnswer> {
    if !completion["error"].is_null() {
        return Err(NoAnswer::ErrorObject);
    }
    let choice = match completion["choices"].as_array().map(Vec::as_slice) {
        Some([choice]) => choice,
        Some([_, _, ..]) => return Err(NoAnswer::SeveralChoices),
        _ => return Err(NoAnswer::NoChoices),
    };
    let message = &choice["message"];
    // Some servers leave the role out; nobody but the assistant was asked.
    if !message["role"].is_null() && message["role"] != "assistant" {
        return Err(NoAnswer::NoChoices);
    }
    if says_something(&message["refusal"]) {
        return Err(NoAnswer::Refused);
    }
    ended(&choice["finish_reason"])?;
    if says_something(&message["tool_calls"]) || says_something(&message["function_call"]) {
        return Err(NoAnswer::ToolCalls);
    }
    let text = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(of_part).collect::<Result<_, _>>()?,
        Value::Null => String::new(),
        _ => return Err(NoAnswer::AnswerNotJson),
    };
    if text.trim().is_empty() { Err(NoAnswer::Empty) } else { Ok(text) }
}

/// Whether the model came to its end, in the words of many servers; some say nothing.
fn ended(reason: &Value) -> Result<(), NoAnswer> {
    let Some(reason) = reason.as_str() else {
        return if reason.is_null() { Ok(()) } else { Err(NoAnswer::Unfinished) };
    };
    match reason.to_ascii_lowercase().as_str() {
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" => Ok(()),
        "length" | "max_tokens" | "model_length" => Err(NoAnswer::CutShort),
        "content_filter" | "safety" | "recitation" | "blocklist" | "prohibited_content" => Err(NoAnswer::Filtered),
        "tool_calls" | "function_call" | "tool_use" => Err(NoAnswer::ToolCalls),
        "refusal" => Err(NoAnswer::Refused),
        _ => Err(NoAnswer::Unfinished),
    }
}

/// The text of one part of a content in parts. What a model thought before it answered is no answer.
fn of_part(part: &Value) -> Result<&str, NoAnswer> {
    match part["type"].as_str() {
        Some("text" | "output_text") => part["text"].as_str().ok_or(NoAnswer::AnswerNotJson),
        Some("thinking" | "redacted_thinking" | "reasoning") => Ok(""),
        Some("refusal") => Err(NoAnswer::Refused),
        Some("tool_use" | "tool_call" | "function_call") => Err(NoAnswer::ToolCalls),
        _ => Err(NoAnswer::AnswerNotJson),
    }
}

/// Neither missing nor empty.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
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
    fn only_a_whole_answer_that_stands_alone_is_one() {
        type Change = fn(&mut Value);
        let good: [Change; 7] = [
            |_| {},
            |c| c["choices"][0]["message"]["content"] = json!([{"type": "text", "text": ANSWER}]),
            |c| c["choices"][0]["message"]["content"] = parts(&[("thinking", "It is BENIGN."), ("text", ANSWER)]),
            |c| c["choices"][0]["message"]["content"] = parts(&[("text", &ANSWER[..20]), ("text", &ANSWER[20..])]),
            |c| c["choices"][0]["finish_reason"] = Value::Null,
            |c| c["choices"][0]["finish_reason"] = json!("STOP"),
            |c| c["choices"][0]["message"] = json!({"content": ANSWER, "tool_calls": [], "refusal": ""}),
        ];
        for change in good {
            assert_eq!(why(change), None, "{}", completion(change));
        }
        let bad: [(NoAnswer, Change); 37] = [
            (NoAnswer::ErrorObject, |c| c["error"] = json!({"message": "overloaded"})),
            (NoAnswer::ErrorObject, |c| c["error"] = json!("")),
            (NoAnswer::NoChoices, |c| c["choices"] = json!([])),
            (NoAnswer::NoChoices, |c| c["choices"] = json!("none")),
            (NoAnswer::NoChoices, |c| c["choices"] = c["choices"][0].clone()),
            (NoAnswer::SeveralChoices, |c| c["choices"] = json!([c["choices"][0], c["choices"][0]])),
            (NoAnswer::SeveralChoices, |c| c["choices"] = json!([c["choices"][0], null])),
            (NoAnswer::NoChoices, |c| c["choices"][0]["message"]["role"] = json!("user")),
            (NoAnswer::NoChoices, |c| c["choices"][0]["message"]["role"] = json!(["assistant"])),
            (NoAnswer::Empty, |c| {
                c["choices"][0] = json!({"finish_reason": "stop", "delta": c["choices"][0]["message"]})
            }),
            (NoAnswer::Empty, |c| c["choices"][0] = json!({"finish_reason": "stop", "text": ANSWER})),
            (NoAnswer::Refused, |c| c["choices"][0]["message"]["refusal"] = json!("I cannot help with that")),
            (NoAnswer::Refused, |c| c["choices"][0]["message"]["refusal"] = json!(["no"])),
            (NoAnswer::Refused, |c| c["choices"][0]["message"]["refusal"] = json!(true)),
            (NoAnswer::Refused, |c| {
                c["choices"][0]["message"]["content"] =
                    json!([{"type": "text", "text": ANSWER}, {"type": "refusal", "refusal": "no"}])
            }),
            (NoAnswer::CutShort, |c| c["choices"][0]["finish_reason"] = json!("length")),
            (NoAnswer::CutShort, |c| c["choices"][0]["finish_reason"] = json!("MAX_TOKENS")),
            (NoAnswer::Filtered, |c| c["choices"][0]["finish_reason"] = json!("content_filter")),
            (NoAnswer::Filtered, |c| c["choices"][0]["finish_reason"] = json!("SAFETY")),
            (NoAnswer::Unfinished, |c| c["choices"][0]["finish_reason"] = json!("error")),
            (NoAnswer::Unfinished, |c| c["choices"][0]["finish_reason"] = json!("")),
            (NoAnswer::Unfinished, |c| c["choices"][0]["finish_reason"] = json!(["stop"])),
            (NoAnswer::Unfinished, |c| c["choices"][0]["finish_reason"] = json!(0)),
            (NoAnswer::ToolCalls, |c| c["choices"][0]["finish_reason"] = json!("tool_calls")),
            (NoAnswer::ToolCalls, |c| c["choices"][0]["message"]["tool_calls"] = json!([{"id": "1"}])),
            (NoAnswer::ToolCalls, |c| c["choices"][0]["message"]["tool_calls"] = json!({"name": "isolate_host"})),
            (NoAnswer::ToolCalls, |c| c["choices"][0]["message"]["function_call"] = json!("isolate_host")),
            (NoAnswer::ToolCalls, |c| {
                c["choices"][0]["message"]["content"] = json!([{"type": "tool_use", "text": ANSWER}])
            }),
            (NoAnswer::Empty, |c| c["choices"][0]["message"]["content"] = Value::Null),
            (NoAnswer::Empty, |c| c["choices"][0]["message"] = json!({})),
            (NoAnswer::Empty, |c| c["choices"][0]["message"]["content"] = parts(&[("thinking", ANSWER)])),
            (NoAnswer::AnswerNotJson, |c| c["choices"][0]["message"]["content"] = json!("It is fine.")),
            (NoAnswer::AnswerNotJson, |c| {
                c["choices"][0]["message"]["content"] = serde_json::from_str(ANSWER).unwrap()
            }),
            (NoAnswer::AnswerNotJson, |c| c["choices"][0]["message"]["content"] = parts(&[("image", ANSWER)])),
            (NoAnswer::AnswerNotJson, |c| c["choices"][0]["message"]["content"] = json!([ANSWER])),
            (NoAnswer::WrongShape, |c| c["choices"][0]["message"]["content"] = json!("{\"verdict\":\"SAFE\"}")),
            (NoAnswer::AnswerTooLong, |c| c["choices"][0]["message"]["content"] = json!("x".repeat(20_000))),
        ];
        for (expected, change) in bad {
            assert_eq!(why(change), Some(expected), "{}", completion(change));
        }
    }

    /// A content of these parts: type and text.
    fn parts(all: &[(&str, &str)]) -> Value {
        all.iter().map(|(kind, text)| json!({"type": kind, "text": text})).collect()
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
