//! `GET /api/v1/keys`: which keys the tenant has. A key itself is nowhere, and its hash is told to nobody.

use crate::Api;
use crate::caller::{Asked, Caller, Nothing};
use crate::refusal::Refusal;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::Arc;
use vyrox_domain::access::Permission;
use vyrox_platform::api_key::ApiKey;
use vyrox_platform::table::Prefix;
use vyrox_platform::volatile::Volatile;

pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    _: Asked<Nothing>,
) -> Result<Json<Value>, Refusal> {
    let tenant = caller.may(Permission::ManageKeys)?;
    let volatile = Volatile::new(api.table.clone());
    let mut keys = Vec::new();
    for key in api.table.list::<ApiKey>(tenant, &Prefix::api_keys(), api.clock.now()).await? {
        let used = volatile.key_used(tenant, &key.value.prefix).await?;
        keys.push(key.value.described(used));
    }
    Ok(Json(json!({ "keys": keys })))
}
