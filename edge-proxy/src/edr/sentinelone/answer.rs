//! SentinelOne's answers: pure functions of their bytes. Every body is `{"data":..,"errors":[..]}`.

use crate::edr::api::Malformed;
use crate::edr::change::{Answer, Reading};
use crate::edr::device::{Device, Found};
use crate::edr::failure::Refusal;
use crate::text::printable;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use vyrox_contract::{Operation, strict};

#[derive(Deserialize)]
struct Body<T> {
    data: Option<T>,
    errors: Option<Vec<ApiError>>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    #[serde(rename = "totalItems")]
    total_items: Option<u64>,
}

#[derive(Deserialize)]
struct ApiError {
    // A number in some places and a text in others.
    code: Option<Value>,
    detail: Option<String>,
    title: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Agent {
    id: String,
    computer_name: Option<String>,
    network_status: Option<String>,
}

/// A threat, as far as a mitigation needs it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Threat {
    id: String,
    agent_realtime_info: Option<RealtimeInfo>,
    /// Each attempt of a mitigation, in the order given.
    #[serde(default, deserialize_with = "nullable")]
    mitigation_status: Vec<Attempt>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RealtimeInfo {
    agent_id: Option<String>,
}

/// One attempt of a mitigation, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attempt {
    /// `kill`, `quarantine`, ...
    action: Option<String>,
    /// `success`, `failed`, ...
    status: Option<String>,
    /// When it was begun, in the vendor's words, if it says so.
    mitigation_started_at: Option<Value>,
}

/// Null for a list is none.
fn nullable<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Attempt>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl Attempt {
    /// The vendor asks for one spelling and lists the other.
    fn action(&self) -> &str {
        self.action.as_deref().map_or("", |action| if action == "unquarantine" { "un-quarantine" } else { action })
    }

    fn begun(&self) -> Option<&str> {
        self.mitigation_started_at.as_ref()?.as_str()
    }
}

impl Threat {
    /// The agent that it is on.
    pub fn agent(&self) -> Option<&str> {
        self.agent_realtime_info.as_ref()?.agent_id.as_deref()
    }

    /// Only what is new since it looked like `before`: an attempt that was there says nothing about a later one, which may be
    /// listed late. An entry that was written over is new.
    #[must_use]
    pub fn since(mut self, before: &Self) -> Self {
        for known in &before.mitigation_status {
            if let Some(at) = self.mitigation_status.iter().position(|attempt| attempt == known) {
                self.mitigation_status.remove(at);
            }
        }
        self
    }
}

impl ApiError {
    fn refusal(&self) -> Refusal {
        let code = match &self.code {
            Some(Value::String(text)) => printable(text, 32),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let text = self.detail.as_deref().filter(|text| !text.is_empty()).or(self.title.as_deref());
        Refusal { status: 0, code, message: printable(text.unwrap_or_default(), 160), trace: None }
    }
}

/// The first error of a body; an empty one for a body that has none or is none.
pub fn refusal(bytes: &[u8]) -> Refusal {
    let body: Option<Body<serde::de::IgnoredAny>> = strict::from_slice(bytes).ok();
    let first = body.and_then(|body| body.errors?.into_iter().next());
    first.map(|error| error.refusal()).unwrap_or_default()
}

/// The agents of an answer.
fn found(bytes: &[u8]) -> Result<Found<Agent>, Malformed> {
    let body: Body<Vec<Agent>> = strict::from_slice(bytes)?;
    let total = body.pagination.and_then(|page| page.total_items);
    Ok(Found::of(body.data.ok_or(Malformed)?, total))
}

/// The agent of this id, if it is there.
///
/// # Errors
/// [`Malformed`], also if another is there.
pub fn agent(bytes: &[u8], id: &str) -> Result<Option<Device>, Malformed> {
    match found(bytes)? {
        Found::One(Agent { id: found, computer_name: hostname, network_status: state }) if found == id => {
            Ok(Some(Device { id: found, hostname, state }))
        }
        Found::Nothing => Ok(None),
        Found::One(_) | Found::Several => Err(Malformed),
    }
}

/// The id of the one agent that a search has found.
///
/// # Errors
/// [`Malformed`].
pub fn agents(bytes: &[u8]) -> Result<Found<String>, Malformed> {
    Ok(match found(bytes)? {
        Found::One(agent) => Found::One(agent.id),
        Found::Nothing => Found::Nothing,
        Found::Several => Found::Several,
    })
}

/// The threat of this id, if it is there.
///
/// # Errors
/// [`Malformed`].
pub fn threat(bytes: &[u8], id: &str) -> Result<Option<Threat>, Malformed> {
    let body: Body<Vec<Threat>> = strict::from_slice(bytes)?;
    Ok(body.data.ok_or(Malformed)?.into_iter().find(|threat| threat.id == id))
}

/// What became of a request that named exactly one id: it must have affected exactly one.
///
/// # Errors
/// `Err(None)` if it is not understood, `Err(Some)` with the vendor's error.
pub fn affected(bytes: &[u8]) -> Result<Answer, Option<Refusal>> {
    let body: Body<Map<String, Value>> = strict::from_slice(bytes).map_err(|_| None)?;
    if let Some(error) = body.errors.unwrap_or_default().first() {
        return Err(Some(error.refusal()));
    }
    match body.data.and_then(|data| data.get("affected")?.as_u64()) {
        Some(1) => Ok(Answer::Accepted),
        Some(0) => Ok(Answer::Nothing),
        Some(_) | None => Err(None),
    }
}

/// How far an agent is, by its `networkStatus`.
pub fn connection(state: &str, operation: Operation) -> Reading {
    let (wanted, pending) = match operation {
        Operation::Execute => ("disconnected", "disconnecting"),
        Operation::Rollback => ("connected", "connecting"),
    };
    Reading::of(state, wanted, pending)
}

/// How far a mitigation is. The last one of its kind counts, unless a later one has undone it: by the time at which each was
/// begun where all of them say so, since published answers differ in their order, and else by their order.
pub fn mitigation(threat: &Threat, action: &str) -> Reading {
    let undone_by = match action {
        "quarantine" => "un-quarantine",
        "un-quarantine" => "quarantine",
        _ => "",
    };
    let is_of_its_kind = |done: &&Attempt| done.action() == action || done.action() == undone_by;
    let counts = |done: &&Attempt| done.action.is_some() && done.status.is_some() && is_of_its_kind(done);
    let of_its_kind = || threat.mitigation_status.iter().filter(counts);
    let last = if of_its_kind().all(|done| done.begun().is_some()) {
        // One format of one vendor, so that the texts are in the order of the times.
        of_its_kind().max_by(|one, other| one.begun().cmp(&other.begun()))
    } else {
        of_its_kind().next_back()
    };
    let last = last.filter(|done| done.action() == action);
    let Some(status) = last.and_then(|done| done.status.as_deref()) else { return Reading::Unseen };
    let text = format!("{action} {}", printable(status, 30));
    match status {
        "success" => Reading::There(text),
        "failed" | "partial" | "not_applied" => Reading::Failed(text),
        _ => Reading::OnItsWay(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn exactly_one_must_have_been_affected() {
        assert_eq!(affected(br#"{"data":{"affected":1},"errors":[]}"#), Ok(Answer::Accepted));
        assert_eq!(affected(br#"{"data":{"affected":0}}"#), Ok(Answer::Nothing));
        for odd in
            [r#"{"data":{"affected":2}}"#, r#"{"data":{}}"#, r#"{"data":{"affected":-1}}"#, "{}", "", "[]", "<html>"]
        {
            assert_eq!(affected(odd.as_bytes()), Err(None), "{odd}");
        }
        let error =
            affected(br#"{"errors":[{"code":4000010,"detail":"no","title":"Validation"}],"data":{"affected":1}}"#);
        assert_eq!(error.unwrap_err().unwrap().to_string(), "code 4000010, no");
    }

    #[test]
    fn a_search_with_more_hits_than_it_shows_is_no_target() {
        let one =
            r#"{"data":[{"id":"7","computerName":"WS-01","networkStatus":"connected"}],"pagination":{"totalItems":1}}"#;
        assert_eq!(agents(one.as_bytes()), Ok(Found::One("7".into())));
        assert!(matches!(agent(one.as_bytes(), "7"), Ok(Some(_))));
        assert_eq!(agent(one.as_bytes(), "8"), Err(Malformed), "not the one that was asked for");
        assert_eq!(agents(one.replace("\"totalItems\":1", "\"totalItems\":2").as_bytes()), Ok(Found::Several));
        assert_eq!(agents(br#"{"data":[]}"#), Ok(Found::Nothing));
        assert_eq!(agent(br#"{"data":[]}"#, "7"), Ok(None));
        assert_eq!(agents(br#"{"data":null}"#), Err(Malformed));
        assert_eq!(agents(br#"{"data":[["7","WS-01","connected"]]}"#), Err(Malformed), "a list is no agent");
    }

    fn threat(pairs: &[(&str, &str)]) -> Threat {
        let attempts: Vec<_> =
            pairs.iter().map(|(action, status)| json!({"action": action, "status": status})).collect();
        serde_json::from_value(json!({"id": "7", "mitigationStatus": attempts})).unwrap()
    }

    #[test]
    fn an_earlier_attempt_says_nothing_about_a_later_one() {
        let before = threat(&[("kill", "failed"), ("quarantine", "success")]);
        let reading = |now: Threat| mitigation(&now.since(&before), "kill");
        assert_eq!(reading(before.clone()), Reading::Unseen, "not listed yet");
        let listed = |status| threat(&[("quarantine", "success"), ("kill", "failed"), ("kill", status)]);
        assert!(matches!(reading(listed("pending")), Reading::OnItsWay(_)));
        assert!(matches!(reading(listed("success")), Reading::There(_)));
        assert!(matches!(reading(listed("failed")), Reading::Failed(_)), "it has failed again");
        // The vendor may write over the entry instead.
        assert!(matches!(reading(threat(&[("kill", "success")])), Reading::There(_)));
        let mut again = before.clone();
        again.mitigation_status[0].mitigation_started_at = Some("2026-11-30T06:00:00Z".into());
        assert!(matches!(reading(again), Reading::Failed(_)));
    }

    #[test]
    fn a_mitigation_counts_by_its_last_word() {
        assert_eq!(mitigation(&threat(&[]), "kill"), Reading::Unseen);
        assert!(matches!(mitigation(&threat(&[("kill", "pending")]), "kill"), Reading::OnItsWay(_)));
        assert!(matches!(mitigation(&threat(&[("kill", "failed"), ("kill", "success")]), "kill"), Reading::There(_)));
        assert!(matches!(mitigation(&threat(&[("kill", "failed")]), "kill"), Reading::Failed(_)));
        assert_eq!(mitigation(&threat(&[("quarantine", "success")]), "kill"), Reading::Unseen);
        let undone = threat(&[("quarantine", "success"), ("un-quarantine", "success")]);
        assert_eq!(mitigation(&undone, "quarantine"), Reading::Unseen);
        assert!(matches!(mitigation(&undone, "un-quarantine"), Reading::There(_)));
        let mut latest_first = threat(&[("un-quarantine", "success"), ("quarantine", "success")]);
        latest_first.mitigation_status[0].mitigation_started_at = Some("2026-11-30T07:00:00Z".into());
        latest_first.mitigation_status[1].mitigation_started_at = Some("2026-11-30T06:00:00Z".into());
        assert_eq!(mitigation(&latest_first, "quarantine"), Reading::Unseen, "whatever their order");
    }

    #[test]
    fn both_spellings_of_a_release_from_quarantine_are_one() {
        let body = br#"{"data":[{"id":"7","mitigationStatus":[{"action":"unquarantine","status":"success"}]}]}"#;
        let threat = super::threat(body, "7").unwrap().unwrap();
        assert!(matches!(mitigation(&threat, "un-quarantine"), Reading::There(_)));
    }
}
