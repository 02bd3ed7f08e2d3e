//! What a reload replaces as one: whom to believe, what to agree to, whom to call, what to sign with. Work that has begun
//! ends with the rules that it began with.

use crate::breaker::Breaker;
use crate::config::{Config, ConfigError};
use crate::edr::Edr;
use crate::outbound::ClientError;
use crate::policy::Policy;
use crate::secret::TokenDigest;
use crate::verify::Verifier;
use std::sync::Arc;
use vyrox_contract::Ed25519Signer;

/// The rules in force.
pub(crate) struct Rules {
    pub(crate) verifier: Verifier,
    pub(crate) policy: Policy,
    pub(crate) edr: Edr,
    pub(crate) signer: Ed25519Signer,
    pub(crate) breaker: Arc<Breaker>,
    /// The digest of the token that the export asks for.
    pub(crate) export_token: Option<TokenDigest>,
    /// The policy's digest, as receipts carry it.
    pub(crate) digest: String,
    config: Config,
}

/// Why a configuration cannot be taken over by a running proxy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RulesError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("outgoing connections cannot be set up")]
    Client(#[from] ClientError),
    #[error("{} cannot change while the proxy runs; restart it", .0.join(", "))]
    Fixed(Vec<&'static str>),
}

impl Rules {
    pub(crate) fn new(config: &Config, breaker: Arc<Breaker>) -> Result<Self, ClientError> {
        // What can fail comes before what is changed.
        let edr = Edr::new(config)?;
        breaker.follow(&config.policy);
        Ok(Self {
            verifier: Verifier::new(config),
            policy: Policy::new(config, Arc::clone(&breaker)),
            edr,
            signer: config.signer.clone(),
            breaker,
            export_token: config.export_token.clone(),
            digest: config.policy_digest(),
            config: config.clone(),
        })
    }

    /// The rules after a reload: keys, shared secret, export token, policy and credentials. All or nothing: a file that also
    /// changes what is fixed at start would be in force in part only, which nobody can see.
    pub(crate) fn replaced_by(&self, config: &Config) -> Result<Self, RulesError> {
        let fixed = self.config.differences_fixed_at_start(config);
        if !fixed.is_empty() {
            return Err(RulesError::Fixed(fixed));
        }
        Ok(Self::new(config, Arc::clone(&self.breaker))?)
    }
}
