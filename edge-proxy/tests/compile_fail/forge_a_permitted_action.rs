//! A `Permitted` that no policy has seen.

use vyrox_contract::Action;
use vyrox_edge_proxy::dedup::Fresh;
use vyrox_edge_proxy::policy::Permitted;

fn forge(fresh: Fresh<Action>) -> Permitted<Action> {
    Permitted { fresh }
}

fn main() {}
