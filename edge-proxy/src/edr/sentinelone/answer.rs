//! SentinelOne's answers: pure functions of their bytes. Every body is `{"data":..,"errors":[..]}`.

use crate::edr::api::Malformed;
use crate::edr::change::{Answer, Reading};
use crate::edr::device::{Device, Found};
use crate::edr::failure::{Refusal, printable};
use crate::edr::json;
use serde::Deserialize;
use serde_json::{Map, Value};
use vyrox_contract::Operation;

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threat {
    /// The agent that it is on.
    pub agent: Option<String>,
    /// Each attempt of a mitigation, in the order given.
    pub mitigations: Vec<Attempt>,
}

/// One attempt of a mitigation, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// `kill`, `quarantine`, ...
    pub action: String,
    /// `success`, `failed`, ...
    pub status: String,
    /// When it was begun, in the vendor's words, if it says so.
    pub started: Option<Value>,
}

impl Attempt {
    fn begun(&self) -> Option<&str> {
        self.started.as_ref()?.as_str()
    }
}

impl Threat {
    /// Only what is new since it looked like `before`: an attempt that was there says nothing about a later one, which may be
    /// listed late. An entry that was written over is new.
    #[must_use]
    pub fn since(mut self, before: &Self) -> Self {
        for known in &before.mitigations {
            if let Some(at) = self.mitigations.iter().position(|mitigation| mitigation == known) {
                self.mitigations.remove(at);
            }
        }
        self
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThreatItem {
    id: String,
    agent_realtime_info: Option<RealtimeInfo>,
    mitigation_status: Option<Vec<AttemptItem>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RealtimeInfo {
    agent_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttemptItem {
    action: Option<String>,
    status: Option<String>,
    mitigation_started_at: Option<Value>,
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
    let body: Option<Body<serde::de::IgnoredAny>> = json::read(bytes).ok();
    let first = body.and_then(|body| body.errors?.into_iter().next());
    first.map(|error| error.refusal()).unwrap_or_default()
}

/// The agents of an answer. More than it says it shows counts as several.
fn found(bytes: &[u8]) -> Result<Found<Agent>, Malformed> {
    let body: Body<Vec<Agent>> = json::read(bytes)?;
    let total = body.pagination.and_then(|page| page.total_items);
    let found = Found::of(body.data.ok_or(Malformed)?);
    Ok(if total.is_some_and(|total| total > 1) { Found::Several } else { found })
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
    let body: Body<Vec<ThreatItem>> = json::read(bytes)?;
    let item = body.data.ok_or(Malformed)?.into_iter().find(|item| item.id == id);
    Ok(item.map(|item| Threat {
        agent: item.agent_realtime_info.and_then(|info| info.agent_id),
        mitigations: item
            .mitigation_status
            .unwrap_or_default()
            .into_iter()
            .filter_map(|item| {
                // The vendor asks for one spelling and lists the other.
                let action =
                    item.action.map(|action| if action == "unquarantine" { "un-quarantine".into() } else { action });
                Some(Attempt { action: action?, status: item.status?, started: item.mitigation_started_at })
            })
            .collect(),
    }))
}

/// What became of a request that named exactly one id: it must have affected exactly one.
///
/// # Errors
/// `Err(None)` if it is not understood, `Err(Some)` with the vendor's error.
pub fn affected(bytes: &[u8]) -> Result<Answer, Option<Refusal>> {
    let body: Body<Map<String, Value>> = json::read(bytes).map_err(|_| None)?;
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
    let of_its_kind = || threat.mitigations.iter().filter(|done| done.action == action || done.action == undone_by);
    let last = if of_its_kind().all(|done| done.begun().is_some()) {
        // One format of one vendor, so that the texts are in the order of the times.
        of_its_kind().max_by(|one, other| one.begun().cmp(&other.begun()))
    } else {
        of_its_kind().next_back()
    };
    let Some(Attempt { action: done, status, .. }) = last.filter(|done| done.action == action) else {
        return Reading::Unseen;
    };
    let text = format!("{} {}", printable(done, 30), printable(status, 30));
    match status.as_str() {
        "success" => Reading::There(text),
        "failed" | "partial" | "not_applied" => Reading::Failed(text),
        _ => Reading::OnItsWay(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let attempt = |(action, status): &(&str, &str)| Attempt {
            action: (*action).into(),
            status: (*status).into(),
            started: None,
        };
        Threat { agent: None, mitigations: pairs.iter().map(attempt).collect() }
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
        again.mitigations[0].started = Some("2026-11-30T06:00:00Z".into());
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
        latest_first.mitigations[0].started = Some("2026-11-30T07:00:00Z".into());
        latest_first.mitigations[1].started = Some("2026-11-30T06:00:00Z".into());
        assert_eq!(mitigation(&latest_first, "quarantine"), Reading::Unseen, "whatever their order");
    }

    #[test]
    fn both_spellings_of_a_release_from_quarantine_are_one() {
        let body = br#"{"data":[{"id":"7","mitigationStatus":[{"action":"unquarantine","status":"success"}]}]}"#;
        let threat = super::threat(body, "7").unwrap().unwrap();
        assert!(matches!(mitigation(&threat, "un-quarantine"), Reading::There(_)));
    }
}
