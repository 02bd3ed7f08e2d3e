//! `vyroxctl source scheme`: further ways to prove a delivery.

use super::secret::{Proof, credential};
use super::{find, vendor, view, write};
use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use clap::{Args, Subcommand};
use serde_json::json;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::webhook::Scheme;
use vyrox_platform::ledger::Expect;
use vyrox_platform::table::Versioned;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// One more way: prints its secret once
    #[command(after_help = "Examples:\n  vyroxctl source scheme add acme sentinelone bearer\n  \
        vyroxctl source scheme add acme generic static_header --header x-api-key --secret-stdin <secret.txt")]
    Add(Add),
    /// One way less: deliveries that prove themselves so are refused from now on
    Remove {
        /// The tenant
        tenant: TenantId,
        /// The vendor: crowdstrike, sentinelone, defender, generic
        #[arg(value_parser = vendor)]
        vendor: Vendor,
        /// The scheme
        scheme: Scheme,
        #[command(flatten)]
        confirm: Confirm,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The tenant
    tenant: TenantId,
    /// The vendor: crowdstrike, sentinelone, defender, generic
    #[arg(value_parser = vendor)]
    vendor: Vendor,
    /// The scheme
    scheme: Scheme,
    #[command(flatten)]
    proof: Proof,
}

impl Command {
    pub(super) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        match self {
            Self::Add(add) => add.run(deployment).await,
            Self::Remove { tenant, vendor, scheme, confirm } => {
                remove(deployment, tenant, vendor, scheme, &confirm).await
            }
        }
    }
}

impl Add {
    async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        let Self { tenant, vendor, scheme, proof } = self;
        proof.check(&[scheme])?;
        let Versioned { value: source, version } = find(deployment, &tenant, vendor).await?;
        if source.credential(scheme).is_some() {
            return Err(CtlError::SchemeExists(tenant, vendor, scheme));
        }
        let given = proof.secret(scheme)?;
        let source = source.with(credential(deployment, &tenant, vendor, scheme, &proof, &given).await?);
        let mut event = deployment.event(&tenant, "SOURCE_SCHEME_ADDED");
        event.detail.insert("source".to_owned(), json!(vendor));
        event.detail.insert("scheme".to_owned(), json!(scheme));
        write(deployment, &tenant, &source, Expect::Version(version), event).await?;
        Ok(view::reveal(&tenant, &source, &[(scheme, given.shown)], deployment.now()))
    }
}

async fn remove(
    deployment: &Deployment,
    tenant: TenantId,
    vendor: Vendor,
    scheme: Scheme,
    confirm: &Confirm,
) -> Result<Report, CtlError> {
    let Versioned { value: mut source, version } = find(deployment, &tenant, vendor).await?;
    if source.credential(scheme).is_none() {
        return Err(CtlError::NoSuchScheme(tenant, vendor, scheme));
    }
    if source.credentials.len() == 1 {
        return Err(CtlError::LastScheme(tenant, vendor, scheme));
    }
    confirm.ask(&format!("Alerts of {tenant}'s {vendor} that prove themselves by {scheme} will be refused."))?;
    source.credentials.retain(|credential| credential.scheme != scheme);
    let mut event = deployment.event(&tenant, "SOURCE_SCHEME_REMOVED");
    event.detail.insert("source".to_owned(), json!(vendor));
    event.detail.insert("scheme".to_owned(), json!(scheme));
    write(deployment, &tenant, &source, Expect::Version(version), event).await?;
    Ok(view::reveal(&tenant, &source, &[], deployment.now()))
}
