//! An approval that comes out of a file, a queue or a model's answer.

use vyrox_domain::approval::Approval;

fn approval(text: &str) -> Approval {
    serde_json::from_str(text).unwrap()
}

fn main() {}
