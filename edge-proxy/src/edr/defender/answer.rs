//! Defender's answers: pure functions of their bytes. A list is `{"value":[..]}`, an error `{"error":{"code","message"}}`.

use crate::edr::api::Malformed;
use crate::edr::change::Reading;
use crate::edr::device::{Device, Found, is_plain};
use crate::edr::failure::Refusal;
use crate::text::printable;
use serde::Deserialize;
use vyrox_contract::strict;

#[derive(Deserialize)]
struct List<T> {
    value: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    id: String,
    computer_dns_name: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ApiError,
}

#[derive(Deserialize)]
struct ApiError {
    code: Option<String>,
    message: Option<String>,
    // The id of this very error.
    target: Option<String>,
}

/// One machine action, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionItem {
    /// Its id.
    pub id: String,
    /// `Isolate`, `Unisolate`, `StopAndQuarantineFile`, ...
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `Pending`, `InProgress`, `Succeeded`, `Failed`, `TimeOut`, `Cancelled`.
    pub status: Option<String>,
    /// `Full` or `Selective`, of an isolation.
    pub scope: Option<String>,
    /// The machine.
    pub machine_id: Option<String>,
    /// Who asked, in their own id for it.
    #[serde(rename = "externalID", alias = "externalId")]
    pub external_id: Option<String>,
    /// Who asked, in their own words.
    pub requestor_comment: Option<String>,
    /// When it was made: RFC 3339, always in UTC.
    pub creation_date_time_utc: Option<String>,
    related_file_info: Option<RelatedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RelatedFile {
    file_identifier: Option<String>,
}

impl ActionItem {
    /// The hash of the file that it is about.
    pub fn file(&self) -> Option<&str> {
        self.related_file_info.as_ref()?.file_identifier.as_deref()
    }
}

/// The error of a body; an empty one for a body that has none or is none.
pub fn refusal(bytes: &[u8]) -> Refusal {
    let Ok(ErrorBody { error }) = strict::from_slice(bytes) else { return Refusal::default() };
    let text = |text: Option<String>, most| printable(text.as_deref().unwrap_or_default(), most);
    let trace = Some(text(error.target, 64)).filter(|trace| !trace.is_empty());
    Refusal { status: 0, code: text(error.code, 48), message: text(error.message, 160), trace }
}

/// Whether a refusal says that the same kind of action is being worked on.
pub fn is_in_progress(refusal: &Refusal) -> bool {
    refusal.status == 400
        && (refusal.code == "ActiveRequestAlreadyExists"
            || refusal.message.to_ascii_lowercase().contains("already in progress"))
}

/// The machine, if it is the one of this id.
///
/// # Errors
/// [`Malformed`], also for another.
pub fn machine(bytes: &[u8], id: &str) -> Result<Option<Device>, Malformed> {
    let machine: Machine = strict::from_slice(bytes)?;
    let device = Device { id: machine.id, hostname: machine.computer_dns_name, state: None };
    if device.id == id { Ok(Some(device)) } else { Err(Malformed) }
}

/// The id of the one machine that a search has found.
///
/// # Errors
/// [`Malformed`].
pub fn machines(bytes: &[u8]) -> Result<Found<String>, Malformed> {
    let list: List<Machine> = strict::from_slice(bytes)?;
    Ok(Found::of(list.value.into_iter().map(|machine| machine.id), None))
}

/// A machine action whose id can be asked for again.
///
/// # Errors
/// [`Malformed`].
pub fn action(bytes: &[u8]) -> Result<ActionItem, Malformed> {
    let action: ActionItem = strict::from_slice(bytes)?;
    if is_plain(&action.id) { Ok(action) } else { Err(Malformed) }
}

/// A list of machine actions whose ids can be asked for again, the newest first.
///
/// # Errors
/// [`Malformed`].
pub fn actions(bytes: &[u8]) -> Result<Vec<ActionItem>, Malformed> {
    let List { mut value } = strict::from_slice::<List<ActionItem>>(bytes)?;
    value.retain(|action| is_plain(&action.id));
    value.sort_by(|one, other| other.creation_date_time_utc.cmp(&one.creation_date_time_utc));
    Ok(value)
}

/// How far one machine action is.
pub fn progress(action: &ActionItem) -> Reading {
    let status = action.status.as_deref().unwrap_or_default();
    let text = format!("{} {}", printable(action.kind.as_deref().unwrap_or("action"), 30), printable(status, 30));
    match status {
        "Succeeded" => Reading::There(text),
        "Failed" | "TimeOut" | "Cancelled" => Reading::Failed(text),
        "" => Reading::Unseen,
        _ => Reading::OnItsWay(text),
    }
}

/// How far a state is that `wanted` sets and `opposite` ends: the newest of the two that did not fail tells. `scope` must be
/// the isolation's, where there is one.
pub fn state(actions: &[ActionItem], wanted: &str, opposite: &str, scope: Option<&str>) -> Reading {
    for action in actions {
        let kind = action.kind.as_deref().unwrap_or_default();
        let reading = progress(action);
        let counts = matches!(reading, Reading::There(_) | Reading::OnItsWay(_));
        if counts && kind == wanted && (scope.is_none() || action.scope.is_none() || action.scope.as_deref() == scope) {
            return reading;
        }
        if counts && (kind == wanted || kind == opposite) {
            let scope = action.scope.as_deref().map(|scope| format!(" ({})", printable(scope, 20))).unwrap_or_default();
            return Reading::Elsewhere(format!("{}{scope}", printable(kind, 30)));
        }
    }
    Reading::Unseen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[(&str, &str, &str)]) -> Vec<ActionItem> {
        let items: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(at, (kind, status, scope))| {
                serde_json::json!({"id": format!("a-{at}"), "type": kind, "status": status, "scope": scope,
                    "creationDateTimeUtc": format!("2026-01-0{}T00:00:00Z", at + 1)})
            })
            .collect();
        actions(serde_json::json!({"value": items}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_newest_action_that_did_not_fail_tells_the_state() {
        let isolated = |items: &[_]| state(&list(items), "Isolate", "Unisolate", Some("Full"));
        assert_eq!(isolated(&[]), Reading::Unseen);
        assert!(matches!(isolated(&[("Isolate", "Succeeded", "Full")]), Reading::There(_)));
        assert!(matches!(isolated(&[("Isolate", "Pending", "Full")]), Reading::OnItsWay(_)));
        let back = [("Isolate", "Succeeded", "Full"), ("Unisolate", "Succeeded", "Full")];
        assert!(matches!(isolated(&back), Reading::Elsewhere(_)));
        let failed = [("Isolate", "Succeeded", "Full"), ("Unisolate", "Failed", "Full")];
        assert!(matches!(isolated(&failed), Reading::There(_)), "a release that failed released nothing");
        assert!(matches!(isolated(&[("Isolate", "Succeeded", "Selective")]), Reading::Elsewhere(_)), "only in part");
        assert_eq!(isolated(&[("RunAntiVirusScan", "Succeeded", "")]), Reading::Unseen);
    }

    #[test]
    fn both_spellings_of_in_progress_are_known_and_no_other_400() {
        let read = |text: &str| Refusal { status: 400, ..refusal(text.as_bytes()) };
        assert!(is_in_progress(&read(r#"{"error":{"code":"ActiveRequestAlreadyExists","message":"x","target":"t"}}"#)));
        assert!(is_in_progress(&read(r#"{"error":{"code":"BadRequest","message":"Action is already in progress"}}"#)));
        assert!(!is_in_progress(&read(r#"{"error":{"code":"OsPlatformNotSupported","message":"no"}}"#)));
        assert_eq!(refusal(b"<html>"), Refusal::default());
    }

    #[test]
    fn an_action_whose_id_could_lead_elsewhere_is_not_understood() {
        assert!(action(br#"{"id":"5382f7ea-7557","status":"Pending"}"#).is_ok());
        for bad in [r#"{"id":"../machines"}"#, r#"{"id":""}"#, "{}", "", r#"{"id":7}"#] {
            assert_eq!(action(bad.as_bytes()), Err(Malformed), "{bad}");
        }
        assert_eq!(machines(br#"{"value":[["a1","ws-01"]]}"#), Err(Malformed), "a list is no machine");
    }
}
