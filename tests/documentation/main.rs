//! Is what the documents say still so? Statements are held against what they are about, and every command is run: whole pages
//! in a running system, the rest by a stage of `.ci/run`, and what is left is on a short list with its reasons.
//!
//! Here belongs: a new kind of statement (`statements`, `mentions`), a page whose commands can be run (`living`, `machines`), and a
//! command that no test can run (`commands`).
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "a test that is skipped must say so")]

mod cargo;
mod commands;
mod living;
mod machines;
mod mentions;
mod running;
mod stages;
mod statements;
