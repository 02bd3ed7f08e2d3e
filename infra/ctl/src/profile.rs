//! A tenant's settings as flags, and the rules that settings must keep. No I/O.

use crate::policy::PolicyFlags;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use vyrox_contract::{ProxyId, Vendor};
use vyrox_domain::backup::{BackupPath, BackupUrl};
use vyrox_domain::redact::Personal;
use vyrox_domain::storm::StormPolicy;
use vyrox_domain::tenant::{LlmConsent, Rates, Snowflake, Tenant, TenantStatus};

/// The settings that `create` and `set` have in common. What is not given stays as it is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ProfileFlags {
    /// The Discord guild that is linked to this tenant; one guild belongs to one tenant
    #[arg(long, value_name = "ID")]
    guild: Option<Snowflake>,
    /// The channel for cards
    #[arg(long, value_name = "ID")]
    channel: Option<Snowflake>,
    /// Whose members may approve; may be repeated, and replaces all earlier ones
    #[arg(long, value_name = "ID")]
    approver_role: Vec<Snowflake>,
    /// Whose members may set the tenant up in Discord, together with Manage Server; may be repeated, and replaces all
    /// earlier ones
    #[arg(long, value_name = "ID")]
    admin_role: Vec<Snowflake>,
    /// The role that a CRITICAL card pings
    #[arg(long, value_name = "ID")]
    on_call_role: Option<Snowflake>,
    /// How many different approvers it takes [a new tenant: 1]
    #[arg(long, value_name = "1|2", value_parser = clap::value_parser!(u8).range(1..=2))]
    quorum: Option<u8>,
    /// Whether a language model may see summaries of ambiguous alerts [a new tenant: opted-out]
    #[arg(long, value_name = "CONSENT")]
    llm: Option<Consent>,
    /// How many tokens a day (UTC) may be spent on asking a model [the deployment's own number]
    #[arg(long, value_name = "TOKENS")]
    llm_daily_tokens: Option<u64>,
    /// Whether e-mail addresses are taken out of the stored payloads; passwords, tokens and keys always are [a new
    /// tenant: kept]
    #[arg(long, value_name = "ADDRESSES")]
    emails: Option<Emails>,
    /// How many deliveries a minute are taken, all sources together [unless set: the deployment's limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate_per_minute: Option<u32>,
    /// How many deliveries a minute are taken from one source; may be repeated [unless set: the deployment's limit]
    #[arg(long, value_name = "VENDOR=N", value_parser = source_rate)]
    source_rate_per_minute: Vec<(Vendor, u32)>,
    /// The role that a question pings which nobody has answered in two thirds of its time [the on-call role]
    #[arg(long, value_name = "ID")]
    escalation_role: Option<Snowflake>,
    /// How many cards may come in one window before the rest is gathered in a digest [a new tenant: 10]
    #[arg(long, value_name = "N")]
    storm_cards: Option<u16>,
    /// The window's length [a new tenant: 10]
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=1_440))]
    storm_window_minutes: Option<u32>,
    /// For how long alerts of the same kind on the same host are counted on the first one's card, 0 for never [a new
    /// tenant: 60]
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(0..=60))]
    group_minutes: Option<u32>,
    /// Where a CRITICAL alert is posted once while Discord is down: https, a public host
    #[arg(long, value_name = "URL")]
    backup_url: Option<BackupUrl>,
    /// Isolations end by themselves after this many minutes; a week at most, which is what a proxy takes on by default
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=10_080))]
    lease_minutes: Option<u32>,
    #[command(flatten)]
    policy: PolicyFlags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Consent {
    /// It may
    OptedIn,
    /// It may not
    OptedOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Emails {
    /// They stay: who was attacked is part of the evidence
    Kept,
    /// They are taken out
    Redacted,
}

/// `VENDOR=N`.
fn source_rate(text: &str) -> Result<(Vendor, u32), &'static str> {
    let form = "give it as VENDOR=N, such as defender=600";
    let (vendor, rate) = text.split_once('=').ok_or(form)?;
    let rate = rate.parse().ok().filter(|rate| *rate > 0).ok_or(form)?;
    Ok((vendor.parse().map_err(|_| form)?, rate))
}

/// A setting that can be taken away again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Clearable {
    Guild,
    Channel,
    ApproverRoles,
    AdminRoles,
    OnCallRole,
    EscalationRole,
    BackupUrl,
    Storm,
    LeaseMinutes,
    LlmDailyTokens,
    Rates,
    TwoApprovers,
    HostTags,
    Freeze,
}

/// Which rule the settings would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProfileError {
    #[error("role {0} is the guild itself (@everyone): everybody in the guild would have it")]
    RoleIsEveryone(Snowflake),
    #[error("an active tenant needs an approver role, or nobody could ever decide: --approver-role")]
    NoApproverRole,
    #[error("an active tenant needs a guild and a channel, or its cards could not be shown: --guild, --channel")]
    NoChannel,
}

/// A tenant's name on cards: 1 to 100 characters, none of them a control character.
///
/// # Errors
/// The rule, in words.
pub(crate) fn name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let is_name = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_name { Ok(text.to_owned()) } else { Err("a name is 1 to 100 characters, no control characters") }
}

impl ProfileFlags {
    /// The tenant with these settings.
    pub(crate) fn apply(&self, mut tenant: Tenant) -> Tenant {
        tenant.guild_id = self.guild.or(tenant.guild_id);
        tenant.channel_id = self.channel.or(tenant.channel_id);
        if !self.approver_role.is_empty() {
            tenant.approver_roles = self.approver_role.clone();
            tenant.approver_roles.sort_unstable();
            tenant.approver_roles.dedup();
        }
        if !self.admin_role.is_empty() {
            tenant.admin_roles = self.admin_role.clone();
            tenant.admin_roles.sort_unstable();
            tenant.admin_roles.dedup();
        }
        tenant.on_call_role = self.on_call_role.or(tenant.on_call_role);
        tenant.escalation_role = self.escalation_role.or(tenant.escalation_role);
        let minutes = |minutes: Option<u32>, seconds| minutes.map_or(seconds, |minutes| minutes * 60);
        tenant.storm = StormPolicy {
            cards: self.storm_cards.unwrap_or(tenant.storm.cards),
            window_seconds: minutes(self.storm_window_minutes, tenant.storm.window_seconds),
            group_seconds: minutes(self.group_minutes, tenant.storm.group_seconds),
        };
        tenant.backup = self.backup_url.clone().map(BackupPath::Webhook).or(tenant.backup);
        tenant.quorum = self.quorum.unwrap_or(tenant.quorum);
        tenant.policy = self.policy.apply(tenant.policy);
        tenant.lease_seconds = self.lease_minutes.map(|minutes| minutes * 60).or(tenant.lease_seconds);
        tenant.llm = match self.llm {
            Some(Consent::OptedIn) => LlmConsent::OptedIn,
            Some(Consent::OptedOut) => LlmConsent::OptedOut,
            None => tenant.llm,
        };
        tenant.llm_daily_tokens = self.llm_daily_tokens.or(tenant.llm_daily_tokens);
        tenant.evidence_personal = match self.emails {
            Some(Emails::Kept) => Personal::Kept,
            Some(Emails::Redacted) => Personal::Emails,
            None => tenant.evidence_personal,
        };
        tenant.rates.tenant_per_minute = self.rate_per_minute.or(tenant.rates.tenant_per_minute);
        tenant.rates.source_per_minute.extend(self.source_rate_per_minute.iter().copied());
        tenant
    }
}

impl Clearable {
    /// The tenant without this setting.
    pub(crate) fn clear(self, tenant: &mut Tenant) {
        match self {
            Self::Guild => tenant.guild_id = None,
            Self::Channel => tenant.channel_id = None,
            Self::ApproverRoles => tenant.approver_roles.clear(),
            Self::AdminRoles => tenant.admin_roles.clear(),
            Self::OnCallRole => tenant.on_call_role = None,
            Self::EscalationRole => tenant.escalation_role = None,
            Self::BackupUrl => tenant.backup = None,
            Self::Storm => tenant.storm = StormPolicy::default(),
            Self::LlmDailyTokens => tenant.llm_daily_tokens = None,
            Self::LeaseMinutes => tenant.lease_seconds = None,
            Self::Rates => tenant.rates = Rates::default(),
            Self::TwoApprovers => tenant.policy.two_approvers.clear(),
            Self::HostTags => tenant.policy.host_tags.clear(),
            Self::Freeze => tenant.policy.freeze.clear(),
        }
    }
}

/// The rules. Every profile passes here before it is written.
///
/// # Errors
/// The first rule that is broken.
pub(crate) fn check(tenant: &Tenant) -> Result<(), ProfileError> {
    if let Some(guild) = tenant.guild_id {
        // Discord gives the role @everyone the guild's own id.
        let named = tenant.approver_roles.iter().chain(&tenant.admin_roles);
        if named.chain(&tenant.on_call_role).chain(&tenant.escalation_role).any(|role| *role == guild) {
            return Err(ProfileError::RoleIsEveryone(guild));
        }
    }
    if tenant.status != TenantStatus::Active {
        return Ok(());
    }
    if tenant.approver_roles.is_empty() {
        return Err(ProfileError::NoApproverRole);
    }
    if tenant.guild_id.is_none() || tenant.channel_id.is_none() {
        return Err(ProfileError::NoChannel);
    }
    Ok(())
}

/// What differs, for the audit: each setting with its old and its new value.
pub(crate) fn difference(before: &Tenant, after: &Tenant) -> Map<String, Value> {
    let as_map = |tenant: &Tenant| match json!(tenant) {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let (before, after) = (as_map(before), as_map(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| (name.clone(), json!({"from": before.get(name), "to": after.get(name)})))
        .collect()
}

/// The proxy that acts for the tenant, changed.
pub(crate) fn acting(mut tenant: Tenant, proxy: Option<ProxyId>) -> Tenant {
    tenant.proxy_id = proxy;
    tenant
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags() -> ProfileFlags {
        ProfileFlags {
            guild: Some("60".parse().unwrap()),
            channel: Some("70".parse().unwrap()),
            approver_role: vec!["80".parse().unwrap()],
            ..ProfileFlags::default()
        }
    }

    fn active(flags: &ProfileFlags) -> Tenant {
        let mut tenant = flags.apply(Tenant::new("acme".parse().unwrap(), "Acme"));
        tenant.status = TenantStatus::Active;
        tenant
    }

    #[test]
    fn what_is_not_given_stays_as_it_is() {
        let before = active(&flags());
        let after = ProfileFlags { quorum: Some(2), ..ProfileFlags::default() }.apply(before.clone());
        assert_eq!(after, Tenant { quorum: 2, ..before.clone() });
        assert_eq!(Value::Object(difference(&before, &after)), json!({"quorum": {"from": 1, "to": 2}}));
    }

    #[test]
    fn rates_are_added_to_and_taken_away() {
        let flags = |rates: &[(Vendor, u32)]| ProfileFlags {
            source_rate_per_minute: rates.to_vec(),
            rate_per_minute: Some(600),
            emails: Some(Emails::Redacted),
            ..ProfileFlags::default()
        };
        let mut tenant = flags(&[(Vendor::Defender, 60)]).apply(Tenant::new("acme".parse().unwrap(), "Acme"));
        tenant = flags(&[(Vendor::Generic, 6)]).apply(tenant);
        assert_eq!(tenant.rates.source_per_minute.len(), 2);
        assert_eq!((tenant.rates.tenant_per_minute, tenant.evidence_personal), (Some(600), Personal::Emails));
        Clearable::Rates.clear(&mut tenant);
        assert!(tenant.rates.is_default());
        assert_eq!(source_rate("defender=60"), Ok((Vendor::Defender, 60)));
        for bad in ["defender", "defender=0", "defender=x", "nobody=1", "=1"] {
            assert!(source_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn everyone_can_neither_approve_nor_be_pinged() {
        let everyone: Snowflake = "60".parse().unwrap();
        let approver = ProfileFlags { approver_role: vec![everyone], ..flags() };
        assert_eq!(check(&active(&approver)), Err(ProfileError::RoleIsEveryone(everyone)));
        let on_call = ProfileFlags { on_call_role: Some(everyone), ..flags() };
        assert_eq!(check(&active(&on_call)), Err(ProfileError::RoleIsEveryone(everyone)));
    }

    #[test]
    fn an_active_tenant_needs_someone_to_ask_and_somewhere_to_ask() {
        let mut tenant = active(&flags());
        assert_eq!(check(&tenant), Ok(()));
        Clearable::ApproverRoles.clear(&mut tenant);
        assert_eq!(check(&tenant), Err(ProfileError::NoApproverRole));
        let mut tenant = active(&flags());
        Clearable::Channel.clear(&mut tenant);
        assert_eq!(check(&tenant), Err(ProfileError::NoChannel));
        tenant.status = TenantStatus::Suspended;
        assert_eq!(check(&tenant), Ok(()));
    }
}
