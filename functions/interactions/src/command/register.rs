//! `/vyrox register`: the server belongs to the tenant from now on.

use super::say;
use crate::Interactions;
use crate::answer::Answer;
use crate::failure::Failure;
use serde_json::json;
use vyrox_contract::TenantId;
use vyrox_domain::card::{Ephemeral, Tone};
use vyrox_domain::command::{Audience, CardRole, Invocation, OneTimeCode, authorise, check_role};
use vyrox_domain::tenant::{Snowflake, Tenant, TenantStatus};
use vyrox_domain::text::Shown;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::link_code::{LinkCode, StoredCode};
use vyrox_platform::table::{Lookup, SortKey, Versioned};

/// What a code that is wrong, used, expired or of nobody is answered with; which of these it is, is nobody's business.
const NO_SUCH_CODE: &str =
    "This code is not good (any more). Ask your operator for a new one: `vyroxctl tenant link-code`.";

/// The tenant that a code names. That proves nothing yet.
pub(super) fn tenant_named(code: &OneTimeCode) -> Option<TenantId> {
    code.expose().parse::<LinkCode>().ok().map(|code| code.tenant().clone())
}

impl Interactions {
    pub(super) async fn register(
        &self,
        invocation: &Invocation,
        code: &OneTimeCode,
        admin_role: &CardRole,
        channel: Option<Snowflake>,
    ) -> Result<Answer, Failure> {
        let (now, guild) = (self.clock.now(), invocation.guild_id());
        let (member, permissions) = (invocation.member(), invocation.permissions());
        if let Err(denied) = authorise(Audience::Installer, member, permissions, None, now) {
            return Ok(say(Shown::literal(denied.explanation())));
        }
        if let Err(why) = check_role(admin_role, guild) {
            return Ok(say(Shown::literal(why)));
        }
        let Ok(code) = code.expose().parse::<LinkCode>() else { return Ok(say(Shown::literal(NO_SUCH_CODE))) };
        let (code_key, profile_key) = (SortKey::link_code(code.id()), SortKey::profile());
        let (stored, profile) = tokio::try_join!(
            self.table.read::<StoredCode>(code.tenant(), &code_key, now),
            self.table.read::<Tenant>(code.tenant(), &profile_key, now),
        )?;
        let is_good = stored.is_some_and(|stored| stored.value.admits(&code, now));
        let Some(Versioned { value: mut tenant, version }) = profile.filter(|_| is_good) else {
            return Ok(say(Shown::literal(NO_SUCH_CODE)));
        };
        if tenant.status == TenantStatus::Suspended {
            return Ok(say(Shown::literal("This tenant is suspended. Ask your operator.")));
        }
        let owners = self.table.owners(&Lookup::guild(guild)).await?;
        let is_elsewhere = owners.iter().any(|(owner, _)| owner != &tenant.id);
        if is_elsewhere || tenant.guild_id.is_some_and(|linked| linked != guild) {
            let mut entry = self.entry(&tenant.id, invocation, "GUILD_LINK_REFUSED");
            let why = if is_elsewhere { "server_linked_elsewhere" } else { "tenant_linked_elsewhere" };
            entry.outcome = Some(why.to_owned());
            self.ledger.commit(&tenant.id, &[], &entry).await?;
            return Ok(say(Shown::literal(if is_elsewhere {
                "This server is linked to another tenant. A server belongs to one tenant only."
            } else {
                "This tenant is linked to another server. Its operator can undo that: `vyroxctl tenant set --clear guild`."
            })));
        }
        let channel = channel.unwrap_or_else(|| invocation.channel_id());
        tenant.guild_id = Some(guild);
        tenant.channel_id = Some(channel);
        tenant.admin_roles = vec![admin_role.id];
        let changes = [
            // Its version is what keeps one code from linking twice.
            Change::profile(&tenant, Expect::Version(version)),
            Change::delete(code_key),
            self.once(invocation, "GUILD_LINKED"),
        ];
        let mut entry = self.entry(&tenant.id, invocation, "GUILD_LINKED");
        entry.detail.insert("cards_channel_id".to_owned(), json!(channel));
        entry.detail.insert("admin_role_id".to_owned(), json!(admin_role.id));
        entry.detail.insert("code".to_owned(), json!(code.id()));
        self.ledger.commit(&tenant.id, &changes, &entry).await?;
        tracing::info!(tenant_id = %tenant.id, guild_id = %guild, "server linked");
        Ok(Answer::Whisper(Box::new(linked(&tenant, admin_role.id, channel))))
    }
}

fn linked(tenant: &Tenant, admin_role: Snowflake, channel: Snowflake) -> Ephemeral {
    Ephemeral::panel(
        Shown::join([Shown::literal("This server is linked to "), Shown::inline(&tenant.name, 100).bold()]),
        Tone::Good,
        "Linked",
        Shown::lines([
            Shown::join([Shown::literal("Cards are posted in "), Shown::channel(channel)]),
            Shown::join([
                Shown::literal("Members with "),
                Shown::role(admin_role),
                Shown::literal(" and Manage Server set Vyrox up"),
            ]),
            Shown::literal("Next: `/vyrox onboard` says what is still to be done"),
        ]),
        [],
    )
}
