//! A click that Discord did not sign.

use vyrox_domain::interaction::Click;

fn forge() -> Click {
    Click {}
}

fn main() {}
