//! The circuit breaker: when too much goes wrong in too short a time, nothing is contained any more until a person on this
//! machine has looked and says so. Releases are not held up.
//!
//! Its state is a file beside the audit log, so that it survives restarts and can be reset by a program that does not hold
//! the log. Whoever may write into that directory could rewrite the log as well; the file's owner is who reset it. Both
//! changes are entries of the log, and a start asks that, too: where the file could not be made, it is tried again.

use crate::config::PolicyConfig;
use crate::subject::detail;
use crate::text::printable;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use vyrox_audit::Entry;
use vyrox_audit::log::{LogError, Reader};

/// There while the breaker is open.
const OPEN: &str = "breaker-open";
/// There from a person's reset until the proxy has entered it in its log.
const RESET: &str = "breaker-reset";
/// The entry that says that it opened.
pub(crate) const OPENED: &str = "BREAKER_OPENED";
/// The entry that says that a person reset it.
pub(crate) const CLOSED: &str = "BREAKER_RESET";
/// So many of the newest events are looked through for one of these.
const LOOKED_THROUGH: usize = 1000;

/// The breaker of one proxy.
#[derive(Debug)]
pub struct Breaker {
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    open: bool,
    /// Whether the next start would know.
    kept: bool,
    failures: VecDeque<i64>,
    most: u32,
    window: i64,
}

impl Breaker {
    /// The breaker whose state is kept in `dir`. What cannot be looked at counts as open.
    pub fn load(dir: &Path, rules: &PolicyConfig) -> Self {
        let (open, most, window) =
            (is_open_in(dir).unwrap_or(true), rules.breaker_failures, rules.breaker_window_seconds);
        let state = State { open, kept: true, failures: VecDeque::new(), most, window };
        Self { dir: dir.to_owned(), state: Mutex::new(state) }
    }

    /// Opens if the log's last word of it is that it opened. `events` are the numbers of the entries that are about no action,
    /// oldest first.
    ///
    /// # Errors
    /// The log's.
    pub(crate) fn heed(&self, log: &Reader, events: &[u64]) -> Result<(), LogError> {
        for seq in events.iter().rev().take(LOOKED_THROUGH) {
            let entry = log.entry(*seq)?;
            match entry.as_ref().map(Entry::action_type) {
                Some(OPENED) if !self.is_open() => {
                    let mut state = self.lock();
                    (state.open, state.kept) = (true, false);
                    break;
                }
                Some(OPENED | CLOSED) => break,
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes over the limits of a policy; whether it is open stays.
    pub fn follow(&self, rules: &PolicyConfig) {
        let mut state = self.lock();
        (state.most, state.window) = (rules.breaker_failures, rules.breaker_window_seconds);
    }

    /// Whether nothing may be contained.
    pub fn is_open(&self) -> bool {
        self.lock().open
    }

    /// Counts an action that went wrong at `now` (unix seconds). What to say of it in the audit log, if this one was too many.
    pub(crate) fn count(&self, now: i64) -> Option<Map<String, Value>> {
        let mut state = self.lock();
        let since = now.saturating_sub(state.window);
        state.failures.push_back(now);
        state.failures.retain(|at| *at > since);
        let failures = state.failures.len();
        if state.open || failures < state.most as usize {
            return None;
        }
        (state.open, state.kept) = (true, false);
        let opened = detail([("failures", json!(failures)), ("window_seconds", json!(state.window))]);
        drop(state);
        if let Err(error) = self.keep() {
            tracing::error!(%error, "the open breaker cannot be kept for the next start yet");
        }
        Some(opened)
    }

    /// Makes the file if the breaker is open and the file could not be made before.
    pub(crate) fn keep(&self) -> std::io::Result<()> {
        let mut state = self.lock();
        if !state.kept {
            match create(&self.dir.join(OPEN), "") {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
                _ => state.kept = true,
            }
        }
        Ok(())
    }

    /// What a person's reset says, if there is one. It takes effect by [`Breaker::close`], once it is in the log.
    pub(crate) fn reset_asked_for(&self) -> Option<Map<String, Value>> {
        let path = self.dir.join(RESET);
        let metadata = path.symlink_metadata().ok().filter(|metadata| metadata.is_file())?;
        let reason = std::fs::read_to_string(&path);
        let reason = reason.unwrap_or_else(|error| format!("the reason cannot be read: {error}"));
        let (uid, was_open) = (json!(metadata.uid()), json!(self.is_open()));
        Some(detail([("by_uid", uid), ("reason", json!(printable(&reason, 200))), ("was_open", was_open)]))
    }

    /// Closes it after a reset.
    pub(crate) fn close(&self) -> std::io::Result<()> {
        // In this order: a crash in between leaves a reset to be entered once more, not an open breaker nobody can close.
        remove(&self.dir.join(OPEN))?;
        remove(&self.dir.join(RESET))?;
        let mut state = self.lock();
        (state.open, state.kept) = (false, true);
        state.failures.clear();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the proxy whose log is in `dir` to close its breaker; a running one does so within seconds, another at its next
/// start. Whether it was open.
///
/// # Errors
/// If this user may not look into the directory or write there.
pub fn ask_for_reset(dir: &Path, reason: &str) -> std::io::Result<bool> {
    if !is_open_in(dir)? {
        return Ok(false);
    }
    let begun = dir.join("breaker-reset.new");
    remove(&begun)?;
    create(&begun, reason)?;
    std::fs::rename(&begun, dir.join(RESET))?;
    Ok(true)
}

/// Whether the breaker of the proxy whose log is in `dir` is open.
///
/// # Errors
/// If this user may not look into the directory.
pub fn is_open_in(dir: &Path) -> std::io::Result<bool> {
    match dir.join(OPEN).symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Who may read it is decided by its directory, which is the proxy's user's alone. The file itself has to be readable by
/// that user, whoever makes it and with whatever umask: most often it is root that resets.
fn create(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::create_new(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn rules() -> PolicyConfig {
        PolicyConfig { breaker_failures: 3, breaker_window_seconds: 100, ..PolicyConfig::default() }
    }

    #[test]
    fn it_opens_at_the_limit_within_the_window_and_stays_open_across_restarts_until_it_is_reset() {
        let dir = tempfile::tempdir().unwrap();
        let breaker = Breaker::load(dir.path(), &rules());
        for at in [NOW, NOW + 1, NOW + 101, NOW + 102] {
            assert_eq!(breaker.count(at), None, "never three within a hundred seconds");
        }
        assert_eq!(breaker.count(NOW + 103).unwrap()["failures"], 3);
        assert_eq!(breaker.count(NOW + 104), None, "open already");
        let breaker = Breaker::load(dir.path(), &rules());
        assert!(breaker.is_open() && breaker.reset_asked_for().is_none());

        assert!(ask_for_reset(dir.path(), "looked at it\u{1b}[2J").unwrap());
        let reset = breaker.reset_asked_for().unwrap();
        assert_eq!((&reset["reason"], &reset["was_open"]), (&json!("looked at it[2J"), &json!(true)));
        assert!(breaker.is_open(), "it is not entered yet");
        breaker.close().unwrap();
        assert!(!breaker.is_open() && !Breaker::load(dir.path(), &rules()).is_open());
        assert!(!ask_for_reset(dir.path(), "again").unwrap(), "nothing to reset");
    }

    #[test]
    fn what_could_not_be_kept_is_tried_again_and_the_log_tells_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (audit, now) = (dir.path().join("audit"), NOW);
        let breaker = Breaker::load(&audit, &PolicyConfig { breaker_failures: 1, ..rules() });
        let opened = breaker.count(now).unwrap();
        assert!(breaker.is_open() && breaker.keep().is_err(), "there is no such directory");
        let mut log = vyrox_audit::log::Log::open(&audit, "proxy-1", "acme", now).unwrap().log;
        let mut enter = |name: &str, detail: Map<String, Value>| {
            let entries =
                log.append(now, &[vyrox_audit::Draft { detail, ..vyrox_audit::Draft::event(now, "acme", name) }]);
            entries.unwrap()[0].seq()
        };
        let events = [enter(OPENED, opened), enter("CONFIG_RELOADED", Map::new())];
        let reset = enter(CLOSED, Map::new());
        // Killed before it could be kept.
        let next = Breaker::load(&audit, &rules());
        assert!(!next.is_open());
        next.heed(&log.reader(), &events).unwrap();
        assert!(next.is_open() && !is_open_in(&audit).unwrap());
        next.keep().unwrap();
        assert!(is_open_in(&audit).unwrap(), "a person can see and reset it");
        next.close().unwrap();
        next.heed(&log.reader(), &[events[0], events[1], reset]).unwrap();
        assert!(!next.is_open(), "the last word is that it was reset");
    }

    #[test]
    fn what_cannot_be_looked_at_is_open_to_the_proxy_and_an_error_to_a_person() {
        let dir = tempfile::tempdir().unwrap();
        let no_directory = dir.path().join("file");
        std::fs::write(&no_directory, "").unwrap();
        assert!(Breaker::load(&no_directory, &rules()).is_open());
        assert!(is_open_in(&no_directory).is_err() && ask_for_reset(&no_directory, "").is_err());
        // A reset counts without its reason, and says that it is missing.
        std::fs::write(dir.path().join(RESET), b"\xff").unwrap();
        let reset = Breaker::load(dir.path(), &rules()).reset_asked_for().unwrap();
        assert!(reset["reason"].as_str().unwrap().starts_with("the reason cannot be read"), "{reset:?}");
    }
}
