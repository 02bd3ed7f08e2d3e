//! Ending a process: a real-time response session of its own, one `kill` with a number and nothing else, its result, the
//! session's end. Nothing is queued for a host that is offline: it would run days later, when the number is another's.

use super::answer::{self, Output};
use crate::edr::api::Call;
use crate::edr::change::{self, Answer, Change, Reading, Taken};
use crate::edr::failure::Failure;
use crate::edr::{Ending, Leave, Order};
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
pub(super) async fn kill(order: &Order<'_>, pid: ProcessId) -> Result<Ending, Failure> {
    let Some(leave) = order.leave else {
        // A command is known only by the id in the answer that was lost with the process.
        return Ok(Ending::unread(Kind::Ambiguous, "interrupted; look at the host whether the process still runs"));
    };
    let body = json!({"device_id": order.device, "queue_offline": false});
    let opened = order.send(&Call::post(leave, SESSIONS, body, StatusCode::CREATED, READ)).await?;
    let session = opened.settled(answer::session)?;
    let command = KillCommand { order, session: &session, pid, part: AtomicU32::new(0) };
    let ending = change::pursue(&command, order).await;
    // It ends by itself after ten minutes; what was done is done.
    match order.api.send(&Call::delete(SESSIONS, READ).with("session_id", &session), Instant::now()).await {
        Ok(_) => Ok(ending),
        Err(failure) => {
            Ok(Ending { detail: format!("{}; its session was not ended: {failure}", ending.detail), ..ending })
        }
    }
}

struct KillCommand<'a> {
    order: &'a Order<'a>,
    session: &'a str,
    pid: ProcessId,
    /// The next part of the output.
    part: AtomicU32,
}

impl Change for KillCommand<'_> {
    /// Before it is sent, and if its id was lost, there is nothing to look at.
    async fn look(&self, reference: Option<&str>) -> Result<Reading, Failure> {
        let Some(id) = reference else { return Ok(Reading::Unseen) };
        loop {
            let part = self.part.load(Ordering::Relaxed);
            let call = Call::get(COMMANDS, READ).with("cloud_request_id", id).with("sequence_id", part.to_string());
            return Ok(match self.order.send(&call).await?.read(answer::output)? {
                Output { stderr, .. } if !stderr.is_empty() => Reading::Failed(stderr),
                Output { complete: true, .. } => Reading::There(format!("process {} killed", self.pid)),
                Output { spoke: true, .. } if part < MOST_PARTS => {
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
            "device_id": self.order.device,
        });
        let reply = self.order.send(&Call::post(leave, COMMANDS, body, StatusCode::CREATED, WRITE)).await?;
        let id = reply.settled(answer::command)?;
        Ok(Taken { answer: Answer::Accepted, reference: Some(id), trace: reply.trace })
    }
}
