//! What is said beside the card, each once: reminders, the escalation, the expiry, a failure.

use crate::{Notify, NotifyError, Subject};
use serde_json::json;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::card::Notice;
use vyrox_platform::discord::Purpose;

impl Notify {
    /// Says what is due. The record is read again: its card has just been drawn.
    pub(crate) async fn tell(&self, tenant_id: &TenantId, alert_id: AlertId) -> Result<(), NotifyError> {
        let Subject { mut record, version, tenant, now } = self.read(tenant_id, alert_id).await?;
        let Some(notice) = Notice::due(&record, &tenant, now) else { return Ok(()) };
        let Some(posted) = record.posted.clone() else { return Ok(()) };
        let name = notice.to_string();
        let message = notice.message(&record, &tenant, &posted);
        let said = self.create(&tenant, posted.channel_id, &message, alert_id, Purpose::Notice(&name)).await?;
        record.notices.insert(name.clone());
        let subject = Subject { record, version, tenant, now };
        let mut event = subject.entry("NOTICE_SENT");
        event.detail.insert("notice".to_owned(), json!(name));
        event.detail.insert("message_id".to_owned(), json!(said));
        self.ledger.commit(tenant_id, &[subject.change()], &event).await?;
        Ok(())
    }
}
