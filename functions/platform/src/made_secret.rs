//! Secrets for webhooks that are made here: 256 random bits each, written as the scheme's senders take them.

use crate::random;
use crate::secrets::Secret;
use base64::Engine as _;
use vyrox_domain::webhook::{STANDARD_WEBHOOKS_PREFIX, Scheme};

/// A new secret: what verifies, and what is shown once.
#[derive(Debug, Clone)]
pub struct MadeSecret {
    /// What deliveries are verified with.
    pub secret: Secret,
    /// What the sender is given.
    pub shown: Secret,
}

impl MadeSecret {
    /// For this scheme.
    #[must_use]
    pub fn for_scheme(scheme: Scheme) -> Self {
        let key = random::bytes::<32>();
        let same = |text: String| {
            let secret = Secret::new(text.into_bytes());
            Self { shown: secret.clone(), secret }
        };
        match scheme {
            Scheme::StandardWebhooks => {
                let encoded = base64::engine::general_purpose::STANDARD.encode(key);
                let shown = Secret::new(format!("{STANDARD_WEBHOOKS_PREFIX}{encoded}").into_bytes());
                Self { secret: Secret::new(key.to_vec()), shown }
            }
            // A prefix by which scanners of repositories know it.
            Scheme::Bearer => same(format!("vyrox_{}", hex::encode(key))),
            Scheme::VyroxHmac | Scheme::CrowdstrikeHmac | Scheme::StaticHeader | Scheme::GraphClientState => {
                same(hex::encode(key))
            }
        }
    }
}
