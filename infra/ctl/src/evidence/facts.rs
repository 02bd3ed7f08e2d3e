//! What the verified entries of the period say, as the report needs it.

use super::period::Period;
use super::signed::{Envelope, Signature};
use serde_json::Value;
use std::collections::BTreeMap;
use vyrox_audit::verify::Seen;
use vyrox_audit::verify::explain::{self, Log};

/// The longest chronology; what is behind it is in the audit, and counted.
const MOST_MOMENTS: usize = 2_000;

/// Kinds that come with every alert, or by themselves: counted, and told of where they led to a decision.
const ROUTINE: [&str; 19] = [
    "ALERT_ACCEPTED",
    "ALERT_REVISED",
    "ALERT_PLACED",
    "VERDICT_RECORDED",
    "CARD_POSTED",
    "CARD_EDITED",
    "DIGEST_POSTED",
    "DIGEST_EDITED",
    "NOTICE_SENT",
    "CHANNEL_TRIED",
    "COMMAND_ASKED",
    "COMMAND_ANSWERED",
    "AUTHENTICATION_REFUSED",
    "DELIVERY_OVER_RATE",
    "DELIVERY_REJECTED",
    "DELIVERY_IGNORED",
    "CHECKPOINT",
    "PROXY_HEAD",
    "LANE_CLOSED",
];

/// Kinds that are a person's decision about an alert, or were made in one's name.
const DECISIONS: [&str; 8] = [
    "APPROVED",
    "APPROVED_BY_OPT_IN",
    "APPROVED_BY_BREAK_GLASS",
    "APPROVAL_COUNTED",
    "DENIED",
    "RELEASE_APPROVED",
    "RELEASE_COUNTED",
    "QUESTION_REOPENED",
];

/// Something that is in the report's chronology.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// Unix seconds.
    pub(super) at: i64,
    pub(super) kind: String,
    pub(super) host: String,
    /// In words.
    pub(super) says: String,
    /// Which entry says it: the chain and the number.
    pub(super) entry: (String, u64),
}

/// An alert as far as the period knows it.
#[derive(Debug, Default)]
pub(super) struct Alert {
    /// When it was taken in.
    pub(super) accepted: Option<Moment>,
    /// The last verdict: the word, and the entry.
    pub(super) verdict: Option<(String, Moment)>,
    /// Digests of what was shown about it, by time.
    cards: BTreeMap<(i64, u64), String>,
    /// A tenant's own test of its source.
    is_test: bool,
}

impl Alert {
    /// The digest of the card as it was at this time.
    pub(super) fn card_at(&self, at: i64) -> Option<&str> {
        self.cards.range(..=(at, u64::MAX)).next_back().map(|(_, digest)| digest.as_str())
    }
}

/// What a person decided.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) moment: Moment,
    pub(super) by: String,
    pub(super) user_id: String,
    pub(super) alert_id: String,
    pub(super) request_id: String,
    pub(super) reason: Option<String>,
    /// The digest of the plan that was shown and decided on.
    pub(super) plan: String,
    /// A second factor's kind, if one was asked for.
    pub(super) factor: Option<String>,
}

/// What the proxy reported of an action.
#[derive(Debug)]
pub(super) struct Receipt {
    pub(super) kind: String,
    pub(super) outcome: String,
    /// What the endpoint product said when it was asked afterwards.
    pub(super) read_back: String,
    /// When the proxy was done, unix seconds.
    pub(super) finished_at: i64,
    /// What the proxy said beyond that.
    pub(super) text: String,
    pub(super) reference: Option<String>,
    pub(super) signature: Option<Signature>,
    pub(super) entry: (String, u64),
}

/// A containment or a release, from its signature to its receipts.
#[derive(Debug, Default)]
pub(super) struct Action {
    pub(super) operation: String,
    pub(super) action: String,
    pub(super) host: String,
    pub(super) proxy: String,
    pub(super) approved_by: String,
    /// The digest of the plan in the entry.
    pub(super) plan: String,
    /// When it was signed, what that is worth, and the digest of the plan that was signed.
    pub(super) signed: Option<(i64, Signature, String)>,
    pub(super) receipts: Vec<Receipt>,
}

impl Action {
    /// Whether a proxy says that it isolated the host, or that it was isolated already.
    pub(super) fn has_contained(&self) -> bool {
        self.operation == "execute"
            && self.receipts.iter().any(|r| matches!(r.outcome.as_str(), "executed" | "already"))
    }

    /// Whether a proxy says that the containment was lifted.
    pub(super) fn has_released(&self) -> bool {
        self.operation == "rollback"
            && self.receipts.iter().any(|r| matches!(r.outcome.as_str(), "rolled_back" | "already"))
    }
}

/// How an action's signed plan relates to what a person approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// It is the approved one.
    AsApproved,
    /// It is another one.
    Other,
    /// A containment that ended by its own term: nobody decided then.
    ByTerm,
    /// One of both entries is not in the period.
    Unknown,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Facts {
    period: Period,
    /// How many entries of each kind.
    pub(super) kinds: BTreeMap<String, u64>,
    /// By alert id.
    pub(super) alerts: BTreeMap<String, Alert>,
    /// By time.
    pub(super) decisions: BTreeMap<(i64, String, u64), Decision>,
    /// By request id.
    pub(super) actions: BTreeMap<String, Action>,
    moments: BTreeMap<(i64, String, u64), Moment>,
    left_out: u64,
}

impl Facts {
    pub(super) fn of(period: Period) -> Self {
        Self {
            period,
            kinds: BTreeMap::new(),
            alerts: BTreeMap::new(),
            decisions: BTreeMap::new(),
            actions: BTreeMap::new(),
            moments: BTreeMap::new(),
            left_out: 0,
        }
    }

    /// Takes a verified entry, with the envelope that it holds.
    pub(super) fn take(&mut self, seen: Seen<'_>, envelope: Option<&Envelope>) {
        let at = seen.fields.get("timestamp").and_then(Value::as_i64).unwrap_or(0);
        if !self.period.holds(at) {
            return;
        }
        let kind = seen.text("action_type");
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
        let moment = Moment {
            at,
            kind: kind.to_owned(),
            host: seen.text("host").to_owned(),
            says: explain::step(Log::Cloud, seen).says,
            entry: (seen.chain.to_owned(), seen.seq),
        };
        self.alert(seen, &moment);
        if DECISIONS.contains(&kind) {
            let decision = decision(seen, moment.clone());
            self.decisions.insert(key(&moment), decision);
        }
        if kind == "ACTION_DELIVERED" || seen.detail("receipt").is_object() {
            self.action(seen, &moment, envelope);
        }
        if !ROUTINE.contains(&kind) {
            self.moments.insert(key(&moment), moment);
            if self.moments.len() > MOST_MOMENTS {
                self.moments.pop_last();
                self.left_out += 1;
            }
        }
    }

    fn alert(&mut self, seen: Seen<'_>, moment: &Moment) {
        let id = seen.text("alert_id");
        if id.is_empty() {
            return;
        }
        let alert = self.alerts.entry(id.to_owned()).or_default();
        match moment.kind.as_str() {
            "ALERT_ACCEPTED" => {
                alert.accepted = Some(moment.clone());
                alert.is_test = seen.detail("test") == true;
            }
            // Lanes are read one after the other, so a later one may have come before.
            "VERDICT_RECORDED" if alert.verdict.as_ref().is_none_or(|(_, known)| known.at <= moment.at) => {
                alert.verdict = Some((seen.text("outcome").to_owned(), moment.clone()));
            }
            _ => {}
        }
        if let Some(digest) = seen.detail("card_sha256").as_str() {
            alert.cards.insert((moment.at, moment.entry.1), digest.to_owned());
        }
    }

    fn action(&mut self, seen: Seen<'_>, moment: &Moment, envelope: Option<&Envelope>) {
        let action = self.actions.entry(seen.text("request_id").to_owned()).or_default();
        let text = |name: &str| seen.detail(name).as_str().unwrap_or_default().to_owned();
        action.operation = text("operation");
        action.action = text("action");
        action.host.clone_from(&moment.host);
        action.proxy = text("proxy_id");
        action.plan = text("plan_digest");
        seen.text("approved_by").clone_into(&mut action.approved_by);
        let payload = envelope.map_or(&Value::Null, |envelope| &envelope.payload);
        let said = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
        if seen.detail("receipt").is_object() {
            action.receipts.push(Receipt {
                kind: moment.kind.clone(),
                outcome: seen.text("outcome").to_owned(),
                read_back: text("verification"),
                finished_at: seen.detail("finished_at").as_i64().unwrap_or(moment.at),
                text: said("detail"),
                reference: seen.detail("vendor_reference").as_str().map(str::to_owned),
                signature: envelope.map(|envelope| envelope.signature),
                entry: moment.entry.clone(),
            });
            action.receipts.sort_by_key(|receipt| receipt.finished_at);
        } else if let Some(envelope) = envelope {
            action.signed = Some((moment.at, envelope.signature, said("plan_digest")));
        }
    }

    /// What was approved, against what was signed, for the action with this id.
    pub(super) fn plan(&self, request_id: &str) -> Plan {
        let Some(action) = self.actions.get(request_id) else { return Plan::Unknown };
        if action.receipts.iter().any(|receipt| receipt.kind.starts_with("LEASE_")) && action.signed.is_none() {
            return Plan::ByTerm;
        }
        let decides = |kind: &str| {
            matches!(kind, "APPROVED" | "APPROVED_BY_BREAK_GLASS" | "APPROVED_BY_OPT_IN" | "RELEASE_APPROVED")
        };
        let approved = self.decisions.values().find(|d| d.request_id == request_id && decides(&d.moment.kind));
        match (approved, &action.signed) {
            (Some(approved), Some((_, _, signed))) if approved.plan == *signed => Plan::AsApproved,
            (Some(_), Some(_)) => Plan::Other,
            _ => Plan::Unknown,
        }
    }

    /// The period.
    pub(super) const fn period(&self) -> Period {
        self.period
    }

    /// How many entries are in the period.
    pub(super) fn entries(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// How many there are of these kinds.
    pub(super) fn count(&self, kinds: &[&str]) -> u64 {
        kinds.iter().filter_map(|kind| self.kinds.get(*kind)).sum()
    }

    /// The alerts that were taken in, without a tenant's own tests.
    pub(super) fn accepted(&self) -> impl Iterator<Item = (&Moment, &Alert)> {
        let real = self.alerts.values().filter(|alert| !alert.is_test);
        real.filter_map(|alert| Some((alert.accepted.as_ref()?, alert)))
    }

    /// Seconds from an alert to the first decision that settled it, for alerts that were taken in in the period.
    pub(super) fn decision_times(&self) -> Vec<i64> {
        let mut first = BTreeMap::new();
        for decision in self.decisions.values() {
            if matches!(decision.moment.kind.as_str(), "APPROVED" | "APPROVED_BY_BREAK_GLASS" | "DENIED") {
                first.entry(decision.alert_id.as_str()).or_insert(decision.moment.at);
            }
        }
        let accepted = |id: &str| self.alerts.get(id).and_then(|alert| alert.accepted.as_ref()).map(|moment| moment.at);
        let mut times: Vec<i64> = first.iter().filter_map(|(id, at)| Some((at - accepted(id)?).max(0))).collect();
        times.sort_unstable();
        times
    }

    /// What happened, oldest first: decisions and what led to them, actions, changes, findings; and how much is left out.
    pub(super) fn chronology(&self) -> (Vec<&Moment>, u64) {
        let mut moments: BTreeMap<_, &Moment> = self.moments.values().map(|moment| (key(moment), moment)).collect();
        for decision in self.decisions.values() {
            let Some(alert) = self.alerts.get(&decision.alert_id) else { continue };
            let led = alert.accepted.iter().chain(alert.verdict.as_ref().map(|(_, moment)| moment));
            moments.extend(led.map(|moment| (key(moment), moment)));
        }
        (moments.into_values().collect(), self.left_out)
    }
}

fn key(moment: &Moment) -> (i64, String, u64) {
    (moment.at, moment.entry.0.clone(), moment.entry.1)
}

fn decision(seen: Seen<'_>, moment: Moment) -> Decision {
    let text = |name: &str| seen.detail(name).as_str().unwrap_or_default().to_owned();
    let user = seen.detail("user_id");
    Decision {
        moment,
        by: seen.text("approved_by").to_owned(),
        user_id: user.as_str().map_or_else(|| user.to_string(), str::to_owned),
        alert_id: seen.text("alert_id").to_owned(),
        request_id: seen.text("request_id").to_owned(),
        reason: seen.detail("reason").as_str().map(str::to_owned),
        plan: text("plan_digest"),
        factor: seen.detail("step_up").as_str().map(str::to_owned),
    }
}
