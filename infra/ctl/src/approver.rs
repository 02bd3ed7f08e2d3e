//! `vyroxctl approver`: the second factors of a tenant's approvers. A secret is shown once and stored sealed; nobody can show
//! it again.

use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use clap::Subcommand;
use serde_json::json;
use vyrox_contract::TenantId;
use vyrox_domain::step_up::{SECRET_BYTES, enrolment_uri};
use vyrox_domain::tenant::Snowflake;
use vyrox_platform::approver::Approver;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::random;
use vyrox_platform::secrets::Secret;
use vyrox_platform::table::{Prefix, SortKey};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Enrol an approver's authenticator app, or enrol it anew: prints, once, what the app reads
    #[command(after_help = "Example:\n  vyroxctl approver enrol acme 900000000000000001\n\n\
        Hand the line over in person or through a channel other than Discord; as a QR code: qrencode -t ansiutf8 'otpauth://...'")]
    Enrol {
        /// The tenant
        tenant: TenantId,
        /// The approver's id in Discord
        user: Snowflake,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// List the enrolled approvers
    List {
        /// The tenant
        tenant: TenantId,
    },
    /// Take an approver's second factor away; where codes are asked for, they cannot approve any more
    Revoke {
        /// The tenant
        tenant: TenantId,
        /// The approver's id in Discord
        user: Snowflake,
        #[command(flatten)]
        confirm: Confirm,
    },
}

impl Command {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        match self {
            Self::Enrol { tenant, user, confirm } => enrol(deployment, &tenant, user, &confirm).await,
            Self::List { tenant } => list(deployment, &tenant).await,
            Self::Revoke { tenant, user, confirm } => revoke(deployment, &tenant, user, &confirm).await,
        }
    }
}

async fn enrol(
    deployment: &Deployment,
    tenant: &TenantId,
    user: Snowflake,
    confirm: &Confirm,
) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let key = SortKey::approver(user);
    let before = deployment.table.read::<Approver>(tenant, &key, deployment.now()).await?;
    if before.is_some() {
        confirm.ask(&format!(
            "Approver {user} is enrolled already; the codes of the app they have will not count any more."
        ))?;
    }
    let bytes = random::bytes::<SECRET_BYTES>();
    let secret = Secret::new(bytes.to_vec());
    let approver = Approver::enrolled(&deployment.secrets, tenant, user, &secret, deployment.now()).await?;
    let expect = before.as_ref().map_or(Expect::Absent, |before| Expect::Version(before.version));
    let mut event = deployment.event(tenant, "APPROVER_ENROLLED");
    event.detail.insert("user_id".to_owned(), json!(user));
    event.detail.insert("replaces".to_owned(), json!(before.is_some()));
    deployment.ledger.commit(tenant, &[Change::put(key, &approver, expect)], &event).await?;
    let uri = enrolment_uri(&bytes, &user.to_string());
    let text = table::fields(&[
        ("tenant", tenant.to_string()),
        ("approver", user.to_string()),
        ("for their app", uri.clone()),
    ]);
    Ok(Report::new(json!({"tenant_id": tenant, "user_id": user, "otpauth": uri}), text))
}

async fn list(deployment: &Deployment, tenant: &TenantId) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let now = deployment.now();
    let approvers = deployment.table.list::<Approver>(tenant, &Prefix::approvers(), now).await?;
    let rows: Vec<[String; 3]> = approvers
        .iter()
        .map(|approver| {
            let factor = &approver.value.factor;
            let state = if factor.is_locked(now) { "locked" } else { "enrolled" };
            let used = factor.passed_at.map_or_else(|| "never".to_owned(), table::time);
            [approver.value.user_id.to_string(), state.to_owned(), used]
        })
        .collect();
    let value: Vec<_> = approvers
        .iter()
        .map(|approver| json!({"user_id": approver.value.user_id, "factor": approver.value.factor}))
        .collect();
    Ok(Report::new(json!(value), table::columns(["APPROVER", "STATE", "LAST USED"], &rows)))
}

async fn revoke(
    deployment: &Deployment,
    tenant: &TenantId,
    user: Snowflake,
    confirm: &Confirm,
) -> Result<Report, CtlError> {
    let key = SortKey::approver(user);
    let found = deployment.table.read::<Approver>(tenant, &key, deployment.now()).await?;
    if found.is_none() {
        return Err(CtlError::NoSuchApprover(tenant.clone(), user));
    }
    confirm.ask(&format!("The codes of approver {user} will not count any more."))?;
    let mut event = deployment.event(tenant, "APPROVER_REVOKED");
    event.detail.insert("user_id".to_owned(), json!(user));
    deployment.ledger.commit(tenant, &[Change::delete(key)], &event).await?;
    let text = table::fields(&[("tenant", tenant.to_string()), ("revoked", user.to_string())]);
    Ok(Report::new(json!({"tenant_id": tenant, "revoked": user}), text))
}
