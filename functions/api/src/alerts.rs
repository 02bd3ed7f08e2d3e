//! `GET /api/v1/alerts` and `GET /api/v1/alerts/{id}`.

use crate::caller::{Asked, Caller, Nothing};
use crate::cursor::Cursor;
use crate::refusal::Refusal;
use crate::{Api, sift, view};
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use vyrox_contract::AlertId;
use vyrox_domain::access::Permission;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::verdict::VerdictLevel;
use vyrox_platform::table::SortKey;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    limit: Option<u16>,
    cursor: Option<Cursor>,
    /// The verdict, exactly this one.
    verdict: Option<VerdictLevel>,
    /// The host's name, in any case.
    host: Option<String>,
    /// Received at this time or later, unix seconds.
    since: Option<i64>,
}

impl Filter {
    fn wants(&self, record: &AlertRecord) -> bool {
        let verdict = |level| record.verdict.as_ref().is_some_and(|verdict| verdict.verdict == level);
        let host = |name: &String| {
            record.alert.hostname.as_ref().is_some_and(|host| host.to_lowercase() == name.to_lowercase())
        };
        self.verdict.is_none_or(verdict)
            && self.host.as_ref().is_none_or(host)
            && self.since.is_none_or(|since| record.alert.received_at >= since)
    }
}

pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(mut filter): Asked<Filter>,
) -> Result<Json<Value>, Refusal> {
    let tenant = caller.may(Permission::ReadAlerts)?;
    let (limit, after) = (sift::page_size(filter.limit)?, filter.cursor.take());
    let page = api.sift(tenant, after, limit, |record| filter.wants(record)).await?;
    let alerts: Vec<Value> = page.records.iter().map(view::line).collect();
    Ok(Json(json!({"alerts": alerts, "next_cursor": page.next})))
}

pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    _: Asked<Nothing>,
) -> Result<Json<Value>, Refusal> {
    let tenant = caller.may(Permission::ReadAlerts)?;
    let id: AlertId = id.parse().map_err(|_| Refusal::NoSuchAlert)?;
    let record = api.table.read::<AlertRecord>(tenant, &SortKey::alert(id), api.clock.now()).await?;
    let record = record.ok_or(Refusal::NoSuchAlert)?.value;
    Ok(Json(view::whole(&record, caller.access())))
}
