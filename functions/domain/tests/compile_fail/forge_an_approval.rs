//! An approval that nobody gave.

use vyrox_domain::approval::Approval;

fn approve() -> Approval {
    Approval {}
}

fn main() {}
