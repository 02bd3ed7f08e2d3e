//! How old a signed timestamp may be.

/// How far a signed timestamp may lie from the present, in seconds, either way.
pub const FRESHNESS: i64 = 300;

/// Whether `timestamp` is near enough to `now`, both unix seconds.
pub(super) const fn is_fresh(timestamp: i64, now: i64) -> bool {
    now.abs_diff(timestamp) <= FRESHNESS.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::is_fresh;

    #[test]
    fn five_minutes_either_way_and_not_a_second_more() {
        let now = 1_700_000_000;
        for (offset, fresh) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
            assert_eq!(is_fresh(now + offset, now), fresh, "{offset}");
        }
        assert!(!is_fresh(i64::MIN, now) && !is_fresh(i64::MAX, now) && !is_fresh(i64::MIN, i64::MAX));
    }
}
