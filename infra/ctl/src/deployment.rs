//! The deployment that a command works on: what it can read, and the one way to change something.

use crate::config::Settings;
use crate::error::CtlError;
use serde_json::json;
use std::sync::Arc;
use vyrox_audit::Draft;
use vyrox_checkpoint::{Checkpointer, ConnectError};
use vyrox_contract::{KeyId, TenantId, VerifyingKey};
use vyrox_domain::tenant::Tenant;
use vyrox_platform::aws::Clients;
use vyrox_platform::checkpoint::CheckpointKey;
use vyrox_platform::clock::{Clock, SystemClock};
use vyrox_platform::config;
use vyrox_platform::evidence::{Opener, Sealer};
use vyrox_platform::ledger::Ledger;
use vyrox_platform::secrets::Secrets;
use vyrox_platform::signer::Signer;
use vyrox_platform::table::{Lookup, SortKey, Table, Versioned};
use vyrox_platform::volatile::Volatile;

/// A deployment. Building it opens no connection.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) table: Table,
    pub(crate) ledger: Ledger,
    pub(crate) secrets: Secrets,
    pub(crate) evidence: Opener,
    pub(crate) sealer: Sealer,
    pub(crate) clients: Clients,
    pub(crate) settings: Settings,
    clock: Arc<dyn Clock>,
}

impl Deployment {
    pub(crate) fn new(settings: Settings) -> Self {
        let clients = Clients::new(&settings.aws);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let table = Table::new(clients.dynamodb.clone(), &settings.table);
        Self {
            ledger: Ledger::new(table.clone(), "ctl", Arc::clone(&clock)),
            secrets: Secrets::new(clients.kms.clone(), &settings.secrets_key, Arc::clone(&clock)),
            sealer: Sealer::new(clients.kms.clone(), &settings.secrets_key, Arc::clone(&clock)),
            evidence: Opener::new(clients.kms.clone(), &settings.secrets_key),
            clients,
            table,
            settings,
            clock,
        }
    }

    /// Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The tenant, which must exist.
    pub(crate) async fn tenant(&self, id: &TenantId) -> Result<Versioned<Tenant>, CtlError> {
        let found = self.table.read::<Tenant>(id, &SortKey::profile(), self.now()).await?;
        found.ok_or_else(|| CtlError::NoSuchTenant(id.clone()))
    }

    /// The URL of one of the stack's queues, by the last part of its name: `alerts`, `cards-dlq`.
    pub(crate) async fn queue_url(&self, queue: &str) -> Result<String, CtlError> {
        let name = format!("{}-{queue}", self.settings.stack);
        match self.clients.sqs.get_queue_url().queue_name(&name).send().await {
            Ok(found) => found.queue_url.ok_or_else(|| CtlError::Queue("its answer has no URL".into())),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_queue_does_not_exist()) => {
                Err(CtlError::NoSuchQueue(name))
            }
            Err(error) => Err(CtlError::Queue(error.into())),
        }
    }

    /// How many tokens are counted as spent on models today (UTC).
    pub(crate) async fn tokens_spent(&self, id: &TenantId) -> Result<u64, CtlError> {
        Ok(Volatile::new(self.table.clone()).spent(id, self.now()).await?)
    }

    /// Refuses an outside name that another tenant claims: a name that two claim belongs to neither. Two operators who
    /// enter the same name in the same second are not caught; the name then resolves to nobody.
    pub(crate) async fn refuse_taken(&self, tenant: &TenantId, name: &Lookup, what: String) -> Result<(), CtlError> {
        let owners = self.table.owners(name).await?;
        if owners.iter().any(|(owner, _)| owner != tenant) { Err(CtlError::Taken { what }) } else { Ok(()) }
    }

    /// An audit entry to fill in: of this tenant, now, by this operator.
    pub(crate) fn event(&self, tenant: &TenantId, kind: &str) -> Draft {
        let mut event = Draft::event(self.now(), tenant.as_str(), kind);
        if let Some(operator) = &self.settings.operator {
            event.detail.insert("operator".to_owned(), json!(operator));
        }
        event
    }

    /// The id of the platform's signing key, which a proxy prints when it enrols.
    pub(crate) async fn platform_key(&self) -> Result<KeyId, CtlError> {
        Ok(self.signing_key().await?.id())
    }

    /// The public half of the key that signs actions.
    pub(crate) async fn signing_key(&self) -> Result<VerifyingKey, CtlError> {
        Ok(Signer::connect(self.clients.kms.clone(), &self.settings.signing_key).await?.public_key().clone())
    }

    /// The public half of the key that signs checkpoints.
    pub(crate) async fn checkpoint_key(&self) -> Result<VerifyingKey, CtlError> {
        let key = CheckpointKey::connect(self.clients.kms.clone(), &self.settings.checkpoint_key).await;
        Ok(key.map_err(ConnectError::from)?.public_key().clone())
    }

    /// What makes checkpoints, with the defaults of the function: closed lanes are kept for good, nothing is published.
    pub(crate) async fn checkpointer(&self) -> Result<Checkpointer, CtlError> {
        let config = config::Checkpoint {
            aws: self.settings.aws.clone(),
            table: self.settings.table.clone(),
            checkpoint_key_id: self.settings.checkpoint_key.clone(),
            lane_idle_minutes: 30,
            audit_retention_days: 0,
            checkpoint_bucket: None,
        };
        Ok(Checkpointer::connect(&self.clients, &config, Arc::clone(&self.clock)).await?)
    }
}
