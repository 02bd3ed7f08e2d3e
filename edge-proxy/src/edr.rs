//! Fifth step: act. `Recorded<Action> -> Outcome`.
//!
//! [`execute`] takes only what is already in the audit log; nothing else in the program can make an EDR change anything.
//! `edr/deed.rs` lists what can be changed, `edr/change.rs` what each answer counts as, `edr/api.rs` is the way of every
//! request; beside them a folder per vendor with its calls, and its answers as pure functions of their bytes.

mod access;
mod api;
mod change;
mod crowdstrike;
mod deed;
mod defender;
mod device;
mod failure;
mod json;
mod sentinelone;
mod turns;

/// Every reader of a vendor's answer, for whoever wants to try them on bytes of their own: the fuzz targets do.
pub mod answers {
    pub use super::access::token;
    pub use super::api::Malformed;
    pub use super::change::{Answer, Reading};
    pub use super::crowdstrike::answer as crowdstrike;
    pub use super::defender::answer as defender;
    pub use super::device::{Device, Found};
    pub use super::failure::Refusal;
    pub use super::sentinelone::answer as sentinelone;
}

use crate::clock::Clock;
use crate::config::Config;
use crate::dedup::Claim;
use crate::hosts::is_same_host;
use crate::outbound::ClientError;
use crate::policy::{Policy, Refusal, Refused};
use crate::record::Recorded;
use crate::subject::Subject;
use crowdstrike::Crowdstrike;
use deed::{Deed, Impossible};
use defender::Defender;
use device::Device;
use failure::{Failure, Why};
use sentinelone::Sentinelone;
use tokio::sync::MutexGuard;
use tokio::time::Instant;
use turns::Turns;
use vyrox_contract::{Action, ActionType, Operation, Outcome as Kind, RequestId, Target, Vendor, Verification};

/// Who acts.
#[derive(Debug)]
pub enum Edr {
    /// Nobody: every check and every entry, but no call.
    DryRun,
    /// The vendors whose credentials are configured. Boxed, because they are large beside nothing.
    Live(Box<Vendors>),
}

/// The vendors' clients, and the rules that hold for all of them.
#[derive(Debug)]
pub struct Vendors {
    crowdstrike: Option<Crowdstrike>,
    sentinelone: Option<Sentinelone>,
    defender: Option<Defender>,
    turns: Turns,
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
    /// The vendor's id of the operation, or its trace id.
    pub vendor_reference: Option<String>,
    /// Which rule of the policy, if it was refused.
    pub refusal: Option<Refusal>,
}

impl Ending {
    /// An ending of which nothing was read back.
    pub fn unread(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, verification: Verification::None, detail: detail.into(), vendor_reference: None, refusal: None }
    }

    /// What the policy refused.
    fn refused(refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..Self::unread(Kind::Refused, refusal.to_string()) }
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
        Self { ending: Ending::refused(refused.refusal()), claim: refused.into_claim() }
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

/// Acts, if `policy` still agrees by `clock` when it comes to it, and agrees to what the EDR says of the device.
pub async fn execute(recorded: Recorded<Action>, edr: &Edr, policy: &Policy, clock: &dyn Clock) -> Outcome {
    let action = recorded.value();
    let ending = match (edr, Deed::of(action)) {
        (Edr::DryRun, _) => {
            let text = format!("dry run: {} on {} was not called", action.operation.as_str(), action.target.vendor);
            Ending::unread(Kind::DryRun, text)
        }
        (Edr::Live(vendors), Ok(deed)) => {
            let done = match action.operation {
                Operation::Execute => Kind::Executed,
                Operation::Rollback => Kind::RolledBack,
            };
            let purpose = Purpose::Act { done, leave: Leave { action, policy, clock } };
            let order = Order {
                deed: &deed,
                operation: action.operation,
                target: &action.target,
                request_id: &action.request_id,
                purpose,
                policy,
                turns: &vendors.turns,
            };
            vendors.serve(&order).await.unwrap_or_else(|failure| change::failed(&failure))
        }
        // The policy has refused it before it came here.
        (Edr::Live(_), Err(_)) => Ending::unread(Kind::Failed, "the vendor has no call for exactly this"),
    };
    Outcome { ending, claim: recorded.into_claim() }
}

/// Reports on an intent that a crash left without an outcome. Reads the EDR's state; never acts.
pub async fn examine(unfinished: Claim, edr: &Edr, policy: &Policy) -> Outcome {
    let subject = unfinished.subject();
    let unknown = || Ending::unread(Kind::Ambiguous, "interrupted; the EDR's state was not read");
    let ending = match (edr, subject.dry_run, &subject.target, subject.action_type.parse::<ActionType>()) {
        (_, true, ..) => Ending::unread(Kind::DryRun, "dry run: interrupted; no EDR was called"),
        (Edr::Live(vendors), _, Some(target), Ok(kind)) => match Deed::wanted(subject.operation(), kind, target) {
            Ok(deed) => {
                let order = Order {
                    deed: &deed,
                    operation: subject.operation(),
                    target,
                    request_id: &subject.key.request_id,
                    purpose: Purpose::Examine,
                    policy,
                    turns: &vendors.turns,
                };
                vendors.serve(&order).await.unwrap_or_else(|_| unknown())
            }
            Err(_) => unknown(),
        },
        _ => unknown(),
    };
    Outcome { ending, claim: unfinished }
}

/// Whether there is a way to do exactly this. Nothing is ever replaced by something similar.
pub fn supports(action: &Action) -> bool {
    Deed::of(action) != Err(Impossible::Unsupported)
}

/// Whether the target has every id that its vendor needs, in the vendor's form.
pub fn accepts_device(action: &Action) -> bool {
    Deed::of(action) != Err(Impossible::Target)
}

impl Edr {
    /// As configured: in dry run there is not even a client.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(config: &Config) -> Result<Self, ClientError> {
        if config.dry_run {
            return Ok(Self::DryRun);
        }
        Ok(Self::Live(Box::new(Vendors {
            crowdstrike: config.crowdstrike.as_ref().map(Crowdstrike::new).transpose()?,
            sentinelone: config.sentinelone.as_ref().map(Sentinelone::new).transpose()?,
            defender: config.defender.as_ref().map(Defender::new).transpose()?,
            turns: Turns::new(),
        })))
    }
}

impl Vendors {
    /// Boxed, because what is remembered between a vendor's answers is large.
    async fn serve(&self, order: &Order<'_>) -> Result<Ending, Failure> {
        match order.target.vendor {
            Vendor::Crowdstrike => Box::pin(configured(self.crowdstrike.as_ref())?.serve(order)).await,
            Vendor::Sentinelone => Box::pin(configured(self.sentinelone.as_ref())?.serve(order)).await,
            Vendor::Defender => Box::pin(configured(self.defender.as_ref())?.serve(order)).await,
            Vendor::Generic => Err(Why::Target("the vendor has no containment API").into()),
        }
    }
}

fn configured<T>(client: Option<&T>) -> Result<&T, Failure> {
    client.ok_or_else(|| Why::Target("this proxy has no credentials for this vendor").into())
}

/// Whether to act, and what it is called when it is done; or only to look at what an interrupted action has come to.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    Act { done: Kind, leave: Leave<'a> },
    Examine,
}

/// On whose word something is changed. No request that changes anything can be made without one, and right before it is sent
/// it is asked whether it still holds.
#[derive(Clone, Copy)]
struct Leave<'a> {
    action: &'a Action,
    policy: &'a Policy,
    clock: &'a dyn Clock,
}

impl Leave<'_> {
    fn holds(&self) -> Result<(), Failure> {
        self.policy.lapsed(self.action, self.clock.now()).map_or(Ok(()), |refusal| Err(Why::Policy(refusal).into()))
    }

    /// Whether it is also for a host that the EDR knows by this name.
    fn covers(&self, name: &str) -> Result<(), Failure> {
        let refusal = self.policy.by_name(self.action, name, self.clock.now());
        refusal.map_or(Ok(()), |refusal| Err(Why::Policy(refusal).into()))
    }
}

/// What is asked of a vendor's client.
struct Order<'a> {
    deed: &'a Deed,
    operation: Operation,
    target: &'a Target,
    request_id: &'a RequestId,
    purpose: Purpose<'a>,
    policy: &'a Policy,
    turns: &'a Turns,
}

impl<'a> Order<'a> {
    /// The approver saw a host name and the EDR is given an id: the two must be the same machine, and the policy must agree to
    /// the EDR's own name for it too. A release is never objected to.
    fn check(&self, device: &Device) -> Result<(), Failure> {
        if self.operation == Operation::Rollback {
            return Ok(());
        }
        // A device that was only looked up by its name has nothing else to be recognised by.
        let may_differ = !self.policy.requires_hostname_match() && self.target.device_id.is_some();
        let Some(name) = device.name() else {
            let matters = !may_differ || self.policy.goes_by_names();
            return if matters {
                Err(Why::Target("the EDR has no name for the device to compare").into())
            } else {
                Ok(())
            };
        };
        if let Purpose::Act { leave, .. } = self.purpose {
            leave.covers(name)?;
        }
        if may_differ || is_same_host(name, self.target.hostname.as_str()) {
            Ok(())
        } else {
            Err(Why::Target("the EDR knows the device by another name than the approver saw").into())
        }
    }

    /// Checks the device and waits for its turn, as long as an action may take.
    async fn turn(&self, device: &Device, until: Instant) -> Result<MutexGuard<'a, ()>, Failure> {
        self.check(device)?;
        let turn = tokio::time::timeout_at(until, self.turns.take(&device.id)).await;
        turn.map_err(|_| Why::Target("other actions on this device took too long").into())
    }
}
