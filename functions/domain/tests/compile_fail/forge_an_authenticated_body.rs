//! A body that nobody's signature was verified over.

use vyrox_domain::webhook::{Authenticated, Scheme};

fn forge(body: Vec<u8>) -> Authenticated<Vec<u8>> {
    Authenticated { body, scheme: Scheme::Bearer }
}

fn main() {}
