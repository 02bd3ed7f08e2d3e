//! Fifth step: act. `Recorded<Action> -> Outcome`.
//!
//! [`execute`] takes only what is already in the audit log; nothing else in the program can make an EDR change anything.

mod crowdstrike;
mod falcon;

pub use falcon::Aid;

use crate::config::Config;
use crate::dedup::Claim;
use crate::hosts::ProtectedHosts;
use crate::outbound::ClientError;
use crate::policy::Refused;
use crate::record::Recorded;
use crate::subject::Subject;
use crowdstrike::Crowdstrike;
use vyrox_contract::{Action, ActionType, Operation, Outcome as Kind, Vendor, Verification};

/// Who acts.
#[derive(Debug)]
pub enum Edr {
    /// Nobody: every check and every entry, but no call.
    DryRun,
    /// CrowdStrike Falcon. Boxed, because it is large beside nothing.
    Crowdstrike(Box<Crowdstrike>),
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// In a word.
    pub kind: Kind,
    /// What reading back said.
    pub verification: Verification,
    /// In a sentence.
    pub detail: String,
    /// The vendor's trace id.
    pub vendor_reference: Option<String>,
}

impl Ending {
    /// An ending of which nothing was read back.
    pub fn unread(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, verification: Verification::None, detail: detail.into(), vendor_reference: None }
    }
}

/// What became of an action: acted on, refused, or found unfinished after a crash. There are exactly these three ways to
/// make one.
#[derive(Debug)]
pub struct Outcome {
    ending: Ending,
    claim: Claim,
}

impl Outcome {
    /// Of an action that the policy refused.
    pub fn refused(refused: Refused) -> Self {
        Self { ending: Ending::unread(Kind::Refused, refused.refusal.to_string()), claim: refused.fresh.claim }
    }

    /// How it ended.
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// What it was about.
    pub fn subject(&self) -> &Subject {
        self.claim.subject()
    }

    pub(crate) fn into_claim(self) -> Claim {
        self.claim
    }
}

/// Acts.
pub async fn execute(recorded: Recorded<Action>, edr: &Edr) -> Outcome {
    let action = recorded.value();
    let ending = match edr {
        Edr::DryRun => {
            let text = format!("dry run: {} on {} was not called", action.operation.as_str(), action.target.vendor);
            Ending::unread(Kind::DryRun, text)
        }
        Edr::Crowdstrike(falcon) => falcon.act(action).await,
    };
    Outcome { ending, claim: recorded.into_claim() }
}

/// Reports on an intent that a crash left without an outcome. Reads the EDR's state; never acts.
pub async fn examine(unfinished: Claim, edr: &Edr) -> Outcome {
    let subject = unfinished.subject();
    let ending = match (edr, subject.dry_run, &subject.device_id) {
        (_, true, _) => Ending::unread(Kind::DryRun, "dry run: interrupted; no EDR was called"),
        (Edr::Crowdstrike(falcon), _, Some(device_id)) => falcon.examine(device_id, subject.operation()).await,
        _ => Ending::unread(Kind::Ambiguous, "interrupted; the EDR's state was not read"),
    };
    Outcome { ending, claim: unfinished }
}

/// Whether there is a way to do exactly this. Nothing is ever replaced by something similar.
pub fn supports(action: &Action) -> bool {
    matches!((action.target.vendor, action.action_type), (Vendor::Crowdstrike, ActionType::HostIsolation))
}

/// Whether the device id has the form of the vendor's.
pub fn accepts_device(action: &Action) -> bool {
    action.target.vendor == Vendor::Crowdstrike && Aid::of(&action.target.device_id).is_some()
}

impl Edr {
    /// As configured: in dry run there is not even a client.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(config: &Config) -> Result<Self, ClientError> {
        match &config.crowdstrike {
            Some(edr) if !config.dry_run => {
                let protected = ProtectedHosts::new(&config.policy.protected_hosts);
                let falcon = Crowdstrike::new(edr.clone(), protected, config.policy.require_hostname_match)?;
                Ok(Self::Crowdstrike(Box::new(falcon)))
            }
            _ => Ok(Self::DryRun),
        }
    }
}

/// The state that an operation is to end in.
const fn wanted(operation: Operation) -> &'static str {
    match operation {
        Operation::Execute => "contained",
        Operation::Rollback => "normal",
    }
}
