//! Stand-ins for EDR vendors' APIs, for tests and for the system on one machine.
//!
//! What it is: [`Falcon`], CrowdStrike Falcon's host and real-time response API over HTTP on loopback. It checks tokens
//! and bodies as the vendor does, answers with the vendor's bodies, codes and headers, moves hosts through the vendor's
//! pending states, records every call that changes something, and fails on demand ([`Fault`]).
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

mod clock;
mod falcon;

pub use falcon::{Call, Change, Falcon, FalconOptions, Fault, Host, HostStatus, On};
