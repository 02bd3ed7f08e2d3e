//! The state of a chain's writer: its name, the next number, the last hash. No I/O.

use crate::entry::{Draft, Entry, Fields, GENESIS, MAX_LINE_BYTES, SCHEMA_VERSION};
use vyrox_contract::{AuditHead, canonical::CanonicalError};

/// Why a draft cannot become an entry.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A float in `detail`.
    #[error("the draft has no canonical form")]
    Canonical(#[from] CanonicalError),
    /// Its line would be longer than [`MAX_LINE_BYTES`].
    #[error("the entry would be {0} bytes long, more than {MAX_LINE_BYTES}")]
    TooLarge(usize),
}

/// A chain as its one writer sees it.
///
/// [`seal`](Self::seal) does not advance: a writer stores the entry first (a conditional put, a synced write) and calls
/// [`advance`](Self::advance) once it is stored. A failed store leaves nothing behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    id: String,
    head: Option<AuditHead>,
}

impl Chain {
    /// A chain without entries.
    #[must_use]
    pub fn genesis(chain: &str) -> Self {
        Self { id: chain.to_owned(), head: None }
    }

    /// A chain whose last stored entry has this number and hash.
    #[must_use]
    pub fn resume(chain: &str, seq: u64, hash: &str) -> Self {
        Self { id: chain.to_owned(), head: Some(AuditHead { seq, hash: hash.to_owned() }) }
    }

    /// The entry that would come next. Calling it twice gives two entries with the same number.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, draft: &Draft) -> Result<Entry, SealError> {
        self.seal_onto(draft.clone(), &mut Vec::new())
    }

    /// [`seal`](Self::seal), and the entry's line, without a newline, appended to `out`: it exists anyway once the hash has
    /// been computed.
    ///
    /// # Errors
    /// [`SealError`]; then `out` is as it was.
    pub fn seal_onto(&self, draft: Draft, out: &mut Vec<u8>) -> Result<Entry, SealError> {
        let start = out.len();
        let fields = Fields {
            timestamp: draft.timestamp,
            tenant_id: draft.tenant_id,
            action_type: draft.action_type,
            host: draft.host,
            approved_by: draft.approved_by,
            dry_run: draft.dry_run,
            previous_hash: self.last_hash().to_owned(),
            hash: String::new(),
            schema_version: SCHEMA_VERSION,
            chain: self.id.clone(),
            seq: self.next_seq(),
            phase: draft.phase,
            request_id: draft.request_id,
            alert_id: draft.alert_id,
            outcome: draft.outcome,
            detail: draft.detail,
        };
        let entry = Entry::seal(fields, out)?;
        match out.len() - start {
            length if length > MAX_LINE_BYTES => {
                out.truncate(start);
                Err(SealError::TooLarge(length))
            }
            _ => Ok(entry),
        }
    }

    /// Makes `entry`, which has been stored, the head.
    ///
    /// # Panics
    /// If `entry` is not the next of this chain: going on would fork it.
    pub fn advance(&mut self, entry: &Entry) {
        assert!(
            entry.chain() == self.id && entry.seq() == self.next_seq() && entry.previous_hash() == self.last_hash(),
            "entry {} of chain {:?} does not follow on the head of chain {:?}",
            entry.seq(),
            entry.chain(),
            self.id,
        );
        self.head = Some(AuditHead { seq: entry.seq(), hash: entry.hash().to_owned() });
    }

    /// The newest stored entry; `None` before the first.
    #[must_use]
    pub fn head(&self) -> Option<AuditHead> {
        self.head.clone()
    }

    /// The chain's name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    fn next_seq(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.seq.saturating_add(1))
    }

    fn last_hash(&self) -> &str {
        self.head.as_ref().map_or(GENESIS, |head| &head.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn draft() -> Draft {
        Draft::event(1_700_000_000, "acme", "STARTED")
    }

    #[test]
    fn entries_are_numbered_from_zero_and_linked() {
        let mut chain = Chain::genesis("lane");
        let first = chain.seal(&draft()).unwrap();
        assert_eq!((first.seq(), first.previous_hash()), (0, GENESIS));
        assert_eq!(chain.head(), None, "sealing does not advance");
        chain.advance(&first);
        let second = chain.seal(&draft()).unwrap();
        assert_eq!((second.seq(), second.previous_hash()), (1, first.hash()));
    }

    #[test]
    fn a_resumed_chain_goes_on_as_if_it_had_never_stopped() {
        let mut chain = Chain::genesis("lane");
        let first = chain.seal(&draft()).unwrap();
        chain.advance(&first);
        assert_eq!(Chain::resume("lane", first.seq(), first.hash()), chain);
    }

    #[test]
    #[should_panic(expected = "does not follow")]
    fn an_entry_that_is_not_the_next_cannot_become_the_head() {
        let mut chain = Chain::genesis("lane");
        let first = chain.seal(&draft()).unwrap();
        chain.advance(&first);
        chain.advance(&first);
    }

    #[test]
    fn floats_and_oversized_entries_are_refused() {
        let mut float = draft();
        float.detail.insert("confidence".into(), json!(0.5));
        assert!(matches!(Chain::genesis("lane").seal(&float), Err(SealError::Canonical(_))));
        let mut large = draft();
        large.host = "x".repeat(MAX_LINE_BYTES);
        assert!(matches!(Chain::genesis("lane").seal(&large), Err(SealError::TooLarge(_))));
    }
}
