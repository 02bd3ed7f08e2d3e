//! The six ways in which a sender can prove itself.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How a delivery proves where it comes from. A source may have several at once, each at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// `X-Vyrox-Signature: sha256=<hex HMAC-SHA256 of the raw body>`.
    VyroxHmac,
    /// `Authorization: Bearer <token>`; only the token's SHA-256 is stored.
    Bearer,
    /// A Falcon Fusion webhook's own headers: base64 HMAC-SHA256 over body and timestamp.
    CrowdstrikeHmac,
    /// One header of any name with a fixed secret value.
    StaticHeader,
    /// Microsoft Graph's `clientState`, in every item of the body.
    GraphClientState,
    /// The Standard Webhooks specification: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    StandardWebhooks,
}

/// A text that names no scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the schemes are vyrox_hmac, bearer, crowdstrike_hmac, static_header, graph_client_state, standard_webhooks")]
pub struct UnknownScheme;

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::VyroxHmac,
        Self::Bearer,
        Self::CrowdstrikeHmac,
        Self::StaticHeader,
        Self::GraphClientState,
        Self::StandardWebhooks,
    ];

    /// Its name on every wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VyroxHmac => "vyrox_hmac",
            Self::Bearer => "bearer",
            Self::CrowdstrikeHmac => "crowdstrike_hmac",
            Self::StaticHeader => "static_header",
            Self::GraphClientState => "graph_client_state",
            Self::StandardWebhooks => "standard_webhooks",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|scheme| scheme.as_str() == text).ok_or(UnknownScheme)
    }
}

#[cfg(test)]
mod tests {
    use super::{Scheme, UnknownScheme};

    #[test]
    fn a_scheme_has_one_name_everywhere() {
        for scheme in Scheme::ALL {
            assert_eq!(scheme.as_str().parse(), Ok(scheme));
            assert_eq!(serde_json::to_value(scheme).unwrap(), scheme.as_str());
            assert!(UnknownScheme.to_string().contains(scheme.as_str()), "{scheme} is named where one is asked for");
        }
        assert_eq!("basic".parse::<Scheme>(), Err(UnknownScheme));
    }
}
