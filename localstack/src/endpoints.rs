//! Where everything is, for people and for programs.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// One flat object, as `--endpoints-file` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// The tenant that was provisioned.
    pub tenant_id: String,
    /// What stands before `/webhook`.
    pub webhook_base_url: String,
    /// The secret of the tenant's CrowdStrike source.
    pub webhook_secret: String,
    /// Where Discord posts clicks.
    pub interactions_url: String,
    /// What stands before `/proxy/v1`.
    pub relay_url: String,
    /// The edge proxy.
    pub proxy_url: String,
    /// The channel, as a page.
    pub discord_page_url: String,
    /// The EDR's stand-in.
    pub edr_url: String,
    /// The AWS endpoint.
    pub aws_endpoint_url: String,
    /// The table.
    pub table_name: String,
}

impl Endpoints {
    /// Writes the file in one step, so that whoever waits for it never reads half of it.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self).expect("endpoints are strings");
        let temporary = path.with_extension("partial");
        std::fs::write(&temporary, text + "\n")?;
        std::fs::rename(&temporary, path)
    }
}
