//! Who may use a command. Deny by default; Discord's own settings for a command's visibility are a convenience and never
//! counted on, because a server's administrators can change them.

use super::registration::MANAGE_GUILD;
use super::request::CardRole;
use super::table::Audience;
use crate::interaction::Member;
use crate::tenant::{Snowflake, Tenant, TenantStatus};

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.explanation())]
pub enum Denied {
    /// A bot, or a member who is screened or timed out.
    MayNotAct,
    /// The server is not linked.
    NotLinked,
    /// The tenant is switched off.
    Suspended,
    /// Without Manage Server.
    NotManager,
    /// Without an administrator role of the tenant, or there is none.
    NotAdministrator,
    /// Without an approver role of the tenant, or there is none.
    NotApprover,
    /// Neither.
    NotReader,
}

impl Denied {
    /// One sentence for the one who asked.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::MayNotAct => "Your account may not do this at the moment.",
            Self::NotLinked => {
                "This server is not linked to a tenant. Whoever manages it can link it: `/vyrox register`."
            }
            Self::Suspended => "This tenant is suspended. Ask your operator.",
            Self::NotManager => "This takes the permission Manage Server.",
            Self::NotAdministrator => {
                "This takes one of this tenant's administrator roles. Your operator can set them: `vyroxctl tenant set`."
            }
            Self::NotApprover => {
                "This takes one of this tenant's approver roles. An administrator can add yours: `/vyrox approvers add`."
            }
            Self::NotReader => "This takes one of this tenant's approver or administrator roles.",
        }
    }

    /// The word in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MayNotAct => "may_not_act",
            Self::NotLinked => "not_linked",
            Self::Suspended => "suspended",
            Self::NotManager => "not_manager",
            Self::NotAdministrator => "not_administrator",
            Self::NotApprover => "not_approver",
            Self::NotReader => "not_reader",
        }
    }
}

/// Whether a member may use commands for this audience. `permissions` are Discord's bits in the signed invocation; `now` is
/// unix seconds. No roles means nobody: neither owning the server nor administrating it counts.
///
/// # Errors
/// [`Denied`].
pub fn authorise(
    audience: Audience,
    member: &Member,
    permissions: u64,
    tenant: Option<&Tenant>,
    now: i64,
) -> Result<(), Denied> {
    if !member.may_act(now) {
        return Err(Denied::MayNotAct);
    }
    let manages = permissions & MANAGE_GUILD != 0;
    if audience == Audience::Installer {
        return if manages { Ok(()) } else { Err(Denied::NotManager) };
    }
    let tenant = tenant.ok_or(Denied::NotLinked)?;
    if tenant.status == TenantStatus::Suspended {
        return Err(Denied::Suspended);
    }
    let has = |roles: &[Snowflake]| member.roles().iter().any(|role| roles.contains(role));
    match audience {
        Audience::Administrator if !manages => Err(Denied::NotManager),
        Audience::Administrator if !has(&tenant.admin_roles) => Err(Denied::NotAdministrator),
        Audience::Approver if !has(&tenant.approver_roles) => Err(Denied::NotApprover),
        Audience::Reader if !has(&tenant.approver_roles) && !has(&tenant.admin_roles) => Err(Denied::NotReader),
        Audience::Installer | Audience::Administrator | Audience::Approver | Audience::Reader => Ok(()),
    }
}

/// Whether members get a role only from somebody who gives it to them. What is refused, in one sentence.
///
/// # Errors
/// Why it may neither decide nor administrate.
pub fn check_role(role: &CardRole, guild: Snowflake) -> Result<(), &'static str> {
    if role.id == guild {
        Err("@everyone is no role for this: everybody in the server has it.")
    } else if role.managed {
        Err("This role is managed by an integration, which decides who has it.")
    } else if role.self_service {
        Err("Members can give themselves this role (on joining, by linking an account or by a subscription).")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interaction::tests::{changed_invocation, invocation};
    use crate::stage;
    use serde_json::json;

    const NOW: i64 = 1_700_000_000;
    const EVERYTHING: &str = "2251799813685247";

    fn decided(audience: Audience, permissions: &str, roles: &[&str], linked: bool) -> Result<(), Denied> {
        let invocation = invocation(&json!([{"name": "status", "type": 1}]), permissions, roles);
        let mut tenant = stage::tenant();
        tenant.approver_roles = vec!["1".parse().unwrap()];
        tenant.admin_roles = vec!["2".parse().unwrap()];
        let tenant = linked.then_some(&tenant);
        authorise(audience, invocation.member(), invocation.permissions(), tenant, NOW)
    }

    #[test]
    fn who_may_do_what() {
        use Audience::{Administrator, Approver, Installer, Reader};
        for (audience, permissions, roles, linked, expected) in [
            (Installer, "32", &[][..], false, Ok(())),
            (Installer, "0", &["1", "2"], true, Err(Denied::NotManager)),
            (Installer, "no number", &[], false, Err(Denied::NotManager)),
            (Administrator, "32", &["2"], true, Ok(())),
            (Administrator, "32", &["2"], false, Err(Denied::NotLinked)),
            (Administrator, "0", &["2"], true, Err(Denied::NotManager)),
            (Administrator, EVERYTHING, &["1"], true, Err(Denied::NotAdministrator)),
            (Approver, "0", &["1"], true, Ok(())),
            (Approver, EVERYTHING, &["2"], true, Err(Denied::NotApprover)),
            (Approver, EVERYTHING, &[], true, Err(Denied::NotApprover)),
            (Reader, "0", &["1"], true, Ok(())),
            (Reader, "0", &["2"], true, Ok(())),
            (Reader, EVERYTHING, &["3"], true, Err(Denied::NotReader)),
        ] {
            assert_eq!(decided(audience, permissions, roles, linked), expected, "{audience:?} {permissions} {roles:?}");
        }
    }

    #[test]
    fn who_may_not_act_commands_nothing_whatever_their_permissions() {
        let bot = changed_invocation(EVERYTHING, &["1", "2"], |member| member["user"]["bot"] = json!(true));
        let mut tenant = stage::tenant();
        tenant.approver_roles = vec!["1".parse().unwrap()];
        tenant.admin_roles = vec!["2".parse().unwrap()];
        for audience in [Audience::Installer, Audience::Administrator, Audience::Approver, Audience::Reader] {
            let answer = authorise(audience, bot.member(), bot.permissions(), Some(&tenant), NOW);
            assert_eq!(answer, Err(Denied::MayNotAct), "{audience:?}");
        }
    }

    #[test]
    fn an_empty_list_is_nobody_and_a_suspended_tenant_answers_nobody() {
        let invocation = invocation(&json!([]), EVERYTHING, &["1"]);
        let mut tenant = stage::tenant();
        tenant.approver_roles.clear();
        tenant.admin_roles.clear();
        let ask = |tenant: &Tenant, audience| {
            authorise(audience, invocation.member(), invocation.permissions(), Some(tenant), NOW)
        };
        assert_eq!(ask(&tenant, Audience::Reader), Err(Denied::NotReader));
        assert_eq!(ask(&tenant, Audience::Administrator), Err(Denied::NotAdministrator));
        tenant.approver_roles = vec!["1".parse().unwrap()];
        tenant.status = TenantStatus::Suspended;
        assert_eq!(ask(&tenant, Audience::Approver), Err(Denied::Suspended));
    }

    #[test]
    fn a_role_that_members_can_give_themselves_counts_for_nothing() {
        let guild: Snowflake = "600".parse().unwrap();
        let role = |id: &str, managed, self_service| CardRole {
            id: id.parse().unwrap(),
            name: "role".to_owned(),
            managed,
            self_service,
        };
        assert!(check_role(&role("800", false, false), guild).is_ok());
        for bad in [role("600", false, false), role("800", true, false), role("800", false, true)] {
            assert!(check_role(&bad, guild).is_err(), "{bad:?}");
        }
    }
}
