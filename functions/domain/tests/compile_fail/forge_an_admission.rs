//! A click admitted without being bound, authorised and still open.

use vyrox_domain::approval::Admitted;

fn forge<'a>() -> Admitted<'a> {
    Admitted {}
}

fn main() {}
