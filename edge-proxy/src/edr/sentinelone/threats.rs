//! Threats: killed and quarantined by their id. What a threat is on must be the device that the approver saw.

use super::answer::{self, Threat};
use super::{MITIGATE, on_one};
use crate::edr::api::Call;
use crate::edr::change::{Change, Reading, Taken};
use crate::edr::failure::{Failure, Why};
use crate::edr::{Leave, Order};
use std::sync::{Mutex, PoisonError};

const VIEW: &str = "the permission Endpoint Threats: View";

/// One mitigation of one threat.
pub(super) struct Mitigation<'a> {
    order: &'a Order<'a>,
    threat: &'a str,
    /// `kill`, `quarantine` or `un-quarantine`: no other is ever sent.
    action: &'static str,
    before: Mutex<Before>,
}

/// What the threat showed when nothing had been asked yet.
#[derive(Debug, Default)]
struct Before {
    threat: Option<Threat>,
    /// From here on only what is new counts.
    asked: bool,
}

impl<'a> Mitigation<'a> {
    pub(super) fn new(order: &'a Order<'a>, threat: &'a str, action: &'static str) -> Self {
        Self { order, threat, action, before: Mutex::default() }
    }

    async fn read(&self) -> Result<Threat, Failure> {
        let call = Call::get("/web/api/v2.1/threats", VIEW).with("ids", self.threat);
        let threat = self.order.send(&call).await?.read(|bytes| answer::threat(bytes, self.threat))?;
        let threat = threat.ok_or(Why::Target("the EDR knows no threat of this id"))?;
        if threat.agent() == Some(self.order.device) {
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
        let reply = self.order.send(&on_one(leave, path, self.threat, MITIGATE)).await?;
        Ok(Taken { answer: reply.settled(answer::affected)?, reference: None, trace: reply.trace })
    }
}
