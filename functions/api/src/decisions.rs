//! `GET /api/v1/decisions`: who decided what, and what came of it.

use crate::caller::{Asked, Caller};
use crate::cursor::Cursor;
use crate::refusal::Refusal;
use crate::{Api, sift, view};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use vyrox_domain::access::Permission;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    limit: Option<u16>,
    cursor: Option<Cursor>,
}

pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Value>, Refusal> {
    let tenant = caller.may(Permission::ReadDecisions)?;
    let limit = sift::page_size(filter.limit)?;
    let page = api.sift(tenant, filter.cursor, limit, |record| record.decision.is_some()).await?;
    let decisions: Vec<Value> = page.records.iter().map(view::decided).collect();
    Ok(Json(json!({"decisions": decisions, "next_cursor": page.next})))
}
