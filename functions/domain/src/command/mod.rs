//! Slash commands: `/vyrox ...` in Discord.
//!
//! ```text
//!  VerifiedInteraction --parse--> Invocation { who, where, Request } --authorise--> carried out, or refused in one sentence
//! ```
//!
//! One table ([`COMMANDS`]) says what there is; what Discord is told ([`registration`]), what an invocation means
//! ([`Request`]), who may ask ([`authorise`]) and what the documentation says ([`reference()`]) are all made from it, so none
//! of them can say something else than the others.

mod asked;
mod checklist;
mod invocation;
mod permission;
mod reference;
mod registration;
mod request;
mod sample;
mod table;
mod wire;

pub use asked::AskedCommand;
pub use checklist::{Checklist, Step};
pub use invocation::{InteractionToken, Invocation};
pub use permission::{Denied, authorise, check_role};
pub use reference::reference;
pub use registration::{BrokenLimit, check_limits, registration};
pub use request::{CardRole, Misuse, OneTimeCode, Request};
pub use sample::{DEFAULT_HOST, sample};
pub use table::{Audience, COMMANDS, Command, Kind, OptionSpec};
