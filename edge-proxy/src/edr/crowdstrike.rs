//! CrowdStrike Falcon: containment of hosts, and ending a process.

pub mod answer;
mod rtr;

use super::access::Access;
use super::api::{Api, Call, Dialect};
use super::change::pursue;
use super::connection::Connection;
use super::deed::Deed;
use super::failure::Failure;
use super::{Ending, Leave, Order};
use crate::config::EdrConfig;
use crate::outbound::ClientError;
use reqwest::StatusCode;
use serde_json::json;
use vyrox_contract::Operation;

const READ: &str = "the scope Hosts: READ";
const WRITE: &str = "the scope Hosts: WRITE";

const DIALECT: Dialect = Dialect {
    trace: "X-Cs-Traceid",
    refusal: answer::refusal,
    by_id: |aid| Call::get("/devices/entities/devices/v2", READ).with("ids", aid),
    device: answer::device,
    by_name: |name| {
        let filter = format!("hostname:'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"));
        Call::get("/devices/queries/devices/v1", READ).with("filter", filter).with("limit", "2")
    },
    found: answer::ids,
};

pub(super) fn api(config: &EdrConfig) -> Result<Api, ClientError> {
    // The region that the token's answer hints at is not followed.
    let form = [("client_id", config.client_id.as_str()), ("client_secret", config.secret.expose())];
    Api::new(config, Access::client(format!("{}/oauth2/token", config.base.login()), &form), DIALECT)
}

pub(super) async fn serve(order: &Order<'_>) -> Result<Ending, Failure> {
    match order.deed {
        Deed::KillProcess(pid) => rtr::kill(order, *pid).await,
        _ => {
            let (reading, answer) = (answer::containment, answer::change);
            Ok(pursue(&Connection { order, reading, call: contain_or_lift, answer }, order).await)
        }
    }
}

/// The same URL has actions that hide hosts: only these two names are ever sent.
fn contain_or_lift<'l>(leave: Leave<'l>, aid: &str, operation: Operation) -> Call<'l> {
    let name = match operation {
        Operation::Execute => "contain",
        Operation::Rollback => "lift_containment",
    };
    let (path, body) = ("/devices/entities/devices-actions/v2", json!({"ids": [aid]}));
    Call::post(leave, path, body, StatusCode::ACCEPTED, WRITE).with("action_name", name)
}
