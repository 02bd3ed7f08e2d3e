//! A `Recorded` that no log has seen.

use vyrox_contract::Action;
use vyrox_edge_proxy::policy::Permitted;
use vyrox_edge_proxy::record::Recorded;

fn forge(permitted: Permitted<Action>) -> Recorded<Action> {
    Recorded { permitted }
}

fn main() {}
