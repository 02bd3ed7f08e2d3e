//! Compressing day files that nothing needs any more, in steps of which each can be the last before a crash: write
//! `audit-2026-05-22.jsonl.gz.part`, sync it, compare it with the file, rename it to `audit-2026-05-22.jsonl.gz`, sync the
//! directory, remove the file. A crash before the renaming leaves a part that is written anew, one after it leaves the day
//! twice: then the two are compared and the file removed.
//!
//! gzip, because it is read everywhere (`zcat`, Python's standard library, the verifiers here), and `flate2` with its
//! Rust backend, because it is small and has no C in it.

use super::files::{self, Named};
use super::{LogError, disk, index, reader};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

/// Compresses closed files. One for each log, from [`Log::archiver`](super::Log::archiver).
#[derive(Debug)]
pub struct Archiver {
    dir: PathBuf,
}

impl Archiver {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Compresses every file of a day before that of `before` (unix seconds), except the newest with an entry in it and
    /// what follows that: there the next start looks for the end of the chain; and except the one with the entry number
    /// `needed` and what follows that. Returns how many it compressed; it ends early once `go_on` says no.
    ///
    /// It may run while the log is written to and read: no file that it touches is appended to any more, and a reader
    /// that comes too late for a file finds the compressed one.
    ///
    /// # Errors
    /// [`LogError`]; the file that it was at is left as it was.
    pub fn archive(&mut self, before: i64, needed: Option<u64>, go_on: &dyn Fn() -> bool) -> Result<usize, LogError> {
        let first_kept = files::day(before)?;
        let mut files = files::list(&self.dir)?;
        files.retain(|file| !file.is_archived());
        let has_entries = |file: &Named| std::fs::metadata(&file.path).is_ok_and(|metadata| metadata.len() > 0);
        let mut kept = files.iter().rposition(has_entries).unwrap_or(0);
        if let Some(needed) = needed {
            let mut holder = 0;
            for (at, file) in files.iter().enumerate() {
                // The last that begins with it or before it has it.
                if reader::first(&file.path)?.is_some_and(|entry| entry.seq() <= needed) {
                    holder = at;
                }
            }
            kept = kept.min(holder);
        }
        files.truncate(kept);
        let mut archived = 0;
        for file in files.iter().filter(|file| file.day < first_kept) {
            if !self.compress(&file.path, go_on)? {
                break;
            }
            archived += 1;
        }
        Ok(archived)
    }

    /// Whether it was compressed, or `go_on` said no.
    fn compress(&self, path: &Path, go_on: &dyn Fn() -> bool) -> Result<bool, LogError> {
        let target = files::archive_path(path);
        if !target.exists() {
            let mut part = target.as_os_str().to_owned();
            part.push(".part");
            let part = PathBuf::from(part);
            let written = write(path, &part, go_on);
            if !matches!(written, Ok(true)) {
                // A full disk must not be kept full by what could not be finished.
                let _ = std::fs::remove_file(&part);
            }
            if !written.map_err(LogError::io("compress", path))? {
                return Ok(false);
            }
            same(path, &part).map_err(LogError::io("compare the compressed form of", path))?;
            std::fs::rename(&part, &target)
                .and_then(|()| disk::sync_dir(&self.dir))
                .map_err(LogError::io("rename", &part))?;
        } else {
            same(path, &target).map_err(LogError::io("compare the compressed form of", path))?;
        }
        std::fs::remove_file(path).map_err(LogError::io("remove", path))?;
        // Derived from the file; the window that it serves has passed.
        let _ = std::fs::remove_file(index::path(path));
        disk::sync_dir(&self.dir).map_err(LogError::io("sync", &self.dir))?;
        Ok(true)
    }
}

/// Whether it was written to its end, or `go_on` said no.
fn write(path: &Path, part: &Path, go_on: &dyn Fn() -> bool) -> io::Result<bool> {
    let target = disk::options().write(true).create(true).truncate(true).open(part)?;
    let mut encoder = GzEncoder::new(BufWriter::new(target), Compression::default());
    let (mut plain, mut chunk) = (File::open(path)?, vec![0; 64 * 1024]);
    loop {
        match plain.read(&mut chunk)? {
            0 => break,
            _ if !go_on() => return Ok(false),
            read => encoder.write_all(&chunk[..read])?,
        }
    }
    let mut writer = encoder.finish()?;
    writer.flush()?;
    writer.get_ref().sync_all()?;
    Ok(true)
}

/// Whether a file and its compressed form hold the same.
fn same(path: &Path, archive: &Path) -> io::Result<()> {
    let mut plain = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let mut packed = flate2::bufread::MultiGzDecoder::new(BufReader::new(File::open(archive)?));
    let (mut left, mut right) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let (some, same) = (fill(&mut plain, &mut left)?, fill(&mut packed, &mut right)?);
        if left[..some] != right[..same] {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the two differ; neither was removed"));
        }
        if some == 0 {
            return Ok(());
        }
    }
}

/// Reads until the buffer is full or nothing is left; how much that was.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
