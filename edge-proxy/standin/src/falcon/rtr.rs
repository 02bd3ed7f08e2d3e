//! Real-time response: a session, one `kill` in it, its result.

use super::Shared;
use super::body::{Body, is_aid, read, refuse};
use super::devices::{Pairs, value};
use super::estate::Refusal;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tokio::time::Instant;

#[derive(Deserialize)]
struct Open {
    device_id: String,
    #[serde(default)]
    queue_offline: bool,
}

#[derive(Deserialize)]
struct Command {
    base_command: String,
    command_string: String,
    session_id: String,
    device_id: String,
}

fn refused(refusal: Refusal) -> Response {
    Body { errors: vec![refusal], ..Body::default() }.with(StatusCode::NOT_FOUND)
}

pub(super) async fn open(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let open = match read::<Open>(&headers, &body) {
        Ok(open) => open,
        Err(refusal) => return *refusal,
    };
    if !is_aid(&open.device_id) {
        return refuse(StatusCode::BAD_REQUEST, "device_id must be an agent id of 32 hex digits");
    }
    match shared.estate().open_session(&open.device_id, open.queue_offline) {
        Ok(session) => {
            let session = json!({"session_id": session, "pwd": "C:\\", "offline_queued": false, "scripts": []});
            Body::of(vec![session]).with(StatusCode::CREATED)
        }
        Err(refusal) => refused(refusal),
    }
}

pub(super) async fn close(State(shared): State<Arc<Shared>>, pairs: Pairs) -> Response {
    let Some(session) = value(&pairs, "session_id") else {
        return refuse(StatusCode::BAD_REQUEST, "session_id is required");
    };
    match shared.estate().close_session(session) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refused(refusal),
    }
}

pub(super) async fn send(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let command = match read::<Command>(&headers, &body) {
        Ok(command) => command,
        Err(refusal) => return *refusal,
    };
    let Some(pid) = process(&command) else {
        return refuse(StatusCode::BAD_REQUEST, "command must be kill, with one process id");
    };
    match shared.estate().kill(&command.session_id, &command.device_id, pid, Instant::now()) {
        Ok(id) => {
            let sent =
                json!({"session_id": command.session_id, "cloud_request_id": id, "queued_command_offline": false});
            Body::of(vec![sent]).with(StatusCode::CREATED)
        }
        Err(refusal) => refused(refusal),
    }
}

/// The process of `kill PID`, spelled exactly so.
fn process(command: &Command) -> Option<u32> {
    let pid: u32 = command.command_string.strip_prefix("kill ")?.parse().ok()?;
    (command.base_command == "kill" && command.command_string == format!("kill {pid}")).then_some(pid)
}

pub(super) async fn result(State(shared): State<Arc<Shared>>, pairs: Pairs) -> Response {
    let (Some(id), Some(Ok(sequence))) =
        (value(&pairs, "cloud_request_id"), value(&pairs, "sequence_id").map(str::parse::<u32>))
    else {
        return refuse(StatusCode::BAD_REQUEST, "cloud_request_id and sequence_id are required");
    };
    let Some(progress) = shared.estate().progress(id, Instant::now()) else {
        return refuse(StatusCode::NOT_FOUND, "Command not found");
    };
    // Everything is in the first chunk.
    let (stdout, stderr) = if sequence == 0 { (progress.stdout, progress.stderr) } else { Default::default() };
    let result = json!({
        "session_id": progress.session, "task_id": id, "complete": progress.complete, "stdout": stdout, "stderr": stderr,
        "base_command": "kill", "sequence_id": sequence,
    });
    Body::of(vec![result]).with(StatusCode::OK)
}
