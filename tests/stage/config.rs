//! What tests are told through the environment.

use std::path::PathBuf;
use std::time::Duration;

/// How often a race is run, from `VYROX_RACES`; three times without it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn races() -> usize {
    std::env::var("VYROX_RACES").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Where the table of the injection suite is left, from `VYROX_INJECTION_TABLE`; without it, it is only printed.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn injection_table() -> Option<PathBuf> {
    std::env::var_os("VYROX_INJECTION_TABLE").map(PathBuf::from)
}

/// The new folder into which an evidence pack is copied to be looked at (`VYROX_PACK`).
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn pack_copy() -> Option<PathBuf> {
    std::env::var_os("VYROX_PACK").map(PathBuf::from)
}

/// How long the chaos goes on, in seconds, from `VYROX_CHAOS_SECONDS`; a quarter of a minute without it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn chaos_seconds() -> u64 {
    std::env::var("VYROX_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(15)
}

/// How long Discord is down each time in the chaos, from `VYROX_CHAOS_DISCORD_SECONDS`; three seconds without it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn discord_outage() -> Duration {
    let seconds = std::env::var("VYROX_CHAOS_DISCORD_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

/// Where a process that a test starts keeps its AWS (`VYROX_TEST_AWS_DATA`), and at which port (`VYROX_TEST_AWS_PORT`).
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn aws_of_its_own() -> Option<(PathBuf, u16)> {
    let port = std::env::var("VYROX_TEST_AWS_PORT").ok()?.parse().ok()?;
    Some((std::env::var_os("VYROX_TEST_AWS_DATA")?.into(), port))
}

/// The Python that has what a bench's other side needs (`VYROX_PYTHON`); `python3` without it.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn python() -> PathBuf {
    std::env::var_os("VYROX_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from)
}

/// The folders in which programs are looked for (`PATH`).
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn program_folders() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}
