//! What is told of an alert. Text that may hold a secret goes through the same redaction as on a card; what only our functions
//! need (digests, message ids) is left out; who decided is told only to whoever may know it.

use serde_json::{Value, json};
use vyrox_domain::access::{Access, Permission};
use vyrox_domain::record::{ActionSummary, AlertRecord, Decision, Vote};
use vyrox_domain::redact::Redactor;

/// The alert's fields that come from command lines or may quote one.
const TEXTS: [&str; 8] = [
    "title",
    "process_name",
    "process_path",
    "process_cmdline",
    "parent_process",
    "parent_cmdline",
    "username",
    "technique",
];

/// An alert in a list.
pub(crate) fn line(record: &AlertRecord) -> Value {
    let alert = &record.alert;
    let verdict = record.verdict.as_ref();
    json!({
        "id": alert.id,
        "source": alert.source,
        "timestamp": alert.timestamp,
        "received_at": alert.received_at,
        "hostname": alert.hostname,
        "title": alert.title.as_deref().map(redacted),
        "vendor_severity": alert.vendor_severity,
        "verdict": verdict.map(|verdict| verdict.verdict),
        "confidence": verdict.map(|verdict| verdict.confidence),
        "test": record.canary,
    })
}

/// One alert with all that the caller may know of it.
pub(crate) fn whole(record: &AlertRecord, access: &Access) -> Value {
    let mut alert = json!(record.alert);
    for name in TEXTS {
        redact(&mut alert[name]);
    }
    if let Some(fields) = alert.as_object_mut() {
        // Indexing made the absent ones; absent is absent.
        fields.retain(|_, value| !value.is_null());
        fields.remove("tenant_id");
    }
    let mut verdict = json!(record.verdict);
    redact(&mut verdict["reasoning"]);
    for evidence in verdict["evidence"].as_array_mut().into_iter().flatten() {
        redact(&mut evidence["matched"]);
    }
    let mut whole = json!({"alert": alert, "verdict": record.verdict.as_ref().map(|_| verdict), "test": record.canary});
    if access.allows(Permission::ReadDecisions) {
        whole["decision"] = decision(record);
        whole["containment"] = action(record.containment.as_ref());
        whole["release"] = action(record.release.as_ref());
    }
    whole
}

/// A decision in a list.
pub(crate) fn decided(record: &AlertRecord) -> Value {
    json!({
        "alert_id": record.alert.id,
        "hostname": record.alert.hostname,
        "received_at": record.alert.received_at,
        "verdict": record.verdict.as_ref().map(|verdict| verdict.verdict),
        "decision": decision(record),
        "containment": action(record.containment.as_ref()),
        "release": action(record.release.as_ref()),
    })
}

fn decision(record: &AlertRecord) -> Value {
    match &record.decision {
        Some(Decision::Approved { at, manner }) => {
            let by: Vec<Value> = record.votes.iter().map(person).collect();
            json!({"decided": "approved", "at": at, "manner": manner.as_str(), "by": by})
        }
        Some(Decision::Denied { by }) => json!({"decided": "denied", "at": by.at, "by": [person(by)]}),
        None => Value::Null,
    }
}

fn person(vote: &Vote) -> Value {
    json!({"user_id": vote.user_id, "name": vote.name, "at": vote.at, "reason": vote.reason.as_deref().map(redacted)})
}

fn action(summary: Option<&ActionSummary>) -> Value {
    let Some(summary) = summary else { return Value::Null };
    json!({
        "request_id": summary.request_id,
        "state": summary.state,
        "verification": summary.verification,
        "detail": summary.detail.as_deref().map(redacted),
        "vendor_reference": summary.vendor_reference,
        "at": summary.at,
        "lease_until": summary.lease_until,
        "requested_by": summary.requested_by.as_ref().map(person),
    })
}

fn redact(value: &mut Value) {
    if let Value::String(text) = value {
        *text = redacted(text);
    }
}

fn redacted(text: &str) -> String {
    Redactor::default().text(text).into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use vyrox_domain::access::Role;

    /// A record with a verdict of this level, approved at this time.
    pub(crate) fn record(received_at: i64, level: Option<&str>, decided_at: Option<i64>) -> AlertRecord {
        let mut record = json!({
            "alert": {"tenant_id": "acme", "id": "00000000-0000-4000-8000-000000000000", "source": "generic",
                "raw_id": "1", "timestamp": received_at, "vendor_severity": "HIGH", "received_at": received_at,
                "revision": 0, "title": "curl with --password S3cretValue9",
                "process_cmdline": "mysql --password=S3cretValue9 -e 'select 1'"},
            "content_digest": "",
        });
        if let Some(level) = level {
            record["verdict"] = json!({"verdict": level, "confidence": 0.9, "decided_by": "heuristics",
                "techniques": [], "suggested_action": "monitor", "ruleset": "1",
                "evidence": [{"rule_id": "r", "title": "t", "family": "f", "weight": 0.9, "field": "process_cmdline",
                    "matched": "mysql --password=S3cretValue9"}]});
        }
        if let Some(at) = decided_at {
            record["decision"] = json!({"approved": {"at": at}});
            record["votes"] = json!([{"user_id": "7", "name": "jane", "at": at, "interaction_id": "8"}]);
        }
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn no_view_has_a_secret_of_a_command_line() {
        let record = record(1, Some("HIGH"), Some(2));
        for view in [line(&record), whole(&record, &Access::of(Role::Owner)), decided(&record)] {
            assert!(!view.to_string().contains("S3cretValue9"), "{view}");
        }
        let whole = whole(&record, &Access::of(Role::Owner));
        assert!(whole["alert"]["process_cmdline"].as_str().unwrap().contains("[redacted:password]"), "{whole}");
        assert!(whole["alert"].get("hostname").is_none() && whole["alert"].get("username").is_none(), "{whole}");
    }

    #[test]
    fn who_decided_is_told_only_to_whoever_may_know_it() {
        let record = record(1, Some("HIGH"), Some(2));
        let all = whole(&record, &Access::of(Role::Security));
        assert_eq!(
            (&all["decision"]["decided"], &all["decision"]["by"][0]["name"]),
            (&json!("approved"), &json!("jane"))
        );
        let less = whole(&record, &Access::of(Role::Developer));
        assert!(!less.to_string().contains("jane") && less.get("decision").is_none(), "{less}");
        assert_eq!(less["verdict"]["verdict"], "HIGH");
    }
}
