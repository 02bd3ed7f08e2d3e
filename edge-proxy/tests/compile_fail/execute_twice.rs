//! One recorded intent, two calls.

use vyrox_contract::Action;
use vyrox_edge_proxy::edr::{self, Edr};
use vyrox_edge_proxy::record::Recorded;

async fn twice(recorded: Recorded<Action>, edr: &Edr) {
    edr::execute(recorded, edr).await;
    edr::execute(recorded, edr).await;
}

fn main() {}
