//! DynamoDB, SQS and KMS on loopback over their real wire protocols, for one machine and for tests.
//!
//! The functions speak to AWS through its SDK alone. Here is something for the SDK to speak to: the same requests, the
//! same errors, nothing installed. And here the deployment's own template says what there is to provision, so that the
//! table, queues and keys on a laptop are those of production.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use vyrox_local_aws::{ClientSet, Embedded, EmbeddedOptions, Topology};
//!
//! let aws = Embedded::start(EmbeddedOptions::default()).await?;
//! let clients = ClientSet::new(&aws.endpoint_url());
//! let provisioned = Topology::for_stack("vyrox")?.provision(&clients).await?;
//! println!("alerts go to {}", provisioned.queue_url("AlertsQueue").unwrap());
//! aws.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! It is not a security boundary: no request is authenticated, and keys lie unprotected in the data directory.

mod clients;
mod clock;
mod dynamodb;
mod embedded;
mod kms;
mod provision;
mod roles;
mod sqs;
mod store;
pub mod template;
mod topology;
mod wire;

pub use clients::ClientSet;
pub use embedded::{Embedded, EmbeddedOptions, StartError};
pub use provision::{ProvisionError, Provisioned, ProvisionedKey};
pub use roles::{Roles, Use};
pub use topology::{Index, Key, Queue, Redrive, Table, Topology, TopologyError};
