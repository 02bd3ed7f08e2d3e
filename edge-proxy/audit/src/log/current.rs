//! The newest file: where entries go.

use super::disk::{self, Disk};
use super::{LogError, files};
use std::fs::File;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(super) struct Current {
    file: File,
    path: PathBuf,
    day: String,
    /// Length up to the last whole, synced batch.
    good: u64,
    /// Something may stand behind `good`.
    dirty: bool,
}

impl Current {
    /// Opens or creates the file of `day`. What it holds must have been checked.
    pub(super) fn open(disk: &dyn Disk, dir: &Path, day: String) -> Result<Self, LogError> {
        let path = files::path(dir, &day);
        let is_new = !path.exists();
        let archived = files::archive_path(&path);
        if is_new && archived.exists() {
            // Two files for one day would hide the first.
            return Err(LogError::Changed(archived));
        }
        let file = disk::options().append(true).create(true).open(&path).map_err(LogError::io("open", &path))?;
        if is_new {
            disk.sync(&file).and_then(|()| disk::sync_dir(dir)).map_err(LogError::io("create", &path))?;
        }
        let good = file.metadata().map_err(LogError::io("read", &path))?.len();
        Ok(Self { file, path, day, good, dirty: false })
    }

    pub(super) fn day(&self) -> &str {
        &self.day
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Length up to the last whole, synced batch.
    pub(super) fn len(&self) -> u64 {
        self.good
    }

    /// Appends and syncs all of `bytes` or nothing. What an earlier failure left must have been cut back.
    pub(super) fn append(&mut self, disk: &dyn Disk, bytes: &[u8]) -> Result<(), LogError> {
        self.check_untouched()?;
        self.dirty = true;
        let stored = match disk.write(&self.file, bytes) {
            Ok(()) => disk.sync(&self.file).map_err(LogError::io("sync", &self.path)),
            Err(error) => Err(LogError::io("write", &self.path)(error)),
        };
        match stored {
            Ok(()) => {
                self.good += bytes.len() as u64;
                self.dirty = false;
                Ok(())
            }
            Err(error) => {
                // If this fails too, the log tries again before its next append; nothing is written until it has worked.
                let _ = self.cut_back(disk);
                Err(error)
            }
        }
    }

    /// Removes what a failed append may have left.
    pub(super) fn cut_back(&mut self, disk: &dyn Disk) -> Result<(), LogError> {
        if self.dirty {
            disk.truncate(&self.file, self.good).map_err(LogError::io("cut back", &self.path))?;
            disk.sync(&self.file).map_err(LogError::io("sync", &self.path))?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Someone who shortens, extends or removes the file behind this process' back would otherwise be helped by the next
    /// entry to hide it, or make that entry vanish with the file.
    fn check_untouched(&self) -> Result<(), LogError> {
        let metadata = self.file.metadata().map_err(LogError::io("read", &self.path))?;
        #[cfg(unix)]
        let linked = std::os::unix::fs::MetadataExt::nlink(&metadata) > 0;
        #[cfg(not(unix))]
        let linked = true;
        if linked && metadata.len() == self.good { Ok(()) } else { Err(LogError::Changed(self.path.clone())) }
    }
}
