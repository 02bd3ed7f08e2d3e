//! Many alerts, few cards: what is said once, counted, or gathered.
//!
//! ```text
//!  an alert that wants a card
//!    |- a test alert ------------------------------> a card of its own, always
//!    |- the same technique on the same host within an hour, no worse than the first
//!    |                       --------------------> counted on the first one's card  (group)
//!    |- the tenant's budget of cards is used up --> a line in a digest              (digest)
//!    |                                                which asks about all its hosts at once  (joint)
//!    `- otherwise -------------------------------> a card of its own
//! ```
//!
//! What was decided about an alert is stored in its record ([`Place`]) together with the counters, in one transaction, so
//! a message that comes again finds it decided.

mod budget;
mod digest;
mod group;
mod joint;

pub use budget::{StormPolicy, Window};
pub use digest::{Digest, DigestHost, MOST_HOSTS};
pub use group::{Group, GroupKey};
pub use joint::{JOINT_APPROVERS, JointPlan, JointQuestion};

use crate::verdict::VerdictLevel;
use serde::{Deserialize, Serialize};
use vyrox_contract::AlertId;

/// Where an alert is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// On a card of its own.
    Card,
    /// Counted on the card of an earlier alert of the same kind.
    CountedOn {
        /// That alert.
        first: AlertId,
        /// How bad this one was then; should it become worse, it gets a place of its own.
        level: VerdictLevel,
    },
    /// A line of a digest.
    InDigest {
        /// The digest's id.
        digest: AlertId,
    },
}

/// How often something was seen, as its card says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How often, the first time included.
    pub times: u32,
    /// When it was last seen, unix seconds.
    pub last_at: i64,
}
