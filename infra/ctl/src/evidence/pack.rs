//! The folder that a pack is written into: under another name until it is whole, with a digest of every file.

use super::archive;
use crate::error::CtlError;
use sha2::{Digest as _, Sha256};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// The digests, in the form that `sha256sum --check` takes.
pub(super) const DIGESTS: &str = "SHA256SUMS";

/// A file of the pack.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Its name within the pack, with `/` between folders.
    pub(super) name: String,
    /// Its length in bytes.
    pub(super) bytes: u64,
    /// Its SHA-256, 64 hex digits.
    pub(super) sha256: String,
}

/// A pack that is being written. Dropped before it is finished, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Pack {
    out: PathBuf,
    folder: PathBuf,
    files: Vec<Listed>,
}

impl Pack {
    /// Begins a pack that will be at `out`: a folder, or an archive if the name ends in `.zip`.
    ///
    /// # Errors
    /// [`CtlError::FileExists`], or what the operating system says.
    pub(super) fn create(out: &Path) -> Result<Self, CtlError> {
        let folder = unfinished(out);
        for taken in [out, &folder] {
            if taken.try_exists()? {
                return Err(CtlError::FileExists(taken.display().to_string()));
            }
        }
        create_private(&folder)?;
        Ok(Self { out: out.to_owned(), folder, files: Vec::new() })
    }

    /// Where a file of the pack is while the pack is being written.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The files that are in it so far, in the order in which they were written.
    pub(super) fn files(&self) -> &[Listed] {
        &self.files
    }

    /// Begins a file; [`Pack::close`] ends it.
    pub(super) fn open(&self, name: &str) -> std::io::Result<Sink> {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let file = BufWriter::new(File::create_new(path)?);
        Ok(Sink { name: name.to_owned(), file, digest: Sha256::new(), bytes: 0 })
    }

    /// Ends a file and lists it.
    pub(super) fn close(&mut self, mut sink: Sink) -> std::io::Result<()> {
        sink.file.flush()?;
        sink.file.get_ref().sync_all()?;
        let sha256 = hex::encode(sink.digest.finalize());
        self.files.push(Listed { name: sink.name, bytes: sink.bytes, sha256 });
        Ok(())
    }

    /// A whole file at once.
    pub(super) fn put(&mut self, name: &str, content: impl AsRef<[u8]>) -> std::io::Result<()> {
        let mut sink = self.open(name)?;
        sink.write_all(content.as_ref())?;
        self.close(sink)
    }

    /// Writes the digests and gives the pack its name.
    ///
    /// # Errors
    /// What the operating system says, or the archive.
    pub(super) fn finish(mut self) -> Result<(), CtlError> {
        let sums: String = self.files.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect();
        self.put(DIGESTS, sums)?;
        if is_archive(&self.out) {
            // In the folder until it is whole, which goes with it if it never is.
            let whole = self.folder.join("whole.zip");
            archive::write(&self.folder, &self.files, &whole)?;
            std::fs::rename(&whole, &self.out)?;
        } else {
            std::fs::rename(&self.folder, &self.out)?;
        }
        Ok(())
    }
}

impl Drop for Pack {
    fn drop(&mut self) {
        // After `finish` a folder has another name; an archive's folder, and what was not finished, goes.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A file of the pack that is being written.
#[derive(Debug)]
pub(super) struct Sink {
    name: String,
    file: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn is_archive(out: &Path) -> bool {
    out.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("zip"))
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".unfinished");
    PathBuf::from(name)
}

/// A folder that only its owner can read: an audit is its tenant's own.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
