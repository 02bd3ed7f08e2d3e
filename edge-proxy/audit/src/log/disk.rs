//! The three calls that must not fail unnoticed, behind a trait so that tests can count them and make them fail.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

pub(super) trait Disk: std::fmt::Debug + Send + Sync {
    /// Writes all of `bytes`, in one call to the system unless it takes less.
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()>;
    /// Returns when the content and length are on the medium.
    fn sync(&self, file: &File) -> io::Result<()>;
    fn truncate(&self, file: &File, len: u64) -> io::Result<()>;
}

#[derive(Debug)]
pub(super) struct OsDisk;

impl Disk for OsDisk {
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }
}

/// Options for files that only the owner may read: the log names hosts and people.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

pub(super) fn create_dir(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Closes a directory or a file of the log to everyone but its owner: it names hosts and people, and whoever may add a
/// name to the directory decides where entries go.
///
/// # Errors
/// Also for a link or anything else that is no file, and for a directory that others share (`/tmp`).
pub(super) fn keep_private(path: &Path, is_dir: bool) -> io::Result<()> {
    // Only the log's directory itself may be reached through a link.
    let metadata = if is_dir { std::fs::metadata(path)? } else { std::fs::symlink_metadata(path)? };
    if metadata.is_dir() != is_dir || metadata.is_file() == is_dir {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link, or not what its name says"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mut permissions = metadata.permissions();
        let mode = permissions.mode();
        if mode & 0o1002 == 0o1002 {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is a directory that others share"));
        }
        if mode & 0o077 != 0 {
            permissions.set_mode(mode & !0o077);
            std::fs::set_permissions(path, permissions)?;
        }
    }
    Ok(())
}

/// Makes a new, renamed or removed name in `dir` survive a power cut.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened as a file.
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}
