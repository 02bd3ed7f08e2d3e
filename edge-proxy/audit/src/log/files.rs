//! The names of the log's files, and opening them.

use super::LogError;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const ARCHIVED: &str = ".gz";

/// A file of the log.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) path: PathBuf,
    /// `YYYY-MM-DD`, which sorts as the days do.
    pub(super) day: String,
}

impl Named {
    pub(super) fn is_archived(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "gz")
    }

    /// When its day ends, unix seconds.
    pub(super) fn end(&self) -> Option<i64> {
        Some(Date::parse(&self.day, DAY).ok()?.next_day()?.midnight().assume_utc().unix_timestamp())
    }
}

/// The UTC day of a unix time.
pub(super) fn day(now: i64) -> Result<String, LogError> {
    let date = OffsetDateTime::from_unix_timestamp(now).map_err(|_| LogError::Time(now))?.date();
    if !(0..=9999).contains(&date.year()) {
        return Err(LogError::Time(now));
    }
    date.format(DAY).map_err(|_| LogError::Time(now))
}

pub(super) fn path(dir: &Path, day: &str) -> PathBuf {
    dir.join(format!("audit-{day}.jsonl"))
}

/// The compressed form of a day's file.
pub(super) fn archive_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ARCHIVED);
    name.into()
}

/// The log's files, oldest first, one for each day: of a day that is there twice, because a crash came between
/// compressing it and removing it, the file that was compressed. Other names are left alone.
pub(super) fn list(dir: &Path) -> Result<Vec<Named>, LogError> {
    let mut files = Vec::new();
    for item in std::fs::read_dir(dir).map_err(LogError::io("list", dir))? {
        let path = item.map_err(LogError::io("list", dir))?.path();
        if let Some(day) = path.file_name().and_then(|name| day_of(name.to_str()?)) {
            files.push(Named { day: day.to_owned(), path });
        }
    }
    files.sort_unstable_by(|a, b| (&a.day, &a.path).cmp(&(&b.day, &b.path)));
    files.dedup_by(|second, first| second.day == first.day);
    Ok(files)
}

/// The content of a file of the log, decompressed if need be. A file that has been archived since it was listed is found
/// under its new name.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let archived = |path: &Path| -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(MultiGzDecoder::new(BufReader::new(File::open(path)?))))
    };
    if path.extension().is_some_and(|extension| extension == "gz") {
        return archived(path);
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => archived(&archive_path(path)).map_err(|_| error),
        Err(error) => Err(error),
    }
}

fn day_of(name: &str) -> Option<&str> {
    let day = name.strip_suffix(ARCHIVED).unwrap_or(name).strip_prefix("audit-")?.strip_suffix(".jsonl")?;
    (day.len() == 10 && Date::parse(day, DAY).is_ok()).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_utc() {
        assert_eq!(day(1_700_006_399).unwrap(), "2023-11-14");
        assert_eq!(day(1_700_006_400).unwrap(), "2023-11-15");
        assert_eq!(day(-1).unwrap(), "1969-12-31");
        assert!(matches!(day(i64::MAX), Err(LogError::Time(_))));
        assert!(matches!(day(-62_167_219_201), Err(LogError::Time(_))), "year -1");
    }

    #[test]
    fn only_names_of_days_are_files_of_the_log() {
        assert_eq!(day_of("audit-2026-02-28.jsonl"), Some("2026-02-28"));
        assert_eq!(day_of("audit-2026-02-28.jsonl.gz"), Some("2026-02-28"));
        for other in [
            "audit-2026-02-30.jsonl",
            "audit-2026-2-28.jsonl",
            "audit-2026-02-28.idx",
            "audit-2026-02-28.jsonl.gz.part",
            "audit-2026-02-28.jsonl.gz.gz",
            "lock",
            "audit-.jsonl",
        ] {
            assert_eq!(day_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_day_that_is_there_twice_is_read_from_the_file_that_was_compressed() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["audit-2026-02-27.jsonl.gz", "audit-2026-02-28.jsonl.gz", "audit-2026-02-28.jsonl"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let files = list(dir.path()).unwrap();
        let archived: Vec<_> = files.iter().map(|file| (file.day.as_str(), file.is_archived())).collect();
        assert_eq!(archived, [("2026-02-27", true), ("2026-02-28", false)]);
    }
}
