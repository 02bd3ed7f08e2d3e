//! Triage by itself, with a model endpoint of the test's choice: alerts are put into the table and handed to it.

use crate::Stage;
use std::time::Duration;
use vyrox_contract::AlertId;
use vyrox_domain::alert::NormalizedAlert;
use vyrox_domain::heuristics::Ruleset;
use vyrox_domain::judgement::Judgement;
use vyrox_domain::message::AlertQueued;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::tenant::Tenant;
use vyrox_domain::verdict::{Confidence, DecidedBy, Verdict, VerdictLevel};
use vyrox_platform::config;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::secrets::Secret;
use vyrox_platform::table::{Lookup, SortKey, Versioned};
use vyrox_triage::Triage;

/// An endpoint with these models, quick to give up.
#[must_use]
pub fn models(url: &str, models: &[&str]) -> config::Llm {
    config::Llm {
        url: url.to_owned(),
        api_key: Secret::new(b"a-key".to_vec()),
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        try_timeout: Duration::from_secs(1),
        deadline: Duration::from_secs(4),
        daily_tokens: 100_000_000,
    }
}

impl Stage {
    /// A triage function with this model endpoint, or none.
    ///
    /// # Panics
    /// It cannot be wired up.
    pub async fn triage(&self, llm: Option<config::Llm>) -> Triage {
        let resources = self.resources().await;
        let url = |queue: &str| resources.queue_url(queue).expect("the template has this queue").to_owned();
        let config = config::Triage {
            aws: config::Aws::local(&self.system.endpoints.aws_endpoint_url),
            table: self.system.endpoints.table_name.clone(),
            source_queue_url: url("AlertsQueue"),
            cards_queue_url: url("CardsQueue"),
            actions_queue_url: url("ActionsQueue"),
            discord_keys: vec![self.discord_key.verifying_key()],
            llm,
            concurrency: 8,
        };
        let http = vyrox_platform::http::client(Duration::from_secs(30)).expect("an HTTP client");
        Triage::new(&self.function_clients(), &config, http, self.clock.clone())
    }

    /// An alert that is ambiguous by the rules.
    ///
    /// # Panics
    /// The scenario is not ambiguous any more.
    pub async fn ambiguous(&self) -> NormalizedAlert {
        let alert = self.alert_like("discovery-burst").await;
        assert!(Judgement::of(&alert, Ruleset::built_in()).is_ambiguous(), "the scenario is ambiguous");
        alert
    }

    /// Changes the tenant's profile.
    ///
    /// # Panics
    /// There is none, or it cannot be written.
    pub async fn change_profile(&self, change: impl FnOnce(&mut Tenant)) {
        let stored = self.system.table.read::<Tenant>(&self.tenant(), &SortKey::profile(), self.now()).await;
        let Versioned { value: mut tenant, version } =
            stored.expect("the table can be read").expect("there is a tenant");
        change(&mut tenant);
        let put = Change::put(SortKey::profile(), &tenant, Expect::Version(version));
        let guild = tenant.guild_id.expect("the runner links a guild");
        self.commit(&self.tenant(), &[put.known_as(Lookup::guild(guild))]).await;
    }

    /// An alert of this scenario as triage gets it, to be changed.
    pub async fn alert_like(&self, scenario: &str) -> NormalizedAlert {
        let alert = self.fire(scenario).await;
        self.until("it has a verdict", alert, |record| record.verdict.is_some()).await.alert
    }

    /// Stores an alert as ingest does, under an id of its own, and returns the message that triage gets.
    pub async fn received(&self, alert: &NormalizedAlert) -> AlertQueued {
        let record = AlertRecord::received(alert.clone());
        let put = Change::put(SortKey::alert(alert.id), &record, Expect::Absent).expiring(record.expires_at());
        self.commit(&alert.tenant_id, &[put]).await;
        AlertQueued { tenant_id: alert.tenant_id.clone(), alert_id: alert.id, revision: alert.revision }
    }

    /// Has `triage` judge an alert, and returns what it stored.
    ///
    /// # Panics
    /// It was not handled.
    pub async fn judged(&self, triage: &Triage, alert: &NormalizedAlert) -> AlertRecord {
        let message = self.received(alert).await;
        triage.handle(message).await.expect("triage handles the alert");
        let found = self.system.table.read(&alert.tenant_id, &SortKey::alert(alert.id), self.now()).await;
        found.expect("the table can be read").expect("the alert is stored").value
    }
}

/// The same alert once more, under another id.
#[must_use]
pub fn again(alert: &NormalizedAlert, raw_id: &str) -> NormalizedAlert {
    let id: AlertId = vyrox_domain::alert::alert_id(&alert.tenant_id, alert.source, raw_id);
    NormalizedAlert { id, raw_id: raw_id.to_owned(), ..alert.clone() }
}

/// The same alert with a command line of its own, so that no answer to another one fits.
///
/// # Panics
/// It has no command line.
#[must_use]
pub fn unlike(alert: &NormalizedAlert, word: &str) -> NormalizedAlert {
    let before = alert.process_cmdline.as_deref().expect("it has a command line");
    NormalizedAlert { process_cmdline: Some(format!("{before} & rem {word}")), ..again(alert, word) }
}

/// Whether this is the published answer to "nobody could say".
#[must_use]
pub fn is_fallback(verdict: &Verdict) -> bool {
    (verdict.verdict, verdict.confidence, verdict.decided_by)
        == (VerdictLevel::Medium, Confidence::HALF, DecidedBy::Fallback)
}
