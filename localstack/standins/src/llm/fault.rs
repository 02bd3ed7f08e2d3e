//! Responses that are not what they should be.

use super::LlmMode;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use futures::stream;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;

/// A completion as this mode sends it.
pub(super) fn shaped(mode: LlmMode, mut completion: Value) -> Response {
    match mode {
        LlmMode::Redirect => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, HeaderValue::from_static("/elsewhere"))])
                .into_response()
        }
        LlmMode::Trickle => {
            let bytes = stream::unfold((), async |()| {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
            });
            json_body(Body::from_stream(bytes))
        }
        LlmMode::Huge => {
            let chunk = Bytes::from(vec![b' '; 64 * 1024]);
            json_body(Body::from_stream(stream::iter((0..320).map(move |_| Ok::<_, Infallible>(chunk.clone())))))
        }
        LlmMode::BreaksOff => {
            let half = completion.to_string();
            let half = Bytes::from(half[..half.len() / 2].to_owned());
            let broken = std::io::Error::other("the connection is broken on purpose");
            json_body(Body::from_stream(stream::iter([Ok(half), Err(broken)])))
        }
        LlmMode::WrongContentType => ([(header::CONTENT_TYPE, "text/html")], completion.to_string()).into_response(),
        LlmMode::ErrorWith200 => {
            Json(json!({"error": {"message": "The model is overloaded.", "type": "overloaded", "code": 529}}))
                .into_response()
        }
        LlmMode::NoChoices => {
            completion["choices"] = json!([]);
            Json(completion).into_response()
        }
        LlmMode::Refusal => {
            completion["choices"][0]["message"] =
                json!({"role": "assistant", "content": null, "refusal": "I cannot help with that."});
            Json(completion).into_response()
        }
        LlmMode::CutShort => {
            completion["choices"][0]["finish_reason"] = json!("length");
            completion["choices"][0]["message"]["content"] = json!("{\"verdict\": \"BENI");
            Json(completion).into_response()
        }
        LlmMode::Filtered => {
            completion["choices"][0]["finish_reason"] = json!("content_filter");
            Json(completion).into_response()
        }
        LlmMode::ToolCalls => {
            let call = json!({"id": "call_1", "type": "function",
                "function": {"name": "isolate_host", "arguments": "{\"host\":\"all\"}"}});
            completion["choices"][0]["finish_reason"] = json!("tool_calls");
            completion["choices"][0]["message"] =
                json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [call]});
            Json(completion).into_response()
        }
        LlmMode::NoUsage => {
            completion["usage"] = Value::Null;
            Json(completion).into_response()
        }
        _ => Json(completion).into_response(),
    }
}

fn json_body(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
