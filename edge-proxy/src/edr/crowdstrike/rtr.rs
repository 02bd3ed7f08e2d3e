//! Ending a process: a real-time response session of its own, one `kill` with a number and nothing else, its result, the
//! session's end. Nothing is queued for a host that is offline: it would run days later, when the number is another's.

use super::answer;
use crate::edr::api::{Api, Call};
use crate::edr::change::{self, Answer, Change, Reading, Taken};
use crate::edr::failure::{Failure, Refusal, Why};
use crate::edr::{Ending, Leave, Purpose};
use reqwest::StatusCode;
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::time::Instant;
use vyrox_contract::{Outcome as Kind, ProcessId};

const SESSIONS: &str = "/real-time-response/entities/sessions/v1";
const COMMANDS: &str = "/real-time-response/entities/active-responder-command/v1";
const READ: &str = "the scope Real time response: READ";
const WRITE: &str = "the scope Real time response: WRITE";
/// Output comes in parts; a `kill` says a sentence.
const MOST_PARTS: u32 = 32;

/// Kills, or says why it cannot tell whether it was killed.
pub(super) async fn kill(
    api: &Api,
    aid: &str,
    pid: ProcessId,
    purpose: Purpose<'_>,
    until: Instant,
) -> Result<Ending, Failure> {
    let Purpose::Act { leave, .. } = purpose else {
        // A command is known only by the id in the answer that was lost with the process.
        return Ok(Ending::unread(Kind::Ambiguous, "interrupted; look at the host whether the process still runs"));
    };
    let session = open(api, aid, leave, until).await?;
    let command = KillCommand { api, aid, session: &session, pid, part: AtomicU32::new(0), until };
    let ending = change::pursue(&command, purpose, api.timing()).await;
    let call = Call::delete(SESSIONS, READ).with("session_id", &session);
    // It ends by itself after ten minutes; what was done is done.
    match api.send(&call, Instant::now()).await {
        Ok(_) => Ok(ending),
        Err(failure) => {
            Ok(Ending { detail: format!("{}; its session was not ended: {failure}", ending.detail), ..ending })
        }
    }
}

async fn open(api: &Api, aid: &str, leave: Leave<'_>, until: Instant) -> Result<String, Failure> {
    let body = json!({"device_id": aid, "queue_offline": false});
    let reply = api.send(&Call::post(leave, SESSIONS, body, StatusCode::CREATED, READ), until).await?;
    understood(answer::session(&reply.body), reply.trace)
}

fn understood<T>(parsed: Result<T, Option<Refusal>>, trace: Option<String>) -> Result<T, Failure> {
    parsed.map_err(|refusal| Failure { why: refusal.map_or(Why::Answer, Why::Refused), trace })
}

struct KillCommand<'a> {
    api: &'a Api,
    aid: &'a str,
    session: &'a str,
    pid: ProcessId,
    /// The next part of the output.
    part: AtomicU32,
    until: Instant,
}

impl Change for KillCommand<'_> {
    /// Before it is sent, and if its id was lost, there is nothing to look at.
    async fn look(&self, reference: Option<&str>) -> Result<Reading, Failure> {
        let Some(id) = reference else { return Ok(Reading::Unseen) };
        loop {
            let part = self.part.load(Ordering::Relaxed);
            let call = Call::get(COMMANDS, READ).with("cloud_request_id", id).with("sequence_id", part.to_string());
            let output = self.api.send(&call, self.until).await?.read(answer::output)?;
            return Ok(match output {
                answer::Output { stderr, .. } if !stderr.is_empty() => Reading::Failed(stderr),
                answer::Output { complete: true, .. } => Reading::There(format!("process {} killed", self.pid)),
                answer::Output { spoke: true, .. } if part < MOST_PARTS => {
                    self.part.store(part + 1, Ordering::Relaxed);
                    continue;
                }
                _ => Reading::OnItsWay("the command running".to_owned()),
            });
        }
    }

    async fn ask(&self, leave: Leave<'_>) -> Result<Taken, Failure> {
        let body = json!({
            "base_command": "kill",
            // A number and nothing else: the type holds 32 bits.
            "command_string": format!("kill {}", self.pid.as_u32()),
            "session_id": self.session,
            "device_id": self.aid,
        });
        let reply = self.api.send(&Call::post(leave, COMMANDS, body, StatusCode::CREATED, WRITE), self.until).await?;
        let trace = reply.trace.clone().or_else(|| answer::trace(&reply.body));
        let id = understood(answer::command(&reply.body), trace.clone())?;
        Ok(Taken { answer: Answer::Accepted, reference: Some(id), trace })
    }

    fn is_repeatable(&self) -> bool {
        false
    }
}
