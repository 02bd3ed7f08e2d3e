//! The cloud's audit chain of one tenant, as JSON lines that `vyrox-audit verify` reads.

use vyrox_contract::TenantId;
use vyrox_platform::audit_export;
use vyrox_platform::clock::Clock as _;
use vyrox_platform::table::{Table, TableError};

/// All lanes of the tenant, one entry a line.
///
/// # Errors
/// [`TableError`].
pub async fn cloud_audit(table: &Table, tenant: &TenantId) -> Result<Vec<u8>, TableError> {
    let mut lines = Vec::new();
    let mut after = None;
    loop {
        let page = audit_export::page(table, tenant, after, vyrox_platform::clock::SystemClock.now()).await?;
        for line in page.lines {
            lines.extend_from_slice(&line);
            lines.push(b'\n');
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(lines),
        }
    }
}
