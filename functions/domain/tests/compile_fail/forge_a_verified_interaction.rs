//! An interaction whose signature nobody verified.

use vyrox_domain::interaction::VerifiedInteraction;

fn forge<'a>() -> VerifiedInteraction<'a> {
    VerifiedInteraction {}
}

fn main() {}
