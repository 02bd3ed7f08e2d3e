//! The table of adapters, and what one is written with: [`Draft`], [`Required`] and [`fields`].
//!
//! A new vendor is one file with two functions, one row here, one folder in `events/` and one page in `docs/adapters/`.
//! `docs/adapters.md` walks through it, and a test does so with a vendor that does not exist.

pub use super::draft::{Draft, Required};
pub use super::fields;

use super::{Known, Reception, crosswise};
use serde_json::Value;
use vyrox_contract::Vendor;

/// How one vendor's bodies are read.
#[derive(Debug, Clone, Copy)]
pub struct Adapter {
    /// Its folder in `events/` and its page in `docs/adapters/`.
    pub name: &'static str,
    /// The route by which its bodies come, and the `source` of its alerts.
    pub route: Vendor,
    /// What the sender of an unknown body is told that was looked for.
    pub hint: &'static str,
    /// Whether a body is one of its shapes, whatever route it came by.
    pub recognises: fn(&Value) -> bool,
    /// The body's alerts; `None` if it is none of its shapes.
    pub normalise: fn(&Value, &Reception<'_>) -> Known,
}

/// Every adapter. Those of one route are asked in this order; the first that knows the body's shape reads it.
pub const ADAPTERS: &[Adapter] = &[
    Adapter {
        name: "crowdstrike",
        route: Vendor::Crowdstrike,
        hint: super::crowdstrike::HINT,
        recognises: super::crowdstrike::recognises,
        normalise: super::crowdstrike::normalise,
    },
    Adapter {
        name: "sentinelone",
        route: Vendor::Sentinelone,
        hint: super::sentinelone::HINT,
        recognises: super::sentinelone::recognises,
        normalise: super::sentinelone::normalise,
    },
    Adapter {
        name: "defender",
        route: Vendor::Defender,
        hint: super::defender::HINT,
        recognises: super::defender::recognises,
        normalise: super::defender::normalise,
    },
    Adapter {
        name: "generic",
        route: Vendor::Generic,
        hint: super::generic::HINT,
        recognises: super::generic::recognises,
        normalise: super::generic::normalise,
    },
];

/// What the sender of an unknown body is told: whose shape it is, if it is another vendor's, or else what was looked for.
pub(super) fn hint(adapters: &[Adapter], route: Vendor, payload: &Value) -> &'static str {
    let other = adapters.iter().find(|adapter| adapter.route != route && (adapter.recognises)(payload));
    let own = adapters.iter().rev().find(|adapter| adapter.route == route);
    match (other, own) {
        (Some(other), _) => crosswise(other.route),
        (None, Some(own)) => own.hint,
        (None, None) => "there is no adapter for this route",
    }
}
