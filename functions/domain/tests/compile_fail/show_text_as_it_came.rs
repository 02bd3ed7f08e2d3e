//! Text from outside on a card as it came: read from JSON, or converted.

use vyrox_domain::text::Shown;

fn read(json: &str) -> Shown {
    serde_json::from_str(json).unwrap()
}

fn convert(command_line: String) -> Shown {
    command_line.into()
}

fn main() {}
