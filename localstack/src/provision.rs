//! The tenant that a newcomer meets: `demo`, with a CrowdStrike source, a linked Discord channel and an enrolment token.
//! Everything is written through the ledger, so it is in the audit like in production.

use crate::state::State;
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::{ProxyId, TenantId, Vendor};
use vyrox_domain::storm::StormPolicy;
use vyrox_domain::tenant::{LlmConsent, Snowflake, Tenant, TenantStatus};
use vyrox_domain::webhook::Scheme;
use vyrox_platform::delivery::EnrolledProxy;
use vyrox_platform::enrolment::{Enrolment, EnrolmentToken, TokenError};
use vyrox_platform::ledger::{Change, CommitError, Expect, Ledger};
use vyrox_platform::link_code::LinkCode;
use vyrox_platform::secrets::{Secret, SecretError, Secrets};
use vyrox_platform::source::{Credential, Kept, Source};
use vyrox_platform::table::{Lookup, SortKey, Table, TableError};

/// The demo tenant's id.
pub(crate) const TENANT: &str = "demo";
/// What its cards call it.
const NAME: &str = "Demo";
/// Its guild and channel in the Discord stand-in, the application, and the roles.
pub(crate) const GUILD: &str = "600000000000000001";
pub(crate) const CHANNEL: &str = "700000000000000001";
pub(crate) const APPLICATION: &str = "500000000000000001";
pub(crate) const APPROVER_ROLE: &str = "800000000000000001";
pub(crate) const ON_CALL_ROLE: &str = "800000000000000002";
pub(crate) const ADMIN_ROLE: &str = "800000000000000003";
/// The members: one who may approve, another, one who may only look on, and one who sets things up.
pub(crate) const APPROVER: &str = "900000000000000001";
pub(crate) const SECOND_APPROVER: &str = "900000000000000002";
pub(crate) const ONLOOKER: &str = "900000000000000003";
pub(crate) const ADMINISTRATOR: &str = "900000000000000004";

/// How long an enrolment token is good for, in seconds.
const TOKEN_LIFE: i64 = 15 * 60;
/// How long a link code is good for, in seconds.
const CODE_LIFE: i64 = 24 * 3_600;

/// The tenant could not be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProvisionError {
    /// Reading.
    #[error("reading")]
    Table(#[from] TableError),
    /// Storing.
    #[error("storing")]
    Commit(#[from] CommitError),
    /// Sealing the webhook's secret.
    #[error("sealing the webhook secret")]
    Secret(#[from] SecretError),
    /// Making the token.
    #[error("making an enrolment token")]
    Token(#[from] TokenError),
}

/// The tenant's id.
pub(crate) fn tenant_id() -> TenantId {
    TENANT.parse().expect("a word is a tenant id")
}

fn snowflake(text: &str) -> Snowflake {
    text.parse().expect("the constants above are Discord ids")
}

/// Brings the tenant to the state that this run needs. A restart with data changes nothing; an endpoint that an earlier
/// run with other secrets has used gets the new ones.
pub(crate) async fn tenant(
    table: &Table,
    ledger: &Ledger,
    secrets: &Secrets,
    state: &State,
    (quorum, storm): (u8, StormPolicy),
    now: i64,
) -> Result<(), ProvisionError> {
    let tenant_id = tenant_id();
    let profile_key = SortKey::profile();
    let tenant = table.read::<Tenant>(&tenant_id, &profile_key, now).await?;
    let mut changes = Vec::new();
    let wanted = Tenant {
        policy: tenant.as_ref().map(|tenant| tenant.value.policy.clone()).unwrap_or_default(),
        proxy_id: tenant.as_ref().and_then(|tenant| tenant.value.proxy_id.clone()),
        storm,
        llm_daily_tokens: tenant.as_ref().and_then(|tenant| tenant.value.llm_daily_tokens),
        ..demo(quorum)
    };
    if tenant.as_ref().is_none_or(|tenant| tenant.value != wanted) {
        let expect = tenant.map_or(Expect::Absent, |tenant| Expect::Version(tenant.version));
        changes.push(Change::profile(&wanted, expect));
    }
    for vendor in [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender, Vendor::Generic] {
        changes.extend(source(table, secrets, state, vendor, now).await?);
    }
    if changes.is_empty() {
        return Ok(());
    }
    let mut event = Draft::event(now, TENANT, "TENANT_PROVISIONED");
    event.detail.insert("by".to_owned(), json!("local runner"));
    ledger.commit(&tenant_id, &changes, &event).await?;
    Ok(())
}

/// The tenant as its operator has just made it: nothing set up, and a one-time code that links the server. One that an
/// earlier run has set up stays as it is.
pub(crate) async fn fresh(table: &Table, ledger: &Ledger, quorum: u8, now: i64) -> Result<String, ProvisionError> {
    let tenant_id = tenant_id();
    let mut changes = Vec::new();
    if table.read::<Tenant>(&tenant_id, &SortKey::profile(), now).await?.is_none() {
        let empty = Tenant { quorum, llm: LlmConsent::OptedIn, ..Tenant::new(tenant_id.clone(), NAME) };
        changes.push(Change::profile(&empty, Expect::Absent));
    }
    let (code, until) = (LinkCode::generate(&tenant_id), now + CODE_LIFE);
    let change = Change::put(SortKey::link_code(code.id()), &code.stored(until), Expect::Absent).expiring(until);
    changes.push(change);
    let mut event = Draft::event(now, TENANT, "LINK_CODE_CREATED");
    event.detail.insert("code".to_owned(), json!(code.id()));
    ledger.commit(&tenant_id, &changes, &event).await?;
    Ok(code.reveal())
}

/// The tenant with everything set up.
fn demo(quorum: u8) -> Tenant {
    Tenant {
        status: TenantStatus::Active,
        guild_id: Some(snowflake(GUILD)),
        channel_id: Some(snowflake(CHANNEL)),
        approver_roles: vec![snowflake(APPROVER_ROLE)],
        admin_roles: vec![snowflake(ADMIN_ROLE)],
        on_call_role: Some(snowflake(ON_CALL_ROLE)),
        quorum,
        llm: LlmConsent::OptedIn,
        ..Tenant::new(tenant_id(), NAME)
    }
}

/// The change that gives a vendor's source this run's secret, unless it has it. A stored secret that another run's key
/// sealed does not open, and counts as another one.
async fn source(
    table: &Table,
    secrets: &Secrets,
    state: &State,
    vendor: Vendor,
    now: i64,
) -> Result<Option<Change>, ProvisionError> {
    let (tenant_id, key) = (tenant_id(), SortKey::source(vendor));
    let secret = Secret::new(state.webhook_secret.clone().into_bytes());
    let found = table.read::<Source>(&tenant_id, &key, now).await?;
    let present = found.as_ref().and_then(|found| found.value.credential(Scheme::VyroxHmac));
    if let Some(Credential { secret: Kept::Sealed(sealed), .. }) = present
        && secrets.open(&tenant_id, vendor, sealed).await.is_ok_and(|opened| opened == secret)
    {
        return Ok(None);
    }
    let kept = secrets.keep(&tenant_id, vendor, Scheme::VyroxHmac, &secret).await?;
    let expect = found.as_ref().map_or(Expect::Absent, |found| Expect::Version(found.version));
    // Whatever else the operator has given the source stays.
    let source = found.map_or_else(|| Source::new(vendor, TENANT), |found| found.value);
    let wanted = source.with(Credential::new(Scheme::VyroxHmac, kept));
    Ok(Some(Change::put(key, &wanted, expect).known_as(Lookup::account(vendor, &wanted.account))))
}

/// Enters where the enrolled proxy takes pushed actions in this run, or that it polls.
pub(crate) async fn push_address(
    table: &Table,
    ledger: &Ledger,
    push_url: Option<String>,
    now: i64,
) -> Result<(), ProvisionError> {
    let tenant_id = tenant_id();
    let key = SortKey::proxy(&proxy_id());
    let Some(found) = table.read::<EnrolledProxy>(&tenant_id, &key, now).await? else { return Ok(()) };
    if found.value.push_url == push_url {
        return Ok(());
    }
    let proxy = EnrolledProxy { push_url, ..found.value };
    let mut change = Change::put(key, &proxy, Expect::Version(found.version));
    if let Ok(key) = proxy.key() {
        change = change.known_as(Lookup::key(&key.id()));
    }
    let mut event = Draft::event(now, TENANT, "PROXY_CHANGED");
    event.detail.insert("proxy_id".to_owned(), json!(proxy.id));
    event.detail.insert("push_url".to_owned(), json!(proxy.push_url));
    ledger.commit(&tenant_id, &[change], &event).await?;
    Ok(())
}

fn proxy_id() -> ProxyId {
    "edge-1".parse().expect("a word is a proxy id")
}

/// A one-time token for the tenant's proxy.
pub(crate) async fn enrolment(
    ledger: &Ledger,
    push_url: Option<String>,
    now: i64,
) -> Result<EnrolmentToken, ProvisionError> {
    let tenant_id = tenant_id();
    let token = EnrolmentToken::generate(&tenant_id);
    let enrolment =
        Enrolment { hash: token.hash()?, proxy_id: proxy_id(), push_url, uses_left: 1, expires_at: now + TOKEN_LIFE };
    let change = Change::put(SortKey::enrolment(token.id()), &enrolment, Expect::Absent).expiring(enrolment.expires_at);
    let mut event = Draft::event(now, TENANT, "ENROLMENT_CREATED");
    event.detail.insert("token".to_owned(), json!(token.id()));
    event.detail.insert("proxy_id".to_owned(), json!(enrolment.proxy_id));
    ledger.commit(&tenant_id, &[change], &event).await?;
    Ok(token)
}
