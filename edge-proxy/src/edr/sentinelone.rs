//! SentinelOne: agents on and off the network, and threats killed and quarantined.

pub mod answer;
mod threats;

use super::access::Access;
use super::api::{Api, Call, Dialect};
use super::change::pursue;
use super::connection::Connection;
use super::deed::Deed;
use super::failure::Failure;
use super::{Ending, Leave, Order};
use crate::config::EdrConfig;
use crate::outbound::ClientError;
use crate::secret::Secret;
use reqwest::StatusCode;
use serde_json::json;
use threats::Mitigation;
use vyrox_contract::Operation;

const VIEW: &str = "the permission Endpoints: View";
const DISCONNECT: &str = "the permission Endpoints: Disconnect From Network";
const MITIGATE: &str = "the permission Endpoint Threats: the mitigation actions";

const DIALECT: Dialect = Dialect {
    // No trace header of this vendor's is documented.
    trace: "X-Request-Id",
    refusal: answer::refusal,
    by_id: |id| Call::get("/web/api/v2.1/agents", VIEW).with("ids", id),
    device: answer::agent,
    by_name: |name| {
        let call = Call::get("/web/api/v2.1/agents", VIEW).with("computerName", name);
        call.with("isActive", "true").with("limit", "2")
    },
    found: answer::agents,
};

pub(super) fn api(config: &EdrConfig) -> Result<Api, ClientError> {
    let header = Secret::new(format!("ApiToken {}", config.secret.expose()));
    Api::new(config, Access::Given(header), DIALECT)
}

pub(super) async fn serve(order: &Order<'_>) -> Result<Ending, Failure> {
    let (threat, action) = match order.deed {
        Deed::KillThreat(threat) => (threat, "kill"),
        Deed::QuarantineThreat(threat) => (threat, "quarantine"),
        Deed::RestoreThreat(threat) => (threat, "un-quarantine"),
        _ => {
            let (reading, answer) = (answer::connection, |body: &[u8], _: &str| answer::affected(body));
            return Ok(pursue(&Connection { order, reading, call: disconnect_or_connect, answer }, order).await);
        }
    };
    Ok(pursue(&Mitigation::new(order, threat, action), order).await)
}

fn disconnect_or_connect<'l>(leave: Leave<'l>, agent: &str, operation: Operation) -> Call<'l> {
    let name = match operation {
        Operation::Execute => "disconnect",
        Operation::Rollback => "connect",
    };
    on_one(leave, format!("/web/api/v2.1/agents/actions/{name}"), agent, DISCONNECT)
}

/// A change of exactly one thing. An empty filter means everybody here, so `id` comes from
/// [`digits`](super::device::digits) and nowhere else, and the answer must say that exactly one was affected.
fn on_one<'l>(leave: Leave<'l>, path: String, id: &str, needs: &'static str) -> Call<'l> {
    Call::post(leave, path, json!({"filter": {"ids": [id]}, "data": {}}), StatusCode::OK, needs)
}
