//! Every outside system that the functions touch, one file each, each behind a type that can do only what its holder needs.
//!
//! | file | outside system | what a holder can do |
//! |---|---|---|
//! | [`table`] | DynamoDB | read one tenant's items |
//! | [`alert_audit`], [`audit_export`] | DynamoDB | read the audit back: one alert's, a tenant's |
//! | [`ledger`] | DynamoDB | change state, always together with an audit entry |
//! | [`checkpoint`] | DynamoDB, KMS, S3 | sign where lanes have got to, let closed lanes expire, publish |
//! | [`metric`] | CloudWatch | count what alarms and dashboards show |
//! | [`queue`] | SQS | send one kind of message |
//! | [`batch`] | SQS as an event source | handle a batch with partial failures |
//! | [`signer`], [`kms_key`] | KMS | turn an approved action into a signed one; the key that does it |
//! | [`delivery`] | DynamoDB, KMS, SQS | hand approved actions over, take receipts |
//! | [`secrets`] | KMS | seal and open a tenant's secrets |
//! | [`source`] | | a source as it is stored, and what may prove its deliveries now |
//! | [`evidence`] | KMS | seal what an alert came in as; open it (two types, two holders) |
//! | [`rate`] | DynamoDB | count a tenant's deliveries over all execution environments |
//! | [`refusals`] | | count who was refused, until it can be entered in the audit as one number |
//! | [`api_key`], [`enrolment`], [`link_code`], [`made_secret`] | | what is shown once, and what is stored of it |
//! | [`discord`] | Discord REST | create, edit and find a message, within Discord's limits |
//! | [`bot`] | Discord REST | answer a command, look at a server, register commands |
//! | [`backup`] | a tenant's own address | post one letter to it, if it is a public one |
//! | [`llm`] | an OpenAI-compatible endpoint | ask about one summary |
//! | [`volatile`] | DynamoDB | cache answers, count tokens: what no verdict is changed by, so not in the audit |
//! | [`trace`] | logs, messages | say which alert the present work is about |
//! | [`transfer`] | DynamoDB | read and write whole items, for moving a tenant to another table |
//! | [`line`](mod@line) | | wait for one's turn, and go together with those who wait |
//! | [`clock`], [`config`], [`telemetry`], [`random`], [`startup`] | the machine | time, environment, logs, random bytes, starting |
//!
//! Nothing here judges: that is `vyrox-domain`.

pub mod alert_audit;
pub mod api_key;
pub mod approved;
pub mod approver;
pub mod audit_export;
pub mod aws;
pub mod backup;
pub mod batch;
pub mod bot;
pub mod checkpoint;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod discord;
pub mod enrolment;
mod error;
pub mod evidence;
pub mod http;
pub mod kms_key;
pub mod ledger;
pub mod line;
pub mod link_code;
pub mod llm;
pub mod made_secret;
pub mod metric;
pub mod queue;
pub mod random;
pub mod rate;
pub mod refusals;
pub mod secrets;
pub mod signer;
pub mod source;
pub mod startup;
pub mod table;
pub mod telemetry;
pub mod trace;
pub mod transfer;
pub mod volatile;

pub use error::{Class, Classified, LONGEST_WAIT};
