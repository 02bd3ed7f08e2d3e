//! `vyroxctl source`: where a tenant's alerts come from. A secret is made here, shown once, and stored sealed; nobody can
//! show it again.

use crate::confirm::Confirm;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::table;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vyrox_contract::{TenantId, Vendor};
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::random;
use vyrox_platform::secrets::{Secret, Source};
use vyrox_platform::table::{Lookup, Prefix, SortKey, Versioned};

/// The vendors whose payloads can be read. A source of another one would answer 422 to every alert.
const READABLE: [Vendor; 4] = [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender, Vendor::Generic];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a source: prints the webhook's path and, once, its secret
    #[command(after_help = "Examples:\n  vyroxctl source add acme crowdstrike\n  \
        vyroxctl source add acme crowdstrike --account 0123456789abcdef   for a webhook without the tenant in its path\n\n\
        The sender signs the raw body: X-Vyrox-Signature: sha256=<hex HMAC-SHA256>, with the printed text as the key.")]
    Add(Add),
    /// Give a source a new secret; the old one counts for a while longer
    #[command(
        after_help = "Examples:\n  vyroxctl source rotate acme crowdstrike                          both count for a day\n  \
        vyroxctl source rotate acme crowdstrike --overlap-hours 0 --yes   the old one is known to others: it ends now"
    )]
    Rotate(Rotate),
    /// List a tenant's sources
    List {
        /// The tenant
        tenant: TenantId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The tenant
    tenant: TenantId,
    /// The vendor: crowdstrike
    #[arg(value_parser = vendor)]
    vendor: Vendor,
    /// The account that the vendor's payload names [default: the tenant's id]
    #[arg(long, value_parser = account)]
    account: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The tenant
    tenant: TenantId,
    /// The vendor: crowdstrike
    #[arg(value_parser = vendor)]
    vendor: Vendor,
    /// How long the old secret still counts, in hours
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=720))]
    overlap_hours: u32,
    #[command(flatten)]
    confirm: Confirm,
}

fn vendor(text: &str) -> Result<Vendor, String> {
    let names: Vec<&str> = READABLE.iter().map(|vendor| vendor.as_str()).collect();
    let readable = text.parse().ok().filter(|vendor| READABLE.contains(vendor));
    readable.ok_or_else(|| format!("the vendors that can be read are: {}", names.join(", ")))
}

fn account(text: &str) -> Result<String, &'static str> {
    let is_account =
        (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if is_account { Ok(text.to_owned()) } else { Err("1 to 200 visible ASCII characters, without '#'") }
}

impl Command {
    pub(crate) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        match self {
            Self::Add(add) => add.run(deployment).await,
            Self::Rotate(rotate) => rotate.run(deployment).await,
            Self::List { tenant } => list(deployment, &tenant).await,
        }
    }
}

impl Add {
    async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        deployment.tenant(&self.tenant).await?;
        let account = self.account.unwrap_or_else(|| self.tenant.to_string());
        let name = Lookup::account(self.vendor, &account);
        deployment.refuse_taken(&self.tenant, &name, format!("{} account {account}", self.vendor)).await?;
        let secret = new_secret();
        let source = Source {
            vendor: self.vendor,
            account,
            secret: deployment.secrets.seal(&self.tenant, self.vendor, &secret).await?,
            previous: None,
        };
        let mut event = deployment.event(&self.tenant, "SOURCE_ADDED");
        event.detail.insert("source".to_owned(), json!(self.vendor));
        event.detail.insert("account".to_owned(), json!(source.account));
        match deployment.ledger.commit(&self.tenant, &[write(&source, Expect::Absent)], &event).await {
            Ok(_) => Ok(reveal(&self.tenant, &source, &secret)),
            Err(CommitError::Conflict(_)) => Err(CtlError::SourceExists(self.tenant, self.vendor)),
            Err(error) => Err(error.into()),
        }
    }
}

impl Rotate {
    async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        deployment.tenant(&self.tenant).await?;
        let now = deployment.now();
        let found = deployment.table.read::<Source>(&self.tenant, &SortKey::source(self.vendor), now).await?;
        let Versioned { value: old, version } =
            found.ok_or_else(|| CtlError::NoSuchSource(self.tenant.clone(), self.vendor))?;
        // Two secrets count at most, so an overlap that still runs ends here.
        let overlapping = old.previous.as_ref().filter(|(_, until)| now < *until).map(|(_, until)| *until);
        if let Some(until) = overlapping {
            let until = table::time(until);
            self.confirm
                .ask(&format!("The secret before the present one, which would count until {until}, ends now."))?;
        } else if self.overlap_hours == 0 {
            self.confirm.ask("The present secret ends now: alerts signed with it are refused.")?;
        }
        let secret = new_secret();
        let until = now.saturating_add(i64::from(self.overlap_hours) * 3_600);
        let source = Source {
            secret: deployment.secrets.seal(&self.tenant, self.vendor, &secret).await?,
            previous: (self.overlap_hours > 0).then_some((old.secret, until)),
            ..old
        };
        let mut event = deployment.event(&self.tenant, "SOURCE_ROTATED");
        event.detail.insert("source".to_owned(), json!(self.vendor));
        event.detail.insert("previous_until".to_owned(), json!(source.previous.as_ref().map(|(_, until)| until)));
        deployment.ledger.commit(&self.tenant, &[write(&source, Expect::Version(version))], &event).await?;
        Ok(reveal(&self.tenant, &source, &secret))
    }
}

async fn list(deployment: &Deployment, tenant: &TenantId) -> Result<Report, CtlError> {
    deployment.tenant(tenant).await?;
    let now = deployment.now();
    let sources = deployment.table.list::<Source>(tenant, &Prefix::sources(), now).await?;
    let rows: Vec<[String; 4]> = sources
        .iter()
        .map(|Versioned { value: source, .. }| {
            let previous = source.previous.as_ref().filter(|(_, until)| now < *until);
            [
                source.vendor.to_string(),
                source.account.clone(),
                webhook_path(tenant, source.vendor),
                table::or_dash(previous.map(|(_, until)| table::time(*until))),
            ]
        })
        .collect();
    let json = Value::Array(sources.iter().map(|source| describe(tenant, &source.value)).collect());
    Ok(Report::new(json, table::columns(["VENDOR", "ACCOUNT", "WEBHOOK", "OLD SECRET COUNTS UNTIL"], &rows)))
}

/// 256 random bits as 64 hex digits: the text itself is the key of the HMAC.
fn new_secret() -> Secret {
    Secret::new(hex::encode(random::bytes::<32>()).into_bytes())
}

fn webhook_path(tenant: &TenantId, vendor: Vendor) -> String {
    format!("/webhook/{vendor}/{tenant}")
}

/// Writing a source, with the account that it is resolved by.
fn write(source: &Source, expect: Expect) -> Change {
    let name = Lookup::account(source.vendor, &source.account);
    Change::put(SortKey::source(source.vendor), source, expect).known_as(name)
}

/// A source without its secrets.
fn describe(tenant: &TenantId, source: &Source) -> Value {
    json!({
        "tenant_id": tenant,
        "vendor": source.vendor,
        "account": source.account,
        "webhook_path": webhook_path(tenant, source.vendor),
        "previous_until": source.previous.as_ref().map(|(_, until)| until),
    })
}

/// The one time that the secret is shown.
fn reveal(tenant: &TenantId, source: &Source, secret: &Secret) -> Report {
    let mut json = describe(tenant, source);
    json["secret"] = json!(secret.expose());
    let mut fields = vec![
        ("webhook", format!("<IngestUrl>{}", webhook_path(tenant, source.vendor))),
        ("account", source.account.clone()),
        ("secret", format!("{}   shown this once", secret.expose())),
    ];
    if let Some((_, until)) = &source.previous {
        fields.push(("old secret", format!("counts until {}", table::time(*until))));
    }
    Report::new(json, table::fields(&fields))
}
