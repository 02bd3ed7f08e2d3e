//! A `Verified` whose signature nobody checked.

use vyrox_contract::Action;
use vyrox_edge_proxy::verify::Verified;

fn forge(value: Action) -> Verified<Action> {
    Verified { value, by: String::new(), lease_of: None }
}

fn main() {}
