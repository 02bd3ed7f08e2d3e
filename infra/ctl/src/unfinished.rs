//! A new file, written under another name until it is whole, so that half of it is never taken for it. Only its owner can read
//! it: there is personal data in it, and perhaps secrets.

use crate::error::CtlError;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The file as far as it is written.
#[derive(Debug)]
pub(crate) struct Unfinished {
    out: BufWriter<File>,
    under: PathBuf,
    path: PathBuf,
    is_whole: bool,
}

impl Unfinished {
    /// Begins a file that will be at `path`. What an earlier attempt has left beside it is gone.
    ///
    /// # Errors
    /// [`CtlError::FileExists`], [`CtlError::NotWritten`].
    pub(crate) fn begin(path: &Path) -> Result<Self, CtlError> {
        let failed = |source| CtlError::NotWritten { path: path.display().to_string(), source };
        if path.try_exists().map_err(failed)? {
            return Err(CtlError::FileExists(path.display().to_string()));
        }
        let mut under = path.as_os_str().to_owned();
        under.push(".unfinished");
        let under = PathBuf::from(under);
        match std::fs::remove_file(&under) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&under).map_err(failed)?;
        Ok(Self { out: BufWriter::new(file), under, path: path.to_owned(), is_whole: false })
    }

    /// It is whole.
    ///
    /// # Errors
    /// [`CtlError::NotWritten`].
    pub(crate) fn finish(mut self) -> Result<(), CtlError> {
        let done = self.out.flush().and_then(|()| self.out.get_ref().sync_all());
        let done = done.and_then(|()| std::fs::rename(&self.under, &self.path));
        self.is_whole = done.is_ok();
        done.map_err(|source| CtlError::NotWritten { path: self.path.display().to_string(), source })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_whole {
            // If that fails, the next attempt does it.
            let _ = std::fs::remove_file(&self.under);
        }
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_there_when_it_is_whole_and_only_its_owner_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let (path, under) = (directory.path().join("a.jsonl"), directory.path().join("a.jsonl.unfinished"));
        std::fs::write(&under, "what an interrupted attempt has left, readable by all").unwrap();
        let mut file = Unfinished::begin(&path).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!under.exists());
        assert!(matches!(Unfinished::begin(&path), Err(CtlError::FileExists(_))));
        let given_up = directory.path().join("b.jsonl");
        drop(Unfinished::begin(&given_up).unwrap());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "what was given up leaves nothing");
    }

    #[test]
    fn a_place_where_nothing_can_be_written_is_named() {
        let error = Unfinished::begin(Path::new("/nonexistent/a.jsonl")).unwrap_err();
        assert_eq!(error.to_string(), "/nonexistent/a.jsonl cannot be written");
        assert_eq!(error.exit_code(), 2);
    }
}
