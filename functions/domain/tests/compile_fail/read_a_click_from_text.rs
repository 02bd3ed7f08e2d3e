//! A click read from anywhere but a verified body.

use vyrox_domain::interaction::Click;

fn read(text: &str) -> Click {
    serde_json::from_str(text).unwrap()
}

fn main() {}
