//! `vyroxctl export` and `vyroxctl import`: a tenant, or all of them, from one deployment to another: from the embedded store
//! to AWS, back, or between accounts.
//!
//! ```text
//!  {"vyrox_export":1, tenants, keys, ...}        the head
//!  {"tenant_id","sk","item":{...}}               one line an item, as DynamoDB's JSON has it
//!  ...
//!  {"manifest":{items, left_out, sha256}}        the end: without it the file is not whole
//! ```
//!
//! The audit keeps its bytes, lane by lane, and goes on in the other place in lanes of its own. What is sealed under the
//! old deployment's KMS key cannot be opened under another one: such secrets and payloads are left out, or, with
//! `--with-secrets`, travel in the clear and are sealed anew.

mod export;
mod file;
mod import;
mod secret;

pub(crate) use export::Export;
pub(crate) use import::Import;

/// What is not worth moving: tokens that name the old address, counters of the last minutes, tests' own secrets,
/// notes of earlier moves.
const LEFT_BEHIND: [&str; 8] = ["ENROL#", "LINK#", "RATE#", "KEYRATE#", "REFUSED#", "COMMAND#", "CANARY#", "IMPORT#"];

/// The first part of a sort key, which says what kind of item it is.
fn kind_of(key: &str) -> &str {
    key.split_once('#').map_or(key, |(kind, _)| kind)
}
