//! `vyroxctl source map`: the field map of a source.

use super::{find, vendor, write};
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::report::Report;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::vendor::FieldMap;
use vyrox_platform::ledger::Expect;
use vyrox_platform::source::Source;
use vyrox_platform::table::Versioned;

pub(super) const EXAMPLES: &str = "\
Examples:
  vyroxctl source map acme generic --file map.toml
  vyroxctl source map acme generic >map.toml
  vyroxctl source map acme generic --clear

docs/adapters/field-maps.md explains what stands in a field map. It counts from the next delivery on.";

#[derive(Debug, Args)]
pub(crate) struct Map {
    /// The tenant
    tenant: TenantId,
    /// The vendor: crowdstrike, sentinelone, defender, generic
    #[arg(value_parser = vendor)]
    vendor: Vendor,
    /// The field map, TOML or JSON: checked, then saved
    #[arg(long, value_name = "FILE", conflicts_with = "clear")]
    file: Option<PathBuf>,
    /// Forget the saved one
    #[arg(long)]
    clear: bool,
}

impl Map {
    pub(super) async fn run(self, deployment: &Deployment) -> Result<Report, CtlError> {
        let Self { tenant, vendor, file, clear } = self;
        let text = match &file {
            Some(file) => Some(read(file)?),
            None => None,
        };
        let parse = |text| {
            let what = file.as_deref().unwrap_or(Path::new("-")).display().to_string();
            FieldMap::parse(text).map_err(|source| CtlError::FieldMap { what, source })
        };
        let map = text.as_deref().map(parse).transpose()?;
        let Versioned { value: source, version } = find(deployment, &tenant, vendor).await?;
        if map.is_none() && !clear {
            let saved = source.field_map.ok_or(CtlError::NoFieldMap(tenant, vendor))?;
            return Ok(Report::new(json!({ "field_map": saved }), saved));
        }
        let kind = if map.is_some() { "SOURCE_MAPPED" } else { "SOURCE_MAP_CLEARED" };
        let mut event = deployment.event(&tenant, kind);
        event.detail.insert("source".to_owned(), json!(vendor));
        let mut said = json!({"tenant_id": tenant, "vendor": vendor, "mapped": map.is_some()});
        let mut words = format!("the field map of {tenant}'s {vendor} is cleared");
        if let (Some(text), Some(map)) = (&text, &map) {
            let digest = hex::encode(vyrox_domain::webhook::token_hash(text.as_bytes()));
            for (key, value) in [("sha256", json!(digest)), ("name", json!(map.name()))] {
                event.detail.insert(key.to_owned(), value.clone());
                said[key] = value;
            }
            let name = map.name().unwrap_or("without a name");
            let takes = if map.is_conditional() { "bodies for which its conditions hold" } else { "every body" };
            words = format!("the field map {name} is saved: it reads {takes} of {tenant}'s {vendor}");
        }
        let source = Source { field_map: text, ..source };
        write(deployment, &tenant, &source, Expect::Version(version), event).await?;
        Ok(Report::new(said, words))
    }
}

/// The map that is saved for a source.
pub(crate) async fn saved(deployment: &Deployment, tenant: &TenantId, vendor: Vendor) -> Result<FieldMap, CtlError> {
    let source = find(deployment, tenant, vendor).await?.value;
    let text = source.field_map.ok_or_else(|| CtlError::NoFieldMap(tenant.clone(), vendor))?;
    let what = format!("the saved map of {tenant}'s {vendor}");
    FieldMap::parse(&text).map_err(|source| CtlError::FieldMap { what, source })
}

fn read(file: &Path) -> Result<String, CtlError> {
    std::fs::read_to_string(file).map_err(|source| CtlError::File { path: file.display().to_string(), source })
}
