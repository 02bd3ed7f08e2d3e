//! The audit log: every step is an entry, every entry carries the hash of the one before it.
//!
//! What it is: the entry format ([`Draft`], [`Entry`]), the pure state of a writer ([`Chain`]), the proxy's append-only
//! files ([`log`]), and a verifier ([`verify`], and the program `vyrox-audit`) that shares no code with the writer.
//!
//! What it is not: a proof that nothing is missing at the end. A chain alone cannot show that its last entries were cut
//! off; heads kept elsewhere can (the other side's receipts and checkpoints, `vyrox-audit verify --expect-head`).
//!
//! ```text
//!  genesis 000...  <-previous_hash-  entry 0  <-previous_hash-  entry 1  <-previous_hash-  entry 2  = head (seq 2, its hash)
//!
//!  hash = hex(SHA-256(previous_hash || "|" || canonical JSON of the entry without its hash))
//! ```
//!
//! A line of a log is the canonical JSON of the whole entry, so one entry has exactly one spelling.
//!
//! ```
//! use vyrox_audit::{Chain, Draft, verify};
//!
//! let mut chain = Chain::genesis("proxy-1");
//! let entry = chain.seal(&Draft::event(1_700_000_000, "acme", "STARTED")).unwrap();
//! chain.advance(&entry);
//!
//! let log = format!("{}\n", entry.to_line());
//! let report = verify::reader(log.as_bytes(), "log").unwrap();
//! assert_eq!(report.chains[0].head, entry.hash());
//! ```

#![forbid(unsafe_code)]

mod chain;
mod entry;
#[cfg(feature = "log")]
pub mod log;
pub mod verify;

pub use chain::{Chain, SealError};
pub use entry::{Draft, Entry, EntryError, GENESIS, MAX_LINE_BYTES, Phase};
