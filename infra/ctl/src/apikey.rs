//! `vyroxctl apikey`: what a tenant's own programs read the API with. A key is printed once; only a hash of it is stored.

use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vyrox_contract::TenantId;
use vyrox_domain::access::{Access, Permission, Role};
use vyrox_platform::api_key::{ApiKey, ApiKeyToken, KeyPrefix};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{Lookup, Prefix, SortKey, Versioned};
use vyrox_platform::volatile::Volatile;

/// How many good keys one tenant may have: more than that is a program that makes them.
const MOST_KEYS: usize = 100;
/// The longest name, in characters.
const MOST_NAME: usize = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key: prints it once
    #[command(after_help = "Examples:\n  vyroxctl apikey create acme --role security --name 'SIEM export'\n  \
        vyroxctl apikey create acme --role developer --scope read_statistics --days 30\n\n\
        Roles: owner (everything), admin (all but the audit), security (all but keys), developer (alerts, statistics), \
        viewer (statistics). Scopes narrow a role: read_alerts, read_statistics, read_decisions, export_audit, manage_keys. \
        No key can approve anything.")]
    Create(Create),
    /// List keys: prefix, role, expiry, last use; never a key itself
    List {
        /// The tenant
        tenant: TenantId,
    },
    /// Shut a key out: its next request gets 401
    Revoke {
        /// The tenant
        tenant: TenantId,
        /// The key's prefix, as `apikey list` shows it
        prefix: KeyPrefix,
        #[command(flatten)]
        confirm: Confirm,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The tenant
    tenant: TenantId,
    /// What the key's holder may do
    #[arg(long)]
    role: Role,
    /// Only this of the role's permissions; can be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<Permission>,
    /// What it is for, to know it by
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// How long it is good for
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
}

fn name(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("empty"),
        text if text.chars().count() > MOST_NAME => Err("longer than 100 characters"),
        text => Ok(text.to_owned()),
    }
}

impl Command {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        match self {
            Self::Create(create) => create.run(deployment).await,
            Self::List { tenant } => list(deployment, &tenant).await,
            Self::Revoke { tenant, prefix, confirm } => revoke(deployment, &tenant, &prefix, &confirm).await,
        }
    }
}

impl Create {
    async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        deployment.tenant(&self.tenant).await?;
        let (tenant, now) = (self.tenant, deployment.now());
        let access = Access::of(self.role);
        if let Some(foreign) = self.scopes.iter().find(|scope| !access.allows(**scope)) {
            return Err(CtlError::NotInRole(self.role, *foreign));
        }
        let access = if self.scopes.is_empty() { access } else { access.narrowed(self.scopes) };
        let keys = deployment.table.list::<ApiKey>(&tenant, &Prefix::api_keys(), now).await?;
        let good = keys.iter().filter(|key| key.value.is_good(now)).count();
        if good >= MOST_KEYS {
            return Err(CtlError::TooManyKeys(tenant, good));
        }
        let token = ApiKeyToken::generate();
        let expires_at = now.saturating_add(i64::from(self.days) * 86_400);
        let key = ApiKey {
            name: self.name,
            created_by: deployment.settings.operator.clone(),
            ..ApiKey::made(&token, access, now, expires_at)
        };
        // It stays listed after its expiry, so that whoever asks why requests are refused finds out.
        let change =
            Change::put(SortKey::api_key(&key.prefix), &key, Expect::Absent).known_as(Lookup::api_key(&key.prefix));
        let mut event = deployment.event(&tenant, "API_KEY_CREATED");
        event.detail.insert("key".to_owned(), json!(key.prefix));
        event.detail.insert("role".to_owned(), json!(key.access.role()));
        event.detail.insert("permissions".to_owned(), json!(key.access.permissions()));
        event.detail.insert("expires_at".to_owned(), json!(key.expires_at));
        deployment.ledger.commit(&tenant, &[change], &event).await?;
        Ok(reveal(&tenant, &token, &key))
    }
}

/// The one time that the key is shown.
fn reveal(tenant: &TenantId, token: &ApiKeyToken, key: &ApiKey) -> Report {
    let mut json = key.described(None);
    json["tenant_id"] = json!(tenant);
    json["key"] = json!(token.reveal());
    let text = table::fields(&[
        ("key", format!("{}   shown this once", token.reveal())),
        ("may", permissions(key)),
        ("good until", table::time(key.expires_at)),
        ("use", "Authorization: Bearer KEY".to_owned()),
    ]);
    Report::new(json, text)
}

async fn list(deployment: &Deployment, tenant: &TenantId) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let now = deployment.now();
    let volatile = Volatile::new(deployment.table.clone());
    let (mut rows, mut keys) = (Vec::new(), Vec::new());
    for Versioned { value: key, .. } in deployment.table.list::<ApiKey>(tenant, &Prefix::api_keys(), now).await? {
        let used = volatile.key_used(tenant, &key.prefix).await?;
        let state = match key.revoked_at {
            Some(at) => format!("revoked {}", table::time(at)),
            None if key.is_good(now) => format!("good until {}", table::time(key.expires_at)),
            None => format!("expired {}", table::time(key.expires_at)),
        };
        rows.push([
            format!("vyxk_{}", key.prefix),
            key.access.role().to_string(),
            state,
            table::or_dash(used.map(table::time)),
            table::or_dash(key.created_by.as_ref()),
            table::or_dash(key.name.as_ref()),
        ]);
        keys.push(key.described(used));
    }
    let text = table::columns(["KEY", "ROLE", "STATE", "LAST USED", "BY", "NAME"], &rows);
    Ok(Report::new(Value::Array(keys), text))
}

async fn revoke(
    deployment: &Deployment,
    tenant: &TenantId,
    prefix: &KeyPrefix,
    confirm: &Confirm,
) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let (now, at) = (deployment.now(), SortKey::api_key(prefix));
    let found = deployment.table.read::<ApiKey>(tenant, &at, now).await?;
    let Versioned { value: key, version } = found.ok_or_else(|| CtlError::NoSuchKey(tenant.clone(), prefix.clone()))?;
    let named = key.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    confirm.ask(&format!("API key {prefix}{named} of tenant {tenant} will be shut out for good."))?;
    if key.revoked_at.is_none() {
        let revoked = ApiKey { revoked_at: Some(now), ..key };
        let change = Change::put(at, &revoked, Expect::Version(version)).known_as(Lookup::api_key(prefix));
        let mut event = deployment.event(tenant, "API_KEY_REVOKED");
        event.detail.insert("key".to_owned(), json!(prefix));
        deployment.ledger.commit(tenant, &[change], &event).await?;
    }
    let text = format!("API key {prefix} of tenant {tenant} is revoked");
    Ok(Report::new(json!({"tenant_id": tenant, "prefix": prefix, "revoked": true}), text))
}

fn permissions(key: &ApiKey) -> String {
    let words: Vec<&str> = key.access.permissions().into_iter().map(Permission::as_str).collect();
    format!("{} ({})", words.join(", "), key.access.role())
}
