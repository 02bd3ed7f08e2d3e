//! Microsoft Defender for Endpoint: machines cut off and let back, code restricted, a file stopped and quarantined.

mod actions;
pub mod answer;
mod machines;

use super::access::Access;
use super::api::{Api, Dialect};
use super::change::pursue;
use super::failure::{Failure, Why};
use super::{Ending, Order};
use crate::config::DefenderConfig;
use crate::outbound::ClientError;
use crate::secret::Secret;
use actions::{MachineAction, Wanted};

/// The client.
#[derive(Debug)]
pub(super) struct Defender {
    api: Api,
}

impl Defender {
    pub(super) fn new(config: &DefenderConfig) -> Result<Self, ClientError> {
        let form = vec![
            ("grant_type", Secret::new("client_credentials".to_owned())),
            ("client_id", Secret::new(config.client_id.clone())),
            ("client_secret", config.client_secret.clone()),
            ("scope", Secret::new(config.base.scope().to_owned())),
        ];
        let access = Access::client(format!("{}/{}/oauth2/v2.0/token", config.base.login(), config.directory), form);
        // The id of an error is in its body; of a success, the machine action's own id.
        let dialect = Dialect { trace: "X-Request-Id", refusal: answer::refusal };
        Ok(Self { api: Api::new(config.base.url(), access, dialect, config.timing.clone())? })
    }

    pub(super) async fn serve(&self, order: &Order<'_>) -> Result<Ending, Failure> {
        let wanted = Wanted::of(order.deed).ok_or(Why::Target("the EDR has no such call"))?;
        let machine = machines::find(&self.api, order.target, self.api.deadline()).await?;
        let _turn = order.turn(&machine, self.api.deadline()).await?;
        let action = MachineAction {
            api: &self.api,
            machine: &machine.id,
            wanted,
            request_id: order.request_id,
            is_repeatable: order.deed.is_repeatable(),
            // From here on: the turn may have been waited for.
            until: self.api.deadline(),
        };
        Ok(pursue(&action, order.purpose, self.api.timing()).await)
    }
}
