//! Hosts: finding one, and the two changes of its containment.

use super::answer;
use crate::edr::Leave;
use crate::edr::api::{Api, Call};
use crate::edr::change::{Change, Reading, Taken};
use crate::edr::device::{self, Device};
use crate::edr::failure::{Failure, Why};
use reqwest::StatusCode;
use serde_json::json;
use tokio::time::Instant;
use vyrox_contract::{Operation, Target};

const READ: &str = "the scope Hosts: READ";
const WRITE: &str = "the scope Hosts: WRITE";

/// The device that an action is aimed at: by its id, or the only one of its name.
pub(super) async fn find(api: &Api, target: &Target, until: Instant) -> Result<Device, Failure> {
    let aid = match &target.device_id {
        // The policy has checked the form; without it there is nothing to ask for.
        Some(id) => device::id(target.vendor, id).ok_or(Why::Target("the device id is not Falcon's"))?,
        None => by_name(api, target.hostname.as_str(), until).await?,
    };
    read(api, &aid, until).await?.ok_or_else(|| Why::Target("the EDR knows no device of this id").into())
}

async fn by_name(api: &Api, name: &str, until: Instant) -> Result<String, Failure> {
    let filter = format!("hostname:'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"));
    let call = Call::get("/devices/queries/devices/v1", READ).with("filter", filter).with("limit", "2");
    let aid = api.send(&call, until).await?.read(answer::ids)?.only()?;
    if device::hex(&aid, 32).is_some() { Ok(aid) } else { Err(Why::Answer.into()) }
}

async fn read(api: &Api, aid: &str, until: Instant) -> Result<Option<Device>, Failure> {
    let call = Call::get("/devices/entities/devices/v2", READ).with("ids", aid);
    api.send(&call, until).await?.read(|bytes| answer::device(bytes, aid))
}

/// Contain or lift: each sets a state.
pub(super) struct Containment<'a> {
    pub(super) api: &'a Api,
    pub(super) aid: &'a str,
    pub(super) operation: Operation,
    pub(super) until: Instant,
}

impl Change for Containment<'_> {
    async fn look(&self, _: Option<&str>) -> Result<Reading, Failure> {
        let state = read(self.api, self.aid, self.until).await?.and_then(|device| device.state);
        Ok(state.map_or(Reading::Unseen, |state| answer::containment(&state, self.operation)))
    }

    /// The same URL has actions that hide hosts: only these two names are ever sent.
    async fn ask(&self, leave: Leave<'_>) -> Result<Taken, Failure> {
        let name = match self.operation {
            Operation::Execute => "contain",
            Operation::Rollback => "lift_containment",
        };
        let body = json!({"ids": [self.aid]});
        let call = Call::post(leave, "/devices/entities/devices-actions/v2", body, StatusCode::ACCEPTED, WRITE);
        let reply = self.api.send(&call.with("action_name", name), self.until).await?;
        let trace = reply.trace.clone().or_else(|| answer::trace(&reply.body));
        match answer::change(&reply.body, self.aid) {
            Ok(answer) => Ok(Taken { answer, reference: None, trace }),
            Err(refusal) => Err(Failure { why: refusal.map_or(Why::Answer, Why::Refused), trace }),
        }
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}
