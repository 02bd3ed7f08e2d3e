//! An intent that the policy has not seen.

use vyrox_contract::{Action, TenantId};
use vyrox_edge_proxy::audit::Audit;
use vyrox_edge_proxy::dedup::Fresh;
use vyrox_edge_proxy::record::record;

async fn skip_the_policy(fresh: Fresh<Action>, audit: &Audit, tenant: &TenantId) {
    let _ = record(fresh, audit, tenant, 0).await;
}

fn main() {}
