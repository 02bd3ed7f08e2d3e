//! A tenant's audit: is it whole as far as the checkpoints saw it, and are its heads signed?

use super::Finding;
use crate::deployment::Deployment;
use crate::error::CtlError;
use crate::table;
use serde_json::Value;
use vyrox_contract::TenantId;
use vyrox_platform::checkpoint::lane_of;
use vyrox_platform::ledger::LaneRecord;
use vyrox_platform::table::Prefix;

/// The function checkpoint runs every five minutes, and signs what is new or closes what is idle. A lane that it has left alone
/// for so many seconds was missed several times. Where nothing is written there is nothing to sign, however long.
const STALE: i64 = 2 * 3_600;

pub(super) async fn look(deployment: &Deployment, id: &TenantId) -> Result<Finding, CtlError> {
    let (what, now) = (format!("{id}: audit"), deployment.now());
    let lanes = deployment.table.list_with_keys::<LaneRecord>(id, &Prefix::lanes(), now).await?;
    let broken = lanes.iter().find_map(|(key, lane)| Some((lane_of(key)?, lane.value.broken.as_ref()?)));
    if let Some((lane, problem)) = broken {
        return Ok(Finding::bad(
            what,
            format!("lane {lane} is BROKEN: {problem}"),
            format!(
                "Somebody has written past the functions: `vyroxctl audit export {id}` now, and BrokenLanesAlarm in docs/operations.md."
            ),
        ));
    }
    let last = deployment.table.latest::<Value>(id, &Prefix::checkpoints(), 1, now).await?;
    let last = last.first().and_then(|entry| entry["timestamp"].as_i64());
    let advice = format!(
        "Does the function checkpoint run on its schedule? Its log says why not; `vyroxctl audit checkpoint {id}` signs now."
    );
    let left = lanes.iter().map(|(_, lane)| lane.value.moved_at).min().filter(|at| now.saturating_sub(*at) > STALE);
    Ok(match (left, last) {
        (Some(at), None) => {
            Finding::bad(what, format!("nothing is signed, though entries wait since {}", table::time(at)), advice)
        }
        (Some(at), Some(last)) => {
            let (last, at) = (table::time(last), table::time(at));
            Finding::bad(what, format!("the last checkpoint is of {last}, and entries wait since {at}"), advice)
        }
        (None, None) => Finding::look(what, "no checkpoint has been signed yet", advice),
        (None, Some(last)) => Finding::good(what, format!("signed up to {}", table::time(last))),
    })
}
