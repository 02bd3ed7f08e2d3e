//! A `Fresh` that no claim has been laid to.

use vyrox_contract::Action;
use vyrox_edge_proxy::dedup::Fresh;
use vyrox_edge_proxy::verify::Verified;

fn forge(verified: Verified<Action>) -> Fresh<Action> {
    Fresh { verified }
}

fn main() {}
