//! api: a tenant's own programs read its alerts, decisions, statistics and audit.
//!
//! | route | permission | what it answers |
//! |---|---|---|
//! | `GET /api/v1/alerts` | `read_alerts` | alerts in the order of their ids, page by page, by verdict, host and age |
//! | `GET /api/v1/alerts/{id}` | `read_alerts` | one alert with its verdict and evidence; with `read_decisions` what became of it |
//! | `GET /api/v1/decisions` | `read_decisions` | who decided what, and what came of it, page by page |
//! | `GET /api/v1/statistics` | `read_statistics` | counts by verdict and decision, the median time to a decision |
//! | `GET /api/v1/audit/export` | `export_audit` | the audit as JSON lines, page by page; each page is itself in the audit |
//! | `GET /api/v1/keys` | `manage_keys` | which keys there are, never a key |
//!
//! The tenant is the key's: no route names one, and a handler gets hold of it only by naming the permission that it needs
//! (`caller::Caller::may`). Nothing here changes anything, and nothing can approve: a containment takes a human's click.

mod alerts;
mod caller;
mod cursor;
mod decisions;
mod dress;
mod export;
mod keys;
mod refusal;
mod sift;
mod statistics;
mod view;

use crate::refusal::Refusal;
use axum::Router;
use axum::middleware;
use axum::routing::get;
use std::sync::Arc;
use vyrox_contract::TenantId;
use vyrox_domain::access::{Access, Role};
use vyrox_platform::api_key::{ApiKey, ApiKeyToken, KeyUsage};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::Clock;
use vyrox_platform::config;
use vyrox_platform::ledger::Ledger;
use vyrox_platform::refusals::Refusals;
use vyrox_platform::table::Table;

/// What api can do: read one tenant's items, count a key's requests, enter that the audit was exported and how many were refused.
#[derive(Debug)]
pub struct Api {
    table: Table,
    ledger: Ledger,
    usage: KeyUsage,
    refusals: Refusals,
    key_rate: i64,
    clock: Arc<dyn Clock>,
    /// A tenant that nobody can be: the dot at its end is in no id that is given out.
    nobody: TenantId,
    /// What the secret of an unknown key is compared with. It expired long ago.
    decoy: ApiKey,
}

impl Api {
    /// Wires the function up.
    #[must_use]
    pub fn new(clients: &Clients, config: &config::Api, clock: Arc<dyn Clock>) -> Self {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        Self {
            ledger: Ledger::new(table.clone(), "api", Arc::clone(&clock)),
            usage: KeyUsage::new(table.clone()),
            refusals: Refusals::default(),
            key_rate: config.key_rate_per_minute,
            nobody: "nobody.".parse().expect("letters and a dot are a tenant id"),
            decoy: ApiKey::made(&ApiKeyToken::generate(), Access::of(Role::Viewer), 0, 0),
            table,
            clock,
        }
    }

    /// Opens the connection before the first request.
    pub async fn warm(&self) {
        self.table.warm().await;
    }
}

/// The function's routes, to be put beside other functions' routes.
pub fn router(api: Arc<Api>) -> Router {
    dressed(routes(), api)
}

/// The function by itself: it answers whatever is asked.
pub fn service(api: Arc<Api>) -> Router {
    dressed(routes().fallback(async || Refusal::NoSuchRoute), api)
}

fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/alerts/{id}", get(alerts::show))
        .route("/api/v1/decisions", get(decisions::list))
        .route("/api/v1/statistics", get(statistics::read))
        .route("/api/v1/audit/export", get(export::page))
        .route("/api/v1/keys", get(keys::list))
        .method_not_allowed_fallback(async || Refusal::WrongMethod)
}

fn dressed(routes: Router<Arc<Api>>, api: Arc<Api>) -> Router {
    routes.layer(middleware::from_fn_with_state(Arc::clone(&api), dress::dress)).with_state(api)
}
