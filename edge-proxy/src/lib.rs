//! The Vyrox edge proxy: the one program that holds EDR credentials. It runs inside the customer's network, checks a
//! signed containment action, writes it to the audit log, and only then calls the EDR.
//!
//! What it is not: it decides nothing about alerts, has no database, speaks to nothing but its relay and the EDR's API,
//! and knows only the EDR calls that change anything which `edr/deed.rs` lists.
//!
//! ```text
//! Envelope -> Verified<Action> -> Fresh<Action> -> Permitted<Action> -> Recorded<Action> -> Outcome -> Receipt
//!   verify.rs          dedup.rs         policy.rs           record.rs             edr.rs     receipt.rs
//! ```
//!
//! Every type has private fields and is made by one step only; [`edr::execute`] takes nothing but `Recorded<Action>`. So
//! "audited before acted on" is not a habit, it is what compiles. `tests/compile_fail/` holds what does not.
//!
//! Reading order: the files above, then [`pipeline`], which joins them; `poll` and `routes` are the two ways in.
//!
//! For a program that embeds it:
//!
//! ```no_run
//! # async fn example(config: vyrox_edge_proxy::Config) -> Result<(), vyrox_edge_proxy::StartError> {
//! use std::sync::Arc;
//! use vyrox_edge_proxy::{Proxy, SystemClock};
//!
//! let running = Proxy::start(config, Arc::new(SystemClock)).await?;
//! let address = running.local_addr();
//! running.shutdown().await;
//! # let _ = address; Ok(()) }
//! ```

#![forbid(unsafe_code)]

mod attendant;
pub mod audit;
pub mod breaker;
mod cause;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dedup;
mod descriptors;
pub mod edr;
pub mod enrol;
mod export;
pub mod hosts;
pub mod lease;
pub mod lines;
pub mod metrics;
pub mod outbound;
mod outbox;
pub mod pipeline;
pub mod policy;
mod poll;
mod proxy;
pub mod receipt;
pub mod record;
pub mod relay;
pub mod rotate;
mod routes;
mod rules;
pub mod secret;
mod server;
pub mod subject;
mod text;
pub mod tls;
mod upkeep;
pub mod verify;

pub use clock::{Clock, SystemClock};
pub use config::{Base, Config, EdrConfig, Timing};
pub use enrol::{EnrolError, Enrolment, enrol};
pub use proxy::{Proxy, RunningProxy, StartError, run};
pub use secret::{Secret, TokenDigest};
