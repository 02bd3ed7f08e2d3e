//! The channel's messages on disk: the newest as they were at some time, and behind that a line for each change since.
//!
//! ```text
//! discord.json      [message, ...]                            written anew now and then, in one step
//! discord.journal   {"put": message} | {"deleted": id}, ...   one line more at each change
//! ```
//!
//! A change is handed to the system before it is answered, so `kill -9` loses none that was; a line that it cut short was
//! not answered, and is not read.

use super::channel::Posted;
use super::options::StartError;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// How many messages are kept.
const MESSAGES_KEPT: usize = 500;
/// So many changes are written behind the messages before those are written anew.
const CHANGES_KEPT: usize = 4 * MESSAGES_KEPT;

/// What happened to a message that everyone sees.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change<P, I> {
    /// It was posted or edited, and is so now.
    Put(P),
    /// It is gone.
    Deleted(I),
}

/// Where a channel's changes are kept.
#[derive(Debug)]
pub(super) struct Journal {
    messages: PathBuf,
    changes: PathBuf,
    /// `None` before the first change, and after a write that failed: then the messages are written anew.
    open: Option<File>,
    /// How many changes are in it.
    written: usize,
    /// Lines that are to be written.
    pending: Vec<u8>,
}

impl Journal {
    /// The messages kept in a file, and in the journal beside it. Files that are not there are an empty channel.
    pub(super) fn load(messages: &Path) -> Result<(Vec<Posted>, Self), StartError> {
        let failed = |path: &Path, source| StartError::Data { path: path.into(), source };
        let read = |path: &Path| match std::fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(|source| failed(path, source)),
        };
        let mut posted: Vec<Posted> = match read(messages)?.as_slice() {
            [] => Vec::new(),
            bytes => serde_json::from_slice(bytes).map_err(|error| failed(messages, error.into()))?,
        };
        let changes = messages.with_extension("journal");
        let lines = read(&changes)?;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let change = Some(line).filter(|line| line.ends_with(b"\n")).map(serde_json::from_slice);
            match change {
                Some(Ok(Change::Put(message))) => put(&mut posted, message),
                Some(Ok::<Change<Posted, String>, _>(Change::Deleted(id))) => {
                    posted.retain(|other| other.message["id"] != id.as_str());
                }
                // What was cut short, and after a power cut whatever there is, is the end.
                Some(Err(_)) | None => break,
            }
        }
        // Changes that are older than the messages beside them bring back what had become too old.
        posted.sort_by_key(|posted| posted.message["id"].as_str().and_then(|id| id.parse::<u64>().ok()));
        posted.drain(..posted.len().saturating_sub(MESSAGES_KEPT));
        let journal = Self { messages: messages.into(), changes, open: None, written: 0, pending: Vec::new() };
        Ok((posted, journal))
    }

    /// Notes that a message was posted or edited. Ephemeral ones end with the client, as in Discord.
    pub(super) fn put(&mut self, posted: &Posted) {
        if posted.only_for.is_none() {
            self.note(&Change::<_, &str>::Put(posted));
        }
    }

    /// Notes that a message was deleted.
    pub(super) fn deleted(&mut self, id: &str) {
        self.note(&Change::<&Posted, _>::Deleted(id));
    }

    fn note(&mut self, change: &impl Serialize) {
        serde_json::to_writer(&mut self.pending, change).expect("JSON can be written to memory");
        self.pending.push(b'\n');
        self.written += 1;
    }

    /// Writes what has been noted since the last time; `posted` are the messages as they are now.
    pub(super) fn write(&mut self, posted: &[Posted]) -> std::io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        // Put back only when everything is written: behind half a line nothing would be read.
        if let Some(mut open) = self.open.take()
            && self.written <= CHANGES_KEPT
        {
            open.write_all(&pending)?;
            self.open = Some(open);
            return Ok(());
        }
        let public: Vec<&Posted> = posted.iter().filter(|posted| posted.only_for.is_none()).collect();
        let newest = &public[public.len().saturating_sub(MESSAGES_KEPT)..];
        let fresh = self.messages.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(newest)?)?;
        file.sync_all()?;
        std::fs::rename(fresh, &self.messages)?;
        (self.open, self.written) = (Some(File::create(&self.changes)?), 0);
        Ok(())
    }
}

/// Puts a message in the place of what it was, or behind the others.
fn put(posted: &mut Vec<Posted>, message: Posted) {
    match posted.iter_mut().rev().find(|other| other.message["id"] == message.message["id"]) {
        Some(other) => *other = message,
        None => posted.push(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(id: usize, content: &str) -> Posted {
        Posted { message: json!({"id": id.to_string(), "content": content}), only_for: None }
    }

    fn loaded(file: &Path) -> Vec<(String, String)> {
        let text = |posted: &Posted, key: &str| posted.message[key].as_str().unwrap().to_owned();
        Journal::load(file).unwrap().0.iter().map(|posted| (text(posted, "id"), text(posted, "content"))).collect()
    }

    fn is(id: usize, content: &str) -> (String, String) {
        (id.to_string(), content.to_owned())
    }

    #[test]
    fn a_change_costs_a_line_and_all_are_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("discord.json");
        let (mut posted, mut journal) = Journal::load(&file).unwrap();
        let mut change = |message: Posted| {
            put(&mut posted, message.clone());
            journal.put(&message);
            journal.write(&posted).unwrap();
        };
        change(message(1, "a"));
        let before = std::fs::read(&file).unwrap();
        change(message(2, "b"));
        change(message(1, "c"));
        change(Posted { only_for: Some("7".into()), ..message(3, "secret") });
        assert_eq!(std::fs::read(&file).unwrap(), before, "the messages are not written anew");
        assert_eq!(std::fs::read_to_string(file.with_extension("journal")).unwrap().lines().count(), 2);
        assert_eq!(loaded(&file), [is(1, "c"), is(2, "b")]);
        journal.deleted("1");
        journal.write(&posted).unwrap();
        assert_eq!(loaded(&file), [is(2, "b")]);
    }

    #[test]
    fn a_line_cut_short_is_not_read_and_nothing_is_written_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("discord.json");
        let (mut posted, mut journal) = Journal::load(&file).unwrap();
        for (id, content) in [(1, "a"), (2, "b"), (3, "c")] {
            posted.push(message(id, content));
            journal.put(&posted[id - 1]);
            journal.write(&posted).unwrap();
        }
        let changes = file.with_extension("journal");
        let whole = std::fs::read(&changes).unwrap();
        let second = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for length in second..whole.len() {
            std::fs::write(&changes, &whole[..length]).unwrap();
            assert_eq!(loaded(&file), [is(1, "a"), is(2, "b")], "{length}");
            let (mut posted, mut journal) = Journal::load(&file).unwrap();
            posted.push(message(4, "d"));
            journal.put(&posted[2]);
            journal.write(&posted).unwrap();
            assert_eq!(loaded(&file), [is(1, "a"), is(2, "b"), is(4, "d")], "{length}");
            // As before, for the next length.
            std::fs::write(&file, serde_json::to_vec(&[message(1, "a")]).unwrap()).unwrap();
        }
    }

    #[test]
    fn the_newest_are_kept_and_the_journal_does_not_grow_without_end() {
        const MANY: usize = CHANGES_KEPT + 700;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("discord.json");
        let (mut posted, mut journal) = Journal::load(&file).unwrap();
        let mut stale = Vec::new();
        for id in 1..=MANY {
            posted.push(message(id, "a"));
            journal.put(&posted[id - 1]);
            journal.write(&posted).unwrap();
            let changes = std::fs::read(file.with_extension("journal")).unwrap();
            stale = if changes.len() > stale.len() { changes } else { stale };
        }
        let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines(&stale), CHANGES_KEPT);
        let newest: Vec<_> = (MANY - MESSAGES_KEPT + 1..=MANY).map(|id| is(id, "a")).collect();
        assert_eq!(loaded(&file), newest);
        // Killed after the messages were written anew, and before the changes were removed.
        journal.open = None;
        journal.put(&posted[MANY - 1]);
        journal.write(&posted).unwrap();
        std::fs::write(file.with_extension("journal"), &stale).unwrap();
        assert_eq!(loaded(&file), newest);
    }
}
