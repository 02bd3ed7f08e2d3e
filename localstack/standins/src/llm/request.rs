//! What a chat request must look like.

use serde_json::Value;

const KNOWN: &[&str] = &[
    "model",
    "messages",
    "response_format",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "n",
    "stop",
    "stream",
    "user",
    "store",
    "metadata",
    "presence_penalty",
    "frequency_penalty",
    "reasoning_effort",
];

/// A sentence for the first thing that is wrong.
pub(super) fn judge(body: &Value) -> Result<(), String> {
    let object = body.as_object().ok_or("We could not parse the JSON body of your request.")?;
    if let Some(key) = object.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(format!("Unrecognized request argument supplied: {key}"));
    }
    if body["model"].as_str().is_none_or(str::is_empty) {
        return Err("you must provide a model parameter".into());
    }
    if body["stream"] == true {
        return Err("The stand-in does not stream.".into());
    }
    let in_range = |key: &str, most: f64| {
        body[key].is_null() || body[key].as_f64().is_some_and(|value| (0.0..=most).contains(&value))
    };
    if !in_range("temperature", 2.0) || !in_range("top_p", 1.0) {
        return Err("temperature must be from 0 to 2, top_p from 0 to 1".into());
    }
    for key in ["max_tokens", "max_completion_tokens"] {
        if !body[key].is_null() && body[key].as_u64().is_none_or(|value| value == 0) {
            return Err(format!("{key} must be at least 1"));
        }
    }
    judge_messages(&body["messages"])?;
    judge_format(&body["response_format"])
}

fn judge_messages(messages: &Value) -> Result<(), String> {
    let messages = messages.as_array().filter(|list| !list.is_empty()).ok_or("[] is too short - 'messages'")?;
    for (index, message) in messages.iter().enumerate() {
        if !matches!(message["role"].as_str(), Some("system" | "developer" | "user" | "assistant")) {
            return Err(format!("Invalid value for 'messages[{index}].role'"));
        }
        if text(&message["content"]).is_empty() {
            return Err(format!("Invalid value for 'messages[{index}].content': expected text"));
        }
    }
    if messages.iter().any(|message| message["role"] == "user") {
        Ok(())
    } else {
        Err("there is no user message".into())
    }
}

/// Structured output is what Vyrox must ask for: free text is never parsed for a verdict.
fn judge_format(format: &Value) -> Result<(), String> {
    if format["type"] != "json_schema" {
        return Err("Invalid value for 'response_format.type': the stand-in wants json_schema".into());
    }
    let schema = &format["json_schema"];
    let name = schema["name"].as_str().unwrap_or_default();
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(valid) {
        return Err("Invalid value for 'response_format.json_schema.name'".into());
    }
    if !schema["schema"].is_object() {
        return Err("Missing required parameter: 'response_format.json_schema.schema'".into());
    }
    if schema["strict"] == true { judge_strict(&schema["schema"], name) } else { Ok(()) }
}

/// Strict schemas close every object and require every property.
fn judge_strict(schema: &Value, name: &str) -> Result<(), String> {
    if schema["type"] == "object" {
        if schema["additionalProperties"] != false {
            return Err(format!(
                "Invalid schema for response_format '{name}': 'additionalProperties' is required to be false"
            ));
        }
        let required = schema["required"].as_array();
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            if !required.is_some_and(|list| list.iter().any(|entry| entry == key.as_str())) {
                return Err(format!("Invalid schema for response_format '{name}': 'required' misses '{key}'"));
            }
            judge_strict(property, name)?;
        }
    }
    if schema["items"].is_object() { judge_strict(&schema["items"], name) } else { Ok(()) }
}

/// A message's content, whether a string or a list of text parts.
pub(super) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// The text of the last user message.
pub(super) fn last_user_text(body: &Value) -> String {
    let messages = body["messages"].as_array();
    let last = messages.and_then(|list| list.iter().rev().find(|message| message["role"] == "user"));
    last.map(|message| text(&message["content"])).unwrap_or_default()
}

/// The text of all system messages.
pub(super) fn system_text(body: &Value) -> String {
    let messages = body["messages"].as_array().into_iter().flatten();
    messages.filter(|message| message["role"] == "system").map(|message| text(&message["content"])).collect()
}
