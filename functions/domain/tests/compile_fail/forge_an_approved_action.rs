//! An approved action without an approval.

use vyrox_domain::approval::ApprovedAction;

fn act() -> ApprovedAction {
    ApprovedAction {}
}

fn main() {}
