//! Machine actions: asked for with the request id in them, so that one whose answer was lost is found again.

use super::READ;
use super::answer::{self, ActionItem};
use crate::edr::api::Call;
use crate::edr::change::{Answer, Change, Reading, Taken};
use crate::edr::deed::Deed;
use crate::edr::failure::{Failure, Why};
use crate::edr::{Leave, Order};
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use vyrox_contract::RequestId;

/// The longest that a new action could not be read for, with a second to spare.
const UNREADABLE: Duration = Duration::from_secs(6);

/// One action on one machine.
pub(super) struct MachineAction<'a> {
    order: &'a Order<'a>,
    /// The last part of the path.
    path: &'static str,
    /// The type that the machine action gets.
    kind: &'static str,
    /// The type that ends the state, where it is a state.
    opposite: Option<&'static str>,
    /// How much of an isolation.
    scope: Option<&'static str>,
    /// The file.
    sha1: Option<&'a str>,
    needs: &'static str,
}

impl<'a> MachineAction<'a> {
    /// The call for a deed.
    pub(super) fn of(order: &'a Order<'a>) -> Result<Self, Failure> {
        const ISOLATE: &str = "the application permission Machine.Isolate";
        const RESTRICT: &str = "the application permission Machine.RestrictExecution";
        const STOP: &str = "the application permission Machine.StopAndQuarantine";
        let (restrict, unrestrict) = ("RestrictCodeExecution", "UnrestrictCodeExecution");
        let (path, kind, opposite, needs) = match order.deed {
            Deed::Isolate | Deed::IsolateSelectively => ("isolate", "Isolate", Some("Unisolate"), ISOLATE),
            Deed::Release => ("unisolate", "Unisolate", Some("Isolate"), ISOLATE),
            Deed::RestrictCode => ("restrictCodeExecution", restrict, Some(unrestrict), RESTRICT),
            Deed::UnrestrictCode => ("unrestrictCodeExecution", unrestrict, Some(restrict), RESTRICT),
            Deed::StopFile(_) => ("StopAndQuarantineFile", "StopAndQuarantineFile", None, STOP),
            _ => return Err(Why::Target("the EDR has no such call").into()),
        };
        let (scope, sha1) = match order.deed {
            Deed::Isolate => (Some("Full"), None),
            Deed::IsolateSelectively => (Some("Selective"), None),
            Deed::StopFile(sha1) => (None, Some(sha1.as_str())),
            _ => (None, None),
        };
        Ok(Self { order, path, kind, opposite, scope, sha1, needs })
    }

    /// The machine's actions of this kind and its opposite, the newest first.
    async fn list(&self) -> Result<Vec<ActionItem>, Failure> {
        let machine = self.order.device;
        let kinds = [Some(self.kind), self.opposite];
        let kinds: Vec<String> = kinds.into_iter().flatten().map(|kind| format!("type eq '{kind}'")).collect();
        // The id has the vendor's form, so there is no quote in it.
        let filter = format!("machineId eq '{machine}' and ({})", kinds.join(" or "));
        let call = Call::get("/api/machineactions", READ).with("$filter", filter);
        let mut actions = self.order.send(&call).await?.read(answer::actions)?;
        actions.retain(|action| action.machine_id.as_deref() == Some(machine));
        Ok(actions)
    }

    fn is_ours(&self, action: &ActionItem) -> bool {
        action.kind.as_deref() == Some(self.kind)
            && (action.external_id.as_deref() == Some(self.order.request_id.as_str())
                || action.requestor_comment.as_deref() == Some(comment(self.order.request_id).as_str()))
    }

    /// The action that is in progress, if it is exactly this one, whoever asked for it: what is in progress may be
    /// something else on this machine. A new action cannot be read at once, so this looks for a while.
    async fn under_way(&self) -> Option<String> {
        let api = self.order.api;
        let deadline = Instant::now() + api.timing().confirm_for.min(UNREADABLE);
        loop {
            let last = Instant::now() >= deadline;
            let actions = self.list().await.unwrap_or_default();
            if let Some(action) = actions.into_iter().find(|action| self.is_under_way(action)) {
                return Some(action.id);
            }
            if last {
                return None;
            }
            api.pause(deadline).await;
        }
    }

    fn is_under_way(&self, action: &ActionItem) -> bool {
        matches!(answer::progress(action), Reading::OnItsWay(_))
            && action.kind.as_deref() == Some(self.kind)
            && (self.scope.is_none() || action.scope.as_deref() == self.scope)
            && action.file().map(str::to_ascii_lowercase).as_deref() == self.sha1
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
            return match self.order.send(&call).await {
                Ok(reply) => Ok(answer::progress(&reply.read(answer::action)?)),
                // Not to be read in the first seconds.
                Err(Failure { why: Why::Refused(refusal), .. }) if refusal.status == 404 => Ok(Reading::Unseen),
                Err(failure) => Err(failure),
            };
        }
        let actions = self.list().await?;
        match (actions.iter().find(|action| self.is_ours(action)), self.opposite) {
            (Some(ours), None) => Ok(answer::progress(ours)),
            (_, Some(opposite)) => Ok(answer::state(&actions, self.kind, opposite, self.scope)),
            (None, None) => Ok(Reading::Unseen),
        }
    }

    async fn ask(&self, leave: Leave<'_>) -> Result<Taken, Failure> {
        let request_id = self.order.request_id;
        let mut body = json!({"Comment": comment(request_id), "ExternalID": request_id});
        if let Some(scope) = self.scope {
            body["IsolationType"] = json!(scope);
        }
        if let Some(sha1) = self.sha1 {
            body["Sha1"] = json!(sha1);
        }
        let path = format!("/api/machines/{}/{}", self.order.device, self.path);
        let call = Call::post(leave, path, body, StatusCode::CREATED, self.needs);
        match self.order.send(&call).await {
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
}
