//! Stand-ins for EDR vendors' APIs, for tests and for the system on one machine.
//!
//! What it is: [`Falcon`], CrowdStrike Falcon's host and real-time response API; [`Sentinelone`], SentinelOne's agents and
//! threats; [`Defender`], Microsoft Defender's machines and machine actions; each over HTTP on loopback. They check tokens
//! and bodies as the vendors do, answer with the vendors' bodies, codes and headers, move hosts through the vendors' pending
//! states, record every call that changes something, and fail on demand ([`Fault`]).
//!
//! What it is not: a proof that a client works with the vendor. It does what the vendor's documentation and its public
//! clients say.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use vyrox_edr_standin::{Falcon, FalconOptions, Fault, Host, On};
//!
//! let aid = "0123456789abcdef0123456789abcdef";
//! let hosts = vec![Host { aid: aid.into(), hostname: "workstation-01".into() }];
//! let falcon = Falcon::start(FalconOptions { hosts, ..FalconOptions::default() }).await.unwrap();
//!
//! falcon.inject(On::Action, Fault::DropAfterActing); // the next contain happens, and the connection breaks
//! // ... point a client at falcon.url() ...
//! assert_eq!(falcon.host_status(aid).unwrap().as_str(), "normal");
//! assert!(falcon.calls().is_empty());
//! falcon.shutdown().await;
//! # });
//! ```

#![forbid(unsafe_code)]

mod clock;
mod defender;
mod effect;
mod falcon;
mod fault;
mod issued;
mod sentinelone;
mod shared;
mod wire;

pub use defender::{Defender, DefenderOptions, Machine};
pub use effect::Effect;
pub use falcon::{Call, Change, Falcon, FalconOptions, Host, HostStatus};
pub use fault::{Fault, On};
pub use sentinelone::{Agent, Sentinelone, SentineloneOptions};
