//! Falcon's answers: pure functions of their bytes. Every body is `{"meta":{..},"resources":[..],"errors":[..]}`, and each of
//! the three can be missing or null.

use crate::edr::api::Malformed;
use crate::edr::change::{Answer, Reading};
use crate::edr::device::{Device, Found, is_plain};
use crate::edr::failure::Refusal;
use crate::text::printable;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use vyrox_contract::{Operation, strict};

#[derive(Deserialize)]
struct Body<T> {
    meta: Option<Meta>,
    resources: Option<Vec<T>>,
    errors: Option<Vec<ApiError>>,
}

#[derive(Deserialize)]
struct Meta {
    trace_id: Option<String>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    total: Option<u64>,
}

#[derive(Deserialize)]
struct ApiError {
    code: i64,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Host {
    device_id: String,
    hostname: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Affected {
    id: String,
}

#[derive(Deserialize)]
struct Session {
    session_id: String,
    #[serde(default)]
    offline_queued: bool,
}

#[derive(Deserialize)]
struct Command {
    cloud_request_id: String,
    #[serde(default)]
    queued_command_offline: bool,
}

#[derive(Deserialize)]
struct Chunk {
    complete: bool,
    stdout: Option<String>,
    stderr: Option<String>,
}

impl ApiError {
    fn refusal(&self) -> Refusal {
        let message = printable(self.message.as_deref().unwrap_or_default(), 160);
        Refusal { status: 0, code: self.code.to_string(), message, trace: None }
    }
}

impl<T: DeserializeOwned> Body<T> {
    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        Ok(strict::from_slice(bytes)?)
    }

    fn first_error(&self) -> Option<Refusal> {
        Some(self.errors.as_ref()?.first()?.refusal())
    }

    /// The one thing that it is about; an error outweighs it.
    fn one(bytes: &[u8]) -> Result<T, Option<Refusal>> {
        let body = Self::read(bytes).map_err(|Malformed| None)?;
        body.first_error().map_or(Ok(()), |error| Err(Some(error)))?;
        body.resources.unwrap_or_default().into_iter().next().ok_or(None)
    }
}

/// The first error of a body, and the body's own trace id; empty for a body that has none or is none.
pub fn refusal(bytes: &[u8]) -> Refusal {
    let Ok(body) = Body::<IgnoredAny>::read(bytes) else { return Refusal::default() };
    let error = body.first_error().unwrap_or_default();
    let trace = body.meta.and_then(|meta| meta.trace_id).filter(|text| !text.is_empty());
    Refusal { trace: trace.map(|text| printable(&text, 64)), ..error }
}

/// The device of this id, if it is there.
///
/// # Errors
/// [`Malformed`].
pub fn device(bytes: &[u8], aid: &str) -> Result<Option<Device>, Malformed> {
    let hosts = Body::<Host>::read(bytes)?.resources.unwrap_or_default();
    let host = hosts.into_iter().find(|host| host.device_id == aid);
    Ok(host.map(|host| Device { id: host.device_id, hostname: host.hostname, state: host.status }))
}

/// The one id that a search has found.
///
/// # Errors
/// [`Malformed`], also with an error in it: what was searched in part may hold another.
pub fn ids(bytes: &[u8]) -> Result<Found<String>, Malformed> {
    let body = Body::<String>::read(bytes)?;
    if body.first_error().is_some() {
        return Err(Malformed);
    }
    let total = body.meta.and_then(|meta| meta.pagination?.total);
    Ok(Found::of(body.resources.unwrap_or_default(), total))
}

/// What became of a request to contain or lift. 202 is the answer of the queue; each host has its own, and for the one host
/// asked about an error counts.
///
/// # Errors
/// `Err(None)` if it is not understood, `Err(Some)` with the error for the host.
pub fn change(bytes: &[u8], aid: &str) -> Result<Answer, Option<Refusal>> {
    let body = Body::<Affected>::read(bytes).map_err(|Malformed| None)?;
    if let Some(error) = body.errors.unwrap_or_default().into_iter().next() {
        let about_it = error.message.as_deref().is_some_and(|text| text.contains(aid));
        return if error.code == 409 && about_it { Ok(Answer::Already) } else { Err(Some(error.refusal())) };
    }
    let named = body.resources.unwrap_or_default().iter().any(|affected| affected.id == aid);
    if named { Ok(Answer::Accepted) } else { Err(None) }
}

/// How far a containment is, by the device's state.
pub fn containment(state: &str, operation: Operation) -> Reading {
    let (wanted, pending) = match operation {
        Operation::Execute => ("contained", "containment_pending"),
        Operation::Rollback => ("normal", "lift_containment_pending"),
    };
    Reading::of(state, wanted, pending)
}

/// The id of the session that was opened. One that waits for the host to come online is none: what is sent in it would run
/// days later.
///
/// # Errors
/// As [`change`].
pub fn session(bytes: &[u8]) -> Result<String, Option<Refusal>> {
    let session = Body::<Session>::one(bytes)?;
    if session.offline_queued {
        let message = "the host is offline, and the session would wait for it".to_owned();
        return Err(Some(Refusal { message, ..Refusal::default() }));
    }
    Some(session.session_id).filter(|id| is_plain(id)).ok_or(None)
}

/// The id of the command that was sent.
///
/// # Errors
/// As [`change`]; one that is queued for later is not understood, since it may still run.
pub fn command(bytes: &[u8]) -> Result<String, Option<Refusal>> {
    let command = Body::<Command>::one(bytes)?;
    Some(command.cloud_request_id).filter(|id| is_plain(id) && !command.queued_command_offline).ok_or(None)
}

/// A part of a command's output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// Whether it is the last.
    pub complete: bool,
    /// Whether there was any text in it; then there is a next part.
    pub spoke: bool,
    /// What went wrong, in the host's words.
    pub stderr: String,
}

/// A part of a command's output. A command that completes with anything on `stderr` did not work, whatever the status says.
///
/// # Errors
/// [`Malformed`].
pub fn output(bytes: &[u8]) -> Result<Output, Malformed> {
    let body = Body::<Chunk>::read(bytes)?;
    let Some(chunk) = body.resources.unwrap_or_default().into_iter().next() else {
        let errors = body.errors.unwrap_or_default();
        return if errors.is_empty() { Ok(Output::default()) } else { Err(Malformed) };
    };
    let (stdout, stderr) = (chunk.stdout.unwrap_or_default(), chunk.stderr.unwrap_or_default());
    let spoke = !stdout.is_empty() || !stderr.is_empty();
    Ok(Output { complete: chunk.complete, spoke, stderr: printable(stderr.trim(), 160) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_202_counts_by_what_it_says_about_the_host() {
        let resources = format!(r#"{{"resources":[{{"id":"{AID}","path":""}}],"errors":[]}}"#);
        assert_eq!(change(resources.as_bytes(), AID), Ok(Answer::Accepted));
        let already = format!(r#"{{"errors":[{{"code":409,"message":"{AID} is contained"}}],"resources":null}}"#);
        assert_eq!(change(already.as_bytes(), AID), Ok(Answer::Already));
        let other = r#"{"errors":[{"code":409,"message":"another is contained"}]}"#;
        assert_eq!(change(other.as_bytes(), AID).unwrap_err().unwrap().code, "409");
        let both = format!(r#"{{"resources":[{{"id":"{AID}"}}],"errors":[{{"code":500}}]}}"#);
        assert_eq!(change(both.as_bytes(), AID).unwrap_err().unwrap().code, "500", "an error outweighs");
        for silent in
            ["{}", r#"{"resources":[],"errors":[]}"#, r#"{"resources":[{"id":"another"}]}"#, "[]", "", "<html>"]
        {
            assert_eq!(change(silent.as_bytes(), AID), Err(None), "{silent}");
        }
        assert_eq!(change(format!(r#"{{"resources":[["{AID}"]]}}"#).as_bytes(), AID), Err(None), "a list is no host");
    }

    #[test]
    fn a_search_that_may_have_missed_some_has_not_found_the_one() {
        let one = |rest: &str| ids(format!(r#"{{"resources":["{AID}"]{rest}}}"#).as_bytes());
        assert_eq!(one(r#","errors":[],"meta":{"pagination":{"total":1}}"#), Ok(Found::One(AID.to_owned())));
        assert_eq!(one(r#","meta":{"pagination":{"total":2}}"#), Ok(Found::Several));
        assert_eq!(one(r#","errors":[{"code":500,"message":"a shard did not answer"}]"#), Err(Malformed));
    }

    #[test]
    fn a_session_or_command_that_waits_for_the_host_is_none() {
        assert_eq!(session(br#"{"resources":[{"session_id":"s-1","offline_queued":false}]}"#), Ok("s-1".into()));
        assert!(matches!(session(br#"{"resources":[{"session_id":"s-1","offline_queued":true}]}"#), Err(Some(_))));
        assert_eq!(session(br#"{"resources":[{"session_id":"../x"}]}"#), Err(None));
        assert_eq!(command(br#"{"resources":[{"cloud_request_id":"c-1"}]}"#), Ok("c-1".into()));
        assert_eq!(command(br#"{"resources":[{"cloud_request_id":"c-1","queued_command_offline":true}]}"#), Err(None));
        assert!(matches!(command(br#"{"errors":[{"code":403,"message":"no"}]}"#), Err(Some(_))));
    }

    #[test]
    fn a_completed_command_that_complains_did_not_work() {
        let text = r#"{"resources":[{"complete":true,"stdout":"","stderr":"Cannot find a process with the process identifier 5260."}]}"#;
        let read = output(text.as_bytes()).unwrap();
        assert!(read.complete && read.stderr.contains("5260"));
        assert_eq!(output(br#"{"resources":[{"complete":false}]}"#), Ok(Output::default()));
        assert_eq!(output(br#"{"resources":null,"errors":null}"#), Ok(Output::default()), "not there yet");
    }

    #[test]
    fn a_refusal_is_bounded_and_clean() {
        let text = format!(
            r#"{{"meta":{{"trace_id":"t-1"}},"errors":[{{"code":403,"message":"a\u001b[31m{}"}}]}}"#,
            "b".repeat(999)
        );
        let read = refusal(text.as_bytes());
        assert_eq!((read.code.as_str(), read.trace.as_deref()), ("403", Some("t-1")));
        assert!(read.message.len() <= 160 && !read.message.contains('\u{1b}'));
        assert_eq!(refusal(b"<html>"), Refusal::default());
    }
}
