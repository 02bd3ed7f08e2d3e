//! An action queued from its stored form, which proves nothing.

use vyrox_domain::action::ActionRecord;
use vyrox_domain::message::ActionApproved;

fn queue(record: &ActionRecord) -> ActionApproved {
    ActionApproved::of(record, 0)
}

fn main() {}
