//! A lease that no entry of the audit log gave, which would be a release that nobody signed.

use vyrox_edge_proxy::lease::Lease;
use vyrox_edge_proxy::subject::Subject;

fn forge(isolation: Subject) -> Lease {
    Lease { isolation, until: 0, attempts: 0, due: 0 }
}

fn main() {}
