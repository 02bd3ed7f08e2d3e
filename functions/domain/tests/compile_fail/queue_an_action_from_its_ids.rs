//! An action queued from ids alone, which is all that triage has.

use vyrox_domain::message::ActionApproved;

fn forge() -> ActionApproved {
    ActionApproved {}
}

fn main() {}
