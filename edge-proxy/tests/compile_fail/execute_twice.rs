//! One recorded intent, two calls.

use vyrox_contract::Action;
use vyrox_edge_proxy::edr::Edr;
use vyrox_edge_proxy::policy::Policy;
use vyrox_edge_proxy::record::Recorded;
use vyrox_edge_proxy::{Clock, edr};

async fn twice(recorded: Recorded<Action>, edr: &Edr, policy: &Policy, clock: &dyn Clock) {
    edr::execute(recorded, edr, policy, clock).await;
    edr::execute(recorded, edr, policy, clock).await;
}

fn main() {}
