//! The audit entry of a click.

use serde_json::json;
use vyrox_audit::Draft;
use vyrox_domain::approval::{Outcome, Ruling};
use vyrox_domain::interaction::Click;
use vyrox_domain::record::AlertRecord;

/// An entry that says who clicked, on which card, about which alert.
pub(crate) fn of(record: &AlertRecord, click: &Click, kind: &str, now: i64) -> Draft {
    let mut event = Draft::event(now, record.alert.tenant_id.as_str(), kind);
    event.host = record.alert.hostname.clone().unwrap_or_default();
    event.alert_id = Some(record.alert.id.to_string());
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
