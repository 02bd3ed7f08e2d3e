//! An action that the policy permits, but that is not in the audit log yet.

use vyrox_contract::Action;
use vyrox_edge_proxy::edr::Edr;
use vyrox_edge_proxy::policy::{Permitted, Policy};
use vyrox_edge_proxy::{Clock, edr};

async fn skip_the_audit(permitted: Permitted<Action>, edr: &Edr, policy: &Policy, clock: &dyn Clock) {
    edr::execute(permitted, edr, policy, clock).await;
}

fn main() {}
