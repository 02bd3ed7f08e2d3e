//! The cloud's audit chain of one tenant, as JSON lines that `vyrox-audit verify` reads.

use vyrox_contract::TenantId;
use vyrox_platform::audit_export::{self, Position};
use vyrox_platform::clock::{Clock as _, SystemClock};
use vyrox_platform::table::{Table, TableError};

/// All checkpoints and lanes of the tenant, one entry a line.
///
/// # Errors
/// [`TableError`].
pub async fn cloud_audit(table: &Table, tenant: &TenantId) -> Result<Vec<u8>, TableError> {
    let mut lines = Vec::new();
    let mut position = Some(Position::default());
    while let Some(at) = position {
        let page = audit_export::page(table, tenant, at, SystemClock.now()).await?;
        for line in page.lines {
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
        }
        position = page.next;
    }
    Ok(lines)
}
