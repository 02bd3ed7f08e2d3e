//! The EDR clients themselves are out of reach.

use vyrox_edge_proxy::edr::Edr;

async fn around(edr: &Edr) {
    if let Edr::Live(vendors) = edr {
        vendors.serve().await;
    }
}

fn main() {}
