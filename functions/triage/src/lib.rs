//! triage: a queued alert gets its verdict, and its card is requested.
//!
//! ```text
//!  AlertQueued -> AlertRecord --rules--> Assessment --(model, only if ambiguous)--> Verdict -> Plan or why not
//!      --one transaction: record + audit entry--> stored --SQS--> CardRequested
//! ```
//!
//! It holds no sender for the actions queue and no signer: whatever it concludes, nothing is contained by it.

use serde_json::json;
use std::sync::Arc;
use vyrox_audit::Draft;
use vyrox_domain::heuristics::{Observation, Ruleset};
use vyrox_domain::judgement::{Consultation, conclude, is_ambiguous};
use vyrox_domain::message::{AlertQueued, CardRequested};
use vyrox_domain::plan::Plan;
use vyrox_domain::record::{AlertRecord, Offer};
use vyrox_domain::tenant::{LlmConsent, Tenant};
use vyrox_domain::verdict::Verdict;
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::Clock;
use vyrox_platform::config;
use vyrox_platform::ledger::{Change, CommitError, Expect, Ledger};
use vyrox_platform::llm::{Consulted, Llm};
use vyrox_platform::queue::{Queue, SendError};
use vyrox_platform::table::{SortKey, Table, TableError, Versioned};
use vyrox_platform::{Class, Classified};

/// Why a message was not handled.
#[derive(Debug, thiserror::Error)]
pub enum TriageError {
    /// The table could not be read.
    #[error("reading")]
    Table(#[from] TableError),
    /// The verdict could not be stored.
    #[error("storing the verdict")]
    Commit(#[from] CommitError),
    /// The card could not be requested.
    #[error("requesting the card")]
    Send(#[from] SendError),
    /// The message names an alert that is not stored (any more).
    #[error("there is no such alert")]
    NoSuchAlert,
    /// The alert's tenant has no profile.
    #[error("there is no such tenant")]
    NoSuchTenant,
}

impl Classified for TriageError {
    fn class(&self) -> Class {
        match self {
            Self::Table(error) => error.class(),
            Self::Commit(error) => error.class(),
            Self::Send(error) => error.class(),
            Self::NoSuchAlert => Class::Reject,
            Self::NoSuchTenant => Class::Poison,
        }
    }
}

/// What triage can do: read, commit with an audit entry, ask a model, request a card.
#[derive(Debug)]
pub struct Triage {
    table: Table,
    ledger: Ledger,
    llm: Llm,
    cards: Queue<CardRequested>,
    clock: Arc<dyn Clock>,
}

impl Triage {
    /// Wires the function up. `http` is the client for the model's endpoint and carries its time-out.
    #[must_use]
    pub fn new(clients: &Clients, config: &config::Triage, http: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        Self {
            ledger: Ledger::new(table.clone(), "triage", Arc::clone(&clock)),
            llm: Llm::new(http, config.llm.clone()),
            cards: Queue::new(clients.sqs.clone(), &config.cards_queue_url),
            table,
            clock,
        }
    }

    /// Opens connections and deserialises the rules before the first batch.
    pub async fn warm(&self) {
        let _ = Ruleset::built_in().version();
        self.table.warm().await;
    }

    /// Handles one message. A message that comes again finds its verdict stored, and only requests the card again.
    ///
    /// # Errors
    /// [`TriageError`].
    pub async fn handle(&self, message: AlertQueued) -> Result<(), TriageError> {
        let now = self.clock.now();
        let (alert_key, profile_key) = (SortKey::alert(message.alert_id), SortKey::profile());
        let (record, tenant) = tokio::try_join!(
            self.table.read::<AlertRecord>(&message.tenant_id, &alert_key, now),
            self.table.read::<Tenant>(&message.tenant_id, &profile_key, now),
        )?;
        let record = record.ok_or(TriageError::NoSuchAlert)?;
        let tenant = tenant.ok_or(TriageError::NoSuchTenant)?.value;
        // A message about an earlier payload is answered by the newer payload's own.
        let is_current = record.value.alert.revision == message.revision;
        if is_current && record.value.verdict.is_none() {
            self.decide(record, &tenant, now).await?;
        }
        self.cards.send(&CardRequested::changed(message.tenant_id, message.alert_id)).await?;
        Ok(())
    }

    async fn decide(&self, record: Versioned<AlertRecord>, tenant: &Tenant, now: i64) -> Result<(), TriageError> {
        let Versioned { value: mut record, version } = record;
        let verdict = self.judge(&record, tenant).await;
        // A decision that people have made stays as it was made.
        if record.decision.is_none() {
            record.offer = Some(match Plan::draft(&record.alert, &verdict, tenant, now) {
                Ok(plan) => Offer::Containment(plan),
                Err(why) => Offer::Nothing(why),
            });
        }
        let event = recorded(&record, &verdict, now);
        let (tenant_id, alert_id) = (record.alert.tenant_id.clone(), record.alert.id);
        tracing::info!(%tenant_id, %alert_id, verdict = verdict.verdict.as_str(),
            confidence = verdict.confidence.ratio(), decided_by = verdict.decided_by.as_str(), "verdict");
        record.verdict = Some(verdict);
        let change =
            Change::put(SortKey::alert(alert_id), &record, Expect::Version(version)).expiring(record.expires_at());
        self.ledger.commit(&tenant_id, &[change], &event).await?;
        Ok(())
    }

    async fn judge(&self, record: &AlertRecord, tenant: &Tenant) -> Verdict {
        let ruleset = Ruleset::built_in();
        let assessment = ruleset.evaluate(&Observation::from(&record.alert));
        let consulted = match tenant.llm {
            LlmConsent::OptedIn if is_ambiguous(&assessment) => self.llm.consult(&record.alert, &assessment).await,
            LlmConsent::OptedIn | LlmConsent::OptedOut => Consulted::Mock,
        };
        let reason;
        let consultation = match &consulted {
            Consulted::Mock => Consultation::NotAsked,
            Consulted::Answer { model, answer } => Consultation::Answered { model, answer },
            Consulted::None(why) => {
                reason = why.to_string();
                Consultation::Failed { reason: &reason }
            }
        };
        conclude(&assessment, ruleset.version(), &consultation)
    }
}

fn recorded(record: &AlertRecord, verdict: &Verdict, now: i64) -> Draft {
    let alert = &record.alert;
    let mut event = Draft::event(now, alert.tenant_id.as_str(), "VERDICT_RECORDED");
    event.host = alert.hostname.clone().unwrap_or_default();
    event.alert_id = Some(alert.id.to_string());
    event.outcome = Some(verdict.verdict.as_str().to_owned());
    let rules: Vec<&str> = verdict.evidence.iter().map(|evidence| evidence.rule_id.as_str()).collect();
    let mut detail = |name: &str, value| event.detail.insert(name.to_owned(), value);
    // The audit takes no floats.
    detail("confidence_ten_thousandths", json!(verdict.confidence.ten_thousandths()));
    detail("decided_by", json!(verdict.decided_by.as_str()));
    detail("revision", json!(alert.revision));
    detail("rules", json!(rules));
    detail("ruleset", json!(verdict.ruleset));
    if let Some(model) = &verdict.model {
        detail("model", json!(model));
    }
    if let Some(plan) = record.plan() {
        detail("plan_digest", json!(plan.digest().hex()));
    }
    event
}
