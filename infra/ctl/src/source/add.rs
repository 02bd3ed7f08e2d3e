//! `vyroxctl source add`.

use super::secret::{Proof, credential};
use super::{vendor, view, write};
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use clap::Args;
use serde_json::json;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::webhook::Scheme;
use vyrox_platform::ledger::{CommitError, Expect};
use vyrox_platform::source::Source;
use vyrox_platform::table::Lookup;

pub(super) const EXAMPLES: &str = "\
Examples:
  vyroxctl source add acme crowdstrike                                   X-Vyrox-Signature over the raw body
  vyroxctl source add acme crowdstrike --scheme crowdstrike_hmac         a Falcon Fusion webhook
  vyroxctl source add acme sentinelone --scheme static_header --header x-webhook-secret
  vyroxctl source add acme defender --scheme graph_client_state --account TENANT-GUID
  vyroxctl source add acme generic --scheme bearer --scheme standard_webhooks
  vyroxctl source add acme generic --scheme standard_webhooks --secret-stdin <secret.txt

A secret is made here and printed once, or, if the vendor's console made it, read from standard input. \
docs/webhooks.md says what to enter in each vendor's console.";

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The tenant
    tenant: TenantId,
    /// The vendor: crowdstrike, sentinelone, defender, generic
    #[arg(value_parser = vendor)]
    vendor: Vendor,
    /// How deliveries prove themselves; several can be active at once [default: vyrox_hmac]
    #[arg(long = "scheme", value_name = "SCHEME")]
    schemes: Vec<Scheme>,
    /// The account that the vendor's payload names [default: the tenant's id]
    #[arg(long, value_parser = account)]
    account: Option<String>,
    #[command(flatten)]
    proof: Proof,
}

fn account(text: &str) -> Result<String, &'static str> {
    let is_account =
        (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if is_account { Ok(text.to_owned()) } else { Err("1 to 200 visible ASCII characters, without '#'") }
}

impl Add {
    pub(super) async fn run(mut self, deployment: &Deployment) -> Result<Report, CtlError> {
        if self.schemes.is_empty() {
            self.schemes.push(Scheme::VyroxHmac);
        }
        self.schemes.sort();
        self.schemes.dedup();
        self.proof.check(&self.schemes)?;
        deployment.tenant(&self.tenant).await?;
        let account = self.account.unwrap_or_else(|| self.tenant.to_string());
        let name = Lookup::account(self.vendor, &account);
        deployment.refuse_taken(&self.tenant, &name, format!("{} account {account}", self.vendor)).await?;
        let mut source = Source::new(self.vendor, account);
        let mut shown = Vec::new();
        for scheme in &self.schemes {
            let given = self.proof.secret(*scheme)?;
            let credential = credential(deployment, &self.tenant, self.vendor, *scheme, &self.proof, &given).await?;
            source = source.with(credential);
            shown.push((*scheme, given.shown));
        }
        let mut event = deployment.event(&self.tenant, "SOURCE_ADDED");
        event.detail.insert("source".to_owned(), json!(self.vendor));
        event.detail.insert("account".to_owned(), json!(source.account));
        event.detail.insert("schemes".to_owned(), json!(self.schemes));
        match write(deployment, &self.tenant, &source, Expect::Absent, event).await {
            Ok(()) => Ok(view::reveal(&self.tenant, &source, &shown, deployment.now())),
            Err(CommitError::Conflict(_)) => Err(CtlError::SourceExists(self.tenant, self.vendor)),
            Err(error) => Err(error.into()),
        }
    }
}
