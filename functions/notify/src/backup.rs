//! A CRITICAL alert that Discord does not take goes over the tenant's backup path, once.

use crate::{Notify, NotifyError, Subject};
use serde_json::json;
use vyrox_domain::backup::{self, Backup, BackupPath, BackupState};
use vyrox_platform::backup::post;
use vyrox_platform::discord::DiscordError;
use vyrox_platform::ledger::CommitError;

impl Notify {
    /// Sends a backup of an alert whose card was not sent because of `error`, if it is due. Claimed in the record first, so
    /// that of several functions one sends it; a claim whose function died is taken over.
    pub(crate) async fn back_up(&self, subject: &Subject, error: &NotifyError) -> Result<(), NotifyError> {
        // Waiting is of no use: somebody has to do something first.
        let is_hopeless = matches!(
            error,
            NotifyError::ChannelBroken { .. }
                | NotifyError::NoChannel
                | NotifyError::Discord(DiscordError::Stopped(_) | DiscordError::Refused { .. })
        );
        let is_discord = is_hopeless || matches!(error, NotifyError::Discord(_));
        let Some(BackupPath::Webhook(url)) = subject.tenant.backup.as_ref().filter(|_| is_discord) else {
            return Ok(());
        };
        if !backup::is_due(&subject.record, is_hopeless, self.clock.now()) {
            return Ok(());
        }
        let mut version = subject.version;
        match self.note(subject, &mut version, BackupState::Claimed, "BACKUP_STARTED").await {
            // Somebody else is at it, or Discord has it now.
            Err(NotifyError::Commit(CommitError::Conflict(_))) => return Ok(()),
            other => other?,
        }
        let (state, kind) = match post(&self.reach, url, &backup::letter(&subject.record, self.clock.now())).await {
            Ok(()) => (BackupState::Sent, "BACKUP_SENT"),
            Err(error) => {
                tracing::error!(tenant_id = %subject.tenant.id, alert_id = %subject.record.alert.id, %error, "backup was not taken");
                (BackupState::Failed, "BACKUP_FAILED")
            }
        };
        self.note(subject, &mut version, state, kind).await
    }

    async fn note(
        &self,
        subject: &Subject,
        version: &mut u64,
        state: BackupState,
        kind: &str,
    ) -> Result<(), NotifyError> {
        let now = self.clock.now();
        let mut record = subject.record.clone();
        record.backup = Some(Backup { state, at: now });
        let after = Subject { record, version: *version, tenant: subject.tenant.clone(), now, is_just_placed: false };
        let mut event = after.entry(kind);
        event.detail.insert("state".to_owned(), json!(state));
        self.ledger.commit(&subject.tenant.id, &[after.change()], &event).await?;
        *version += 1;
        Ok(())
    }
}
