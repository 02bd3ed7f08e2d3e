//! Vendors' times, in every form that has been seen, as unix seconds.

use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// Seconds between 1601-01-01 (FILETIME's epoch) and 1970-01-01.
const FILETIME_OFFSET: i64 = 11_644_473_600;

/// Unix seconds from a number or a text: epoch seconds, epoch milliseconds, Windows FILETIME, RFC 3339 with 1 to 9
/// fraction digits, `2025-08-13T08:42:21.005+0000` (with or without the fraction), a space for the `T`, and
/// `2024-12-03 19:54:30.000000000` without a zone (taken as UTC).
///
/// The three numeric scales do not overlap for any time between 1990 and 2200. Anything else is `None`.
#[must_use]
pub fn parse(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().and_then(from_number),
        Value::String(text) => from_text(text.trim()),
        _ => None,
    }
}

fn from_number(number: i64) -> Option<i64> {
    const SECONDS: std::ops::Range<i64> = 631_152_000..7_258_118_400; // 1990..2200
    if SECONDS.contains(&number) {
        Some(number)
    } else if SECONDS.contains(&(number / 1_000)) {
        Some(number / 1_000)
    } else {
        let unix = number / 10_000_000 - FILETIME_OFFSET;
        SECONDS.contains(&unix).then_some(unix)
    }
}

fn from_text(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        return from_number(number);
    }
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(time.unix_timestamp());
    }
    // A space for the `T`, and an offset without a colon: the colon is put in, the rest is RFC 3339.
    let separated = text.replacen(' ', "T", 1);
    let with_colon = match separated.len().checked_sub(5).and_then(|at| separated.split_at_checked(at)) {
        Some((time, offset))
            if offset.starts_with(['+', '-']) && offset[1..].bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            format!("{time}{}:{}", &offset[..3], &offset[3..])
        }
        _ => separated,
    };
    if let Ok(time) = OffsetDateTime::parse(&with_colon, &Rfc3339) {
        return Some(time.unix_timestamp());
    }
    // What is not a fraction behind the dot is another form, perhaps with a zone: not to be taken as UTC.
    let (seconds, fraction) = with_colon.split_once('.').unwrap_or((&with_colon, "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let zoneless = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    PrimitiveDateTime::parse(seconds, &zoneless).ok().map(|time| time.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::parse;
    use serde_json::json;

    #[test]
    fn every_form_that_vendors_use_is_read() {
        for (value, wanted) in [
            (json!(1_700_000_000), Some(1_700_000_000)),
            (json!(1_700_000_000_123_i64), Some(1_700_000_000)),
            (json!("1700000000"), Some(1_700_000_000)),
            (json!(133_355_377_959_700_000_i64), Some(1_691_064_195)),
            (json!("2023-11-14T22:13:20Z"), Some(1_700_000_000)),
            (json!("2023-11-14T22:13:20.1234567Z"), Some(1_700_000_000)),
            (json!("2023-11-14T22:13:20.123456789+00:00"), Some(1_700_000_000)),
            (json!("2023-11-14T23:13:20.005+0100"), Some(1_700_000_000)),
            (json!("2023-11-14 22:13:20.000000000"), Some(1_700_000_000)),
            (json!("2023-11-14T22:13:20"), Some(1_700_000_000)),
            (json!("2023-11-14T22:13:20+0000"), Some(1_700_000_000)),
            (json!("2023-11-14 23:13:20.5+01:00"), Some(1_700_000_000)),
            (json!("2023-11-14 22:13:20Z"), Some(1_700_000_000)),
            (json!("2023-11-14T22:13:20.123456+00:00"), Some(1_700_000_000)),
            (json!("2023-11-14 22:13:20"), Some(1_700_000_000)),
            (json!("1700000000123"), Some(1_700_000_000)),
            (json!("133355377959700000"), Some(1_691_064_195)),
            (json!("2023-11-14T22:13:20.5 CET"), None),
            (json!("2023-11-14T22:13:20.é"), None),
            (json!("2023-11-14T22:13:20.1234567890"), None),
            (json!("2023-02-30T00:00:00Z"), None),
            (json!("é+0000"), None),
            (json!("+0000"), None),
            (json!(u64::MAX), None),
            (json!("yesterday"), None),
            (json!(5), None),
            (json!(i64::MIN), None),
            (json!(1.5), None),
            (json!(null), None),
        ] {
            assert_eq!(parse(&value), wanted, "{value}");
        }
    }
}
