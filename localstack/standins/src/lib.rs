//! Stand-ins for three outside systems, for tests and for the local runner: real HTTP on loopback, strict about what they are sent.
//!
//! * [`discord`]: Discord's REST API as far as Vyrox uses it, the client's side of it (a page with the channel, clicks
//!   signed as Discord signs them) and Discord's habits: probes, deadlines, real error bodies, injected faults.
//! * [`lambda`]: the runtime API, for tests that run a function's real binary.
//! * [`llm`]: an OpenAI-compatible chat endpoint that answers deterministically, or badly on demand.
//! * `browser` (cargo feature `browser`): drives a headless Chromium for tests that press the page's buttons.
//!
//! They are not emulators: what Vyrox does not use answers 404, and nothing here may run in production.

pub mod backup;
pub mod config;
pub mod discord;
pub mod lambda;
pub mod llm;

#[cfg(feature = "browser")]
pub mod browser;

mod clock;
