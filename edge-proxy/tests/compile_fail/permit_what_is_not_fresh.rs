//! The policy on an action that may have run before.

use vyrox_contract::Action;
use vyrox_edge_proxy::policy::{Permitted, Policy, Refused};
use vyrox_edge_proxy::verify::Verified;

fn skip_the_claim(policy: &Policy, verified: Verified<Action>) -> Result<Permitted<Action>, Box<Refused>> {
    policy.permit(verified, 0)
}

fn main() {}
