//! An approved action that comes out of a file, a queue or a model's answer.

use vyrox_domain::approval::ApprovedAction;

fn action(text: &str) -> ApprovedAction {
    serde_json::from_str(text).unwrap()
}

fn main() {}
