//! The audit entry of a click.

use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::TenantId;
use vyrox_domain::approval::{JointOutcome, JointRuling, Outcome, Ruling};
use vyrox_domain::interaction::Click;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::storm::Digest;

/// An entry that says who clicked, on which card, about which alert.
pub(crate) fn of(record: &AlertRecord, click: &Click, kind: &str, now: i64) -> Draft {
    let mut event = clicked(&record.alert.tenant_id, click, kind, now);
    event.host = record.alert.hostname.clone().unwrap_or_default();
    event.alert_id = Some(record.alert.id.to_string());
    event
}

fn clicked(tenant_id: &TenantId, click: &Click, kind: &str, now: i64) -> Draft {
    let mut event = Draft::event(now, tenant_id.as_str(), kind);
    event.approved_by = click.member().name().to_owned();
    event.detail.insert("user_id".to_owned(), json!(click.member().user_id()));
    event.detail.insert("interaction_id".to_owned(), json!(click.interaction_id()));
    event.detail.insert("channel_id".to_owned(), json!(click.channel_id()));
    event.detail.insert("message_id".to_owned(), json!(click.message_id()));
    event
}

/// An entry of what a click came to: with the reason that was given, what was asked beyond it, and the action, if there is one.
pub(crate) fn ruled(ruling: &Ruling, click: &Click, kind: &str, now: i64) -> Draft {
    let mut entry = of(&ruling.record, click, kind, now);
    let mut detail = |name: &str, value| entry.detail.insert(name.to_owned(), value);
    if let Some(reason) = reason(ruling, click) {
        detail("reason", json!(reason));
    }
    if ruling.factor.is_some() {
        detail("step_up", json!("totp"));
    }
    if let Some(wanted) = ruling.record.second_wanted {
        detail("second_wanted", json!(wanted));
    }
    if matches!(ruling.outcome, Outcome::BrokeGlass(_)) {
        detail("break_glass", json!(true));
    }
    if let Some(action) = ruling.outcome.action() {
        detail("plan_digest", json!(action.plan().digest().hex()));
        detail("proxy_id", json!(action.plan().proxy_id()));
        entry.request_id = Some(action.request_id().to_string());
    }
    entry
}

/// An entry that says who clicked on which digest.
pub(crate) fn of_digest(digest: &Digest, click: &Click, kind: &str, now: i64) -> Draft {
    let mut event = clicked(&digest.tenant_id, click, kind, now);
    event.detail.insert("digest".to_owned(), json!(digest.id));
    event
}

/// The entries of what a click on a plan for several hosts came to: of a first yes, one; of what settles it, one for each
/// host, of the same kind and with the same detail as if it had been decided by itself.
pub(crate) fn ruled_jointly(ruling: &JointRuling, click: &Click, now: i64) -> Vec<Draft> {
    let kind = match ruling.outcome {
        JointOutcome::Counted => {
            return vec![jointly(of_digest(&ruling.digest, click, "JOINT_APPROVAL_COUNTED", now), ruling)];
        }
        JointOutcome::Approved(_) => "APPROVED",
        JointOutcome::Denied => "DENIED",
    };
    let host = |record: &AlertRecord| {
        let mut entry = jointly(of(record, click, kind, now), ruling);
        let action = ruling.outcome.actions().iter().find(|action| action.alert_id() == record.alert.id);
        if let Some(action) = action {
            entry.detail.insert("plan_digest".to_owned(), json!(action.plan().digest().hex()));
            entry.detail.insert("proxy_id".to_owned(), json!(action.plan().proxy_id()));
            entry.request_id = Some(action.request_id().to_string());
        }
        entry
    };
    ruling.records.iter().map(host).collect()
}

/// With what every entry of a joint plan says.
fn jointly(mut entry: Draft, ruling: &JointRuling) -> Draft {
    let mut detail = |name: &str, value| entry.detail.insert(name.to_owned(), value);
    if let Some(reason) = &ruling.vote.reason {
        detail("reason", json!(reason));
    }
    if ruling.factor.is_some() {
        detail("step_up", json!("totp"));
    }
    detail("digest", json!(ruling.digest.id));
    detail("joint_plan", json!(ruling.plan.digest().hex()));
    detail("hosts", json!(ruling.plan.alerts().len()));
    entry
}

/// The reason that this very click gave.
fn reason<'a>(ruling: &'a Ruling, click: &Click) -> Option<&'a str> {
    use vyrox_domain::record::Decision;
    let denied = match &ruling.record.decision {
        Some(Decision::Denied { by }) => Some(by),
        _ => None,
    };
    let mut votes = ruling.record.votes.iter().chain(&ruling.record.release_votes).chain(denied);
    votes.find(|vote| vote.interaction_id == click.interaction_id())?.reason.as_deref()
}
