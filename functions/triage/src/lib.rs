//! triage: a queued alert gets its verdict, and its card is requested.
//!
//! ```text
//!  AlertQueued -> AlertRecord --rules, injections--> Judgement --(cache or model, only if ambiguous)--> Verdict
//!      -> Plan or why not
//!      --one transaction: record + audit entry--> stored --SQS--> CardRequested
//! ```
//!
//! It holds no signer, and whatever it concludes, nothing is contained by it: only where a named person has allowed that in
//! advance is a LOW alert approved in their name (`in_advance`), and delivery proves their opt-in once more.

mod in_advance;

use ed25519_dalek::VerifyingKey;
use serde_json::json;
use std::sync::Arc;
use vyrox_audit::Draft;
use vyrox_domain::fingerprint::Fingerprint;
use vyrox_domain::heuristics::Ruleset;
use vyrox_domain::history::HostAlert;
use vyrox_domain::judgement::{Consultation, Judgement};
use vyrox_domain::llm::injection::{self, Strength};
use vyrox_domain::message::{ActionApproved, AlertQueued, CardRequested};
use vyrox_domain::plan::Plan;
use vyrox_domain::record::{AlertRecord, Offer};
use vyrox_domain::tenant::{LlmConsent, Tenant};
use vyrox_domain::verdict::{DecidedBy, Verdict, VerdictLevel};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::Clock;
use vyrox_platform::config;
use vyrox_platform::ledger::{Change, CommitError, Expect, Ledger};
use vyrox_platform::llm::{Consulted, Llm, Question};
use vyrox_platform::metric::Metric;
use vyrox_platform::queue::{Queue, SendError};
use vyrox_platform::table::{SortKey, Table, TableError, Versioned};
use vyrox_platform::{Class, Classified, trace};

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

/// A verdict, and what it took to get there, for the audit.
struct Judged {
    verdict: Verdict,
    /// What the alert looks like; the name of the question, if one was asked.
    fingerprint: Fingerprint,
    /// Whether a model or its cache was asked, or would have been.
    was_asked: bool,
    /// What it cost.
    tokens: u64,
    /// When a cached answer was given.
    asked_at: Option<i64>,
}

/// What triage can do: read, commit with an audit entry, ask a model, request a card, queue what was approved in advance.
#[derive(Debug)]
pub struct Triage {
    table: Table,
    ledger: Ledger,
    llm: Llm,
    cards: Queue<CardRequested>,
    actions: Queue<ActionApproved>,
    discord_keys: Vec<VerifyingKey>,
    clock: Arc<dyn Clock>,
}

impl Triage {
    /// Wires the function up. `http` is the client for the model's endpoint.
    #[must_use]
    pub fn new(clients: &Clients, config: &config::Triage, http: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        Self {
            ledger: Ledger::new(table.clone(), "triage", Arc::clone(&clock)),
            llm: Llm::new(http, config.llm.clone(), table.clone(), Arc::clone(&clock)),
            cards: Queue::new(clients.sqs.clone(), &config.cards_queue_url),
            actions: Queue::new(clients.sqs.clone(), &config.actions_queue_url),
            discord_keys: config.discord_keys.clone(),
            table,
            clock,
        }
    }

    /// Opens connections, all at once.
    pub async fn warm(&self) {
        tokio::join!(self.table.warm(), self.cards.warm());
    }

    /// Handles one message. A message that comes again finds its verdict stored, and only requests the card again.
    ///
    /// # Errors
    /// [`TriageError`].
    pub async fn handle(&self, message: AlertQueued) -> Result<(), TriageError> {
        let now = self.clock.now();
        let (alert_key, profile_key) = (SortKey::alert(message.alert_id), SortKey::profile());
        let found = self.table.together(&message.tenant_id, &[&alert_key, &profile_key], now).await?;
        let record: Versioned<AlertRecord> = found.of(&alert_key)?.ok_or(TriageError::NoSuchAlert)?;
        let tenant: Tenant = found.of(&profile_key)?.ok_or(TriageError::NoSuchTenant)?.value;
        // A message about an earlier payload is answered by the newer payload's own.
        let is_current = record.value.alert.revision == message.revision;
        let is_judged_now = is_current && record.value.verdict.is_none();
        let record = if is_judged_now { self.decide(record, &tenant, now).await? } else { record };
        let judged_at = self.clock.now_millis();
        if is_current && in_advance::level(&record.value) == Some(VerdictLevel::Low) {
            self.approve_in_advance(&tenant, &record).await?;
        }
        let card = CardRequested::changed(message.tenant_id, message.alert_id);
        if is_judged_now {
            self.cards.send_since(&card, judged_at).await?;
        } else {
            self.cards.send(&card).await?;
        }
        Ok(())
    }

    /// Judges the alert and stores what came of it; the record as it is stored then.
    async fn decide(
        &self,
        record: Versioned<AlertRecord>,
        tenant: &Tenant,
        now: i64,
    ) -> Result<Versioned<AlertRecord>, TriageError> {
        let Versioned { value: mut record, version } = record;
        let judged = self.judge(&record, tenant).await?;
        let verdict = &judged.verdict;
        // A decision that people have made stays as it was made.
        if record.decision.is_none() {
            record.offer = Some(match Plan::draft(&record.alert, verdict, tenant, now) {
                Ok(plan) => Offer::Containment(plan),
                Err(why) => Offer::Nothing(why),
            });
        }
        let event = recorded(&record, &judged, now);
        let (tenant_id, alert_id) = (record.alert.tenant_id.clone(), record.alert.id);
        tracing::info!(%tenant_id, %alert_id, verdict = verdict.verdict.as_str(),
            confidence = verdict.confidence.ratio(), decided_by = verdict.decided_by.as_str(), "verdict");
        let level = judged.verdict.verdict;
        record.verdict = Some(judged.verdict);
        record.fingerprint = Some(judged.fingerprint);
        let expires_at = record.expires_at();
        let mut changes =
            vec![Change::put(SortKey::alert(alert_id), &record, Expect::Version(version)).expiring(expires_at)];
        // Found by its host when a later alert there is investigated.
        if let Some((host, seen)) = HostAlert::of(&record.alert, level) {
            let key = SortKey::host_alert(&host, seen.at, alert_id);
            changes.push(Change::put(key, &seen, Expect::Anything).expiring(expires_at));
        }
        self.ledger.commit(&tenant_id, &changes, &event).await?;
        Metric::Verdicts.add_by(level.as_str(), 1);
        if let Some(arrived) = trace::since() {
            Metric::WebhookToVerdict.took((arrived, self.clock.now_millis()));
        }
        Ok(Versioned { value: record, version: version + 1 })
    }

    async fn judge(&self, record: &AlertRecord, tenant: &Tenant) -> Result<Judged, TableError> {
        let alert = &record.alert;
        let judgement = Judgement::of(alert, Ruleset::built_in());
        if judgement.injection().strength() == Some(Strength::Instructs) {
            tracing::warn!(tenant_id = %alert.tenant_id, alert_id = %alert.id, "a field tries to instruct a model");
        }
        let fingerprint = judgement.fingerprint(alert);
        if tenant.llm == LlmConsent::OptedOut || !judgement.is_ambiguous() {
            let verdict = judgement.conclude(&Consultation::NotAsked);
            return Ok(Judged { verdict, fingerprint, was_asked: false, tokens: 0, asked_at: None });
        }
        Metric::AlertsInBand.add(1);
        let summary = judgement.summary(alert);
        let question = Question {
            tenant: &alert.tenant_id,
            daily_tokens: tenant.llm_daily_tokens,
            summary: &summary,
            fingerprint: &fingerprint,
        };
        let consulted = self.llm.consult(&question).await?;
        let (consultation, tokens, asked_at) = match &consulted {
            Consulted::Mock => (Consultation::NotAsked, 0, None),
            Consulted::Answer { model, answer, tokens } => (Consultation::Answered { model, answer }, *tokens, None),
            Consulted::Cached { model, answer, asked_at } => {
                (Consultation::Cached { model, answer }, 0, Some(*asked_at))
            }
            Consulted::None { reason, tokens } => (Consultation::Failed { reason }, *tokens, None),
        };
        match consulted {
            Consulted::Mock => {}
            Consulted::Answer { .. } => Metric::ModelAnswers.add(1),
            Consulted::Cached { .. } => Metric::ModelCacheHits.add(1),
            Consulted::None { .. } => Metric::ModelFailures.add(1),
        }
        Metric::ModelTokens.add(tokens);
        let verdict = judgement.conclude(&consultation);
        Ok(Judged { verdict, fingerprint, was_asked: true, tokens, asked_at })
    }
}

fn recorded(record: &AlertRecord, judged: &Judged, now: i64) -> Draft {
    let (alert, verdict) = (&record.alert, &judged.verdict);
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
    if !verdict.on_trial.is_empty() {
        let on_trial: Vec<&str> = verdict.on_trial.iter().map(|evidence| evidence.rule_id.as_str()).collect();
        detail("on_trial", json!(on_trial));
    }
    if let Some(model) = &verdict.model {
        detail("model", json!(model));
    }
    if judged.was_asked {
        detail("fingerprint", json!(judged.fingerprint.as_str()));
        detail("tokens", json!(judged.tokens));
    }
    if let Some(asked_at) = judged.asked_at {
        detail("answered_at", json!(asked_at));
    }
    if verdict.decided_by == DecidedBy::Fallback {
        detail("reason", json!(verdict.reasoning));
    }
    if let Some(attempt) = verdict.evidence.iter().find(|evidence| evidence.family == injection::FAMILY) {
        detail("instructs_in", json!(attempt.field));
    }
    if let Some(plan) = record.plan() {
        detail("plan_digest", json!(plan.digest().hex()));
    }
    event
}
