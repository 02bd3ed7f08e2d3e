//! Machine actions: asked for with the request id in them, so that one whose answer was lost is found again.

use super::answer::{self, ActionItem};
use crate::edr::Leave;
use crate::edr::api::{Api, Call};
use crate::edr::change::{Answer, Change, Reading, Taken};
use crate::edr::deed::Deed;
use crate::edr::failure::{Failure, Why};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::Instant;
use vyrox_contract::RequestId;

const READ: &str = "the application permission Machine.Read.All";
/// The longest that a new action could not be read for, with a second to spare.
const UNREADABLE: Duration = Duration::from_secs(6);

/// What is wanted of a machine.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The last part of the path.
    path: &'static str,
    /// The type that the machine action gets.
    kind: &'static str,
    /// The type that ends the state, where it is a state.
    opposite: Option<&'static str>,
    scope: Option<&'static str>,
    /// The body's own field.
    field: Option<(&'static str, String)>,
    needs: &'static str,
}

impl Wanted {
    /// The call for a deed; `None` for another vendor's.
    pub(super) fn of(deed: &Deed) -> Option<Self> {
        const ISOLATE: &str = "the application permission Machine.Isolate";
        const RESTRICT: &str = "the application permission Machine.RestrictExecution";
        const STOP: &str = "the application permission Machine.StopAndQuarantine";
        let isolate = |scope: &'static str| {
            let field = Some(("IsolationType", scope.to_owned()));
            let (kind, opposite) = ("Isolate", Some("Unisolate"));
            Self { path: "isolate", kind, opposite, scope: Some(scope), field, needs: ISOLATE }
        };
        let state = |path, kind, opposite, needs| Self {
            path,
            kind,
            opposite: Some(opposite),
            scope: None,
            field: None,
            needs,
        };
        Some(match deed {
            Deed::Isolate => isolate("Full"),
            Deed::IsolateSelectively => isolate("Selective"),
            Deed::Release => state("unisolate", "Unisolate", "Isolate", ISOLATE),
            Deed::RestrictCode => {
                state("restrictCodeExecution", "RestrictCodeExecution", "UnrestrictCodeExecution", RESTRICT)
            }
            Deed::UnrestrictCode => {
                state("unrestrictCodeExecution", "UnrestrictCodeExecution", "RestrictCodeExecution", RESTRICT)
            }
            Deed::StopFile(sha1) => Self {
                path: "StopAndQuarantineFile",
                kind: "StopAndQuarantineFile",
                opposite: None,
                scope: None,
                field: Some(("Sha1", sha1.to_string())),
                needs: STOP,
            },
            Deed::KillProcess(_) | Deed::KillThreat(_) | Deed::QuarantineThreat(_) | Deed::RestoreThreat(_) => {
                return None;
            }
        })
    }
}

/// One action on one machine.
pub(super) struct MachineAction<'a> {
    pub(super) api: &'a Api,
    pub(super) machine: &'a str,
    pub(super) wanted: Wanted,
    pub(super) request_id: &'a RequestId,
    pub(super) is_repeatable: bool,
    pub(super) until: Instant,
}

impl MachineAction<'_> {
    /// The machine's actions of this kind and its opposite, the newest first.
    async fn list(&self) -> Result<Vec<ActionItem>, Failure> {
        let kinds = [Some(self.wanted.kind), self.wanted.opposite];
        let kinds: Vec<String> = kinds.into_iter().flatten().map(|kind| format!("type eq '{kind}'")).collect();
        // The id has the vendor's form, so there is no quote in it.
        let filter = format!("machineId eq '{}' and ({})", self.machine, kinds.join(" or "));
        let call = Call::get("/api/machineactions", READ).with("$filter", filter);
        let actions = self.api.send(&call, self.until).await?.read(answer::actions)?;
        Ok(actions.into_iter().filter(|action| action.machine_id.as_deref() == Some(self.machine)).collect())
    }

    fn is_ours(&self, action: &ActionItem) -> bool {
        action.kind.as_deref() == Some(self.wanted.kind)
            && (action.external_id.as_deref() == Some(self.request_id.as_str())
                || action.requestor_comment.as_deref() == Some(comment(self.request_id).as_str()))
    }

    /// The action that is in progress, if it is exactly this one, whoever asked for it: what is in progress may be
    /// something else on this machine. A new action cannot be read at once, so this looks for a while.
    async fn under_way(&self) -> Option<String> {
        let timing = self.api.timing();
        let deadline = Instant::now() + timing.confirm_for.min(UNREADABLE);
        loop {
            let last = Instant::now() >= deadline;
            let actions = self.list().await.unwrap_or_default();
            if let Some(action) = actions.into_iter().find(|action| self.is_under_way(action)) {
                return Some(action.id);
            }
            if last {
                return None;
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + timing.confirm_every)).await;
        }
    }

    fn is_under_way(&self, action: &ActionItem) -> bool {
        let file = self.wanted.field.as_ref().filter(|(name, _)| *name == "Sha1").map(|(_, sha1)| sha1.as_str());
        matches!(answer::progress(action), Reading::OnItsWay(_))
            && action.kind.as_deref() == Some(self.wanted.kind)
            && (self.wanted.scope.is_none() || action.scope.as_deref() == self.wanted.scope)
            && action.file().map(str::to_ascii_lowercase).as_deref() == file
    }
}

/// Names the request: for people in the portal, and for a look after a lost answer.
fn comment(request_id: &RequestId) -> String {
    format!("Vyrox request {request_id}")
}

impl Change for MachineAction<'_> {
    /// By the action's id once there is one; else the action that carries this request's id; else the state that the
    /// machine's other actions have left it in.
    async fn look(&self, reference: Option<&str>) -> Result<Reading, Failure> {
        if let Some(id) = reference {
            let call = Call::get(format!("/api/machineactions/{id}"), READ);
            return match self.api.send(&call, self.until).await {
                Ok(reply) => Ok(answer::progress(&reply.read(answer::action)?)),
                // Not to be read in the first seconds.
                Err(Failure { why: Why::Refused(refusal), .. }) if refusal.status == 404 => Ok(Reading::Unseen),
                Err(failure) => Err(failure),
            };
        }
        let actions = self.list().await?;
        match (actions.iter().find(|action| self.is_ours(action)), self.wanted.opposite) {
            (Some(ours), None) => Ok(answer::progress(ours)),
            (_, Some(opposite)) => Ok(answer::state(&actions, self.wanted.kind, opposite, self.wanted.scope)),
            (None, None) => Ok(Reading::Unseen),
        }
    }

    async fn ask(&self, leave: Leave<'_>) -> Result<Taken, Failure> {
        let mut body = Map::from_iter([
            ("Comment".to_owned(), json!(comment(self.request_id))),
            ("ExternalID".to_owned(), json!(self.request_id)),
        ]);
        if let Some((name, value)) = &self.wanted.field {
            body.insert((*name).to_owned(), json!(value));
        }
        let path = format!("/api/machines/{}/{}", self.machine, self.wanted.path);
        let call = Call::post(leave, path, Value::Object(body), StatusCode::CREATED, self.wanted.needs);
        match self.api.send(&call, self.until).await {
            Ok(reply) => {
                let action = reply.read(answer::action)?;
                Ok(Taken { answer: Answer::Accepted, reference: Some(action.id), trace: reply.trace })
            }
            Err(Failure { why: Why::Refused(refusal), trace }) if answer::is_in_progress(&refusal) => {
                match self.under_way().await {
                    Some(id) => Ok(Taken { answer: Answer::Already, reference: Some(id), trace }),
                    None => Err(Failure { why: Why::Refused(refusal), trace }),
                }
            }
            Err(failure) => Err(failure),
        }
    }

    fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }
}
