//! Names from outside, by which a tenant is found.

use crate::api_key::KeyPrefix;
use vyrox_contract::{KeyId, Vendor};
use vyrox_domain::tenant::Snowflake;

/// An outside name that belongs to one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup(String);

impl Lookup {
    /// A name as it is stored.
    pub(crate) fn stored(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The account that a vendor's payload names.
    #[must_use]
    pub fn account(vendor: Vendor, account: &str) -> Self {
        Self(format!("ACCOUNT#{vendor}#{account}"))
    }

    /// A Discord guild.
    #[must_use]
    pub fn guild(id: Snowflake) -> Self {
        Self(format!("GUILD#{id}"))
    }

    /// A proxy's public key.
    #[must_use]
    pub fn key(id: &KeyId) -> Self {
        Self(format!("KEY#{id}"))
    }

    /// An API key, by the part of it that is no secret.
    #[must_use]
    pub fn api_key(prefix: &KeyPrefix) -> Self {
        Self(format!("APIKEY#{prefix}"))
    }

    /// What every lane that no checkpoint has closed is known as: by it a checkpoint finds the tenants that have one.
    #[must_use]
    pub fn open_lanes() -> Self {
        Self("LANES".to_owned())
    }

    /// The index key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
