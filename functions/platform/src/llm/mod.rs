//! Asking models, on any OpenAI-compatible endpoint.
//!
//! ```text
//!  cached? -> tokens reserved? -> primary -> fallback -> second fallback -> who said "later", if later still fits
//!     |            |                 |  each within its own time-out, all within one deadline
//!   answer     MEDIUM at 0.5      answer, settled and cached
//! ```
//!
//! Without a key there is no model and no connection at all (mock mode). Alerts that ask the same at the same time ask once.

mod attempt;
mod completion;
mod dialect;
mod endpoint;

pub use attempt::NoAnswer;

use crate::clock::Clock;
use crate::config;
use crate::random;
use crate::table::{Table, TableError};
use crate::volatile::{Reserved, Volatile};
use attempt::{Spent, Tried};
use endpoint::Endpoint;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use vyrox_contract::TenantId;
use vyrox_domain::fingerprint::Fingerprint;
use vyrox_domain::llm::{Answer, Prompt, Summary};

/// With less time left than this no model is asked any more.
const SHORTEST_TRY: Duration = Duration::from_millis(500);

/// What asking came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consulted {
    /// There is no model to ask.
    Mock,
    /// This model answered.
    Answer {
        /// Its name.
        model: String,
        /// Its answer.
        answer: Answer,
        /// How many tokens the question cost, failed tries included, as far as is known.
        tokens: u64,
    },
    /// This model has answered the same question earlier.
    Cached {
        /// Its name.
        model: String,
        /// Its answer.
        answer: Answer,
        /// When, unix seconds.
        asked_at: i64,
    },
    /// None answered usably; which model failed how.
    None {
        /// In words of ours and the models' configured names.
        reason: String,
        /// As for an answer.
        tokens: u64,
    },
}

/// A question about one alert.
#[derive(Debug)]
pub struct Question<'a> {
    /// Whose alert.
    pub tenant: &'a TenantId,
    /// What the tenant's profile says about tokens a day; nothing means the configured number.
    pub daily_tokens: Option<u64>,
    /// What is shown.
    pub summary: &'a Summary,
    /// What the answer is cached under.
    pub fingerprint: &'a Fingerprint,
}

/// One question that is being asked, by tenant and fingerprint.
type Asking = Weak<OnceCell<Consulted>>;

/// The models.
#[derive(Debug, Clone)]
pub struct Llm {
    endpoint: Option<Endpoint>,
    volatile: Volatile,
    clock: Arc<dyn Clock>,
    asking: Arc<Mutex<HashMap<(TenantId, String), Asking>>>,
}

impl Llm {
    /// With this endpoint, or in mock mode.
    #[must_use]
    pub fn new(http: reqwest::Client, endpoint: Option<config::Llm>, table: Table, clock: Arc<dyn Clock>) -> Self {
        Self {
            endpoint: endpoint.map(|config| Endpoint::new(http, config)),
            volatile: Volatile::new(table),
            clock,
            asking: Arc::default(),
        }
    }

    /// Asks, unless the answer is known.
    ///
    /// # Errors
    /// [`TableError`]: it is not known whether the answer is cached or the budget used up.
    pub async fn consult(&self, question: &Question<'_>) -> Result<Consulted, TableError> {
        let Some(endpoint) = &self.endpoint else { return Ok(Consulted::Mock) };
        let cell = self.shared(question);
        let mut asked_here = false;
        let consulted = cell
            .get_or_try_init(async || {
                asked_here = true;
                self.find_or_ask(endpoint, question).await
            })
            .await?
            .clone();
        Ok(match consulted {
            // Who waited for another's question got its answer for nothing.
            Consulted::Answer { model, answer, .. } if !asked_here => {
                Consulted::Cached { model, answer, asked_at: self.clock.now() }
            }
            Consulted::None { reason, .. } if !asked_here => Consulted::None { reason, tokens: 0 },
            consulted => consulted,
        })
    }

    /// The cell that everybody waits on who asks the same now.
    fn shared(&self, question: &Question<'_>) -> Arc<OnceCell<Consulted>> {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        asking.retain(|_, cell| cell.strong_count() > 0);
        let key = (question.tenant.clone(), question.fingerprint.to_string());
        if let Some(cell) = asking.get(&key).and_then(Weak::upgrade) {
            return cell;
        }
        let cell = Arc::new(OnceCell::new());
        asking.insert(key, Arc::downgrade(&cell));
        cell
    }

    async fn find_or_ask(&self, endpoint: &Endpoint, question: &Question<'_>) -> Result<Consulted, TableError> {
        let now = self.clock.now();
        let models = endpoint.models();
        if let Some(found) = self.volatile.cached(question.tenant, question.fingerprint, models, now).await? {
            return Ok(Consulted::Cached { model: found.model, answer: found.answer, asked_at: found.asked_at });
        }
        let consulted = self.ask(endpoint, question).await?;
        if let Consulted::Answer { model, answer, .. } = &consulted {
            let now = self.clock.now();
            self.volatile.cache(question.tenant, question.fingerprint, model, answer, now).await;
        }
        Ok(consulted)
    }

    async fn ask(&self, endpoint: &Endpoint, question: &Question<'_>) -> Result<Consulted, TableError> {
        let deadline = Instant::now() + endpoint.deadline();
        let mut failures: Vec<(&str, NoAnswer)> = Vec::new();
        let mut tokens = 0;
        let mut later: Option<(&str, Instant)> = None;
        let mut queue: Vec<&str> = endpoint.models().iter().rev().map(String::as_str).collect();
        loop {
            let Some(model) = queue.pop() else {
                // All have failed. Whoever asked us to come back later is asked once more, if later is soon enough.
                let Some((model, at)) = later.take().filter(|(_, at)| *at + SHORTEST_TRY < deadline) else { break };
                tokio::time::sleep_until(at).await;
                queue.push(model);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left < SHORTEST_TRY {
                failures.push((model, NoAnswer::NoTimeLeft));
                break;
            }
            match self.try_model(endpoint, model, question, left).await? {
                None => {
                    failures.push((model, NoAnswer::BudgetUsedUp));
                    break;
                }
                Some((Tried::Answer(answer), spent)) => {
                    tokens += spent;
                    return Ok(Consulted::Answer { model: model.to_owned(), answer, tokens });
                }
                Some((Tried::Failure { why, retry_after }, spent)) => {
                    tokens += spent;
                    tracing::warn!(tenant = %question.tenant, model, %why, "model gave no usable answer");
                    let is_first_time = failures.iter().all(|(failed, _)| *failed != model);
                    if let Some(wait) = retry_after.filter(|_| is_first_time) {
                        let at = Instant::now() + wait + jitter();
                        if later.is_none_or(|(_, earliest)| at < earliest) {
                            later = Some((model, at));
                        }
                    }
                    failures.push((model, why));
                }
            }
        }
        Ok(Consulted::None { reason: reason(&failures), tokens })
    }

    /// One try with its reservation; nothing if the budget does not allow it. The second value is what it cost.
    async fn try_model(
        &self,
        endpoint: &Endpoint,
        model: &str,
        question: &Question<'_>,
        left: Duration,
    ) -> Result<Option<(Tried, u64)>, TableError> {
        let prompt = Prompt::new(question.summary, &random::nonce());
        let estimate = prompt.estimated_tokens() + endpoint::MAX_ANSWER_TOKENS;
        let limit = question.daily_tokens.unwrap_or_else(|| endpoint.daily_tokens());
        let now = self.clock.now();
        if self.volatile.reserve(question.tenant, estimate, limit, now).await? == Reserved::UsedUp {
            return Ok(None);
        }
        let (tried, spent) = endpoint.ask(model, &prompt, left).await;
        let spent = match spent {
            Spent::Nothing => 0,
            Spent::Tokens(tokens) => tokens,
            // It may have been worked on all the same: the reservation stands.
            Spent::Unknown => estimate,
        };
        self.volatile.settle(question.tenant, estimate, spent, now).await;
        Ok(Some((tried, spent)))
    }
}

/// Up to a quarter of a second, so that those who were told the same time do not come back as one.
fn jitter() -> Duration {
    Duration::from_millis(u64::from(random::bytes::<1>()[0]))
}

/// Which model failed how, in the order in which they were asked.
fn reason(failures: &[(&str, NoAnswer)]) -> String {
    match failures {
        [] => "no model is configured".to_owned(),
        [(_, NoAnswer::BudgetUsedUp)] => NoAnswer::BudgetUsedUp.to_string(),
        failures => failures.iter().map(|(model, why)| format!("{model}: {why}")).collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_says_who_failed_how() {
        assert_eq!(reason(&[("a", NoAnswer::BudgetUsedUp)]), "token budget of the day is used up");
        assert_eq!(
            reason(&[("a", NoAnswer::TimedOut), ("b", NoAnswer::RateLimited)]),
            "a: did not answer in time; b: rate limited (429)"
        );
    }
}
