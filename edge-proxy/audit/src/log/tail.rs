//! Finding the last entry without reading the log, and telling a torn last line from a damaged one.

use super::files::Named;
use super::read::Entries;
use super::{LogError, Segment};
use crate::{Entry, EntryError};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

const CHUNK: u64 = 64 * 1024;

/// The end of a log.
#[derive(Debug)]
pub(super) struct Tail {
    /// The last whole entry.
    pub(super) last: Option<Entry>,
    /// A torn line behind it.
    pub(super) cut: Option<Cut>,
}

/// A torn last line.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) path: PathBuf,
    /// Where it begins; the file is to end here.
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

/// Looks at the end of the newest file that has one. Changes nothing.
pub(super) fn find(files: &[Named]) -> Result<Tail, LogError> {
    let mut cut: Option<Cut> = None;
    for file in files.iter().rev() {
        let path = &file.path;
        if file.is_archived() {
            // Only if the file behind it was removed by hand: the newest with an entry is never archived.
            let segment = Segment { path: path.clone(), len: u64::MAX };
            match Entries::new(Ok(vec![segment]), i64::MIN).last() {
                Some(last) => return Ok(Tail { last: Some(last?), cut }),
                None => continue,
            }
        }
        let mut file = File::open(path).map_err(LogError::io("open", path))?;
        let mut end = file.metadata().map_err(LogError::io("read", path))?.len();
        while end > 0 {
            let (start, bytes) = last_line(&mut file, end).map_err(LogError::io("read", path))?;
            match (parse(&bytes), &cut) {
                (Ok(entry), _) => return Ok(Tail { last: Some(entry), cut }),
                // A crash tears one line, the last. A second one is something else.
                (Err(Fault::Torn(_)), None) => {
                    cut = Some(Cut { path: path.clone(), at: start, bytes });
                    end = start;
                }
                (Err(Fault::Torn(source) | Fault::Altered(source)), _) => {
                    return Err(LogError::Damaged { file: path.clone(), line: line_number(path, start)?, source });
                }
            }
        }
    }
    Ok(Tail { last: None, cut })
}

enum Fault {
    /// No newline, or no JSON object: what an interrupted write leaves.
    Torn(EntryError),
    /// A whole JSON object that is not a sound entry: no crash writes that.
    Altered(EntryError),
}

fn parse(bytes: &[u8]) -> Result<Entry, Fault> {
    let (line, terminated) = match bytes.strip_suffix(b"\n") {
        Some(line) => (line, true),
        None => (bytes, false),
    };
    match Entry::from_line(line) {
        Ok(entry) if terminated => Ok(entry),
        Ok(_) => Err(Fault::Torn(EntryError::NotCanonical)),
        Err(error) if !terminated || serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err() => {
            Err(Fault::Torn(error))
        }
        Err(error) => Err(Fault::Altered(error)),
    }
}

/// The last line before `end`, with its newline if it has one, and where it begins.
fn last_line(file: &mut File, end: u64) -> io::Result<(u64, Vec<u8>)> {
    let mut line = Vec::new();
    let mut start = end;
    while start > 0 {
        let from = start.saturating_sub(CHUNK);
        let mut chunk = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(start - from).read_to_end(&mut chunk)?;
        // The newline that ends the line is not the one before it.
        let searched = if start == end { &chunk[..chunk.len().saturating_sub(1)] } else { &chunk[..] };
        let newline = searched.iter().rposition(|byte| *byte == b'\n');
        let keep_from = newline.map_or(0, |at| at + 1);
        line.splice(0..0, chunk[keep_from..].iter().copied());
        start = from + keep_from as u64;
        if newline.is_some() {
            break;
        }
    }
    Ok((start, line))
}

/// The number, from 1, of the line that begins at `start`. Reads the file up to there; only for an error's text.
fn line_number(path: &Path, start: u64) -> Result<u64, LogError> {
    let mut reader = io::BufReader::new(File::open(path).map_err(LogError::io("open", path))?).take(start);
    let mut chunk = vec![0; 64 * 1024];
    let mut line = 1;
    loop {
        match reader.read(&mut chunk).map_err(LogError::io("read", path))? {
            0 => return Ok(line),
            read => line += chunk[..read].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
}
