//! One tenant: can an alert come in, be shown, be approved, and reach its proxy, and is its audit signed?

use super::{Finding, audit};
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::{profile, table};
use std::time::Duration;
use vyrox_contract::TenantId;
use vyrox_domain::tenant::{Snowflake, Tenant, TenantStatus};
use vyrox_platform::batch::chain;
use vyrox_platform::bot::Bot;
use vyrox_platform::config::{self, environment};
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::discord::DiscordError;
use vyrox_platform::http;
use vyrox_platform::source::Source;
use vyrox_platform::table::{Prefix, SortKey};
use vyrox_platform::volatile::Volatile;

/// A proxy that polls says so every few seconds; after this many nobody relies on it.
const SILENT: i64 = 300;
/// How long Discord may take.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) async fn look(deployment: &Deployment, id: &TenantId) -> Result<Vec<Finding>, CtlError> {
    let tenant = deployment.tenant(id).await?.value;
    let mut findings = vec![settings(&tenant)];
    findings.push(sources(deployment, id).await?);
    findings.push(proxy(deployment, &tenant).await?);
    findings.push(audit::look(deployment, id).await?);
    findings.push(discord(&tenant).await?);
    Ok(findings)
}

fn settings(tenant: &Tenant) -> Finding {
    let what = format!("{}: settings", tenant.id);
    match (profile::check(tenant), tenant.status) {
        (Err(error), _) => Finding::bad(what, error.to_string(), format!("`vyroxctl tenant set {}`", tenant.id)),
        (Ok(()), TenantStatus::Active) => Finding::good(what, "active"),
        (Ok(()), status) => Finding::look(
            what,
            format!("{status:?}").to_lowercase(),
            format!("Its webhooks answer 401: `vyroxctl tenant activate {}` when all is set up.", tenant.id),
        ),
    }
}

async fn sources(deployment: &Deployment, id: &TenantId) -> Result<Finding, CtlError> {
    let what = format!("{id}: sources");
    let sources = deployment.table.list::<Source>(id, &Prefix::sources(), deployment.now()).await?;
    let closed: Vec<&str> = sources
        .iter()
        .filter(|found| found.value.credentials.is_empty())
        .map(|found| found.value.vendor.as_str())
        .collect();
    let names: Vec<&str> = sources.iter().map(|found| found.value.vendor.as_str()).collect();
    Ok(if sources.is_empty() {
        Finding::bad(what, "none: no alert can come in", format!("`vyroxctl source add {id} VENDOR`"))
    } else if !closed.is_empty() {
        let found = format!("{} without a secret: nobody can deliver", closed.join(", "));
        Finding::bad(what, found, format!("`vyroxctl source scheme add {id} VENDOR SCHEME`"))
    } else {
        Finding::good(what, names.join(", "))
    })
}

async fn proxy(deployment: &Deployment, tenant: &Tenant) -> Result<Finding, CtlError> {
    let (id, what) = (&tenant.id, format!("{}: proxy", tenant.id));
    let enrol = format!("`vyroxctl proxy enrol {id}`, then `vyroxctl tenant set {id} --proxy-id ID`.");
    let Some(proxy_id) = &tenant.proxy_id else {
        return Ok(Finding::look(what, "none acts for it: alerts are shown, nothing can be contained", enrol));
    };
    let found = deployment.table.read::<EnrolledProxy>(id, &SortKey::proxy(proxy_id), deployment.now()).await?;
    let Some(proxy) = found.map(|found| found.value).filter(|proxy| proxy.revoked_at.is_none()) else {
        return Ok(Finding::bad(what, format!("{proxy_id} is revoked, or was never enrolled"), enrol));
    };
    let seen = Volatile::new(deployment.table.clone()).proxy_seen(id, proxy_id).await?;
    let advice = "Is it running? Does its own /ready say so? Can it reach the relay?";
    Ok(match (seen, &proxy.push_url) {
        (_, Some(url)) => Finding::good(what, format!("{proxy_id}, pushed to at {url}")),
        (None, None) => Finding::bad(what, format!("{proxy_id} has never been heard of"), advice),
        (Some(at), None) if deployment.now() - at > SILENT => {
            Finding::bad(what, format!("{proxy_id} was last heard of {}", table::time(at)), advice)
        }
        (Some(at), None) => Finding::good(what, format!("{proxy_id}, last heard of {}", table::time(at))),
    })
}

async fn discord(tenant: &Tenant) -> Result<Finding, CtlError> {
    let what = format!("{}: Discord", tenant.id);
    let (Some(guild), Some(channel)) = (tenant.guild_id, tenant.channel_id) else {
        let link = format!("`vyroxctl tenant link-code {}`, then /vyrox register in the server.", tenant.id);
        return Ok(Finding::bad(what, "no server or no channel is linked", link));
    };
    let Ok((discord, application)) = config::Discord::from_environment(&environment) else {
        let advice =
            "Set VYROX_DISCORD_BOT_TOKEN and VYROX_DISCORD_APPLICATION_ID, or ask /vyrox doctor in the server.";
        return Ok(Finding::unknown(what, "not asked", advice));
    };
    let bot = Bot::new(http::client(PATIENCE)?, &discord, application);
    let shown = match bot.own_member(guild).await {
        Ok(_) => bot.channel(channel).await,
        Err(error) => return Ok(no_member(what, guild, &error)),
    };
    Ok(match shown {
        Err(error) => Finding::bad(
            what,
            format!("channel {channel} cannot be read: {}", chain(&error)),
            "Let the bot view the channel, send messages and embed links there; /vyrox doctor tells which is missing.",
        ),
        Ok(shown) if shown.guild_id != Some(guild) => Finding::bad(
            what,
            format!("channel {channel} is in another server"),
            format!("`vyroxctl tenant set {} --channel ID`", tenant.id),
        ),
        Ok(_) => Finding::good(what, format!("the bot sees channel {channel}")),
    })
}

/// Why the bot is not told about itself in its server.
fn no_member(what: String, guild: Snowflake, error: &DiscordError) -> Finding {
    match error {
        DiscordError::Refused { status: 401, .. } | DiscordError::Stopped(_) => Finding::bad(
            what,
            "Discord refuses the bot's token",
            "Copy or reset it in the developer portal (Bot, Token): VYROX_DISCORD_BOT_TOKEN here, DiscordBotToken of the stack.",
        ),
        DiscordError::Unavailable(_) => Finding::unknown(
            what,
            format!("not answered: {}", chain(error)),
            "Is Discord up (its status page), and can this machine reach it?",
        ),
        _ => Finding::bad(
            what,
            format!("the bot is not in server {guild}: {}", chain(error)),
            "Is the token this application's? Invite the bot to the server.",
        ),
    }
}
