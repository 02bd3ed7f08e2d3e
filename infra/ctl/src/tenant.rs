//! `vyroxctl tenant`.

use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::policy;
use crate::profile::{self, Clearable, ProfileFlags};
use crate::report::Report;
use crate::table;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vyrox_contract::{ProxyId, TenantId};
use vyrox_domain::approval::OptIn;
use vyrox_domain::redact::Personal;
use vyrox_domain::tenant::{LlmConsent, Rates, Snowflake, Tenant, TenantStatus};
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::link_code::LinkCode;
use vyrox_platform::table::{Lookup, SortKey, Versioned};
use vyrox_platform::transfer::Transfer;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a tenant; it begins as onboarding
    #[command(after_help = "Example:\n  vyroxctl tenant create acme --name 'Acme GmbH' --guild 600000000000000001 \
        --channel 700000000000000001 --approver-role 800000000000000001 --quorum 2")]
    Create(Create),
    /// List the tenants. They have no list in the table, so this reads all of it
    List,
    /// Show a tenant's settings
    Show {
        /// The tenant
        id: TenantId,
    },
    /// Change settings
    #[command(after_help = "Examples:\n  vyroxctl tenant set acme --quorum 2 --llm opted-in\n  \
        vyroxctl tenant set acme --approver-role 8001 --approver-role 8002   these two, and no others\n  \
        vyroxctl tenant set acme --emails redacted --rate-per-minute 6000 --source-rate-per-minute generic=60\n  \
        vyroxctl tenant set acme --reason always --step-up totp --step-up-grace 5\n  \
        vyroxctl tenant set acme --host-tag 'critical=dc-*' --two-approvers any@critical --two-approvers release\n  \
        vyroxctl tenant set acme --freeze 'fri 16:00-24:00' --freeze 'sat-sun 00:00-24:00'\n  \
        vyroxctl tenant set acme --clear lease-minutes")]
    Set(Set),
    /// Make a one-time code that links a Discord server to a tenant: prints it once
    #[command(after_help = "Example:\n  vyroxctl tenant link-code acme\n\n\
        Give the code to whoever manages the server, over a channel that you trust: it is entered there as\n\
        /vyrox register code:... admin_role:@role")]
    LinkCode {
        /// The tenant
        id: TenantId,
        /// How long the code is good for
        #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_080))]
        minutes: u32,
    },
    /// Switch a tenant off: its webhooks answer 401 and nobody can approve
    Suspend {
        /// The tenant
        id: TenantId,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Put a tenant into use
    Activate {
        /// The tenant
        id: TenantId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The new tenant: 1 to 64 letters, digits, '.', '_', '-'. It stands in webhook paths and cannot be changed
    id: TenantId,
    /// The name on cards
    #[arg(long, value_parser = profile::name)]
    name: String,
    #[command(flatten)]
    flags: ProfileFlags,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The tenant
    id: TenantId,
    /// The name on cards
    #[arg(long, value_parser = profile::name)]
    name: Option<String>,
    #[command(flatten)]
    flags: ProfileFlags,
    /// Which of its enrolled proxies acts for the tenant
    #[arg(long, value_name = "ID")]
    proxy_id: Option<ProxyId>,
    /// Take a setting away; may be repeated
    #[arg(long, value_name = "SETTING")]
    clear: Vec<Clearable>,
}

impl Command {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        match self {
            Self::Create(create) => create.run(deployment).await,
            Self::List => list(deployment).await,
            Self::Show { id } => {
                let tenant = deployment.tenant(&id).await?.value;
                let spent = deployment.tokens_spent(&id).await?;
                let now = deployment.now();
                let opt_in = deployment.table.read::<OptIn>(&id, &SortKey::opt_in(), now).await?;
                let opt_in = opt_in.map(|found| found.value).filter(|opt_in| opt_in.is_open(now));
                Ok(shown(&tenant, Some(&LookedUp { spent, opt_in })))
            }
            Self::Set(set) => set.run(deployment).await,
            Self::LinkCode { id, minutes } => link_code(deployment, &id, minutes).await,
            Self::Suspend { id, confirm } => suspend(deployment, &id, &confirm).await,
            Self::Activate { id } => {
                let before = deployment.tenant(&id).await?;
                status(deployment, before, TenantStatus::Active, "TENANT_ACTIVATED").await
            }
        }
    }
}

async fn list(deployment: &Deployment) -> Result<Report, CtlError> {
    let mut ids = Transfer::new(deployment.table.clone()).tenants().await?;
    ids.sort();
    let (mut rows, mut items) = (Vec::new(), Vec::new());
    for id in ids {
        let tenant = deployment.tenant(&id).await?.value;
        rows.push([
            id.to_string(),
            format!("{:?}", tenant.status).to_lowercase(),
            table::or_dash(tenant.guild_id),
            table::or_dash(tenant.proxy_id.as_ref()),
            tenant.name.clone(),
        ]);
        items.push(json!({
            "id": id, "status": tenant.status, "guild_id": tenant.guild_id, "proxy_id": tenant.proxy_id,
            "name": tenant.name,
        }));
    }
    let text = table::columns(["TENANT", "STATUS", "DISCORD SERVER", "PROXY", "NAME"], &rows);
    Ok(Report::new(Value::Array(items), text))
}

impl Create {
    async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        let tenant = self.flags.apply(Tenant::new(self.id.clone(), &self.name));
        profile::check(&tenant)?;
        refuse_taken_guild(deployment, &tenant).await?;
        let mut event = deployment.event(&self.id, "TENANT_CREATED");
        event.detail.insert("profile".to_owned(), json!(tenant));
        match deployment.ledger.commit(&self.id, &[Change::profile(&tenant, Expect::Absent)], &event).await {
            Ok(_) => Ok(show(&tenant)),
            Err(CommitError::Conflict(_)) => Err(CtlError::TenantExists(self.id)),
            Err(error) => Err(error.into()),
        }
    }
}

impl Set {
    async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        let before = deployment.tenant(&self.id).await?;
        let mut after = before.value.clone();
        for setting in &self.clear {
            setting.clear(&mut after);
        }
        after = self.flags.apply(after);
        after.name = self.name.unwrap_or(after.name);
        if let Some(proxy) = self.proxy_id {
            let enrolled = crate::proxy::enrolled(deployment, &self.id, &proxy).await?;
            if enrolled.value.revoked_at.is_some() {
                return Err(CtlError::NoSuchProxy(self.id, proxy));
            }
            after = profile::acting(after, Some(proxy));
        }
        if after == before.value {
            return Err(CtlError::NothingToChange);
        }
        change(deployment, &before, &after, "TENANT_CHANGED").await?;
        Ok(show(&after))
    }
}

async fn link_code(deployment: &Deployment, id: &TenantId, minutes: u32) -> Result<Report, CtlError> {
    deployment.tenant(id).await?;
    let code = LinkCode::generate(id);
    let until = deployment.now().saturating_add(i64::from(minutes) * 60);
    let key = SortKey::link_code(code.id());
    let change = Change::put(key, &code.stored(until), Expect::Absent).expiring(until);
    let mut event = deployment.event(id, "LINK_CODE_CREATED");
    event.detail.insert("code".to_owned(), json!(code.id()));
    event.detail.insert("expires_at".to_owned(), json!(until));
    deployment.ledger.commit(id, &[change], &event).await?;
    let line = "/vyrox register code:CODE admin_role:@role";
    let text = table::fields(&[
        ("code", format!("{}   shown this once", code.reveal())),
        ("good for", format!("one Discord server, once, until {}", table::time(until))),
        ("enter there", line.to_owned()),
    ]);
    Ok(Report::new(json!({"tenant_id": id, "code": code.reveal(), "expires_at": until}), text))
}

async fn suspend(deployment: &Deployment, id: &TenantId, confirm: &Confirm) -> Result<Report, CtlError> {
    let before = deployment.tenant(id).await?;
    confirm.ask(&format!("Tenant {id} will get no more alerts, and nobody can approve for it."))?;
    status(deployment, before, TenantStatus::Suspended, "TENANT_SUSPENDED").await
}

/// A status that it has already is fine, and no change.
async fn status(
    deployment: &Deployment,
    before: Versioned<Tenant>,
    status: TenantStatus,
    event: &str,
) -> Result<Report, CtlError> {
    let after = Tenant { status, ..before.value.clone() };
    if after != before.value {
        change(deployment, &before, &after, event).await?;
    }
    Ok(show(&after))
}

async fn change(
    deployment: &Deployment,
    before: &Versioned<Tenant>,
    after: &Tenant,
    event: &str,
) -> Result<(), CtlError> {
    profile::check(after)?;
    if after.guild_id != before.value.guild_id {
        refuse_taken_guild(deployment, after).await?;
    }
    let mut event = deployment.event(&after.id, event);
    event.detail.insert("changed".to_owned(), Value::Object(profile::difference(&before.value, after)));
    deployment.ledger.commit(&after.id, &[Change::profile(after, Expect::Version(before.version))], &event).await?;
    Ok(())
}

async fn refuse_taken_guild(deployment: &Deployment, tenant: &Tenant) -> Result<(), CtlError> {
    let Some(guild) = tenant.guild_id else { return Ok(()) };
    deployment.refuse_taken(&tenant.id, &Lookup::guild(guild), format!("guild {guild}")).await
}

fn show(tenant: &Tenant) -> Report {
    shown(tenant, None)
}

/// What is not in the profile.
struct LookedUp {
    /// The tokens that were spent on models today.
    spent: u64,
    /// What somebody has allowed in advance.
    opt_in: Option<OptIn>,
}

/// The settings, and the rest where it was looked up.
fn shown(tenant: &Tenant, more: Option<&LookedUp>) -> Report {
    let named = |roles: &[Snowflake]| roles.iter().map(Snowflake::to_string).collect::<Vec<_>>().join(", ");
    let (roles, admins) = (named(&tenant.approver_roles), named(&tenant.admin_roles));
    let status = match tenant.status {
        TenantStatus::Onboarding => "onboarding",
        TenantStatus::Active => "active",
        TenantStatus::Suspended => "suspended",
    };
    let llm = match tenant.llm {
        LlmConsent::OptedIn => "opted in",
        LlmConsent::OptedOut => "opted out",
    };
    let emails = match tenant.evidence_personal {
        Personal::Kept => "kept in stored payloads",
        Personal::Emails => "taken out of stored payloads",
    };
    let mut fields = vec![
        ("tenant", tenant.id.to_string()),
        ("name", tenant.name.clone()),
        ("status", status.to_owned()),
        ("guild", table::or_dash(tenant.guild_id)),
        ("channel", table::or_dash(tenant.channel_id)),
        ("approver roles", if roles.is_empty() { "none: nobody can decide".to_owned() } else { roles }),
        (
            "admin roles",
            if admins.is_empty() { "none: Discord's setup commands answer nobody".to_owned() } else { admins },
        ),
        ("on-call role", table::or_dash(tenant.on_call_role)),
        ("escalation role", table::or_dash(tenant.escalation_role)),
        ("quorum", tenant.quorum.to_string()),
    ];
    fields.extend(policy::fields(&tenant.policy));
    fields.extend([
        ("acting proxy", table::or_dash(tenant.proxy_id.as_ref())),
        ("lease", tenant.lease_seconds.map_or_else(|| "until released".to_owned(), |s| format!("{} min", s / 60))),
        ("language model", llm.to_owned()),
        ("tokens a day", tenant.llm_daily_tokens.map_or_else(|| "as deployed".to_owned(), |tokens| tokens.to_string())),
        ("e-mail addresses", emails.to_owned()),
        ("rates", rates(&tenant.rates)),
    ]);
    let mut value = json!(tenant);
    if let Some(LookedUp { spent, opt_in }) = more {
        fields.push(("tokens today", spent.to_string()));
        value["llm_tokens_today"] = json!(spent);
        fields
            .push(("in advance", opt_in.as_ref().map_or_else(|| "nothing: people are always asked".to_owned(), told)));
        value["opt_in"] = json!(opt_in.as_ref().map(|opt_in| json!({
            "id": opt_in.by().interaction_id, "user_id": opt_in.by().user_id, "name": opt_in.by().name,
            "at": opt_in.by().at, "reason": opt_in.by().reason, "expires_at": opt_in.expires_at(),
            "lease_seconds": opt_in.lease_seconds(),
        })));
    }
    Report::new(value, table::fields(&fields))
}

/// Who has allowed what until when.
fn told(opt_in: &OptIn) -> String {
    let (by, minutes) = (opt_in.by(), opt_in.lease_seconds() / 60);
    let until = table::time(opt_in.expires_at());
    format!("{} ({}) allows isolating hosts of LOW alerts, {minutes} min each, until {until}", by.name, by.user_id)
}

fn rates(rates: &Rates) -> String {
    let all = rates.tenant_per_minute.map(|rate| format!("{rate} a minute"));
    let sources = rates.source_per_minute.iter().map(|(vendor, rate)| format!("{vendor} {rate} a minute"));
    let said: Vec<String> = all.into_iter().chain(sources).collect();
    if said.is_empty() { "the deployment's".to_owned() } else { said.join(", ") }
}
