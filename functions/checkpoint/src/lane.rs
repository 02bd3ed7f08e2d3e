//! One lane, followed from what the last checkpoint covered to its present end.

use serde::Deserialize;
use vyrox_audit::verify::{ExpectedHead, Verifier};
use vyrox_contract::{AuditHead, TenantId};
use vyrox_platform::ledger::{LANE_CLOSED, LaneRecord};
use vyrox_platform::table::{Prefix, SortKey, Table, TableError};

/// What became of a lane since it was covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Followed {
    /// It verifies, up to this entry.
    Sound(End),
    /// It does not: what is wrong, in the words of the verifier.
    Broken(String),
}

/// A lane's newest entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) head: AuditHead,
    /// When it was written, unix seconds.
    pub(crate) at: i64,
    /// Whether it ends the lane.
    pub(crate) closes: bool,
}

/// What is needed of the newest entry beyond what the verifier tells.
#[derive(Deserialize)]
struct Newest {
    timestamp: i64,
    action_type: String,
}

/// Reads on from the covered entry, which must be there still, and verifies all that follows, page by page.
pub(crate) async fn follow(
    table: &Table,
    tenant: &TenantId,
    chain: &str,
    record: &LaneRecord,
    now: i64,
) -> Result<Followed, TableError> {
    let mut verifier = Verifier::new();
    if let Some(AuditHead { seq, hash }) = record.covered.clone() {
        verifier = verifier.partial().expect(ExpectedHead { chain: Some(chain.to_owned()), seq, hash });
    }
    let covered = record.covered.as_ref().map_or(0, |head| head.seq);
    let mut after = covered.checked_sub(1).map(|before| SortKey::audit(chain, before));
    let mut last = None;
    loop {
        let (mut lines, next) = table.bodies(tenant, &Prefix::lane_entries(chain), after, now).await?;
        let page = lines.iter().fold(String::new(), |page, line| page + line + "\n");
        if let Err(failure) = verifier.reader(page.as_bytes(), "") {
            return Ok(Followed::Broken(failure.problem.to_string()));
        }
        last = lines.pop().or(last);
        match next {
            Some(key) => after = Some(key),
            None => break,
        }
    }
    let report = match verifier.finish() {
        Ok(report) => report,
        Err(failure) => return Ok(Followed::Broken(failure.problem.to_string())),
    };
    let [found] = report.chains.as_slice() else {
        let problem =
            if report.chains.is_empty() { "it has no entries any more" } else { "it holds entries of other lanes" };
        return Ok(Followed::Broken(problem.to_owned()));
    };
    let newest = last.and_then(|line| serde_json::from_str::<Newest>(&line).ok());
    let Some(newest) = newest.filter(|_| found.chain == chain && found.first_seq == covered) else {
        return Ok(Followed::Broken("it holds entries of another lane".to_owned()));
    };
    Ok(Followed::Sound(End {
        head: AuditHead { seq: found.last_seq, hash: found.head.clone() },
        at: newest.timestamp,
        closes: newest.action_type == LANE_CLOSED,
    }))
}
