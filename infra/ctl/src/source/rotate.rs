//! `vyroxctl source rotate`.

use super::secret::{Proof, credential};
use super::{find, vendor, view, write};
use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use clap::Args;
use serde_json::json;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::webhook::Scheme;
use vyrox_platform::ledger::Expect;
use vyrox_platform::source::{Credential, Previous, Source};
use vyrox_platform::table::Versioned;

pub(super) const EXAMPLES: &str = "\
Examples:
  vyroxctl source rotate acme crowdstrike                          both count for a day
  vyroxctl source rotate acme generic --scheme bearer              of a source with several schemes
  vyroxctl source rotate acme crowdstrike --overlap-hours 0 --yes   the old one is known to others: it ends now";

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The tenant
    tenant: TenantId,
    /// The vendor: crowdstrike, sentinelone, defender, generic
    #[arg(value_parser = vendor)]
    vendor: Vendor,
    /// Which scheme's secret [default: the only one there is]
    #[arg(long)]
    scheme: Option<Scheme>,
    /// How long the old secret still counts, in hours
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=720))]
    overlap_hours: u32,
    /// Read the new secret from standard input: the vendor's console made it. Say --yes beside it where it is asked for
    #[arg(long)]
    secret_stdin: bool,
    #[command(flatten)]
    confirm: Confirm,
}

impl Rotate {
    pub(super) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        let Versioned { value: source, version } = find(deployment, &self.tenant, self.vendor).await?;
        let old = self.credential(&source)?.clone();
        let scheme = old.scheme;
        let proof = Proof { header: old.header.clone(), secret_stdin: self.secret_stdin };
        proof.check(&[scheme])?;
        let now = deployment.now();
        // Two secrets count at most, so an overlap that still runs ends here.
        let overlapping = old.previous.as_ref().filter(|previous| now < previous.until);
        if let Some(previous) = overlapping {
            let until = table::time(previous.until);
            self.confirm
                .ask(&format!("The secret before the present one, which would count until {until}, ends now."))?;
        } else if self.overlap_hours == 0 {
            self.confirm.ask("The present secret ends now: alerts signed with it are refused.")?;
        }
        let given = proof.secret(scheme)?;
        let until = now.saturating_add(i64::from(self.overlap_hours) * 3_600);
        let fresh = credential(deployment, &self.tenant, self.vendor, scheme, &proof, &given).await?;
        let previous = (self.overlap_hours > 0).then_some(Previous { secret: old.secret, until });
        let source = source.with(Credential { previous, ..fresh });
        let mut event = deployment.event(&self.tenant, "SOURCE_ROTATED");
        event.detail.insert("source".to_owned(), json!(self.vendor));
        event.detail.insert("scheme".to_owned(), json!(scheme));
        event.detail.insert("previous_until".to_owned(), json!((self.overlap_hours > 0).then_some(until)));
        write(deployment, &self.tenant, &source, Expect::Version(version), event).await?;
        Ok(view::reveal(&self.tenant, &source, &[(scheme, given.shown)], now))
    }

    /// The credential that is meant.
    fn credential<'a>(&self, source: &'a Source) -> Result<&'a Credential, CtlError> {
        match (self.scheme, source.credentials.as_slice()) {
            (Some(scheme), _) => source
                .credential(scheme)
                .ok_or_else(|| CtlError::NoSuchScheme(self.tenant.clone(), self.vendor, scheme)),
            (None, [only]) => Ok(only),
            (None, _) => Err(CtlError::WhichScheme(self.tenant.clone(), self.vendor)),
        }
    }
}
