//! How many people it takes.

use super::Moment;
use crate::plan::Plan;
use crate::record::SecondWanted;
use crate::tenant::{Deed, Snowflake, Tenant};
use vyrox_contract::Operation;

/// Why one approver is not enough for this, if one is not. `user` is the one who says yes now.
#[must_use]
pub fn second_wanted(plan: &Plan, operation: Operation, moment: &Moment<'_>, user: Snowflake) -> Option<SecondWanted> {
    let Moment { tenant, pace, now, .. } = *moment;
    if let Some(wanted) = settled(plan, operation, tenant) {
        return Some(wanted);
    }
    // What takes a host off the network is capped; what brings it back is not.
    if operation == Operation::Rollback {
        return None;
    }
    let caps = tenant.policy.caps;
    if pace.is_user_at_cap(user, caps, now) {
        Some(SecondWanted::UserCap)
    } else if pace.is_tenant_at_cap(plan.target().hostname.as_str(), caps, now) {
        Some(SecondWanted::HostCap)
    } else {
        None
    }
}

/// The same as far as the tenant's settings alone say it, whoever approves and however much was approved.
pub(crate) fn settled(plan: &Plan, operation: Operation, tenant: &Tenant) -> Option<SecondWanted> {
    if tenant.quorum > 1 && operation == Operation::Execute {
        return Some(SecondWanted::Quorum);
    }
    let deed = Deed::of(operation, plan.action_type());
    tenant.policy.two_for(deed, plan.target().hostname.as_str()).map(|_| SecondWanted::Rule)
}
