//! A body that nobody's signature was verified over.

use vyrox_domain::webhook::Authenticated;

fn forge(body: Vec<u8>) -> Authenticated<Vec<u8>> {
    Authenticated { body }
}

fn main() {}
