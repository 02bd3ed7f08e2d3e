//! The customer's estate as Falcon sees it: hosts, their containment, sessions, tokens. No HTTP.

use super::Host;
use crate::issued::Issued;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// A host's containment state, in the vendor's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostStatus {
    /// On the network.
    Normal,
    /// Told to cut itself off.
    ContainmentPending,
    /// Cut off.
    Contained,
    /// Told to come back.
    LiftContainmentPending,
}

impl HostStatus {
    /// The vendor's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::ContainmentPending => "containment_pending",
            Self::Contained => "contained",
            Self::LiftContainmentPending => "lift_containment_pending",
        }
    }
}

/// A kind of call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// `contain`.
    Contain,
    /// `lift_containment`.
    LiftContainment,
    /// A real-time response session was opened.
    OpenSession,
    /// A `kill` was sent.
    Kill,
    /// A session was closed.
    CloseSession,
}

/// One call that changed something, or tried to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What.
    pub change: Change,
    /// The host.
    pub aid: String,
    /// The process, for [`Change::Kill`].
    pub pid: Option<u32>,
    /// Whether it was accepted; if not, the reply had an error for it.
    pub accepted: bool,
}

/// An error in a reply's `errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u32,
    pub(super) message: String,
}

#[derive(Debug)]
pub(super) struct Device {
    pub(super) hostname: String,
    wanted: HostStatus,
    since: Instant,
    online: bool,
    processes: BTreeSet<u32>,
}

#[derive(Debug)]
struct Command {
    done_at: Instant,
    session: String,
    stdout: String,
    stderr: String,
}

/// A command's progress.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) complete: bool,
    pub(super) session: String,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

#[derive(Debug)]
pub(super) struct Estate {
    settle: Duration,
    devices: BTreeMap<String, Device>,
    sessions: HashMap<String, String>,
    commands: HashMap<String, Command>,
    calls: Vec<Call>,
    /// Ids and tokens.
    pub(super) issued: Issued,
}

impl Estate {
    pub(super) fn new(hosts: &[Host], settle: Duration) -> Self {
        let device = |host: &Host| Device {
            hostname: host.hostname.clone(),
            wanted: HostStatus::Normal,
            since: Instant::now(),
            online: true,
            processes: BTreeSet::new(),
        };
        Self {
            settle,
            devices: hosts.iter().map(|host| (host.aid.clone(), device(host))).collect(),
            sessions: HashMap::new(),
            commands: HashMap::new(),
            calls: Vec::new(),
            issued: Issued::default(),
        }
    }

    pub(super) fn calls(&self) -> &[Call] {
        &self.calls
    }

    pub(super) fn devices(&self) -> impl Iterator<Item = (&str, &Device)> {
        self.devices.iter().map(|(aid, device)| (aid.as_str(), device))
    }

    pub(super) fn device(&self, aid: &str) -> Option<&Device> {
        self.devices.get(aid)
    }

    pub(super) fn status(&self, aid: &str, now: Instant) -> Option<HostStatus> {
        let device = self.devices.get(aid)?;
        let settled = device.online && now.duration_since(device.since) >= self.settle;
        Some(match device.wanted {
            HostStatus::ContainmentPending if settled => HostStatus::Contained,
            HostStatus::LiftContainmentPending if settled => HostStatus::Normal,
            status => status,
        })
    }

    /// Contains or lifts.
    pub(super) fn change(&mut self, change: Change, aid: &str, now: Instant) -> Result<(), Refusal> {
        let result = match (self.status(aid, now), change) {
            (None, _) => Err(Refusal { code: 404, message: format!("Device {aid} not found") }),
            (Some(HostStatus::Contained | HostStatus::ContainmentPending), Change::Contain) => {
                Err(Refusal { code: 409, message: format!("Device {aid} is already contained or pending containment") })
            }
            (Some(HostStatus::Normal | HostStatus::LiftContainmentPending), Change::LiftContainment) => {
                Err(Refusal { code: 409, message: format!("Device {aid} is already not contained or pending lift") })
            }
            (Some(_), Change::Contain) => Ok(HostStatus::ContainmentPending),
            (Some(_), _) => Ok(HostStatus::LiftContainmentPending),
        };
        self.calls.push(Call { change, aid: aid.to_owned(), pid: None, accepted: result.is_ok() });
        let wanted = result?;
        if let Some(device) = self.devices.get_mut(aid) {
            device.wanted = wanted;
            device.since = now;
        }
        Ok(())
    }

    pub(super) fn set_offline(&mut self, aid: &str) {
        if let Some(device) = self.devices.get_mut(aid) {
            device.online = false;
        }
    }

    pub(super) fn add_process(&mut self, aid: &str, pid: u32) {
        if let Some(device) = self.devices.get_mut(aid) {
            device.processes.insert(pid);
        }
    }

    pub(super) fn has_process(&self, aid: &str, pid: u32) -> bool {
        self.devices.get(aid).is_some_and(|device| device.processes.contains(&pid))
    }

    /// Opens a session. Queueing for an offline host is what a client must not ask for: the kill would run days later.
    pub(super) fn open_session(&mut self, aid: &str, queue_offline: bool) -> Result<String, Refusal> {
        let result = match self.devices.get(aid) {
            None => Err(Refusal { code: 404, message: format!("Device {aid} not found") }),
            Some(device) if !device.online && !queue_offline => {
                Err(Refusal { code: 40407, message: "Sensor appears to be offline".into() })
            }
            Some(_) => Ok(()),
        };
        let call = Call { change: Change::OpenSession, aid: aid.to_owned(), pid: None, accepted: result.is_ok() };
        self.calls.push(call);
        result?;
        let session = self.issued.id();
        self.sessions.insert(session.clone(), aid.to_owned());
        Ok(session)
    }

    /// Sends a kill; its id.
    pub(super) fn kill(&mut self, session: &str, aid: &str, pid: u32, now: Instant) -> Result<String, Refusal> {
        let accepted = self.sessions.get(session).is_some_and(|owner| owner == aid);
        self.calls.push(Call { change: Change::Kill, aid: aid.to_owned(), pid: Some(pid), accepted });
        if !accepted {
            return Err(Refusal { code: 404, message: "Session not found".into() });
        }
        let killed = self.devices.get_mut(aid).is_some_and(|device| device.processes.remove(&pid));
        let (stdout, stderr) = if killed {
            (format!("Process {pid} has been killed."), String::new())
        } else {
            (String::new(), format!("Cannot find a process with the process identifier {pid}."))
        };
        let id = self.issued.id();
        let command = Command { done_at: now + self.settle, session: session.to_owned(), stdout, stderr };
        self.commands.insert(id.clone(), command);
        Ok(id)
    }

    pub(super) fn progress(&self, command: &str, now: Instant) -> Option<Progress> {
        let command = self.commands.get(command)?;
        let complete = now >= command.done_at;
        let text = |text: &String| if complete { text.clone() } else { String::new() };
        let (stdout, stderr) = (text(&command.stdout), text(&command.stderr));
        Some(Progress { complete, session: command.session.clone(), stdout, stderr })
    }

    pub(super) fn close_session(&mut self, session: &str) -> Result<(), Refusal> {
        match self.sessions.remove(session) {
            Some(aid) => {
                self.calls.push(Call { change: Change::CloseSession, aid, pid: None, accepted: true });
                Ok(())
            }
            None => Err(Refusal { code: 404, message: "Session not found".into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AID: &str = "0123456789abcdef0123456789abcdef";
    const SETTLE: Duration = Duration::from_secs(5);

    fn estate() -> Estate {
        Estate::new(&[Host { aid: AID.into(), hostname: "workstation-01".into() }], SETTLE)
    }

    #[test]
    fn a_host_goes_through_the_pending_states_there_and_back() {
        let (mut estate, start) = (estate(), Instant::now());
        let later = start + SETTLE;
        assert_eq!(estate.status(AID, start), Some(HostStatus::Normal));
        estate.change(Change::Contain, AID, start).unwrap();
        assert_eq!(estate.status(AID, start), Some(HostStatus::ContainmentPending));
        assert_eq!(estate.change(Change::Contain, AID, start).unwrap_err().code, 409);
        assert_eq!(estate.status(AID, later), Some(HostStatus::Contained));
        assert_eq!(estate.change(Change::Contain, AID, later).unwrap_err().code, 409);
        estate.change(Change::LiftContainment, AID, later).unwrap();
        assert_eq!(estate.status(AID, later), Some(HostStatus::LiftContainmentPending));
        assert_eq!(estate.status(AID, later + SETTLE), Some(HostStatus::Normal));
        let accepted: Vec<bool> = estate.calls().iter().map(|call| call.accepted).collect();
        assert_eq!(accepted, [true, false, false, true]);
    }

    #[test]
    fn an_offline_host_stays_pending() {
        let (mut estate, start) = (estate(), Instant::now());
        estate.set_offline(AID);
        estate.change(Change::Contain, AID, start).unwrap();
        assert_eq!(estate.status(AID, start + SETTLE * 100), Some(HostStatus::ContainmentPending));
    }

    #[test]
    fn a_kill_of_an_absent_process_completes_with_an_error_text() {
        let (mut estate, start) = (estate(), Instant::now());
        estate.add_process(AID, 7);
        let session = estate.open_session(AID, false).unwrap();
        let (good, bad) =
            (estate.kill(&session, AID, 7, start).unwrap(), estate.kill(&session, AID, 8, start).unwrap());
        assert!(!estate.progress(&good, start).unwrap().complete);
        let done = estate.progress(&good, start + SETTLE).unwrap();
        assert!(done.complete && done.stderr.is_empty() && !estate.has_process(AID, 7));
        assert!(estate.progress(&bad, start + SETTLE).unwrap().stderr.contains("process identifier 8"));
        assert_eq!(estate.kill("another", AID, 7, start).unwrap_err().code, 404);
    }
}
