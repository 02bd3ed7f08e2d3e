//! Fifth step: act. `Recorded<Action> -> Outcome`.
//!
//! [`execute`] takes only what is already in the audit log; nothing else in the program can make an EDR change anything.
//! `edr/deed.rs` lists what can be changed, `edr/change.rs` what each answer counts as, `edr/api.rs` is the way of every
//! request; beside them a file and a folder per vendor with its calls, and its answers as pure functions of their bytes.

mod access;
mod api;
mod change;
mod connection;
mod crowdstrike;
mod deed;
mod defender;
mod device;
mod failure;
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
use api::{Api, Call, Reply};
use deed::Deed;
use device::Device;
use failure::{Failure, Why};
use std::collections::BTreeMap;
use tokio::time::Instant;
use turns::Turns;
use vyrox_contract::{Action, Operation, Outcome as Kind, RequestId, Target, Vendor, Verification};

/// Who acts.
#[derive(Debug)]
pub enum Edr {
    /// Nobody: every check and every entry, but no call.
    DryRun,
    /// The vendors whose credentials are configured.
    Live(Vendors),
}

/// The vendors' APIs, and the turns of their devices.
#[derive(Debug)]
pub struct Vendors {
    apis: BTreeMap<Vendor, Api>,
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
    /// The device that the EDR was asked about, by the vendor's id.
    pub device_id: Option<String>,
    /// Which rule of the policy, if it was refused.
    pub refusal: Option<Refusal>,
}

impl Ending {
    /// An ending of which nothing was read back.
    pub fn unread(kind: Kind, detail: impl Into<String>) -> Self {
        let (verification, detail) = (Verification::None, detail.into());
        Self { kind, verification, detail, vendor_reference: None, device_id: None, refusal: None }
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
    let ending = match edr {
        Edr::DryRun => {
            let text = format!("dry run: {} on {} was not called", action.operation.as_str(), action.target.vendor);
            Ending::unread(Kind::DryRun, text)
        }
        Edr::Live(vendors) => {
            let served = vendors.serve(recorded.subject(), policy, Some(Leave { action, policy, clock })).await;
            served.unwrap_or_else(|failure| change::failed(&failure))
        }
    };
    Outcome { ending, claim: recorded.into_claim() }
}

/// Reports on an intent that a crash left without an outcome. Reads the EDR's state; never acts.
pub async fn examine(unfinished: Claim, edr: &Edr, policy: &Policy) -> Outcome {
    let subject = unfinished.subject();
    let read = match edr {
        Edr::Live(vendors) if !subject.dry_run => vendors.serve(subject, policy, None).await.ok(),
        _ => None,
    };
    let ending = read.unwrap_or_else(|| match subject.dry_run {
        true => Ending::unread(Kind::DryRun, "dry run: interrupted; no EDR was called"),
        false => Ending::unread(Kind::Ambiguous, "interrupted; the EDR's state was not read"),
    });
    Outcome { ending, claim: unfinished }
}

/// Why an action cannot be done whatever else the policy says: there is no way to do exactly this, and nothing is ever
/// replaced by something similar; or the target has not every id that its vendor needs, in the vendor's form.
pub fn impossible(action: &Action) -> Option<Refusal> {
    Deed::of(action.operation, action.action_type, &action.target).err()
}

/// The id of the device in its vendor's form, whatever spelling the target has it in.
pub(crate) fn device_id(target: &Target) -> Option<String> {
    device::id(target.vendor, target.device_id.as_ref()?.as_str())
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
        let mut apis = BTreeMap::new();
        for access in &config.edrs {
            let api = match access.base.vendor() {
                Vendor::Crowdstrike => crowdstrike::api(access)?,
                Vendor::Sentinelone => sentinelone::api(access)?,
                Vendor::Defender => defender::api(access)?,
                Vendor::Generic => continue,
            };
            apis.insert(access.base.vendor(), api);
        }
        Ok(Self::Live(Vendors { apis, turns: Turns::new() }))
    }
}

impl Vendors {
    /// Acts by this leave on what the audit log says of an action; without one only looks at what it has come to.
    async fn serve(&self, subject: &Subject, policy: &Policy, leave: Option<Leave<'_>>) -> Result<Ending, Failure> {
        let (Some(target), Ok(kind)) = (&subject.target, subject.action_type.parse()) else {
            return Err(Why::Target("the audit log does not tell what it was aimed at").into());
        };
        let operation = subject.key.operation;
        let impossible = |_| Why::Target("the vendor has no call for exactly this");
        let deed = Deed::of(operation, kind, target).map_err(impossible)?;
        let api = self.apis.get(&target.vendor).ok_or(Why::Target("this proxy has no credentials for this vendor"))?;
        let device = device::find(api, target, api.deadline()).await?;
        check(&device, target, policy, operation, leave)?;
        let turn = tokio::time::timeout_at(api.deadline(), self.turns.take(&device.id)).await;
        let _turn = turn.map_err(|_| Why::Target("other actions on this device took too long"))?;
        // From here on: the turn may have been waited for.
        let until = api.deadline();
        let request_id = &subject.key.request_id;
        let order = Order { deed: &deed, operation, request_id, leave, api, device: &device.id, until };
        // Boxed, because what is remembered between a vendor's answers is large.
        let ending = match target.vendor {
            Vendor::Crowdstrike => Box::pin(crowdstrike::serve(&order)).await?,
            Vendor::Sentinelone => Box::pin(sentinelone::serve(&order)).await?,
            Vendor::Defender => Box::pin(defender::serve(&order)).await?,
            Vendor::Generic => return Err(Why::Target("the vendor has no containment API").into()),
        };
        Ok(Ending { device_id: Some(device.id), ..ending })
    }
}

/// The approver saw a host name and the EDR is given an id: the two must be the same machine, and the policy must agree to
/// the EDR's own name for it too. A release of a device by its id is never objected to.
fn check(
    device: &Device,
    target: &Target,
    policy: &Policy,
    operation: Operation,
    leave: Option<Leave<'_>>,
) -> Result<(), Failure> {
    let does = operation == Operation::Execute;
    // A device that was only looked up by its name has nothing else to be recognised by.
    let must_match = target.device_id.is_none() || (does && policy.requires_hostname_match());
    let Some(name) = device.name() else {
        let matters = must_match || (does && policy.goes_by_names());
        let nameless = || Err(Why::Target("the EDR has no name for the device to compare").into());
        return if matters { nameless() } else { Ok(()) };
    };
    if let (true, Some(leave)) = (does, leave) {
        leave.covers(name)?;
    }
    if !must_match || is_same_host(name, target.hostname.as_str()) {
        Ok(())
    } else {
        Err(Why::Target("the EDR knows the device by another name than the approver saw").into())
    }
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

/// What is asked of a vendor: about which device, in what way, and until when it must have been taken.
struct Order<'a> {
    deed: &'a Deed,
    operation: Operation,
    request_id: &'a RequestId,
    /// None: nothing is changed, only looked at.
    leave: Option<Leave<'a>>,
    api: &'a Api,
    device: &'a str,
    until: Instant,
}

impl Order<'_> {
    async fn send(&self, call: &Call<'_>) -> Result<Reply, Failure> {
        self.api.send(call, self.until).await
    }
}
