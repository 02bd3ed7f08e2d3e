//! Agents: finding one, and cutting it off or letting it back. An empty filter means everybody here, so there is always
//! exactly one id, of digits, and the answer must say that exactly one was affected.

use super::answer;
use crate::edr::Leave;
use crate::edr::api::{Api, Call};
use crate::edr::change::{Change, Reading, Taken};
use crate::edr::device::{self, Device, Found};
use crate::edr::failure::{Failure, Why};
use reqwest::StatusCode;
use serde_json::json;
use tokio::time::Instant;
use vyrox_contract::{Operation, Target};

const VIEW: &str = "the permission Endpoints: View";
const DISCONNECT: &str = "the permission Endpoints: Disconnect From Network";

/// The agent that an action is aimed at: by its id, or the only active one of its name.
pub(super) async fn find(api: &Api, target: &Target, until: Instant) -> Result<Device, Failure> {
    let Some(given) = &target.device_id else { return by_name(api, target.hostname.as_str(), until).await };
    // The policy has checked the form; without it there is nothing to ask for.
    let id = device::id(target.vendor, given).ok_or(Why::Target("the device id is not SentinelOne's"))?;
    match read(api, &id, until).await? {
        Found::One(device) if device.id == id => Ok(device),
        Found::Nothing => Err(Why::Target("the EDR knows no device of this id").into()),
        Found::One(_) | Found::Several => Err(Why::Answer.into()),
    }
}

async fn by_name(api: &Api, name: &str, until: Instant) -> Result<Device, Failure> {
    let call = Call::get("/web/api/v2.1/agents", VIEW).with("computerName", name).with("isActive", "true");
    let device = api.send(&call.with("limit", "2"), until).await?.read(answer::agent)?.only()?;
    if device::digits(&device.id).is_some() { Ok(device) } else { Err(Why::Answer.into()) }
}

async fn read(api: &Api, id: &str, until: Instant) -> Result<Found<Device>, Failure> {
    let call = Call::get("/web/api/v2.1/agents", VIEW).with("ids", id);
    api.send(&call, until).await?.read(answer::agent)
}

/// Disconnect or connect: each sets a state.
pub(super) struct Connection<'a> {
    pub(super) api: &'a Api,
    pub(super) agent: &'a str,
    pub(super) operation: Operation,
    pub(super) until: Instant,
}

impl Change for Connection<'_> {
    async fn look(&self, _: Option<&str>) -> Result<Reading, Failure> {
        Ok(match read(self.api, self.agent, self.until).await? {
            Found::One(Device { id, state: Some(state), .. }) if id == self.agent => {
                answer::connection(&state, self.operation)
            }
            _ => Reading::Unseen,
        })
    }

    async fn ask(&self, leave: Leave<'_>) -> Result<Taken, Failure> {
        let name = match self.operation {
            Operation::Execute => "disconnect",
            Operation::Rollback => "connect",
        };
        let path = format!("/web/api/v2.1/agents/actions/{name}");
        post(self.api, leave, path, self.agent, DISCONNECT, self.until).await
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// An action on exactly one id.
pub(super) async fn post(
    api: &Api,
    leave: Leave<'_>,
    path: String,
    id: &str,
    needs: &'static str,
    until: Instant,
) -> Result<Taken, Failure> {
    // Only digits come here; an empty id would be everybody's.
    device::digits(id).ok_or(Why::Target("there is not exactly one id to act on"))?;
    let body = json!({"filter": {"ids": [id]}, "data": {}});
    let reply = api.send(&Call::post(leave, path, body, StatusCode::OK, needs), until).await?;
    let trace = reply.trace;
    match answer::affected(&reply.body) {
        Ok(answer) => Ok(Taken { answer, reference: None, trace }),
        Err(refusal) => Err(Failure { why: refusal.map_or(Why::Answer, Why::Refused), trace }),
    }
}
