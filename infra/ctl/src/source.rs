//! `vyroxctl source`: where a tenant's alerts come from, how that is proven, and how it is read. A secret that is made here
//! is shown once and stored sealed (a token as its hash); nobody can show it again.

mod add;
mod delivery;
mod map;
mod rotate;
mod scheme;
mod secret;
mod view;

use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::sample;
pub(crate) use delivery::Delivery;
pub(crate) use map::saved as saved_map;

use clap::Subcommand;
use vyrox_contract::{TenantId, Vendor};
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::source::Source;
use vyrox_platform::table::{Lookup, SortKey, Versioned};

/// The vendors whose payloads can be read. A source of another one would answer 422 to every alert.
const READABLE: [Vendor; 4] = [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender, Vendor::Generic];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a source: prints the webhook's path and, once, its secrets
    #[command(after_help = add::EXAMPLES)]
    Add(add::Add),
    /// Give a source one more way to prove itself, or take one away
    #[command(subcommand)]
    Scheme(scheme::Command),
    /// Give a scheme of a source a new secret; the old one counts for a while longer
    #[command(after_help = rotate::EXAMPLES)]
    Rotate(rotate::Rotate),
    /// Save where the source's bodies keep what an alert needs; without a flag, print what is saved
    #[command(after_help = map::EXAMPLES)]
    Map(map::Map),
    /// Show what a field map makes of a sample, field by field, or post it to the webhook as the source would
    Test(sample::Test),
    /// List a tenant's sources
    List {
        /// The tenant
        tenant: TenantId,
    },
}

impl Command {
    /// `deployment` is made only where one is needed; `now` is unix seconds.
    pub(crate) async fn run(
        self,
        now: i64,
        deployment: impl FnOnce() -> Result<Deployment, CtlError>,
    ) -> Result<Report, CtlError> {
        match self {
            Self::Add(add) => add.run(&deployment()?).await,
            Self::Scheme(scheme) => scheme.run(&deployment()?).await,
            Self::Rotate(rotate) => rotate.run(&deployment()?).await,
            Self::Map(map) => map.run(&deployment()?).await,
            Self::Test(test) => test.run(now, deployment).await,
            Self::List { tenant } => view::list(&deployment()?, &tenant).await,
        }
    }
}

fn vendor(text: &str) -> Result<Vendor, String> {
    let names: Vec<&str> = READABLE.iter().map(|vendor| vendor.as_str()).collect();
    let readable = text.parse().ok().filter(|vendor| READABLE.contains(vendor));
    readable.ok_or_else(|| format!("the vendors that can be read are: {}", names.join(", ")))
}

/// The source, which must exist.
async fn find(deployment: &Deployment, tenant: &TenantId, vendor: Vendor) -> Result<Versioned<Source>, CtlError> {
    deployment.tenant(tenant).await?;
    let found = deployment.table.read::<Source>(tenant, &SortKey::source(vendor), deployment.now()).await?;
    found.ok_or_else(|| CtlError::NoSuchSource(tenant.clone(), vendor))
}

/// Writes a source with the audit entry of what was done, under the account that it is resolved by.
async fn write(
    deployment: &Deployment,
    tenant: &TenantId,
    source: &Source,
    expect: Expect,
    event: vyrox_audit::Draft,
) -> Result<(), CommitError> {
    let name = Lookup::account(source.vendor, &source.account);
    let change = Change::put(SortKey::source(source.vendor), source, expect).known_as(name);
    deployment.ledger.commit(tenant, &[change], &event).await.map(drop)
}
