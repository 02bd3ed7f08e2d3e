//! A tenant and a source that are nobody's: read where there are none, because what is not there need not be read, and that
//! would tell that it is not there.

use serde::de::DeserializeOwned;
use std::hint::black_box;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::tenant::Tenant;
use vyrox_domain::webhook::Scheme;
use vyrox_platform::secrets::Secret;
use vyrox_platform::source::{Credential, Kept, Previous, Source, TokenHash};

/// Both as the table has them.
#[derive(Debug)]
pub(crate) struct Decoy {
    tenant: String,
    source: String,
}

impl Decoy {
    /// With some credentials in the middle of a rotation, as a source of several schemes has.
    pub(crate) fn new(nobody: TenantId) -> Self {
        let secret = Kept::Sha256(TokenHash::of(&Secret::new(Vec::new())));
        let source = [Scheme::VyroxHmac, Scheme::Bearer, Scheme::StandardWebhooks].into_iter().fold(
            Source::new(Vendor::Crowdstrike, nobody.as_str()),
            |source, scheme| {
                let previous = Some(Previous { secret: secret.clone(), until: 0 });
                source.with(Credential { previous, ..Credential::new(scheme, secret.clone()) })
            },
        );
        let name = nobody.to_string();
        Self { tenant: stored(&Tenant::new(nobody, &name)), source: stored(&source) }
    }

    /// What is there, or the time of reading it.
    pub(crate) fn tenant<T>(&self, found: Option<T>) -> Option<T> {
        found.or_else(|| read::<Tenant, T>(&self.tenant))
    }

    /// The same of a source.
    pub(crate) fn source<T>(&self, found: Option<T>) -> Option<T> {
        found.or_else(|| read::<Source, T>(&self.source))
    }
}

fn stored(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("stored types have string keys and finite numbers")
}

/// Reads it, and has nothing to say.
fn read<D: DeserializeOwned, T>(text: &str) -> Option<T> {
    let _ = black_box(serde_json::from_str::<D>(black_box(text)));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_to_its_end_and_is_nobody() {
        let decoy = Decoy::new("nobody.".parse().unwrap());
        assert!(serde_json::from_str::<Tenant>(&decoy.tenant).is_ok());
        assert_eq!(serde_json::from_str::<Source>(&decoy.source).unwrap().credentials.len(), 3);
        assert_eq!((decoy.tenant::<u8>(None), decoy.source(Some(7))), (None, Some(7)));
    }
}
