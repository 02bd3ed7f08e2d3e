//! An action that the policy permits, but that is not in the audit log yet.

use vyrox_contract::Action;
use vyrox_edge_proxy::edr::{self, Edr};
use vyrox_edge_proxy::policy::Permitted;

async fn skip_the_audit(permitted: Permitted<Action>, edr: &Edr) {
    edr::execute(permitted, edr).await;
}

fn main() {}
