//! `/vyrox approvers`: whose members may decide.

use super::say;
use crate::Interactions;
use crate::answer::Answer;
use crate::failure::Failure;
use serde_json::json;
use vyrox_domain::card::{Ephemeral, Tone};
use vyrox_domain::command::{CardRole, Invocation, check_role};
use vyrox_domain::tenant::{Snowflake, Tenant, TenantStatus};
use vyrox_domain::text::Shown;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::Versioned;

/// The most roles that a tenant has: they are shown in one field.
const MOST_ROLES: usize = 20;

/// Who may decide now.
pub(super) fn list(tenant: &Tenant) -> Answer {
    let many = tenant.quorum > 1;
    let quorum = if many {
        "Two different approvers are needed."
    } else {
        "One approver is enough, unless the policy says two."
    };
    Answer::Whisper(Box::new(Ephemeral::panel(
        if tenant.approver_roles.is_empty() {
            Shown::literal("Nobody may decide.")
        } else {
            Shown::literal(
                "Members with one of these roles may decide. Owning or administrating the server does not count.",
            )
        },
        if tenant.approver_roles.is_empty() { Tone::Warning } else { Tone::Neutral },
        "Approvers",
        Shown::literal(quorum),
        [
            (Shown::literal("Approver roles"), roles(&tenant.approver_roles)),
            (Shown::literal("Administrator roles"), roles(&tenant.admin_roles)),
        ],
    )))
}

/// The roles, one a line.
pub(super) fn roles(roles: &[Snowflake]) -> Shown {
    if roles.is_empty() { Shown::literal("none") } else { Shown::lines(roles.iter().map(|role| Shown::role(*role))) }
}

impl Interactions {
    pub(super) async fn add_approvers(
        &self,
        invocation: &Invocation,
        tenant: &Versioned<Tenant>,
        role: &CardRole,
    ) -> Result<Answer, Failure> {
        if let Err(why) = check_role(role, invocation.guild_id()) {
            return Ok(say(Shown::literal(why)));
        }
        let mut after = tenant.value.clone();
        if after.approver_roles.contains(&role.id) {
            return Ok(say(Shown::literal("Members with this role may decide already.")));
        }
        if after.approver_roles.len() == MOST_ROLES {
            return Ok(say(Shown::literal("There are 20 approver roles already. Take one away first.")));
        }
        after.approver_roles.push(role.id);
        after.approver_roles.sort_unstable();
        self.change_approvers(invocation, tenant.version, &after, role, "APPROVER_ROLE_ADDED").await
    }

    pub(super) async fn remove_approvers(
        &self,
        invocation: &Invocation,
        tenant: &Versioned<Tenant>,
        role: &CardRole,
    ) -> Result<Answer, Failure> {
        let mut after = tenant.value.clone();
        after.approver_roles.retain(|other| *other != role.id);
        if after.approver_roles == tenant.value.approver_roles {
            return Ok(say(Shown::literal("Members with this role may not decide as it is.")));
        }
        if after.approver_roles.is_empty() && after.status == TenantStatus::Active {
            return Ok(say(Shown::literal(
                "It is the last approver role, and without one nobody could ever decide. Add another one first.",
            )));
        }
        self.change_approvers(invocation, tenant.version, &after, role, "APPROVER_ROLE_REMOVED").await
    }

    async fn change_approvers(
        &self,
        invocation: &Invocation,
        version: u64,
        after: &Tenant,
        role: &CardRole,
        kind: &str,
    ) -> Result<Answer, Failure> {
        let mut entry = self.entry(&after.id, invocation, kind);
        entry.detail.insert("role_id".to_owned(), json!(role.id));
        entry.detail.insert("approver_roles".to_owned(), json!(after.approver_roles));
        let changes = [Change::profile(after, Expect::Version(version)), self.once(invocation, kind)];
        self.ledger.commit(&after.id, &changes, &entry).await?;
        Ok(list(after))
    }
}
