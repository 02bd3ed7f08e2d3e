//! The one place that reads the system's clock.

/// Milliseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "the stand-ins run in real time; everything else takes milliseconds")]
pub(crate) fn unix_millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// An instant in the form that Discord writes: `2026-08-01T10:00:00.000000+00:00`.
pub(crate) fn iso8601(unix_millis: u64) -> String {
    let seconds = i64::try_from(unix_millis / 1000).unwrap_or(i64::MAX);
    let at = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}000+00:00",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        unix_millis % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_as_discord_writes_it() {
        assert_eq!(iso8601(1_785_578_400_123), "2026-08-01T10:00:00.123000+00:00");
    }
}
