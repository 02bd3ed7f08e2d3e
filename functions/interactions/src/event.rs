//! The audit entry of a click.

use serde_json::json;
use vyrox_audit::Draft;
use vyrox_domain::interaction::Click;
use vyrox_domain::record::AlertRecord;

/// An entry that says who clicked, on which card, about which alert.
pub(crate) fn of(record: &AlertRecord, click: &Click, kind: &str, now: i64) -> Draft {
    let mut event = Draft::event(now, record.alert.tenant_id.as_str(), kind);
    event.host = record.alert.hostname.clone().unwrap_or_default();
    event.alert_id = Some(record.alert.id.to_string());
    event.approved_by = click.member().name().chars().take(80).collect();
    event.detail.insert("user_id".to_owned(), json!(click.member().user_id()));
    event.detail.insert("interaction_id".to_owned(), json!(click.interaction_id()));
    event.detail.insert("channel_id".to_owned(), json!(click.channel_id()));
    event.detail.insert("message_id".to_owned(), json!(click.message_id()));
    event
}
