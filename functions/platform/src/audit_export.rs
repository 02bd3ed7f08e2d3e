//! Reading a tenant's audit back, page by page, as the bytes that were hashed.
//!
//! Checkpoints come first, then lane by lane: whoever reads the stream knows of every head before the entries that must
//! lead to it, and a lane that grows while it is read is never shorter than what a checkpoint said of it.

use crate::ledger::{CommitError, Ledger};
use crate::table::{Prefix, SortKey, Table, TableError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::stream::{self, Stream};
use std::fmt;
use std::str::FromStr;
use vyrox_audit::Draft;
use vyrox_contract::TenantId;

/// A page of entries.
#[derive(Debug)]
pub struct Page {
    /// Each entry's line as it is stored, without a newline.
    pub lines: Vec<String>,
    /// Where the next page begins; absent after the last.
    pub next: Option<Position>,
}

/// Where a page begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    part: Part,
    after: Option<SortKey>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Checkpoints,
    Lanes,
}

/// Not a place in an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in an audit")]
pub struct BadPosition;

/// The longest text of a place, in bytes: a lane's id and a number are far shorter.
const MOST_POSITION: usize = 512;

impl Part {
    fn prefix(self) -> Prefix {
        match self {
            Self::Checkpoints => Prefix::checkpoints(),
            Self::Lanes => Prefix::audit(),
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Checkpoints => 'c',
            Self::Lanes => 'l',
        }
    }
}

/// As text that says nothing to whoever carries it from one request to the next. It holds what follows the range's prefix
/// alone, so that no text leads out of the tenant's audit.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = self.part.prefix();
        let rest = self.after.as_ref().and_then(|after| after.as_str().strip_prefix(prefix.as_str())).unwrap_or("");
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}{rest}", self.part.letter())))
    }
}

impl FromStr for Position {
    type Err = BadPosition;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > MOST_POSITION {
            return Err(BadPosition);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadPosition)?;
        let (letter, rest) = bytes.split_first().ok_or(BadPosition)?;
        let parts = [Part::Checkpoints, Part::Lanes];
        let part = parts.into_iter().find(|part| part.letter() == char::from(*letter)).ok_or(BadPosition)?;
        let rest = std::str::from_utf8(rest).ok().filter(|rest| rest.bytes().all(|byte| byte.is_ascii_graphic()));
        let rest = rest.ok_or(BadPosition)?;
        Ok(Self { part, after: (!rest.is_empty()).then(|| part.prefix().at(rest)) })
    }
}

/// The page at `position`; [`Position::default`] is the beginning. `now` is unix seconds.
///
/// # Errors
/// [`TableError`].
pub async fn page(table: &Table, tenant: &TenantId, position: Position, now: i64) -> Result<Page, TableError> {
    let Position { part, after } = position;
    let (lines, next) = table.bodies(tenant, &part.prefix(), after, now).await?;
    let next = match (part, next) {
        (part, Some(after)) => Some(Position { part, after: Some(after) }),
        (Part::Checkpoints, None) => Some(Position { part: Part::Lanes, after: None }),
        (Part::Lanes, None) => None,
    };
    Ok(Page { lines, next })
}

/// Enters `event`, which says who takes a copy, and then streams the tenant's whole audit, that entry included: one chunk
/// of JSON lines a page, so that its length does not matter.
///
/// # Errors
/// [`CommitError`]: what is not entered is not exported. A chunk's error ends the stream.
pub async fn export(
    table: Table,
    ledger: &Ledger,
    tenant: &TenantId,
    event: &Draft,
) -> Result<impl Stream<Item = Result<Bytes, TableError>> + use<>, CommitError> {
    ledger.commit(tenant, &[], event).await?;
    let (tenant, now) = (tenant.clone(), event.timestamp);
    Ok(stream::try_unfold(Some(Position::default()), move |position| {
        let (table, tenant) = (table.clone(), tenant.clone());
        async move {
            let Some(position) = position else { return Ok(None) };
            let page = page(&table, &tenant, position, now).await?;
            let mut chunk = String::new();
            for line in &page.lines {
                chunk.push_str(line);
                chunk.push('\n');
            }
            Ok(Some((Bytes::from(chunk), page.next)))
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_after_its_way_as_text() {
        for (part, after) in [
            (Part::Checkpoints, None),
            (Part::Checkpoints, Some(SortKey::checkpoint(7))),
            (Part::Lanes, None),
            (Part::Lanes, Some(SortKey::audit("ingest-01ABC", 41))),
        ] {
            let position = Position { part, after };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
    }

    #[test]
    fn no_text_leads_out_of_the_audit() {
        let forged = |text: &str| URL_SAFE_NO_PAD.encode(text).parse::<Position>();
        let key = forged("lX#1").unwrap().after.unwrap();
        assert_eq!(key.as_str(), "AUDIT#X#1", "whatever it says stays behind the prefix");
        for bad in ["", "x", "PROFILE", "l\u{0}", "l\u{e9}"] {
            assert_eq!(forged(bad), Err(BadPosition), "{bad}");
        }
        assert_eq!("l?".parse::<Position>(), Err(BadPosition));
        assert_eq!("b".repeat(600).parse::<Position>(), Err(BadPosition));
    }
}
