//! Threats: killed and quarantined by their id. What a threat is on must be the device that the approver saw.

use super::agents::post;
use super::answer::{self, Threat};
use crate::edr::Leave;
use crate::edr::api::{Api, Call};
use crate::edr::change::{Change, Reading, Taken};
use crate::edr::failure::{Failure, Why};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

const VIEW: &str = "the permission Endpoint Threats: View";
const MITIGATE: &str = "the permission Endpoint Threats: the mitigation actions";

/// One mitigation of one threat.
pub(super) struct Mitigation<'a> {
    pub(super) api: &'a Api,
    pub(super) agent: &'a str,
    pub(super) threat: &'a str,
    /// `kill`, `quarantine` or `un-quarantine`: no other is ever sent.
    pub(super) action: &'static str,
    pub(super) is_repeatable: bool,
    pub(super) until: Instant,
    pub(super) before: Mutex<Before>,
}

/// What the threat showed when nothing had been asked yet.
#[derive(Debug, Default)]
pub(super) struct Before {
    threat: Option<Threat>,
    /// From here on only what is new counts.
    asked: bool,
}

impl Mitigation<'_> {
    async fn read(&self) -> Result<Threat, Failure> {
        let call = Call::get("/web/api/v2.1/threats", VIEW).with("ids", self.threat);
        let reply = self.api.send(&call, self.until).await?;
        let threat = reply.read(|bytes| answer::threat(bytes, self.threat))?;
        let threat = threat.ok_or(Why::Target("the EDR knows no threat of this id"))?;
        if threat.agent.as_deref() == Some(self.agent) {
            Ok(threat)
        } else {
            Err(Why::Target("the threat is on another device than the approver saw").into())
        }
    }
}

impl Change for Mitigation<'_> {
    async fn look(&self, _: Option<&str>) -> Result<Reading, Failure> {
        let threat = self.read().await?;
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match &before.threat {
            Some(known) if before.asked => answer::mitigation(&threat.since(known), self.action),
            _ => {
                let reading = answer::mitigation(&threat, self.action);
                before.threat = Some(threat);
                reading
            }
        })
    }

    async fn ask(&self, leave: Leave<'_>) -> Result<Taken, Failure> {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).asked = true;
        let path = format!("/web/api/v2.1/threats/mitigate/{}", self.action);
        post(self.api, leave, path, self.threat, MITIGATE, self.until).await
    }

    fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }
}
