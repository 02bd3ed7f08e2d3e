//! `/vyrox test-alert`: a signed synthetic alert goes the whole way, and where it got to is said.
//!
//! It is signed with a secret that is made for this one delivery and sealed for ingest to open, so nothing here can open a
//! tenant's own secrets. What it does not prove is that the EDR's console holds the right URL and secret: `/vyrox doctor`
//! says when each source's own last alert came.

use crate::{Asked, Assist, AssistError, warn};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use vyrox_contract::{AlertId, DeviceId, Vendor};
use vyrox_domain::card::{Ephemeral, Tone};
use vyrox_domain::command::{DEFAULT_HOST, sample};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::text::Shown;
use vyrox_domain::webhook::{CANARY_HEADER, SIGNATURE_HEADER, Scheme, sign};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::made_secret::MadeSecret;
use vyrox_platform::source::{Credential, Source};
use vyrox_platform::table::{Prefix, SortKey};

/// How long the delivery's secret is good for, in seconds.
const SECRET_LIFE: i64 = 600;
/// How long the card is waited for, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(25);
const LOOK: Duration = Duration::from_millis(200);

/// How far a synthetic alert got, each stage with the milliseconds since it was sent.
#[derive(Debug, Default)]
pub(crate) struct Way {
    /// The webhook's answer, if it was no 202.
    refused: Option<String>,
    pub(crate) alert_id: Option<AlertId>,
    accepted: Option<i64>,
    judged: Option<(&'static str, i64)>,
    posted: Option<i64>,
}

impl Way {
    /// Whether it came back: its card is in the channel.
    pub(crate) const fn is_whole(&self) -> bool {
        self.posted.is_some()
    }

    /// Each stage on a line of its own.
    pub(crate) fn shown(&self) -> Shown {
        let stage = |name: &'static str, at: Option<i64>| {
            let rest = match at {
                Some(millis) => Shown::join([Shown::literal(" after "), Shown::number(millis), Shown::literal(" ms")]),
                None => Shown::literal(": not reached"),
            };
            let mark = if at.is_some() { "✅ " } else { "❌ " };
            Shown::join([Shown::literal(mark), Shown::literal(name), rest])
        };
        let mut lines = vec![
            stage("webhook: signature verified, stored, queued", self.accepted),
            stage("triage: judged", self.judged.map(|(_, at)| at)),
            stage("Discord: card posted", self.posted),
        ];
        if let Some((level, _)) = self.judged {
            lines.push(Shown::join([Shown::literal("Verdict: "), Shown::literal(level).bold()]));
        }
        if let Some(answer) = &self.refused {
            lines.push(Shown::join([Shown::literal("The webhook answered "), Shown::span(answer, 200)]));
        }
        Shown::lines(lines)
    }
}

#[derive(Deserialize)]
struct Accepted {
    alert_id: AlertId,
}

impl Assist {
    pub(crate) async fn test(
        &self,
        asked: &Asked,
        source: Option<Vendor>,
        host: Option<&str>,
        device: Option<&DeviceId>,
    ) -> Result<Ephemeral, AssistError> {
        let Some(vendor) = self.vendor(asked, source).await? else {
            return Ok(warn("There is no source to imitate yet: `/vyrox setup` adds one."));
        };
        let way = self.prove(asked, vendor, host.unwrap_or(DEFAULT_HOST), device.map(DeviceId::as_str)).await?;
        let (line, tone) = if way.is_whole() {
            ("The test alert came back: its card is in the channel, marked as a test.", Tone::Good)
        } else {
            ("The test alert did not come back in time. `/vyrox doctor` looks for the reason.", Tone::Bad)
        };
        let id = way.alert_id.map(|id| (Shown::literal("Alert"), Shown::span(&id.to_string(), 40)));
        Ok(Ephemeral::panel(Shown::literal(line), tone, "Test alert", way.shown(), id))
    }

    /// The source that is asked for, or the tenant's first one.
    async fn vendor(&self, asked: &Asked, wanted: Option<Vendor>) -> Result<Option<Vendor>, AssistError> {
        let sources = self.table.list::<Source>(asked.tenant_id(), &Prefix::sources(), self.clock.now()).await?;
        let mut vendors = sources.iter().map(|source| source.value.vendor);
        Ok(match wanted {
            Some(wanted) => vendors.find(|vendor| *vendor == wanted),
            None => vendors.next(),
        })
    }

    /// Sends the alert and watches it come back.
    pub(crate) async fn prove(
        &self,
        asked: &Asked,
        vendor: Vendor,
        host: &str,
        device: Option<&str>,
    ) -> Result<Way, AssistError> {
        let (tenant_id, id) = (asked.tenant_id(), asked.command.interaction_id);
        let now = self.clock.now();
        let secret = MadeSecret::for_scheme(Scheme::VyroxHmac).secret;
        let kept = self.secrets.keep(tenant_id, vendor, Scheme::VyroxHmac, &secret).await?;
        let source = Source::new(vendor, tenant_id.as_str()).with(Credential::new(Scheme::VyroxHmac, kept));
        let change = Change::put(SortKey::canary(id), &source, Expect::Anything).expiring(now + SECRET_LIFE);
        let mut entry = self.entry(asked, "TEST_ALERT_SENT");
        entry.detail.insert("source".to_owned(), json!(vendor));
        entry.detail.insert("device".to_owned(), json!(device));
        self.ledger.commit(tenant_id, &[change], &entry).await?;

        let body = sample(vendor, &id.to_string(), tenant_id.as_str(), (host, device), now).to_string().into_bytes();
        let began = self.clock.now_millis();
        let sent = self
            .http
            .post(format!("{}/webhook/{vendor}/{tenant_id}", self.ingest_url))
            .header("content-type", "application/json")
            .header(SIGNATURE_HEADER, sign(secret.as_ref(), &body))
            .header(CANARY_HEADER, id.to_string())
            .body(body)
            .send()
            .await;
        let mut way = Way::default();
        match sent {
            Err(_) => way.refused = Some("nothing: it cannot be reached".to_owned()),
            Ok(response) => {
                let status = response.status().as_u16();
                match response.json::<Accepted>().await {
                    Ok(accepted) if status == 202 => {
                        way.accepted = Some(self.clock.now_millis() - began);
                        way.alert_id = Some(accepted.alert_id);
                        self.watch(asked, accepted.alert_id, began, &mut way).await?;
                    }
                    _ => way.refused = Some(format!("status {status}")),
                }
            }
        }
        Ok(way)
    }

    /// Looks until the card is posted, or patience ends.
    async fn watch(&self, asked: &Asked, alert: AlertId, began: i64, way: &mut Way) -> Result<(), AssistError> {
        let looks = PATIENCE.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            let key = SortKey::alert(alert);
            let record = self.table.read::<AlertRecord>(asked.tenant_id(), &key, self.clock.now()).await?;
            if let Some(record) = record.map(|found| found.value) {
                let at = self.clock.now_millis() - began;
                if let (None, Some(verdict)) = (way.judged, &record.verdict) {
                    way.judged = Some((verdict.verdict.as_str(), at));
                }
                if record.posted.is_some() {
                    way.posted = Some(at);
                    return Ok(());
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}
