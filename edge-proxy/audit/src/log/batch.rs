//! What goes into the log with one write and one sync.

use super::index::{Mark, Record};
use super::{Log, LogError};
use crate::{Chain, Draft, Entry, SealError};

/// Entries that follow on each other and on the log, sealed and not stored yet. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Batch<'a> {
    log: &'a mut Log,
    chain: Chain,
    entries: Vec<Entry>,
    records: Vec<Record>,
    bytes: Vec<u8>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(log: &'a mut Log) -> Self {
        let chain = log.chain.clone();
        // Room for some entries: what grows is copied.
        Self { log, chain, entries: Vec::new(), records: Vec::new(), bytes: Vec::with_capacity(16 * 1024) }
    }

    /// Seals a draft as the next entry.
    ///
    /// # Errors
    /// [`SealError`]; then the batch is as it was.
    pub fn add(&mut self, draft: Draft) -> Result<(), SealError> {
        let offset = self.bytes.len() as u64;
        let entry = self.chain.seal_onto(draft, &mut self.bytes)?;
        self.bytes.push(b'\n');
        self.chain.advance(&entry);
        self.records.push(Record { mark: Mark::of(&entry), offset });
        self.entries.push(entry);
        Ok(())
    }

    /// Writes and syncs all of it. When this returns, the entries are on disk. The file is that of `now`'s day (unix
    /// seconds), or the newest there is if the clock went back.
    ///
    /// # Errors
    /// [`LogError`]. Then none of them is in the log, as [`Log::append`] says.
    pub fn store(self, now: i64) -> Result<Vec<Entry>, LogError> {
        let Self { log, chain, entries, records, bytes } = self;
        if !entries.is_empty() {
            log.write(now, &bytes)?;
            log.chain = chain;
            log.note(&records, bytes.len() as u64);
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_700_000_000;

    fn draft(name: &str) -> Draft {
        Draft::event(NOW, "acme", name)
    }

    #[test]
    fn what_cannot_be_sealed_leaves_the_others_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::open(dir.path(), "p1", "acme", NOW).unwrap().log;
        let mut float = draft("FLOAT");
        float.detail.insert("confidence".into(), json!(0.5));
        let mut batch = log.batch();
        batch.add(draft("A")).unwrap();
        assert!(matches!(batch.add(float), Err(SealError::Canonical(_))));
        batch.add(draft("B")).unwrap();
        let entries = batch.store(NOW).unwrap();
        assert_eq!(entries.iter().map(Entry::seq).collect::<Vec<_>>(), [0, 1]);
        let read: Vec<Entry> = log.entries_since(i64::MIN).map(Result::unwrap).collect();
        assert_eq!(read, entries);
        let indexed: Vec<_> = (0..2).map(|seq| log.reader().entry(seq).unwrap().unwrap()).collect();
        assert_eq!(indexed, entries, "the index knows where they are");
    }

    #[test]
    fn what_is_not_stored_has_never_been() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = Log::open(dir.path(), "p1", "acme", NOW).unwrap().log;
        log.batch().add(draft("DROPPED")).unwrap();
        assert_eq!((log.head(), log.files().unwrap().len()), (None, 0));
        assert!(log.batch().store(NOW).unwrap().is_empty(), "nothing to store");
        assert_eq!(log.append(NOW, &[draft("A")]).unwrap()[0].seq(), 0);
    }
}
