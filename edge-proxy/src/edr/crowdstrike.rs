//! CrowdStrike Falcon: containment of hosts, and ending a process.

pub mod answer;
mod hosts;
mod rtr;

use super::access::Access;
use super::api::{Api, Dialect};
use super::change::pursue;
use super::deed::Deed;
use super::failure::{Failure, Why};
use super::{Ending, Order};
use crate::config::CrowdstrikeConfig;
use crate::outbound::ClientError;
use crate::secret::Secret;
use hosts::Containment;
use vyrox_contract::Operation;

/// The client.
#[derive(Debug)]
pub(super) struct Crowdstrike {
    api: Api,
}

impl Crowdstrike {
    pub(super) fn new(config: &CrowdstrikeConfig) -> Result<Self, ClientError> {
        // The region that the token's answer hints at is not followed.
        let form =
            vec![("client_id", Secret::new(config.client_id.clone())), ("client_secret", config.client_secret.clone())];
        let access = Access::client(format!("{}/oauth2/token", config.base.url()), form);
        let dialect = Dialect { trace: "X-Cs-Traceid", refusal: answer::refusal };
        Ok(Self { api: Api::new(config.base.url(), access, dialect, config.timing.clone())? })
    }

    pub(super) async fn serve(&self, order: &Order<'_>) -> Result<Ending, Failure> {
        let device = hosts::find(&self.api, order.target, self.api.deadline()).await?;
        let _turn = order.turn(&device, self.api.deadline()).await?;
        // From here on: the turn may have been waited for.
        let (until, purpose) = (self.api.deadline(), order.purpose);
        let containment = |operation| Containment { api: &self.api, aid: &device.id, operation, until };
        match order.deed {
            Deed::Isolate => Ok(pursue(&containment(Operation::Execute), purpose, self.api.timing()).await),
            Deed::Release => Ok(pursue(&containment(Operation::Rollback), purpose, self.api.timing()).await),
            Deed::KillProcess(pid) => rtr::kill(&self.api, &device.id, *pid, purpose, until).await,
            _ => Err(Why::Target("the EDR has no such call").into()),
        }
    }
}
