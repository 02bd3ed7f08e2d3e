//! Payloads and field maps in files, and `vyroxctl source test`: what a field map makes of a payload, field by field, or what
//! the webhook says to it.

use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use crate::source::Delivery;
use crate::table;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::vendor::{FieldMap, ItemTrace, PRESETS, Reception};
use vyrox_domain::webhook::{Authenticated, Keyring, RawDelivery, SIGNATURE_HEADER, authenticate, sign};
use vyrox_platform::batch::chain;
use vyrox_platform::random;

/// More than any body that ingest takes; the rest of a file is not read.
const MOST: u64 = 4 * 1024 * 1024;

/// The whole file; `-` is standard input.
pub(crate) fn bytes(file: &Path) -> Result<Vec<u8>, CtlError> {
    let unreadable = |source| CtlError::File { path: file.display().to_string(), source };
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(MOST).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        std::fs::File::open(file).and_then(|file| file.take(MOST).read_to_end(&mut bytes)).map_err(unreadable)?;
    }
    Ok(bytes)
}

/// The field map in a file.
pub(crate) fn map(file: &Path) -> Result<FieldMap, CtlError> {
    let text = String::from_utf8_lossy(&bytes(file)?).into_owned();
    FieldMap::parse(&text).map_err(|source| CtlError::FieldMap { what: file.display().to_string(), source })
}

/// A payload that the operator holds in hand, as its own sender: signed with a secret made for it, and then verified, since
/// an adapter reads nothing that is not authenticated.
pub(crate) fn vouched(body: &[u8]) -> Authenticated<&[u8]> {
    let secret = random::bytes::<32>();
    let headers = [(SIGNATURE_HEADER, sign(&secret, body))].into_iter().collect();
    let delivery = RawDelivery { body, headers };
    authenticate(delivery, &Keyring::of_vyrox_hmac(secret), 0).expect("it was signed a line above")
}

/// What a field map makes of a sample, or what the webhook says to it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vyroxctl source test --file sample.json --map my-siem.toml
  vyroxctl source test --file sample.json --preset wazuh-4
  vyroxctl source test --file sample.json --tenant acme --vendor generic    the map that is saved for the source
  vyroxctl source test --file sample.json                                   every preset, the first that takes it
  vyroxctl source test --file sample.json --send https://ingest.example/webhook/generic/acme <secret.txt
  vyroxctl source test --file sample.json --send https://ingest.example/webhook/sentinelone/acme --scheme static_header \\
    --header x-webhook-secret <secret.txt

With --send the sample goes to the webhook as the source itself would post it, with the secret from standard input: what is \
taken is a real alert. Only --tenant reads the deployment. Exit codes: 0 every alert of the sample can be read (or the \
webhook took it), 2 not")]
pub(crate) struct Test {
    /// The sample, as the source posts it; `-` is standard input
    #[arg(long)]
    file: PathBuf,
    /// The field map, in TOML or JSON
    #[arg(long, value_name = "FILE", conflicts_with_all = ["preset", "tenant"])]
    map: Option<PathBuf>,
    /// A field map that comes with Vyrox
    #[arg(long, value_name = "NAME", conflicts_with = "tenant")]
    preset: Option<String>,
    /// The tenant whose source's saved map is tried
    #[arg(long)]
    tenant: Option<TenantId>,
    /// The route
    #[arg(long, default_value = "generic")]
    vendor: Vendor,
    #[command(flatten)]
    delivery: Delivery,
}

impl Test {
    /// Tries the map. `deployment` is made only if the saved one is asked for.
    pub(crate) async fn run(
        self,
        now: i64,
        deployment: impl FnOnce() -> Result<Deployment, CtlError>,
    ) -> Result<Report, CtlError> {
        let sample = bytes(&self.file)?;
        if let Some(sender) = self.delivery.sender()? {
            return sender.deliver(sample, now).await;
        }
        let payload: Value = serde_json::from_slice(&sample)
            .map_err(|source| CtlError::NotJson { path: self.file.display().to_string(), source })?;
        let tenant = self.tenant.clone().unwrap_or_else(|| "sample".parse().expect("a word is a tenant id"));
        let reception = Reception { tenant_id: &tenant, received_at: now };
        let (name, map) = match (&self.map, &self.preset, &self.tenant) {
            (Some(file), ..) => (file.display().to_string(), map(file)?),
            (None, Some(name), _) => (name.clone(), preset(name)?),
            (None, None, Some(tenant)) => {
                let saved = crate::source::saved_map(&deployment()?, tenant, self.vendor).await?;
                (format!("the map of {tenant}'s source {}", self.vendor), saved)
            }
            (None, None, None) => first_that_takes(self.vendor, &payload, &reception)?,
        };
        let items = map.trace(self.vendor, &payload, &reception);
        let all_read = items.iter().all(|item| item.holds && item.alert.is_ok()) && !items.is_empty();
        let report = report(&name, &items);
        Ok(if all_read { report } else { report.ending_with(2) })
    }
}

fn preset(name: &str) -> Result<FieldMap, CtlError> {
    let known = PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| CtlError::NoSuchPreset {
        name: name.to_owned(),
        known: PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", "),
    })?;
    FieldMap::parse(known.text).map_err(|source| CtlError::FieldMap { what: name.to_owned(), source })
}

fn first_that_takes(
    vendor: Vendor,
    payload: &Value,
    reception: &Reception<'_>,
) -> Result<(String, FieldMap), CtlError> {
    for known in PRESETS {
        let map = preset(known.name)?;
        let items = map.trace(vendor, payload, reception);
        if !items.is_empty() && items.iter().all(|item| item.holds) {
            return Ok((format!("the preset {}", known.name), map));
        }
    }
    Err(CtlError::NoPresetTakesIt)
}

fn report(name: &str, items: &[ItemTrace]) -> Report {
    let mut text = format!(
        "{} read by {name}\n",
        if items.len() == 1 { "One item".to_owned() } else { format!("{} items", items.len()) }
    );
    for (number, item) in items.iter().enumerate() {
        let outcome = match (&item.alert, item.holds) {
            (_, false) => "its conditions (when) do not hold: the map does not take it".to_owned(),
            (Ok(alert), true) => format!("an alert, id {}", alert.id),
            (Err(error), true) => format!("NO alert: {}", chain(error)),
        };
        writeln!(text, "\n{}. {outcome}\n", number + 1).expect("writing to a String cannot fail");
        let rows: Vec<[String; 4]> = item
            .fields
            .iter()
            .map(|trace| {
                let found = trace.found.as_deref().filter(|found| Some(*found) != trace.value.as_deref());
                [
                    trace.field.to_owned(),
                    table::or_dash(trace.value.as_ref()),
                    table::or_dash(trace.place.as_ref()),
                    found.map_or_else(String::new, |found| format!("found {found}")),
                ]
            })
            .collect();
        text.push_str(&table::columns(["FIELD", "VALUE", "FROM", ""], &rows));
    }
    let json = items.iter().map(|item| {
        json!({
            "takes": item.holds,
            "fields": item.fields,
            "alert": item.alert.as_ref().ok(),
            "rejected": item.alert.as_ref().err().map(|error| chain(error)),
        })
    });
    Report::new(json!({"map": name, "items": json.collect::<Vec<_>>()}), text)
}
