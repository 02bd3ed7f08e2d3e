//! What tests are told through the environment.

use std::path::PathBuf;

/// Where the table of the injection suite is left, from `VYROX_INJECTION_TABLE`; without it, it is only printed.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn injection_table() -> Option<PathBuf> {
    std::env::var_os("VYROX_INJECTION_TABLE").map(PathBuf::from)
}
