//! What is said beside the card, each once: reminders, the escalation, the expiry, a failure.

use crate::{Notify, NotifyError, Subject};
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::AlertId;
use vyrox_domain::card::Notice;
use vyrox_domain::storm::Digest;
use vyrox_domain::tenant::Tenant;
use vyrox_platform::discord::{Purpose, Turn};
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{SortKey, Versioned};

/// Questions that nobody has seen yet come before what reminds of others, or says that it is too late for one.
const fn turn(notice: &Notice) -> Turn {
    match notice {
        Notice::Reminder { .. } | Notice::Expired { .. } => Turn::AfterOthers,
        Notice::Escalation { .. } | Notice::Failed { .. } => Turn::Next,
    }
}

impl Notify {
    /// Says what is due about an alert whose card is up to date.
    pub(crate) async fn tell(&self, subject: &Subject) -> Result<(), NotifyError> {
        let (Subject { record, tenant, .. }, now) = (subject, self.clock.now());
        let Some(notice) = Notice::due(record, tenant, now) else { return Ok(()) };
        let Some(posted) = record.posted.as_ref() else { return Ok(()) };
        let name = notice.to_string();
        let message = notice.message(record, tenant, posted);
        let purpose = Purpose::Notice(&name, turn(&notice));
        let said = self.create(tenant, posted.channel_id, &message, record.alert.id, purpose).await?;
        let mut told = Subject { now, ..subject.clone() };
        told.record.notices.insert(name.clone());
        let mut event = told.entry("NOTICE_SENT");
        event.detail.insert("notice".to_owned(), json!(name));
        event.detail.insert("message_id".to_owned(), json!(said));
        self.ledger.commit(&tenant.id, &[told.change()], &event).await?;
        Ok(())
    }

    /// The same about a digest's plan for several hosts.
    pub(crate) async fn tell_of_plan(&self, tenant: &Tenant, id: AlertId) -> Result<(), NotifyError> {
        let (key, now) = (SortKey::digest(id), self.clock.now());
        let Some(Versioned { value: mut digest, version }) = self.table.read::<Digest>(&tenant.id, &key, now).await?
        else {
            return Ok(());
        };
        let Some(notice) = Notice::due_jointly(&digest, tenant, now) else { return Ok(()) };
        let Some(posted) = digest.posted.clone() else { return Ok(()) };
        let name = notice.to_string();
        let message = notice.joint_message(&digest, tenant, &posted);
        let purpose = Purpose::Notice(&name, turn(&notice));
        let said = self.create(tenant, posted.channel_id, &message, id, purpose).await?;
        digest.notices.insert(name.clone());
        let mut event = Draft::event(now, tenant.id.as_str(), "NOTICE_SENT");
        event.detail.insert("digest".to_owned(), json!(id));
        event.detail.insert("notice".to_owned(), json!(name));
        event.detail.insert("message_id".to_owned(), json!(said));
        let change = Change::put(key, &digest, Expect::Version(version)).expiring(digest.expires_at());
        self.ledger.commit(&tenant.id, &[change], &event).await?;
        Ok(())
    }
}
