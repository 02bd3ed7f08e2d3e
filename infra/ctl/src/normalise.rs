//! `vyroxctl normalise`: what becomes of payloads, without a deployment and without sending them anywhere.

use crate::error::CtlError;
use crate::sample;
use clap::Args;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::vendor::{FieldMap, NormaliseError, Normalised, Reception, normalise, normalise_mapped};

/// One JSON line for each alert of each file; `{"file","ignored"}` for a body that is no alert, and `{"file","rejected"}`
/// for one that ingest would refuse.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  vyroxctl normalise --vendor crowdstrike detection.json
  vyroxctl normalise --vendor generic --map my-siem.toml *.json
  curl -s $URL | vyroxctl normalise --vendor defender -

Exit codes:
  0  every file became alerts, or is an event that is ignored
  2  a file was rejected, or cannot be read")]
pub(crate) struct Normalise {
    /// The route: crowdstrike, sentinelone, defender or generic
    #[arg(long)]
    vendor: Vendor,
    /// A field map that is asked before the vendor's own shapes
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// The tenant whose alerts they would be; it goes into their ids
    #[arg(long, default_value = "sample")]
    tenant: TenantId,
    /// The time of reception, unix seconds [default: now]
    #[arg(long, value_name = "SECONDS")]
    received_at: Option<i64>,
    /// Payloads; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Normalise {
    /// Reads the files; `now` is unix seconds.
    pub(crate) fn run(self, now: i64) -> Result<ExitCode, CtlError> {
        let map = self.map.as_deref().map(sample::map).transpose()?;
        let reception = Reception { tenant_id: &self.tenant, received_at: self.received_at.unwrap_or(now) };
        let mut out = std::io::stdout().lock();
        let mut all_read = true;
        for file in &self.files {
            let name = file.display().to_string();
            match read(&sample::bytes(file)?, self.vendor, map.as_ref(), &reception) {
                Ok(Normalised::Alerts(alerts)) => {
                    for alert in alerts {
                        writeln!(out, "{}", json!(alert))?;
                    }
                }
                Ok(Normalised::Ignored { reason }) => writeln!(out, "{}", json!({"file": name, "ignored": reason}))?,
                Err(error) => {
                    all_read = false;
                    writeln!(out, "{}", rejected(&name, &error))?;
                }
            }
        }
        Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }
}

fn rejected(file: &str, error: &NormaliseError) -> Value {
    json!({"file": file, "rejected": vyrox_platform::batch::chain(error)})
}

fn read(
    body: &[u8],
    vendor: Vendor,
    map: Option<&FieldMap>,
    reception: &Reception<'_>,
) -> Result<Normalised, NormaliseError> {
    let delivery = sample::vouched(body);
    match map {
        Some(map) => normalise_mapped(vendor, map, &delivery, reception),
        None => normalise(vendor, &delivery, reception),
    }
}
