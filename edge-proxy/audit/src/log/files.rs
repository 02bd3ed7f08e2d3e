//! The names of the log's files.

use super::LogError;
use std::path::{Path, PathBuf};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// A file of the log.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) path: PathBuf,
    /// `YYYY-MM-DD`, which sorts as the days do.
    pub(super) day: String,
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

/// The log's files, oldest first. Other names are left alone.
pub(super) fn list(dir: &Path) -> Result<Vec<Named>, LogError> {
    let mut files = Vec::new();
    for item in std::fs::read_dir(dir).map_err(LogError::io("list", dir))? {
        let path = item.map_err(LogError::io("list", dir))?.path();
        if let Some(day) = path.file_name().and_then(|name| day_of(name.to_str()?)) {
            files.push(Named { day: day.to_owned(), path });
        }
    }
    files.sort_unstable_by(|a, b| a.day.cmp(&b.day));
    Ok(files)
}

fn day_of(name: &str) -> Option<&str> {
    let day = name.strip_prefix("audit-")?.strip_suffix(".jsonl")?;
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
        for other in
            ["audit-2026-02-30.jsonl", "audit-2026-2-28.jsonl", "audit-2026-02-28.jsonl.gz", "lock", "audit-.jsonl"]
        {
            assert_eq!(day_of(other), None, "{other}");
        }
    }
}
