//! The whole of Vyrox on one machine: the functions' own handlers on real AWS wire protocols, the real edge proxy, and
//! stand-ins for what lies outside (Discord, the EDR, a model).
//!
//! ```text
//!  fire ──signed webhook──► ingest ─SQS─► triage ─SQS─► notify ──► Discord stand-in (the page)
//!                                                                        │ a signed click
//!  EDR stand-in ◄── edge proxy ◄──poll── relay ◄─table─ interactions ◄───┘
//! ```
//!
//! Nothing here decides anything: the routers, handlers and configuration are the functions', the table, queues and keys
//! are those of `infra/template.yaml`.

pub mod cli;
pub mod clock;
mod demo;
mod deploy;
mod directory;
mod edrs;
mod endpoints;
mod export;
mod fire;
mod functions;
mod poller;
mod provision;
mod proxy;
pub mod scenario;
mod state;
mod system;
mod timeline;

pub use edrs::Edrs;
pub use endpoints::Endpoints;
pub use export::cloud_audit;
pub use fire::{Aim, FireError, Fired, Simulator};
pub use system::{Delivery, Options, StartError, System};
pub use timeline::{Stage, Timeline};
