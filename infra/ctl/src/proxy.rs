//! `vyroxctl proxy`: what acts inside a tenant's network. A proxy enrols itself with a one-time token; only the token's
//! hash is stored.

use crate::address::https_or_loopback;
use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::{profile, table};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vyrox_contract::{KeyId, ProxyId, TenantId};
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::enrolment::{Enrolment, EnrolmentToken};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{Lookup, Prefix, SortKey, Versioned};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a one-time token: prints it once, and the line to run beside the EDR
    #[command(after_help = "Examples:\n  vyroxctl proxy enrol acme --relay-url https://relay.example.com\n  \
        vyroxctl proxy enrol acme --proxy-id berlin --push-url https://proxy.acme.example   dispatch pushes to it\n\n\
        Run the printed line where the proxy will run and give it the token on standard input. It prints the \
        platform's key: compare it with the one printed here.")]
    Enrol(Enrol),
    /// List enrolled proxies and open tokens
    List {
        /// The tenant
        tenant: TenantId,
    },
    /// Shut a proxy out: its next call gets 401, and its open tokens are gone
    Revoke {
        /// The tenant
        tenant: TenantId,
        /// The proxy
        id: ProxyId,
        #[command(flatten)]
        confirm: Confirm,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Enrol {
    /// The tenant
    tenant: TenantId,
    /// The proxy's name within the tenant
    #[arg(long, value_name = "ID", default_value = "edge-1")]
    proxy_id: ProxyId,
    /// Where the proxy takes pushed actions; without, it polls and needs no open port
    #[arg(long, value_name = "URL", value_parser = https_or_loopback)]
    push_url: Option<String>,
    /// How long the token is good for
    #[arg(long, value_name = "MINUTES", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    minutes: u32,
}

impl Command {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        match self {
            Self::Enrol(enrol) => enrol.run(deployment).await,
            Self::List { tenant } => list(deployment, &tenant).await,
            Self::Revoke { tenant, id, confirm } => revoke(deployment, &tenant, &id, &confirm).await,
        }
    }
}

impl Enrol {
    async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        deployment.tenant(&self.tenant).await?;
        // A second enrolment would replace the key and shut the running proxy out.
        let known = find(deployment, &self.tenant, &self.proxy_id).await?;
        if known.is_some_and(|proxy| proxy.value.revoked_at.is_none()) {
            return Err(CtlError::ProxyExists(self.tenant, self.proxy_id));
        }
        let platform_key = deployment.platform_key().await?;
        let token = EnrolmentToken::generate(&self.tenant);
        let enrolment = Enrolment {
            hash: token.hash()?,
            proxy_id: self.proxy_id,
            push_url: self.push_url,
            uses_left: 1,
            expires_at: deployment.now().saturating_add(i64::from(self.minutes) * 60),
        };
        let change =
            Change::put(SortKey::enrolment(token.id()), &enrolment, Expect::Absent).expiring(enrolment.expires_at);
        let mut event = deployment.event(&self.tenant, "ENROLMENT_CREATED");
        event.detail.insert("token".to_owned(), json!(token.id()));
        event.detail.insert("proxy_id".to_owned(), json!(enrolment.proxy_id));
        event.detail.insert("push_url".to_owned(), json!(enrolment.push_url));
        event.detail.insert("expires_at".to_owned(), json!(enrolment.expires_at));
        deployment.ledger.commit(&self.tenant, &[change], &event).await?;
        Ok(reveal(deployment, &self.tenant, &token, &enrolment, &platform_key))
    }
}

/// The one time that the token is shown. It goes to the proxy on standard input, because a command line is kept in a
/// shell's history and shown to every user of the machine.
fn reveal(
    deployment: &Deployment,
    tenant: &TenantId,
    token: &EnrolmentToken,
    enrolment: &Enrolment,
    platform_key: &KeyId,
) -> Report {
    let relay = deployment.settings.relay_url.as_deref().unwrap_or("<RelayUrl>");
    let line = format!("vyrox-edge-proxy enrol --url {relay} --token -");
    let json = json!({
        "tenant_id": tenant,
        "proxy_id": enrolment.proxy_id,
        "token": token.reveal(),
        "expires_at": enrolment.expires_at,
        "push_url": enrolment.push_url,
        "platform_key": platform_key,
        "enrol": line,
    });
    let text = table::fields(&[
        ("token", format!("{}   shown this once", token.reveal())),
        ("good for", format!("proxy {}, once, until {}", enrolment.proxy_id, table::time(enrolment.expires_at))),
        ("run", line),
        ("compare", format!("the platform's key is {platform_key}")),
    ]);
    Report::new(json, text)
}

async fn list(deployment: &Deployment, tenant: &TenantId) -> Result<Report, CtlError> {
    let profile = deployment.tenant(tenant).await?.value;
    let now = deployment.now();
    let proxies = deployment.table.list::<EnrolledProxy>(tenant, &Prefix::proxies(), now).await?;
    let mut tokens = deployment.table.list::<Enrolment>(tenant, &Prefix::enrolments(), now).await?;
    tokens.retain(|token| token.value.uses_left > 0);
    let mut rows = Vec::new();
    let mut enrolled = Vec::new();
    for Versioned { value: proxy, .. } in &proxies {
        let acts = profile.proxy_id.as_ref() == Some(&proxy.id) && proxy.revoked_at.is_none();
        let state = match proxy.revoked_at {
            Some(at) => format!("revoked {}", table::time(at)),
            None if acts => "acts for the tenant".to_owned(),
            None => "enrolled".to_owned(),
        };
        let delivery = proxy.push_url.clone().unwrap_or_else(|| "polls".to_owned());
        let key_id = proxy.key().ok().map(|key| key.id());
        let short_key = key_id.as_ref().map(|key| key.as_str().chars().take(16).collect::<String>());
        rows.push([proxy.id.to_string(), state, delivery, table::time(proxy.enrolled_at), table::or_dash(short_key)]);
        let mut item = json!(proxy);
        item["acts"] = json!(acts);
        item["key_id"] = json!(key_id);
        enrolled.push(item);
    }
    for Versioned { value: token, .. } in &tokens {
        let state = format!("token until {}", table::time(token.expires_at));
        let delivery = token.push_url.clone().unwrap_or_else(|| "polls".to_owned());
        rows.push([token.proxy_id.to_string(), state, delivery, "-".to_owned(), "-".to_owned()]);
    }
    let open: Vec<Value> = tokens
        .iter()
        .map(|Versioned { value: token, .. }| {
            json!({"proxy_id": token.proxy_id, "push_url": token.push_url, "expires_at": token.expires_at})
        })
        .collect();
    let text = table::columns(["PROXY", "STATE", "DELIVERY", "ENROLLED", "KEY"], &rows);
    Ok(Report::new(json!({"proxies": enrolled, "tokens": open}), text))
}

async fn revoke(
    deployment: &Deployment,
    tenant_id: &TenantId,
    id: &ProxyId,
    confirm: &Confirm,
) -> Result<Report, CtlError> {
    let profile = deployment.tenant(tenant_id).await?;
    let now = deployment.now();
    let proxy = find(deployment, tenant_id, id).await?;
    let mut tokens = deployment.table.list_with_keys::<Enrolment>(tenant_id, &Prefix::enrolments(), now).await?;
    tokens.retain(|(_, token)| token.value.proxy_id == *id && token.value.uses_left > 0);
    if proxy.is_none() && tokens.is_empty() {
        return Err(CtlError::NoSuchProxy(tenant_id.clone(), id.clone()));
    }
    let acts = profile.value.proxy_id.as_ref() == Some(id);
    let consequence =
        if acts { " It acts for the tenant: nothing can be contained until another one does." } else { "" };
    confirm.ask(&format!("Proxy {id} of tenant {tenant_id} will be shut out.{consequence}"))?;
    let open_tokens = tokens.len();
    let mut changes: Vec<Change> = tokens.into_iter().map(|(key, _)| Change::delete(key)).collect();
    if let Some(Versioned { value: proxy, version }) = proxy.filter(|proxy| proxy.value.revoked_at.is_none()) {
        let revoked = EnrolledProxy { revoked_at: Some(now), ..proxy };
        let change = Change::put(SortKey::proxy(id), &revoked, Expect::Version(version));
        // Its key stays known, so that its calls are refused as this proxy's.
        changes.push(match revoked.key() {
            Ok(key) => change.known_as(Lookup::key(&key.id())),
            Err(_) => change,
        });
    }
    if acts {
        let without = profile::acting(profile.value, None);
        changes.push(Change::profile(&without, Expect::Version(profile.version)));
    }
    if !changes.is_empty() {
        let mut event = deployment.event(tenant_id, "PROXY_REVOKED");
        event.detail.insert("proxy_id".to_owned(), json!(id));
        event.detail.insert("acted".to_owned(), json!(acts));
        event.detail.insert("open_tokens".to_owned(), json!(open_tokens));
        deployment.ledger.commit(tenant_id, &changes, &event).await?;
    }
    let text = format!("proxy {id} of tenant {tenant_id} is revoked, and {open_tokens} open tokens of it");
    Ok(Report::new(
        json!({"tenant_id": tenant_id, "proxy_id": id, "revoked": true, "acted": acts, "open_tokens": open_tokens}),
        text,
    ))
}

/// One enrolled proxy, which must exist; revoked ones included.
pub(crate) async fn enrolled(
    deployment: &Deployment,
    tenant: &TenantId,
    id: &ProxyId,
) -> Result<Versioned<EnrolledProxy>, CtlError> {
    let found = find(deployment, tenant, id).await?;
    found.ok_or_else(|| CtlError::NoSuchProxy(tenant.clone(), id.clone()))
}

async fn find(
    deployment: &Deployment,
    tenant: &TenantId,
    id: &ProxyId,
) -> Result<Option<Versioned<EnrolledProxy>>, CtlError> {
    Ok(deployment.table.read(tenant, &SortKey::proxy(id), deployment.now()).await?)
}
