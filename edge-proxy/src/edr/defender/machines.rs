//! Machines: finding one. A machine does not tell whether it is cut off; its actions do.

use super::answer;
use crate::edr::api::{Api, Call};
use crate::edr::device::{self, Device};
use crate::edr::failure::{Failure, Why};
use tokio::time::Instant;
use vyrox_contract::Target;

const READ: &str = "the application permission Machine.Read.All";

/// The machine that an action is aimed at: by its id, or the only one of its name.
pub(super) async fn find(api: &Api, target: &Target, until: Instant) -> Result<Device, Failure> {
    let Some(given) = &target.device_id else { return by_name(api, target.hostname.as_str(), until).await };
    // The policy has checked the form; without it there is nothing to ask for.
    let id = device::id(target.vendor, given).ok_or(Why::Target("the device id is not Defender's"))?;
    match api.send(&Call::get(format!("/api/machines/{id}"), READ), until).await {
        Ok(reply) => {
            let machine = reply.read(answer::machine)?;
            if machine.id == id { Ok(machine) } else { Err(Why::Answer.into()) }
        }
        Err(Failure { why: Why::Refused(refusal), trace }) if refusal.status == 404 => {
            Err(Failure { why: Why::Target("the EDR knows no device of this id"), trace })
        }
        Err(failure) => Err(failure),
    }
}

async fn by_name(api: &Api, name: &str, until: Instant) -> Result<Device, Failure> {
    // OData doubles a quote inside a text.
    let filter = format!("computerDnsName eq '{}'", name.replace('\'', "''"));
    let call = Call::get("/api/machines", READ).with("$filter", filter).with("$top", "2");
    let machine = api.send(&call, until).await?.read(answer::machines)?.only()?;
    if device::hex(&machine.id, 40).is_some() { Ok(machine) } else { Err(Why::Answer.into()) }
}
