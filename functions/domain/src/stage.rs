//! What the tests of this crate start from: one tenant, one alert, one verdict.

use crate::alert::{NormalizedAlert, Platform, VendorSeverity, alert_id};
use crate::plan::Plan;
use crate::record::{AlertRecord, Offer, Vote};
use crate::tenant::{Tenant, TenantStatus};
use crate::verdict::{AnalystDecision, Confidence, DecidedBy, Evidence, Verdict, VerdictLevel};
use vyrox_contract::{AlertId, Vendor};

pub(crate) const NOW: i64 = 1_700_000_000;
pub(crate) const APPROVER_ROLE: &str = "801";

pub(crate) fn tenant() -> Tenant {
    Tenant {
        status: TenantStatus::Active,
        guild_id: Some("600".parse().unwrap()),
        channel_id: Some("700".parse().unwrap()),
        approver_roles: vec![APPROVER_ROLE.parse().unwrap()],
        on_call_role: Some("802".parse().unwrap()),
        proxy_id: Some("edge-1".parse().unwrap()),
        ..Tenant::new("acme".parse().unwrap(), "Acme")
    }
}

pub(crate) fn alert() -> NormalizedAlert {
    let tenant_id = "acme".parse().unwrap();
    NormalizedAlert {
        id: alert_id(&tenant_id, Vendor::Crowdstrike, "ldt:1"),
        tenant_id,
        source: Vendor::Crowdstrike,
        raw_id: "ldt:1".into(),
        timestamp: NOW - 20,
        hostname: Some("WS-042".into()),
        username: Some("CORP\\svc-app".into()),
        process_name: Some("rundll32.exe".into()),
        process_cmdline: Some("rundll32.exe comsvcs.dll, MiniDump 624 out.dmp full".into()),
        sha256: Some("7c".repeat(32).parse().unwrap()),
        tactic: Some("Credential Access".into()),
        technique: Some("T1003.001".into()),
        vendor_severity: VendorSeverity::Critical,
        device_id: Some("3f1c0a5b7d9e42a68c1b0d2e4f607182".parse().unwrap()),
        process_id: None,
        threat_id: None,
        sha1: None,
        process_path: None,
        parent_process: Some("cmd.exe".into()),
        parent_cmdline: None,
        title: Some("Credential dumping".into()),
        platform: Some(Platform::Windows),
        received_at: NOW - 5,
        revision: 0,
        vendor_status: None,
        partial: false,
    }
}

/// An alert with an open question about this device.
pub(crate) fn asked_about(number: u8, device: u8) -> AlertRecord {
    let mut alert = alert();
    alert.id = AlertId::from_bytes([number; 16]);
    alert.hostname = Some(format!("WS-{device:03}"));
    alert.device_id = Some(format!("{device:032x}").parse().unwrap());
    let verdict = verdict();
    let plan = Plan::draft(&alert, &verdict, &tenant(), NOW).unwrap();
    let mut record = AlertRecord::received(alert);
    record.verdict = Some(verdict);
    record.offer = Some(Offer::Containment(plan));
    record
}

/// A person's yes or no.
pub(crate) fn vote(user: u64) -> Vote {
    let (user_id, interaction_id) = (user.to_string().parse().unwrap(), (user + 1_000).to_string().parse().unwrap());
    Vote { user_id, name: format!("member-{user}"), at: NOW, interaction_id, reason: None }
}

pub(crate) fn verdict() -> Verdict {
    Verdict {
        verdict: VerdictLevel::Critical,
        confidence: Confidence::from_ten_thousandths(9_700),
        decided_by: DecidedBy::Heuristics,
        evidence: vec![Evidence {
            rule_id: "win-lsass-dump-comsvcs".into(),
            title: "LSASS dumped through comsvcs.dll".into(),
            family: "lsass".into(),
            weight: Confidence::from_ten_thousandths(9_500),
            field: "cmdline".into(),
            matched: "comsvcs.dll, minidump".into(),
        }],
        on_trial: Vec::new(),
        techniques: vec!["T1003.001".into()],
        suggested_action: AnalystDecision::Quarantine,
        ruleset: "000000000000".into(),
        model: None,
        reasoning: None,
    }
}
