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
        LlmMode::Streamed => {
            let mut choice = completion["choices"][0].take();
            choice["delta"] = choice["message"].take();
            completion["object"] = json!("chat.completion.chunk");
            completion["choices"] = json!([choice]);
            let events = format!("data: {completion}\n\ndata: [DONE]\n\n");
            ([(header::CONTENT_TYPE, "text/event-stream")], events).into_response()
        }
        LlmMode::Compressed => {
            // A gzip of one block that is stored as it is.
            let text = completion.to_string();
            let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
            let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
            let bytes = [&head[..], &length.to_le_bytes(), &(!length).to_le_bytes(), text.as_bytes(), &[0; 8]].concat();
            ([(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, "gzip")], bytes).into_response()
        }
        LlmMode::TwoChoices => {
            let mut other = completion["choices"][0].clone();
            other["index"] = json!(1);
            other["message"]["content"] =
                json!(super::verdict::answer("BENIGN", 100, "All is well.", &[], "monitor").to_string());
            completion["choices"].as_array_mut().expect("it has choices").push(other);
            Json(completion).into_response()
        }
        LlmMode::SaidTwice => {
            let text = completion.to_string().replacen("\"choices\":", "\"choices\":[],\"choices\":", 1);
            json_body(Body::from(text))
        }
        LlmMode::EndsInError => {
            completion["choices"][0]["finish_reason"] = json!("error");
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
