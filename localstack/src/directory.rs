//! The directory that `--data` names: taken only if it is new, empty, or one that the runner has made itself, and only while no
//! other runner has it. Nothing is written to a directory that is refused.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The file that shows whose the directory is: the runner's own secrets, made before anything else.
pub(crate) const STATE: &str = "local.json";
/// The same while it is being written.
pub(crate) const UNFINISHED_STATE: &str = "local.new";
/// What a runner holds locked while it runs. The system unlocks it when the process ends, however it ends.
const LOCK: &str = "local.lock";
/// What may lie in a directory that is new: what a first start that was killed has left, and what a file system puts there.
const OF_NOBODY: [&str; 3] = [UNFINISHED_STATE, LOCK, "lost+found"];
/// How many of a foreign directory's files are told.
const TOLD: usize = 3;

/// A directory that is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// It cannot be made, read or written.
    #[error("{} cannot be used: --data takes a directory that this user can write, or the name of a new one", .0.display())]
    Unusable(PathBuf, #[source] std::io::Error),
    /// Something else is in it.
    #[error(
        "{} has no {STATE} but holds {held}, so vyrox-local has not made it; nothing was written. Name a new or an empty directory, or restore {STATE} if it is missing from your own",
        .directory.display()
    )]
    Foreign {
        /// The directory.
        directory: PathBuf,
        /// Some of what is in it.
        held: String,
    },
    /// Another runner has it.
    #[error("{} is being used by another vyrox-local: stop that one first, or name another directory", .0.display())]
    Used(PathBuf),
}

/// A directory that is this runner's until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Takes it. If it is made, only this user can read it: there are keys in it.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub(crate) fn take(path: &Path) -> Result<Self, DirectoryError> {
        let unusable = |error| DirectoryError::Unusable(path.to_owned(), error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
        let held = held(path).map_err(unusable)?;
        if !held.iter().any(|name| name == STATE) {
            let foreign: Vec<&str> = held.iter().map(String::as_str).filter(|name| !OF_NOBODY.contains(name)).collect();
            if let Some(held) = told(&foreign) {
                return Err(DirectoryError::Foreign { directory: path.to_owned(), held });
            }
        }
        let mut open = OpenOptions::new();
        let lock = open.write(true).create(true).truncate(false).mode(0o600).open(path.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::Used(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The names in a directory, in their order.
fn held(path: &Path) -> std::io::Result<Vec<String>> {
    let names = std::fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names.collect::<std::io::Result<_>>()?;
    names.sort();
    Ok(names)
}

/// The first few names, and how many more there are; nothing of none.
fn told(names: &[&str]) -> Option<String> {
    let shown = names.iter().take(TOLD).map(|name| vyrox_domain::text::visible(name)).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => None,
        count if count > TOLD => Some(format!("{shown} and {} more", count - TOLD)),
        _ => Some(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_new_directory_is_made_for_this_user_alone_and_has_one_runner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/there/yet");
        let first = DataDirectory::take(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(matches!(DataDirectory::take(&path), Err(DirectoryError::Used(named)) if named == path));
        drop(first);
        assert_eq!(DataDirectory::take(&path).unwrap().path(), path);
    }

    #[test]
    fn what_is_not_empty_and_not_its_own_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let files = [".bashrc", "a-letter.txt", "notes.md", "photo.jpg", "zoo"];
        for file in files {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let said = DataDirectory::take(folder.path()).unwrap_err().to_string();
        assert!(said.contains(".bashrc, a-letter.txt, notes.md and 2 more"), "{said}");
        assert_eq!(held(folder.path()).unwrap(), files, "nothing was written");
        std::fs::write(folder.path().join(STATE), "").unwrap();
        assert!(DataDirectory::take(folder.path()).is_ok(), "its own, with something beside it");
    }

    #[test]
    fn a_new_file_system_and_a_start_that_was_killed_are_no_hindrance() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("lost+found")).unwrap();
        for left in [UNFINISHED_STATE, LOCK] {
            std::fs::write(folder.path().join(left), "").unwrap();
        }
        assert!(DataDirectory::take(folder.path()).is_ok());
    }
}
