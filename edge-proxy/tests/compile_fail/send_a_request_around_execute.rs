//! The EDR client itself is out of reach.

use vyrox_contract::Action;
use vyrox_edge_proxy::edr::Edr;

async fn around(edr: &Edr, action: &Action) {
    if let Edr::Crowdstrike(falcon) = edr {
        falcon.act(action).await;
    }
}

fn main() {}
