//! SentinelOne: agents on and off the network, and threats killed and quarantined.

mod agents;
pub mod answer;
mod threats;

use super::access::Access;
use super::api::{Api, Dialect};
use super::change::pursue;
use super::deed::Deed;
use super::failure::{Failure, Why};
use super::{Ending, Order};
use crate::config::SentineloneConfig;
use crate::outbound::ClientError;
use crate::secret::Secret;
use agents::Connection;
use std::sync::Mutex;
use threats::Mitigation;
use vyrox_contract::Operation;

/// The client.
#[derive(Debug)]
pub(super) struct Sentinelone {
    api: Api,
}

impl Sentinelone {
    pub(super) fn new(config: &SentineloneConfig) -> Result<Self, ClientError> {
        let access = Access::Given(Secret::new(format!("ApiToken {}", config.api_token.expose())));
        // No trace header of this vendor's is documented.
        let dialect = Dialect { trace: "X-Request-Id", refusal: answer::refusal };
        Ok(Self { api: Api::new(config.base.url(), access, dialect, config.timing.clone())? })
    }

    pub(super) async fn serve(&self, order: &Order<'_>) -> Result<Ending, Failure> {
        let device = agents::find(&self.api, order.target, self.api.deadline()).await?;
        let _turn = order.turn(&device, self.api.deadline()).await?;
        // From here on: the turn may have been waited for.
        let (api, until, purpose) = (&self.api, self.api.deadline(), order.purpose);
        let connection = |operation| Connection { api, agent: &device.id, operation, until };
        let mitigation = |threat, action| {
            let is_repeatable = order.deed.is_repeatable();
            Mitigation { api, agent: &device.id, threat, action, is_repeatable, until, before: Mutex::default() }
        };
        Ok(match order.deed {
            Deed::Isolate => pursue(&connection(Operation::Execute), purpose, api.timing()).await,
            Deed::Release => pursue(&connection(Operation::Rollback), purpose, api.timing()).await,
            Deed::KillThreat(threat) => pursue(&mitigation(threat, "kill"), purpose, api.timing()).await,
            Deed::QuarantineThreat(threat) => pursue(&mitigation(threat, "quarantine"), purpose, api.timing()).await,
            Deed::RestoreThreat(threat) => pursue(&mitigation(threat, "un-quarantine"), purpose, api.timing()).await,
            _ => return Err(Why::Target("the EDR has no such call").into()),
        })
    }
}
