//! Every key of the table: one constructor for each kind of item, none anywhere else.

use crate::api_key::KeyPrefix;
use vyrox_contract::{AlertId, ProxyId, RequestId, Target, Vendor};
use vyrox_domain::fingerprint::Fingerprint;
use vyrox_domain::history::HostKey;
use vyrox_domain::plan::PlanDigest;
use vyrox_domain::storm::GroupKey;
use vyrox_domain::tenant::Snowflake;

/// A sort key. Made only by the constructors below, so every key of the table can be read in one place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SortKey(String);

impl SortKey {
    /// The tenant's profile.
    #[must_use]
    pub fn profile() -> Self {
        Self("PROFILE".to_owned())
    }

    /// One of the tenant's sources.
    #[must_use]
    pub fn source(vendor: Vendor) -> Self {
        Self(format!("SOURCE#{vendor}#default"))
    }

    /// An alert.
    #[must_use]
    pub fn alert(id: AlertId) -> Self {
        Self(format!("ALERT#{id}"))
    }

    /// Whose key it is, if it is an alert's.
    #[must_use]
    pub fn as_alert(&self) -> Option<AlertId> {
        self.0.strip_prefix("ALERT#")?.parse().ok()
    }

    /// An approved action.
    #[must_use]
    pub fn action(id: &RequestId) -> Self {
        Self(format!("ACTION#{id}"))
    }

    /// An action that waits for its proxy. Deleted with the receipt.
    #[must_use]
    pub fn outbox(proxy: &ProxyId, id: &RequestId) -> Self {
        Self(format!("OUTBOX#{proxy}#{id}"))
    }

    /// An enrolled proxy.
    #[must_use]
    pub fn proxy(id: &ProxyId) -> Self {
        Self(format!("PROXY#{id}"))
    }

    /// The key that a proxy had before its present one.
    #[must_use]
    pub fn previous_key(id: &ProxyId) -> Self {
        Self(format!("OLDKEY#{id}"))
    }

    /// Whether it is the key of a proxy's previous key.
    #[must_use]
    pub fn is_previous_key(&self) -> bool {
        self.0.starts_with("OLDKEY#")
    }

    /// What is remembered of a proxy's reports.
    #[must_use]
    pub fn proxy_watch(id: &ProxyId) -> Self {
        Self(format!("WATCH#{id}"))
    }

    /// An enrolment token.
    #[must_use]
    pub fn enrolment(id: &str) -> Self {
        Self(format!("ENROL#{id}"))
    }

    /// An API key.
    #[must_use]
    pub fn api_key(prefix: &KeyPrefix) -> Self {
        Self(format!("APIKEY#{prefix}"))
    }

    /// When an API key was last used.
    #[must_use]
    pub fn api_key_used(prefix: &KeyPrefix) -> Self {
        Self(format!("KEYUSED#{prefix}"))
    }

    /// How often an API key was used within a window (unix seconds of its beginning).
    #[must_use]
    pub fn api_key_rate(prefix: &KeyPrefix, window: i64) -> Self {
        Self(format!("KEYRATE#{prefix}#{window}"))
    }

    /// A code that links a Discord server.
    #[must_use]
    pub fn link_code(id: &str) -> Self {
        Self(format!("LINK#{id}"))
    }

    /// A slash command that is being carried out.
    #[must_use]
    pub fn command(id: Snowflake) -> Self {
        Self(format!("COMMAND#{id}"))
    }

    /// What proves the one delivery of a test alert, named by the command that asked for it.
    #[must_use]
    pub fn canary(id: Snowflake) -> Self {
        Self(format!("CANARY#{id}"))
    }

    /// When a proxy was last heard of.
    #[must_use]
    pub fn seen(proxy: &ProxyId) -> Self {
        Self(format!("SEEN#{proxy}"))
    }

    /// A click that has been counted.
    #[must_use]
    pub fn interaction(id: Snowflake) -> Self {
        Self(format!("INTER#{id}"))
    }

    /// An approver's second factor.
    #[must_use]
    pub fn approver(user: Snowflake) -> Self {
        Self(format!("APPROVER#{user}"))
    }

    /// How fast the tenant's approvers approve.
    #[must_use]
    pub fn pace() -> Self {
        Self("PACE".to_owned())
    }

    /// How often a member was refused within a window (unix seconds of its beginning).
    #[must_use]
    pub fn refusals(user: Snowflake, window: i64) -> Self {
        Self(format!("REFUSED#{user}#{window}"))
    }

    /// An alert on a host, found by the host; later ones sort later.
    #[must_use]
    pub fn host_alert(host: &HostKey, received_at: i64, id: AlertId) -> Self {
        Self(format!("HOST#{host}#{received_at:011}#{id}"))
    }

    /// A decision, found by the fingerprint of its alert; later ones sort later.
    #[must_use]
    pub fn past_decision(fingerprint: &Fingerprint, at: i64, id: AlertId) -> Self {
        Self(format!("FP#{fingerprint}#{at:011}#{id}"))
    }

    /// A model's cached answer.
    #[must_use]
    pub fn cached_verdict(fingerprint: &Fingerprint) -> Self {
        Self(format!("VERDICT#{fingerprint}"))
    }

    /// The tokens spent on models on the day (UTC) of this time (unix seconds).
    #[must_use]
    pub fn budget(at: i64) -> Self {
        let day = time::OffsetDateTime::from_unix_timestamp(at).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        Self(format!("BUDGET#{}", day.date()))
    }

    /// What a revision of an alert came in as, sealed.
    #[must_use]
    pub fn evidence(id: AlertId, revision: u32) -> Self {
        Self(format!("EVIDENCE#{id}#{revision}"))
    }

    /// How much of the tenant's rate is used up in a window (unix seconds of its beginning).
    #[must_use]
    pub fn rate(window: i64) -> Self {
        Self(format!("RATE#{window}"))
    }

    /// A group of alerts of the same kind.
    #[must_use]
    pub fn group(key: &GroupKey) -> Self {
        Self(format!("GROUP#{key}"))
    }

    /// How much of the tenant's budget of cards is used up.
    #[must_use]
    pub fn storm() -> Self {
        Self("STORM".to_owned())
    }

    /// A digest.
    #[must_use]
    pub fn digest(id: AlertId) -> Self {
        Self(format!("DIGEST#{id}"))
    }

    /// A plan for several hosts of a digest that was approved, by the short form of its digest.
    #[must_use]
    pub fn joint_plan(digest: AlertId, plan: PlanDigest) -> Self {
        Self(format!("JOINT#{digest}#{}", plan.short()))
    }

    /// Because of which alert a host was contained last.
    #[must_use]
    pub fn held(target: &Target) -> Self {
        match &target.device_id {
            Some(device) => Self(format!("HELD#{}#{device}", target.vendor)),
            None => Self(format!("HELD#{}#name#{}", target.vendor, HostKey::of(target.hostname.as_str()))),
        }
    }

    /// What somebody has allowed in advance, or did last.
    #[must_use]
    pub fn opt_in() -> Self {
        Self("OPTIN".to_owned())
    }

    /// A channel that takes no messages.
    #[must_use]
    pub fn channel(id: Snowflake) -> Self {
        Self(format!("CHANNEL#{id}"))
    }

    /// An audit entry.
    #[must_use]
    pub fn audit(chain: &str, seq: u64) -> Self {
        Self(format!("AUDIT#{chain}#{seq:020}"))
    }

    /// What is known of a lane of the audit until a checkpoint has closed it.
    #[must_use]
    pub fn lane(chain: &str) -> Self {
        Self(format!("LANE#{chain}"))
    }

    /// A checkpoint of the audit.
    #[must_use]
    pub fn checkpoint(n: u64) -> Self {
        Self(format!("CHECKPOINT#{n:020}"))
    }

    /// Where the tenant's checkpoint lane ends.
    #[must_use]
    pub fn last_checkpoint() -> Self {
        Self("HEAD#CHECKPOINT".to_owned())
    }

    /// The last checkpoint that has been published.
    #[must_use]
    pub fn published_checkpoint() -> Self {
        Self("HEAD#PUBLISHED".to_owned())
    }

    /// How far a proxy's own audit chain has been seen to reach.
    #[must_use]
    pub fn proxy_head(id: &ProxyId) -> Self {
        Self(format!("HEAD#PROXY#{id}"))
    }

    /// That the tenant came from an export, by the SHA-256 (hex) of that.
    #[must_use]
    pub fn import(sha256: &str) -> Self {
        Self(format!("IMPORT#{sha256}"))
    }

    /// The key that an item is stored under.
    pub(crate) fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_named_by_its_date() {
        for (at, key) in [
            (0, "BUDGET#1970-01-01"),
            (86_399, "BUDGET#1970-01-01"),
            (951_782_400, "BUDGET#2000-02-29"),
            (1_709_251_199, "BUDGET#2024-02-29"),
            (1_709_251_200, "BUDGET#2024-03-01"),
            (4_102_444_800, "BUDGET#2100-01-01"),
        ] {
            assert_eq!(SortKey::budget(at).as_str(), key);
        }
    }
}
