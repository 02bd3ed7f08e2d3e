//! Open questions: alerts with a card, and digests that ask about several hosts.

use super::{CHANNEL, Desk, ROLE};
use crate::ClickBody;
use std::sync::atomic::Ordering;
use vyrox_contract::{AlertId, TenantId, Vendor};
use vyrox_domain::alert::{NormalizedAlert, Platform, VendorSeverity, alert_id};
use vyrox_domain::custom_id::{CustomId, Verb};
use vyrox_domain::plan::Plan;
use vyrox_domain::record::{AlertRecord, Offer, Posted};
use vyrox_domain::storm::{Digest, Place};
use vyrox_domain::tenant::Tenant;
use vyrox_domain::verdict::{AnalystDecision, Confidence, DecidedBy, Evidence, Verdict, VerdictLevel};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::SortKey;

impl Desk {
    /// An alert with an open question about this host, and its card in the channel.
    ///
    /// # Panics
    /// It cannot be stored.
    pub async fn ask_about(&self, host: &str) -> AlertId {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let found = self.table.read::<Tenant>(&self.tenant_id(), &SortKey::profile(), self.now()).await;
        let tenant = found.expect("the table can be read").expect("there is one").value;
        let mut record = AlertRecord::received(alert(&tenant.id, number, host, self.now()));
        let verdict = verdict();
        let plan = Plan::draft(&record.alert, &verdict, &tenant, self.now()).expect("it warrants a plan");
        record.offer = Some(Offer::Containment(plan));
        record.verdict = Some(verdict);
        record.posted = Some(Posted {
            channel_id: CHANNEL.parse().expect("a Discord id"),
            message_id: (1_000_000 + number).to_string().parse().expect("a Discord id"),
            digest: String::new(),
            open_until: None,
        });
        let key = SortKey::alert(record.alert.id);
        self.commit(&[Change::put(key, &record, Expect::Absent).expiring(record.expires_at())]).await;
        record.alert.id
    }

    /// Open questions about these hosts, gathered in a digest whose message is in the channel and asks about all at once.
    ///
    /// # Panics
    /// It cannot be stored.
    pub async fn gather(&self, hosts: &[&str]) -> (AlertId, Vec<AlertId>) {
        let mut alerts = Vec::new();
        for host in hosts {
            alerts.push(self.ask_about(host).await);
        }
        let mut records = Vec::new();
        for alert in &alerts {
            records.push(self.record(*alert).await);
        }
        let mut digest = Digest::begun(&self.tenant_id(), alerts[0], self.now());
        for record in &records {
            digest = digest.with(record, self.now()).expect("it takes them").0;
        }
        digest.posted = records[0].posted.clone();
        assert!(digest.ask(&records, self.now()), "it asks about all at once");
        for record in &records {
            let (digest, posted) = (digest.id, digest.posted.clone());
            self.rewrite(record.alert.id, |record| {
                record.place = Some(Place::InDigest { digest });
                record.posted = posted;
            })
            .await;
        }
        self.commit(&[Change::put(SortKey::digest(digest.id), &digest, Expect::Absent)]).await;
        (digest.id, alerts)
    }

    /// A digest as it is stored.
    ///
    /// # Panics
    /// There is none.
    pub async fn digest(&self, id: AlertId) -> Digest {
        let found = self.table.read::<Digest>(&self.tenant_id(), &SortKey::digest(id), self.now()).await;
        found.expect("the table can be read").expect("the digest is stored").value
    }

    /// A click on a button of the digest that is about its whole plan, by an approver.
    ///
    /// # Panics
    /// It asks nothing about several hosts.
    pub async fn click_on_plan(&self, id: AlertId, verb: Verb, user: &str) -> ClickBody {
        let digest = self.digest(id).await;
        let plan = digest.asked.expect("it asks about several hosts").plan.digest().short();
        let button = CustomId { verb, alert_id: id, plan }.to_string();
        let click = self.click(digest.hosts[0].alert_id, Verb::Approve, user, &[ROLE]).await;
        click.with("/data/custom_id", button)
    }

    /// The same about any host.
    pub async fn ask(&self) -> AlertId {
        self.ask_about("WS-042").await
    }
}

fn alert(tenant_id: &TenantId, number: u64, host: &str, now: i64) -> NormalizedAlert {
    let raw_id = format!("ldt:{number}");
    NormalizedAlert {
        id: alert_id(tenant_id, Vendor::Crowdstrike, &raw_id),
        tenant_id: tenant_id.clone(),
        source: Vendor::Crowdstrike,
        raw_id,
        timestamp: now - 20,
        hostname: Some(host.to_owned()),
        username: Some("CORP\\svc-app".to_owned()),
        process_name: Some("rundll32.exe".to_owned()),
        process_cmdline: Some("rundll32.exe comsvcs.dll, MiniDump 624 out.dmp full".to_owned()),
        sha256: None,
        tactic: Some("Credential Access".to_owned()),
        technique: Some("T1003.001".to_owned()),
        vendor_severity: VendorSeverity::Critical,
        device_id: Some(device(host).parse().expect("a device id")),
        process_id: None,
        threat_id: None,
        sha1: None,
        process_path: None,
        parent_process: Some("cmd.exe".to_owned()),
        parent_cmdline: None,
        title: Some("Credential dumping".to_owned()),
        platform: Some(Platform::Windows),
        received_at: now - 5,
        revision: 0,
        vendor_status: None,
        partial: false,
    }
}

/// A device id of a host's own.
fn device(host: &str) -> String {
    let mut id = hex::encode(host);
    id.truncate(32);
    format!("{id:0<32}")
}

fn verdict() -> Verdict {
    Verdict {
        verdict: VerdictLevel::Critical,
        confidence: Confidence::from_ten_thousandths(9_700),
        decided_by: DecidedBy::Heuristics,
        evidence: vec![Evidence {
            rule_id: "win-lsass-dump-comsvcs".to_owned(),
            title: "LSASS dumped through comsvcs.dll".to_owned(),
            family: "lsass".to_owned(),
            weight: Confidence::from_ten_thousandths(9_500),
            field: "cmdline".to_owned(),
            matched: "comsvcs.dll, minidump".to_owned(),
        }],
        on_trial: Vec::new(),
        techniques: vec!["T1003.001".to_owned()],
        suggested_action: AnalystDecision::Quarantine,
        ruleset: "000000000000".to_owned(),
        model: None,
        reasoning: None,
    }
}
