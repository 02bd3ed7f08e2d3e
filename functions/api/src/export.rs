//! `GET /api/v1/audit/export`: the audit as JSON lines, byte for byte as they were hashed, a page a request.
//!
//! Not one stream: API Gateway's HTTP APIs take a function's whole answer at once, at most 6 MB of it. A page is what the
//! table gives at once, at most 1 MB, and `X-Next-Cursor` says where the next one begins. The pages one after the other are
//! what `vyroxctl audit export` writes, and `vyrox-audit verify -` takes them.

use crate::Api;
use crate::caller::{Asked, Caller};
use crate::refusal::Refusal;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use vyrox_audit::Draft;
use vyrox_domain::access::Permission;
use vyrox_platform::audit_export::{self, Position};

/// Where the next page begins; absent after the last.
const NEXT_CURSOR: &str = "x-next-cursor";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    cursor: Option<String>,
}

pub(crate) async fn page(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Asked(place): Asked<Place>,
) -> Result<Response, Refusal> {
    let tenant = caller.may(Permission::ExportAudit)?;
    let position = place.cursor.as_deref().map(str::parse::<Position>).transpose().map_err(|_| Refusal::cursor())?;
    let now = api.clock.now();
    // Every page, not only the first: a cursor can be made up, and what is not entered is not exported.
    let mut event = Draft::event(now, tenant.as_str(), "AUDIT_EXPORTED");
    event.detail.insert("key".to_owned(), json!(caller.prefix()));
    event.detail.insert("request".to_owned(), json!(caller.request_id()));
    event.detail.insert("first_page".to_owned(), json!(position.is_none()));
    api.ledger.commit(tenant, &[], &event).await?;
    let page = audit_export::page(&api.table, tenant, position.unwrap_or_default(), now).await?;
    let mut lines = page.lines.join("\n");
    if !lines.is_empty() {
        lines.push('\n');
    }
    let mut response = ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response();
    if let Some(next) = page.next.and_then(|next| HeaderValue::from_str(&next.to_string()).ok()) {
        response.headers_mut().insert(NEXT_CURSOR, next);
    }
    Ok(response)
}
