//! Test alerts: a delivery that names a test is proven by that test's own secret, and by nothing of the source's.

use super::Headers;
use crate::tenant::Snowflake;

/// The header that names the test: the id of the command that asked for it. It selects the secret and proves nothing.
pub const CANARY_HEADER: &str = "X-Vyrox-Test";

/// The test that a delivery says it is.
#[must_use]
pub fn canary(headers: &Headers) -> Option<Snowflake> {
    headers.text(CANARY_HEADER)?.parse().ok()
}
