//! Durations as the file has them: whole seconds, up to a day, so that a time to come stays one that the clock can tell.

use serde::de::{Deserialize as _, Deserializer, Error as _};
use std::time::Duration;

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let seconds = u64::deserialize(from)?;
    if seconds > 24 * 3600 {
        return Err(D::Error::custom("is more than a day"));
    }
    Ok(Duration::from_secs(seconds))
}

pub(super) fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    deserialize(from).map(Some)
}
