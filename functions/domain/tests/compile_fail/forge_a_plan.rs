//! A plan that was drafted by something else than a verdict.

use vyrox_domain::plan::Plan;

fn forge() -> Plan {
    Plan {}
}

fn main() {}
