//! The mode for published clients: a plain JSON body and `X-Vyrox-Signature: sha256=<hex HMAC-SHA256 of the raw body>`.
//! Off unless a secret of at least 32 bytes is configured.
//!
//! ```json
//! {"request_id": "...", "tenant_id": "acme", "action_type": "HOST_ISOLATION", "host": "ws-01",
//!  "device_id": "0123...", "approved_by": "...", "approved_at": 1700000000}
//! ```
//!
//! `nonce` is accepted for `request_id`, and `hostname` or `target_host` for `host`. Optional: `device_id` (without it the
//! EDR is asked for the one device of that name), `process_id`, `threat_id`, `sha1`, `measure` (as in an envelope's target),
//! `vendor` (default `crowdstrike`), `alert_id` (default: the nil UUID), `operation` (default `execute`; at `/rollback` it must say
//! `rollback`, because the signature covers the body and not the path). `approved_at` is also the time of signing, so it
//! has to lie in the window. Anything else is refused.

use super::{Rejection, Verified, Verifier, unreadable};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use vyrox_contract::{
    Action, ActionType, AlertId, Approver, DeviceId, Hostname, MAX_AGE_SECONDS, Measure, Operation, ProcessId,
    RequestId, Sha1, Target, TenantId, ThreatId, Vendor, strict,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    #[serde(alias = "nonce")]
    request_id: RequestId,
    tenant_id: TenantId,
    action_type: ActionType,
    #[serde(alias = "hostname", alias = "target_host")]
    host: Hostname,
    device_id: Option<DeviceId>,
    process_id: Option<ProcessId>,
    threat_id: Option<ThreatId>,
    sha1: Option<Sha1>,
    measure: Option<Measure>,
    approved_by: String,
    approved_at: i64,
    #[serde(default = "crowdstrike")]
    vendor: Vendor,
    alert_id: Option<AlertId>,
    #[serde(default = "execute")]
    operation: Operation,
}

const fn crowdstrike() -> Vendor {
    Vendor::Crowdstrike
}

const fn execute() -> Operation {
    Operation::Execute
}

impl Verifier {
    /// Authenticates a body by the shared secret, then reads it. `now` in unix seconds.
    ///
    /// # Errors
    /// [`Rejection`]; [`Rejection::Signature`] also when no secret is configured.
    pub fn shared_secret(&self, body: &[u8], signature: &str, now: i64) -> Result<Verified<Action>, Rejection> {
        let secret = self.secret.as_ref().ok_or(Rejection::Signature(None))?;
        let given = signature.strip_prefix("sha256=").and_then(|text| hex::decode(text).ok());
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
        mac.update(body);
        mac.verify_slice(&given.unwrap_or_default()).map_err(|_| Rejection::Signature(None))?;

        let body: Published = strict::from_slice(body).map_err(|error| unreadable(&error))?;
        let approver = Some(body.approved_by).filter(|name| !name.is_empty());
        let action = Action {
            request_id: body.request_id,
            tenant_id: body.tenant_id,
            // One secret, one proxy: a body without a proxy id is for whoever holds the secret.
            proxy_id: self.proxy_id.clone(),
            alert_id: body.alert_id.unwrap_or(AlertId::from_bytes([0; 16])),
            operation: body.operation,
            action_type: body.action_type,
            target: Target {
                vendor: body.vendor,
                device_id: body.device_id,
                hostname: body.host,
                process_id: body.process_id,
                threat_id: body.threat_id,
                sha1: body.sha1,
                measure: body.measure,
            },
            approved_by: approver.into_iter().map(|name| Approver { id: name.clone(), name }).collect(),
            approved_at: body.approved_at,
            issued_at: body.approved_at,
            expires_at: body.approved_at.saturating_add(MAX_AGE_SECONDS),
            plan_digest: String::new(),
            lease_seconds: None,
            checkpoint: None,
        };
        self.checked(action, "shared-secret".to_owned(), now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::verify::tests::{NOW, config};

    const SECRET: &str = "a shared secret of more than 32 bytes";

    fn sign(body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
    }

    fn verifier() -> Verifier {
        let mut config = config();
        config.shared_secret = Some(Secret::new(SECRET.into()));
        Verifier::new(&config)
    }

    fn body() -> String {
        serde_json::json!({
            "nonce": "n-1", "tenant_id": "acme", "action_type": "HOST_ISOLATION", "host": "ws-01",
            "device_id": "0123456789abcdef0123456789abcdef", "approved_by": "approver", "approved_at": NOW
        })
        .to_string()
    }

    #[test]
    fn a_published_body_becomes_an_action() {
        let verified = verifier().shared_secret(body().as_bytes(), &sign(&body()), NOW).unwrap();
        assert_eq!(verified.value().request_id.as_str(), "n-1");
        assert_eq!(verified.value().operation, Operation::Execute);
        assert_eq!(verified.authenticated_by(), "shared-secret");
    }

    #[test]
    fn every_failure_of_authentication_is_the_same() {
        let good = sign(&body());
        let changed = body().replace("ws-01", "ws-02");
        for (body, signature) in [
            (body(), String::new()),
            (body(), "sha256=".into()),
            (body(), good.replace("sha256=", "")),
            (body(), good.replace("sha256", "md5")),
            (body(), good[..good.len() - 2].to_owned()),
            (changed, good.clone()),
        ] {
            let error = verifier().shared_secret(body.as_bytes(), &signature, NOW).unwrap_err();
            assert!(matches!(error, Rejection::Signature(None)), "{signature}");
        }
        let none = Verifier::new(&config()).shared_secret(body().as_bytes(), &good, NOW);
        assert!(matches!(none, Err(Rejection::Signature(None))), "no secret configured");
    }

    #[test]
    fn an_approval_time_that_overflows_is_outside_the_window() {
        for approved_at in [i64::MIN, i64::MIN + NOW, i64::MAX] {
            let body = body().replace(&NOW.to_string(), &approved_at.to_string());
            let error = verifier().shared_secret(body.as_bytes(), &sign(&body), NOW).unwrap_err();
            assert!(matches!(error, Rejection::Window), "{approved_at}");
        }
    }

    #[test]
    fn unknown_fields_are_refused_because_they_may_have_mattered() {
        let body = body().replace("{", "{\"dry_run\":true,");
        let error = verifier().shared_secret(body.as_bytes(), &sign(&body), NOW).unwrap_err();
        assert!(matches!(error, Rejection::Payload(_)));
    }
}
