//! What would be done about an alert, exactly as it is shown to the approver. Its digest binds the button to it: what was
//! shown is what gets signed.

use crate::alert::NormalizedAlert;
use crate::tenant::Tenant;
use crate::verdict::{Verdict, VerdictLevel};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use vyrox_contract::{ActionType, AlertId, ProxyId, Target, TenantId, UntrustedInput, Vendor, canonical};

/// A containment plan. Only [`Plan::draft`] makes one; a stored one is checked again by [`Plan::digest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    tenant_id: TenantId,
    alert_id: AlertId,
    revision: u32,
    action_type: ActionType,
    target: Target,
    proxy_id: ProxyId,
    expires_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease_seconds: Option<u32>,
}

/// Why no containment can be offered. Each is a normal state of real alerts, and its text stands on the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoPlan {
    /// The verdict does not ask for containment.
    NotWarranted,
    /// The vendor says that it is dealt with: mitigated, resolved, or benign.
    AlreadyHandled,
    /// The proxy cannot contain through this vendor.
    VendorCannotContain,
    /// The alert names no device.
    NoDevice,
    /// The alert names no host, or one that cannot be shown safely.
    NoHostname,
    /// The tenant has no proxy.
    NoProxy,
}

impl NoPlan {
    /// One sentence for the card.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::NotWarranted => "The verdict does not ask for containment.",
            Self::AlreadyHandled => "The vendor reports it as mitigated, resolved or benign, so nothing is offered.",
            Self::VendorCannotContain => "Containment through this source is not supported.",
            Self::NoDevice => "The alert names no device that could be contained.",
            Self::NoHostname => "The alert names no host.",
            Self::NoProxy => "No edge proxy is enrolled for this tenant.",
        }
    }
}

/// The SHA-256 of a plan's canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanDigest([u8; 32]);

impl PlanDigest {
    /// Of something that was hashed already.
    pub(crate) const fn over(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// All 32 bytes as 64 hex digits, as the signed action carries it.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The first 12 bytes as 16 characters, as the button carries it.
    #[must_use]
    pub fn short(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0[..12])
    }
}

/// As 64 hex digits.
impl From<PlanDigest> for String {
    fn from(digest: PlanDigest) -> Self {
        digest.hex()
    }
}

impl TryFrom<String> for PlanDigest {
    type Error = UntrustedInput;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut hash = [0; 32];
        hex::decode_to_slice(&text, &mut hash)
            .map_err(|_| UntrustedInput { what: "plan digest", reason: "it is not 64 hex digits" })?;
        Ok(Self(hash))
    }
}

impl fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl Plan {
    /// Plans the containment that a verdict of HIGH or CRITICAL asks for. `now` is unix seconds.
    ///
    /// # Errors
    /// [`NoPlan`] says why there is none.
    pub fn draft(alert: &NormalizedAlert, verdict: &Verdict, tenant: &Tenant, now: i64) -> Result<Self, NoPlan> {
        let window = match verdict.verdict {
            VerdictLevel::Critical => tenant.approval_window.critical,
            VerdictLevel::High => tenant.approval_window.high,
            VerdictLevel::Medium | VerdictLevel::Low | VerdictLevel::Benign => return Err(NoPlan::NotWarranted),
        };
        Self::aimed(alert, tenant, window, tenant.lease_seconds, now)
    }

    /// Plans the containment of a LOW alert that somebody has allowed in advance: an isolation of so many seconds, to be
    /// handed over at once.
    ///
    /// # Errors
    /// [`NoPlan`] says why there is none; any other verdict is one reason.
    pub(crate) fn draft_leased(
        alert: &NormalizedAlert,
        verdict: &Verdict,
        tenant: &Tenant,
        lease_seconds: u32,
        now: i64,
    ) -> Result<Self, NoPlan> {
        if verdict.verdict != VerdictLevel::Low {
            return Err(NoPlan::NotWarranted);
        }
        Self::aimed(alert, tenant, tenant.approval_window.critical, Some(lease_seconds), now)
    }

    /// The plan to isolate the alert's own device.
    fn aimed(
        alert: &NormalizedAlert,
        tenant: &Tenant,
        window: u32,
        lease_seconds: Option<u32>,
        now: i64,
    ) -> Result<Self, NoPlan> {
        if alert.vendor_status.is_some() {
            return Err(NoPlan::AlreadyHandled);
        }
        // What the proxy can do: an offer that it would refuse is no offer.
        match alert.source {
            Vendor::Crowdstrike | Vendor::Sentinelone | Vendor::Defender => {}
            Vendor::Generic => return Err(NoPlan::VendorCannotContain),
        }
        let device_id = alert.device_id.clone().ok_or(NoPlan::NoDevice)?;
        let hostname = alert.hostname.as_deref().and_then(|name| name.parse().ok()).ok_or(NoPlan::NoHostname)?;
        let proxy_id = tenant.proxy_id.clone().ok_or(NoPlan::NoProxy)?;
        Ok(Self {
            tenant_id: alert.tenant_id.clone(),
            alert_id: alert.id,
            revision: alert.revision,
            action_type: ActionType::HostIsolation,
            target: Target {
                vendor: alert.source,
                device_id: Some(device_id),
                hostname,
                process_id: alert.process_id,
                threat_id: alert.threat_id.clone(),
                sha1: alert.sha1.clone(),
                measure: None,
            },
            proxy_id,
            expires_at: now.saturating_add(i64::from(window)),
            lease_seconds,
        })
    }

    /// The digest over every field.
    #[must_use]
    pub fn digest(&self) -> PlanDigest {
        let bytes = canonical::to_bytes(self).expect("a plan has string keys and no floats");
        PlanDigest(Sha256::digest(bytes).into())
    }

    /// Whose plan.
    #[must_use]
    pub const fn tenant_id(&self) -> &TenantId {
        &self.tenant_id
    }

    /// For which alert.
    #[must_use]
    pub const fn alert_id(&self) -> AlertId {
        self.alert_id
    }

    /// The kind of containment.
    #[must_use]
    pub const fn action_type(&self) -> ActionType {
        self.action_type
    }

    /// What it is aimed at.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Which proxy acts.
    #[must_use]
    pub const fn proxy_id(&self) -> &ProxyId {
        &self.proxy_id
    }

    /// Until when it may be approved, unix seconds.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// The isolation's length in seconds, where it ends by itself.
    #[must_use]
    pub const fn lease_seconds(&self) -> Option<u32> {
        self.lease_seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{NOW, alert, tenant, verdict};

    #[test]
    fn an_alert_of_every_edr_gets_a_plan_whose_target_is_its_device() {
        for (source, device) in [
            (Vendor::Crowdstrike, "3f1c0a5b7d9e42a68c1b0d2e4f607182"),
            (Vendor::Sentinelone, "1409000000000000001"),
            (Vendor::Defender, "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"),
        ] {
            let alert = NormalizedAlert {
                source,
                device_id: Some(device.parse().unwrap()),
                threat_id: Some("1570395776954206544".parse().unwrap()),
                ..alert()
            };
            let plan = Plan::draft(&alert, &verdict(), &tenant(), NOW).unwrap();
            assert_eq!(plan.action_type(), ActionType::HostIsolation);
            let target = plan.target();
            let id = target.device_id.as_ref().unwrap().as_str();
            assert_eq!((target.vendor, id, target.measure), (source, device, None));
            let nameless = NormalizedAlert { device_id: None, ..alert };
            assert_eq!(Plan::draft(&nameless, &verdict(), &tenant(), NOW), Err(NoPlan::NoDevice), "{source}");
        }
        let other = NormalizedAlert { source: Vendor::Generic, ..alert() };
        assert_eq!(Plan::draft(&other, &verdict(), &tenant(), NOW), Err(NoPlan::VendorCannotContain));
    }

    /// Each member with another value: another plan, so that no click on the one is a click on the other.
    #[test]
    fn its_digest_binds_every_member() {
        let leased = crate::tenant::Tenant { lease_seconds: Some(3_600), ..tenant() };
        let plan = Plan::draft(&alert(), &verdict(), &leased, NOW).unwrap();
        let members = serde_json::to_value(&plan).unwrap();
        let mut target = members["target"].clone();
        target["hostname"] = "WS-043".into();
        let others: [(&str, serde_json::Value); 8] = [
            ("tenant_id", "other".into()),
            ("alert_id", "00000000-0000-0000-0000-000000000007".into()),
            ("revision", 1.into()),
            ("action_type", "NETWORK_QUARANTINE".into()),
            ("target", target),
            ("proxy_id", "edge-2".into()),
            ("expires_at", (plan.expires_at() + 1).into()),
            ("lease_seconds", 3_601.into()),
        ];
        assert_eq!(members.as_object().unwrap().len(), others.len(), "none is left out");
        for (name, value) in others {
            let mut other = members.clone();
            other[name] = value;
            let other: Plan = serde_json::from_value(other).unwrap();
            assert_ne!(other.digest(), plan.digest(), "{name}");
        }
    }

    #[test]
    fn only_what_is_high_and_open_at_the_vendor_is_offered() {
        let levels = [VerdictLevel::Critical, VerdictLevel::High];
        for level in levels.into_iter().chain([VerdictLevel::Medium, VerdictLevel::Low, VerdictLevel::Benign]) {
            let verdict = Verdict { verdict: level, ..verdict() };
            let refused = Plan::draft(&alert(), &verdict, &tenant(), NOW).err();
            assert_eq!(refused, (!levels.contains(&level)).then_some(NoPlan::NotWarranted), "{level}");
            let leased = Plan::draft_leased(&alert(), &verdict, &tenant(), 60, NOW).err();
            assert_eq!(leased, (level != VerdictLevel::Low).then_some(NoPlan::NotWarranted), "{level}");
        }
        let handled = NormalizedAlert { vendor_status: Some(crate::alert::VendorStatus::Mitigated), ..alert() };
        assert_eq!(Plan::draft(&handled, &verdict(), &tenant(), NOW), Err(NoPlan::AlreadyHandled));
    }
}
