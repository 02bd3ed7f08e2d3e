//! First step: who says so, when, and is it well-formed. `Envelope -> Verified<Action>`.

mod shared_secret;

use crate::config::Config;
use crate::lease::Lease;
use crate::secret::Secret;
use crate::text::{deceives, printable};
use std::error::Error;
use vyrox_contract::{Action, Envelope, EnvelopeError, Operation, ProxyId, RequestId, TenantId, TrustedKeys, is_fresh};

/// Something whose sender has been authenticated and whose `issued_at` lies in the window. Made only by [`Verifier`]; and
/// for the end of a lease, which is what the platform signed with the isolation.
#[derive(Debug)]
pub struct Verified<T> {
    value: T,
    by: String,
    lease_of: Option<RequestId>,
}

impl<T> Verified<T> {
    /// What was verified.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// What it was authenticated by: a key id, `shared-secret`, or `lease`.
    pub fn authenticated_by(&self) -> &str {
        &self.by
    }

    /// For the end of a lease: the isolation that had it.
    pub fn lease_of(&self) -> Option<&RequestId> {
        self.lease_of.as_ref()
    }
}

impl Verified<Action> {
    /// The release at the end of a lease. `now` in unix seconds; `None` if the log does not hold what it needs.
    pub(crate) fn end_of(lease: &Lease, owner: (&TenantId, &ProxyId), now: i64) -> Option<Self> {
        let value = lease.release(owner, now)?;
        Some(Self { value, by: "lease".to_owned(), lease_of: Some(lease.isolation().clone()) })
    }
}

/// Why something was turned away before it was looked at any further. None of these touches the audit log or the dedup
/// table: whoever replays or misdirects another's envelope must not use its request id up. The texts hold nothing of what was
/// sent.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// Not an envelope at all.
    #[error("not a signed envelope")]
    Shape,
    /// Not the token that the export asks for.
    #[error("invalid token")]
    Token,
    /// No valid signature; every reason is the same to the sender.
    #[error("invalid signature")]
    Signature(#[source] Option<EnvelopeError>),
    /// Authenticated, but not a valid action; why not is for the sender only.
    #[error("not a valid action")]
    Payload(String),
    /// Signed too long ago, or in the future.
    #[error("outside the time window")]
    Window,
    /// Meant for another tenant or another proxy. Whatever became of it here must not be taken for what became of it there.
    #[error("the action is for another tenant or another proxy")]
    Address,
    /// An `execute` at `/rollback`, or the other way round.
    #[error("the signed operation does not belong to this route")]
    Operation,
}

/// The keys and the secret that are believed.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: TrustedKeys,
    secret: Option<Secret>,
    tenant_id: TenantId,
    proxy_id: ProxyId,
}

impl Verifier {
    /// As configured.
    pub fn new(config: &Config) -> Self {
        Self {
            keys: TrustedKeys::new(&config.platform_keys),
            secret: config.shared_secret.clone(),
            tenant_id: config.tenant_id.clone(),
            proxy_id: config.proxy_id.clone(),
        }
    }

    /// Authenticates an envelope, then reads it. `now` in unix seconds.
    ///
    /// # Errors
    /// [`Rejection`].
    pub fn envelope(&self, envelope: &Envelope, now: i64) -> Result<Verified<Action>, Rejection> {
        let verified = envelope.verify_by::<Action>(&self.keys).map_err(|error| Rejection::Signature(Some(error)))?;
        let action = verified.parse().map_err(|error| unreadable(&error))?;
        self.checked(action, verified.keyid().to_string(), now)
    }

    fn checked(&self, action: Action, by: String, now: i64) -> Result<Verified<Action>, Rejection> {
        if !is_fresh(action.issued_at, now) {
            return Err(Rejection::Window);
        }
        if (&action.tenant_id, &action.proxy_id) != (&self.tenant_id, &self.proxy_id) {
            return Err(Rejection::Address);
        }
        bounded(&action).map_err(|text| Rejection::Payload(text.to_owned()))?;
        Ok(Verified { value: action, by, lease_of: None })
    }
}

/// Checks that the signed operation is the route's.
///
/// # Errors
/// [`Rejection::Operation`].
pub fn belongs(verified: &Verified<Action>, route: Operation) -> Result<(), Rejection> {
    if verified.value.operation == route { Ok(()) } else { Err(Rejection::Operation) }
}

/// The texts that are free in the contract and go into the audit log: bounded, and without anything that deceives.
fn bounded(action: &Action) -> Result<(), &'static str> {
    let clean = |text: &str, max: usize| text.chars().count() <= max && !text.chars().any(deceives);
    if action.approved_by.len() > 16 {
        return Err("more than 16 approvers");
    }
    if action.approved_by.iter().any(|approver| !clean(&approver.id, 64) || !clean(&approver.name, 128)) {
        return Err("an approver's id or name is too long or has hidden characters");
    }
    if !clean(&action.plan_digest, 128) {
        return Err("the plan digest is too long or has hidden characters");
    }
    if action.checkpoint.as_ref().is_some_and(|checkpoint| !clean(&checkpoint.hash, 64)) {
        return Err("the checkpoint's hash is too long or has hidden characters");
    }
    Ok(())
}

/// The parser's text, which is shown to an authenticated sender only. It names fields and types; it can quote a value of
/// the sender's own, so it is bounded and cleaned.
fn unreadable(error: &dyn Error) -> Rejection {
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    Rejection::Payload(printable(&text, 200))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};
    use vyrox_contract::{Ed25519Signer, Payload as _, pre_authentication_encoding};

    pub(crate) const NOW: i64 = 1_700_000_000;

    pub(crate) fn platform() -> Ed25519Signer {
        Ed25519Signer::from_seed(&[9; 32])
    }

    pub(crate) fn config() -> Config {
        let keys = vec![platform().verifying_key()];
        let (tenant, proxy) = ("acme".parse().unwrap(), "proxy-1".parse().unwrap());
        Config::new(tenant, proxy, "audit".into(), keys, Ed25519Signer::from_seed(&[1; 32]))
    }

    pub(crate) fn action_json() -> Value {
        json!({
            "request_id": "req-1", "tenant_id": "acme", "proxy_id": "proxy-1",
            "alert_id": "8c5f1f9e-3f0a-5b1e-9d57-0d9f6f3f1a11", "operation": "execute", "action_type": "HOST_ISOLATION",
            "target": {"vendor": "crowdstrike", "device_id": "0123456789abcdef0123456789abcdef", "hostname": "ws-01"},
            "approved_by": [{"id": "100", "name": "approver"}], "approved_at": NOW - 60, "issued_at": NOW,
            "expires_at": NOW + 600, "plan_digest": "ab".repeat(32)
        })
    }

    fn sealed(payload: &Value) -> Envelope {
        let bytes = serde_json::to_vec(payload).unwrap();
        let signature = platform().sign(&pre_authentication_encoding(Action::TYPE, &bytes));
        Envelope::from_signature::<Action>(&bytes, platform().verifying_key().id(), &signature)
    }

    fn verify(payload: &Value) -> Result<Verified<Action>, Rejection> {
        Verifier::new(&config()).envelope(&sealed(payload), NOW)
    }

    pub(crate) fn verified(change: impl FnOnce(&mut Value)) -> Verified<Action> {
        let mut payload = action_json();
        change(&mut payload);
        verify(&payload).unwrap()
    }

    #[test]
    fn a_signed_action_in_the_window_is_verified_by_its_key() {
        assert_eq!(verify(&action_json()).unwrap().authenticated_by(), platform().verifying_key().id().as_str());
    }

    #[test]
    fn times_that_overflow_are_outside_the_window() {
        for issued_at in [i64::MIN, i64::MIN + NOW, i64::MAX, NOW - 31, NOW + 6] {
            let mut payload = action_json();
            payload["issued_at"] = issued_at.into();
            assert!(matches!(verify(&payload), Err(Rejection::Window)), "{issued_at}");
        }
    }

    #[test]
    fn hostile_fields_are_refused_after_authentication() {
        for (pointer, value) in [
            ("/request_id", json!("a".repeat(1_000))),
            ("/request_id", json!("a\nb")),
            ("/tenant_id", json!("")),
            ("/target/device_id", json!("../../x")),
            ("/target/hostname", json!("ws-01; rm -rf /")),
            ("/target/hostname", json!("\u{1b}[2J")),
            ("/approved_by/0/name", json!("x\u{1b}[2Jy")),
            ("/approved_by/0/name", json!("x\u{202e}y")),
            ("/approved_by/0/name", json!("n".repeat(129))),
            ("/plan_digest", json!("d\n")),
            ("/issued_at", json!(1.5)),
            ("/operation", json!("destroy")),
            ("/extra", json!(1)),
        ] {
            let mut payload = action_json();
            match payload.pointer_mut(pointer) {
                Some(place) => *place = value,
                None => payload["extra"] = value,
            }
            assert!(matches!(verify(&payload), Err(Rejection::Payload(_))), "{pointer}");
        }
    }

    #[test]
    fn what_is_for_another_tenant_or_proxy_gets_no_further() {
        for (field, value) in [("tenant_id", "other"), ("proxy_id", "other"), ("tenant_id", "ACME")] {
            let mut payload = action_json();
            payload[field] = value.into();
            assert!(matches!(verify(&payload), Err(Rejection::Address)), "{field}");
        }
    }

    #[test]
    fn the_signature_covers_the_operation() {
        let verified = verify(&action_json()).unwrap();
        assert!(belongs(&verified, Operation::Execute).is_ok());
        assert!(matches!(belongs(&verified, Operation::Rollback), Err(Rejection::Operation)));
    }
}
