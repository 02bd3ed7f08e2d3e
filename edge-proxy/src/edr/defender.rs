//! Microsoft Defender for Endpoint: machines cut off and let back, code restricted, a file stopped and quarantined.

mod actions;
pub mod answer;

use super::access::Access;
use super::api::{Api, Call, Dialect};
use super::change::pursue;
use super::failure::Failure;
use super::{Ending, Order};
use crate::config::EdrConfig;
use crate::outbound::ClientError;
use actions::MachineAction;

const READ: &str = "the application permission Machine.Read.All";

const DIALECT: Dialect = Dialect {
    // The id of an error is in its body; of a success, the machine action's own id.
    trace: "X-Request-Id",
    refusal: answer::refusal,
    by_id: |id| Call::get(format!("/api/machines/{id}"), READ),
    // It does not tell whether it is cut off; its actions do.
    device: answer::machine,
    by_name: |name| {
        // OData doubles a quote inside a text.
        let filter = format!("computerDnsName eq '{}'", name.replace('\'', "''"));
        Call::get("/api/machines", READ).with("$filter", filter).with("$top", "2")
    },
    found: answer::machines,
};

pub(super) fn api(config: &EdrConfig) -> Result<Api, ClientError> {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &config.client_id),
        ("client_secret", config.secret.expose()),
        ("scope", config.base.scope()),
    ];
    let url = format!("{}/{}/oauth2/v2.0/token", config.base.login(), config.directory);
    Api::new(config, Access::client(url, &form), DIALECT)
}

pub(super) async fn serve(order: &Order<'_>) -> Result<Ending, Failure> {
    Ok(pursue(&MachineAction::of(order)?, order).await)
}
