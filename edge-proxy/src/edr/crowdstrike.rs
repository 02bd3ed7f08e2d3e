//! What is done with Falcon: look, act, read back. `contain` and `lift_containment` set a state, so after a lost answer the
//! state is read before anything is repeated.

use super::falcon::{Accepted, Aid, Device, Falcon};
use super::{Ending, wanted};
use crate::config::CrowdstrikeConfig;
use crate::hosts::{ProtectedHosts, is_same_host};
use crate::outbound::ClientError;
use tokio::sync::Mutex;
use tokio::time::Instant;
use vyrox_contract::{Action, DeviceId, Operation, Outcome as Kind, Verification};

/// CrowdStrike Falcon, host containment only.
#[derive(Debug)]
pub struct Crowdstrike {
    falcon: Falcon,
    protected: ProtectedHosts,
    require_hostname_match: bool,
    /// One operation on a device at a time: else a repetition of the older could undo the newer, and each would read back
    /// the other's state. By the first byte of the id, so that a bounded number of locks serves any number of devices.
    turns: Vec<Mutex<()>>,
}

impl Crowdstrike {
    pub(super) fn new(
        config: CrowdstrikeConfig,
        protected: ProtectedHosts,
        require_hostname_match: bool,
    ) -> Result<Self, ClientError> {
        let turns = std::iter::repeat_with(Mutex::default).take(256).collect();
        Ok(Self { falcon: Falcon::new(config)?, protected, require_hostname_match, turns })
    }

    pub(super) async fn act(&self, action: &Action) -> Ending {
        let operation = action.operation;
        // The policy has checked it; without the form there is nothing to ask for.
        let Some(aid) = Aid::of(&action.target.device_id) else { return failed(&"the device id is not Falcon's") };
        let _turn = self.turns[usize::from(aid.first_byte())].lock().await;
        let device = match self.falcon.device(&aid).await {
            Ok(Some(device)) => device,
            Ok(None) => return failed(&"the EDR knows no device of this id"),
            Err(error) => return failed(&error),
        };
        if let Some(reason) = self.objection(action, &device) {
            return failed(&reason);
        }
        if device.status == wanted(operation) {
            return self.already(&aid, operation, None).await;
        }
        let mut unclear = false;
        for _ in 0..2 {
            match self.falcon.change(&aid, operation).await {
                Ok(Accepted { already: true, trace }) => return self.already(&aid, operation, trace).await,
                Ok(Accepted { already: false, trace }) => return self.accepted(&aid, operation, trace).await,
                Err(error) if error.is_unclear() => match self.falcon.device(&aid).await {
                    Ok(Some(now)) if heads_for(&now.status, operation) => {
                        return self.accepted(&aid, operation, None).await;
                    }
                    // It was not taken, and asking for a state again is safe.
                    Ok(Some(_)) => unclear = true,
                    Ok(None) | Err(_) => return Ending::unread(Kind::Ambiguous, error.to_string()),
                },
                // The first request may still take effect.
                Err(error) if unclear => return Ending::unread(Kind::Ambiguous, error.to_string()),
                Err(error) => return failed(&error),
            }
        }
        Ending::unread(Kind::Ambiguous, "the EDR's answer was lost twice; its state was unchanged after each")
    }

    /// Reads the state for an action that was interrupted. Never acts.
    pub(super) async fn examine(&self, device_id: &DeviceId, operation: Operation) -> Ending {
        let read = match Aid::of(device_id) {
            Some(aid) => self.falcon.device(&aid).await.ok().flatten(),
            None => None,
        };
        let (verification, state) = match &read {
            Some(device) if device.status == wanted(operation) => (Verification::Confirmed, device.status.as_str()),
            Some(device) => (Verification::Unconfirmed, device.status.as_str()),
            None => (Verification::None, "unknown"),
        };
        let detail = format!("interrupted; the EDR's state is now {}", bounded(state));
        Ending { verification, ..Ending::unread(Kind::Ambiguous, detail) }
    }

    /// The approver saw a host name and the EDR is given an id: the two must be the same machine, and the EDR's own name
    /// for it must not be protected either. A release is never objected to.
    fn objection(&self, action: &Action, device: &Device) -> Option<&'static str> {
        if action.operation == Operation::Rollback {
            return None;
        }
        match device.hostname.as_deref().filter(|name| !name.trim_matches(['.', ' ']).is_empty()) {
            Some(name) if self.protected.protects(name) => Some("the EDR knows the device by a protected name"),
            Some(name) if self.require_hostname_match && !is_same_host(name, action.target.hostname.as_str()) => {
                Some("the EDR knows the device by another name than the approver saw")
            }
            None if self.require_hostname_match || !self.protected.is_empty() => {
                Some("the EDR has no name for the device to compare")
            }
            _ => None,
        }
    }

    async fn accepted(&self, aid: &Aid, operation: Operation, vendor_reference: Option<String>) -> Ending {
        let (verification, detail) = self.read_back(aid, operation).await;
        let kind = match operation {
            Operation::Execute => Kind::Executed,
            Operation::Rollback => Kind::RolledBack,
        };
        Ending { kind, verification, detail: format!("accepted; {detail}"), vendor_reference }
    }

    async fn already(&self, aid: &Aid, operation: Operation, vendor_reference: Option<String>) -> Ending {
        let (verification, detail) = self.read_back(aid, operation).await;
        Ending { kind: Kind::Already, verification, detail: format!("already so; {detail}"), vendor_reference }
    }

    /// Reads the state until it is the wanted one or the deadline has passed; the last read begins at the deadline.
    async fn read_back(&self, aid: &Aid, operation: Operation) -> (Verification, String) {
        let config = self.falcon.config();
        let deadline = Instant::now() + config.confirm_for;
        loop {
            let last = Instant::now() >= deadline;
            let (verification, text) = match self.falcon.device(aid).await {
                Ok(Some(device)) if device.status == wanted(operation) => {
                    return (Verification::Confirmed, format!("the EDR shows {}", wanted(operation)));
                }
                Ok(Some(device)) if heads_for(&device.status, operation) => {
                    (Verification::Unconfirmed, format!("the EDR still shows {}", bounded(&device.status)))
                }
                Ok(Some(device)) => (Verification::Contradicted, format!("the EDR shows {}", bounded(&device.status))),
                Ok(None) => (Verification::Unconfirmed, "the EDR no longer shows the device".to_owned()),
                Err(error) => (Verification::Unconfirmed, format!("reading back failed: {error}")),
            };
            if last {
                return (verification, text);
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + config.confirm_every)).await;
        }
    }
}

/// Whether a state is the wanted one or on the way to it.
fn heads_for(status: &str, operation: Operation) -> bool {
    let pending = match operation {
        Operation::Execute => "containment_pending",
        Operation::Rollback => "lift_containment_pending",
    };
    status == wanted(operation) || status == pending
}

fn failed(reason: &dyn std::fmt::Display) -> Ending {
    Ending::unread(Kind::Failed, reason.to_string())
}

fn bounded(status: &str) -> String {
    status.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect()
}
