//! What Approve does, exactly, and how many it takes.

use super::field;
use super::message::Field;
use crate::approval::settled;
use crate::plan::Plan;
use crate::record::{AlertRecord, Offer, SecondWanted};
use crate::tenant::Tenant;
use crate::text::Shown;
use vyrox_contract::{ActionType, Operation, Vendor};

/// What Approve does exactly (once decided: did, or would have done), or why there is nothing to approve.
pub(super) fn question(record: &AlertRecord, tenant: &Tenant) -> Option<Field> {
    match record.offer.as_ref()? {
        Offer::Containment(plan) => {
            let is_open = record.decision.is_none();
            let expires = || Shown::join([Shown::literal(", expires "), Shown::time(plan.expires_at(), 'f')]);
            let expiry = is_open.then(expires);
            let takes = second_wanted(record, plan, tenant).filter(|_| is_open).map(|wanted| {
                Shown::join([Shown::literal("\ntakes two approvers: "), Shown::literal(why_second(wanted))])
            });
            let lease = plan.lease_seconds().map(|seconds| {
                Shown::join([
                    Shown::literal("\nreleased automatically after "),
                    Shown::number(i64::from(seconds.div_ceil(60))),
                    Shown::literal(" minutes"),
                ])
            });
            let value = Shown::join(
                [
                    Shown::literal(what(plan)).bold(),
                    Shown::literal(" in "),
                    Shown::literal(product(plan.target().vendor)),
                    Shown::literal("\ndevice "),
                    Shown::span(plan.target().shown_device(), 70),
                    Shown::literal("\nthrough proxy "),
                    Shown::span(plan.proxy_id().as_str(), 70),
                    Shown::literal("\nplan "),
                    Shown::span(&plan.digest().short(), 20),
                ]
                .into_iter()
                .chain(expiry)
                .chain(lease)
                .chain(takes),
            );
            Some(field(if is_open { "Approve does" } else { "Plan" }, value, false))
        }
        Offer::Nothing(why) => Some(field("Containment", Shown::literal(why.explanation()), false)),
    }
}

/// Why a containment takes two approvers: because of the one who was first, or whoever comes.
fn second_wanted(record: &AlertRecord, plan: &Plan, tenant: &Tenant) -> Option<SecondWanted> {
    record.second_wanted.or_else(|| settled(plan, Operation::Execute, tenant))
}

const fn why_second(wanted: SecondWanted) -> &'static str {
    match wanted {
        SecondWanted::Quorum => "this tenant always asks for two",
        SecondWanted::Rule => "a rule for this kind of action or host",
        SecondWanted::UserCap => "the first one has approved a lot in the last ten minutes",
        SecondWanted::HostCap => "many hosts were contained in the last hour",
    }
}

/// What Approve would do, in words.
pub(super) const fn deed(plan: &Plan) -> &'static str {
    match plan.action_type() {
        ActionType::HostIsolation => "isolate this host",
        ActionType::ProcessKill => "kill this process",
        ActionType::NetworkQuarantine => "quarantine this host's network",
    }
}

/// The same for the plan's own field.
pub(super) const fn what(plan: &Plan) -> &'static str {
    match plan.action_type() {
        ActionType::HostIsolation => "Isolate the host",
        ActionType::ProcessKill => "Kill the process",
        ActionType::NetworkQuarantine => "Quarantine the host's network",
    }
}

/// What people call the EDR.
pub(super) const fn product(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Crowdstrike => "CrowdStrike Falcon",
        Vendor::Sentinelone => "SentinelOne",
        Vendor::Defender => "Microsoft Defender for Endpoint",
        Vendor::Generic => "the source",
    }
}
