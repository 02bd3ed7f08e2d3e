//! The one place that reads the environment: switches for tests, never for the stand-ins themselves.

use std::path::PathBuf;

/// Discord's OpenAPI file, from `VYROX_DISCORD_OPENAPI`; tests hand it to [`DiscordOptions::schema`](crate::discord::DiscordOptions::schema).
#[must_use]
pub fn discord_openapi() -> Option<PathBuf> {
    variable("VYROX_DISCORD_OPENAPI")
}

/// Where browser tests leave pictures, from `VYROX_SCREENSHOTS`; without it they leave none.
#[must_use]
pub fn screenshot_directory() -> Option<PathBuf> {
    variable("VYROX_SCREENSHOTS")
}

#[expect(clippy::disallowed_methods, reason = "tests take these two switches from whoever starts them")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
