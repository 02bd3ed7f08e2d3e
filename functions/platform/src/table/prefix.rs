//! Ranges of sort keys: what can be listed.

use super::SortKey;
use vyrox_contract::ProxyId;
use vyrox_domain::fingerprint::Fingerprint;
use vyrox_domain::history::HostKey;

/// The beginning of a range of sort keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A place within the range, whether or not an item is there.
    pub(crate) fn at(&self, rest: &str) -> SortKey {
        SortKey::stored(&format!("{}{rest}", self.0))
    }

    /// Everything that waits for one proxy.
    #[must_use]
    pub fn outbox(proxy: &ProxyId) -> Self {
        Self(format!("OUTBOX#{proxy}#"))
    }

    /// All approvers with a second factor.
    #[must_use]
    pub fn approvers() -> Self {
        Self("APPROVER#".to_owned())
    }

    /// All alerts on one host, as far as they are remembered there.
    #[must_use]
    pub fn host_alerts(host: &HostKey) -> Self {
        Self(format!("HOST#{host}#"))
    }

    /// All decisions on alerts that looked the same.
    #[must_use]
    pub fn past_decisions(fingerprint: &Fingerprint) -> Self {
        Self(format!("FP#{fingerprint}#"))
    }

    /// All audit entries, lane by lane, each in order.
    #[must_use]
    pub fn audit() -> Self {
        Self("AUDIT#".to_owned())
    }

    /// All lanes of one writer, the one that began first first: a lane's id is its writer's name and a ULID.
    #[must_use]
    pub(crate) fn lanes_of(writer: &str) -> Self {
        Self(format!("AUDIT#{writer}-"))
    }

    /// The entries of one lane, in order.
    #[must_use]
    pub fn lane_entries(chain: &str) -> Self {
        Self(format!("AUDIT#{chain}#"))
    }

    /// All lanes that no checkpoint has closed yet.
    #[must_use]
    pub fn lanes() -> Self {
        Self("LANE#".to_owned())
    }

    /// All checkpoints, in order.
    #[must_use]
    pub fn checkpoints() -> Self {
        Self("CHECKPOINT#".to_owned())
    }

    /// All alerts.
    #[must_use]
    pub fn alerts() -> Self {
        Self("ALERT#".to_owned())
    }

    /// All digests.
    #[must_use]
    pub fn digests() -> Self {
        Self("DIGEST#".to_owned())
    }

    /// All proxies.
    #[must_use]
    pub fn proxies() -> Self {
        Self("PROXY#".to_owned())
    }

    /// All enrolment tokens.
    #[must_use]
    pub fn enrolments() -> Self {
        Self("ENROL#".to_owned())
    }

    /// All API keys.
    #[must_use]
    pub fn api_keys() -> Self {
        Self("APIKEY#".to_owned())
    }

    /// All sources.
    #[must_use]
    pub fn sources() -> Self {
        Self("SOURCE#".to_owned())
    }
}
