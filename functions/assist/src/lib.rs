//! assist: slash commands that take longer than Discord waits.
//!
//! ```text
//!  CommandAsked --stored command--> carried out --one transaction with its audit entry--> answer put in place of "is thinking"
//! ```
//!
//! `interactions` has checked who asks before it stored the command; nothing here can approve, sign or queue an action. The
//! answer goes to the one who asked, and to nobody else. A command whose token has died is forgotten: nobody waits for it.

mod alerts;
mod chart;
mod doctor;
mod enrol;
mod error;
mod export;
mod history;
mod onboard;
mod permissions;
mod proof;
mod set_up;
mod stats;

pub use error::AssistError;

use crate::error::is_early;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use vyrox_audit::Draft;
use vyrox_contract::TenantId;
use vyrox_domain::card::{Ephemeral, Tone};
use vyrox_domain::command::{AskedCommand, Request};
use vyrox_domain::message::CommandAsked;
use vyrox_domain::tenant::Tenant;
use vyrox_domain::text::Shown;
use vyrox_platform::aws::Clients;
use vyrox_platform::batch::chain;
use vyrox_platform::bot::{Attachment, Bot};
use vyrox_platform::clock::Clock;
use vyrox_platform::config;
use vyrox_platform::ledger::{Change, CommitError, Expect, Ledger};
use vyrox_platform::metric::Metric;
use vyrox_platform::secrets::Secrets;
use vyrox_platform::table::{SortKey, Table, Versioned};
use vyrox_platform::{Class, Classified as _};

/// How often a command that met another change is carried out again at once.
const RACES: usize = 3;

/// How often, and how far apart, an answer is given again to an invocation that Discord does not count as answered yet.
const EARLY_RETRIES: usize = 12;
const EARLY_WAIT: Duration = Duration::from_millis(250);

/// What assist can do: read one tenant's items, commit with an audit entry, seal secrets it makes, look at Discord, answer.
#[derive(Debug)]
pub struct Assist {
    table: Table,
    ledger: Ledger,
    secrets: Secrets,
    bot: Bot,
    http: reqwest::Client,
    ingest_url: String,
    relay_url: String,
    clock: Arc<dyn Clock>,
}

/// What the one who asked gets.
#[derive(Debug)]
struct Reply {
    message: Ephemeral,
    files: Vec<Attachment>,
}

impl From<Ephemeral> for Reply {
    fn from(message: Ephemeral) -> Self {
        Self { message, files: Vec::new() }
    }
}

/// A command with the tenant that it is about.
#[derive(Debug)]
struct Asked {
    command: AskedCommand,
    /// The stored command's version, for what is written with it.
    version: u64,
    tenant: Versioned<Tenant>,
}

impl Asked {
    fn tenant_id(&self) -> &TenantId {
        &self.tenant.value.id
    }
}

impl Assist {
    /// Wires the function up.
    #[must_use]
    pub fn new(clients: &Clients, config: &config::Assist, http: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let table = Table::new(clients.dynamodb.clone(), &config.table);
        Self {
            ledger: Ledger::new(table.clone(), "assist", Arc::clone(&clock)),
            secrets: Secrets::new(clients.kms.clone(), &config.secrets_key_id, Arc::clone(&clock)),
            bot: Bot::new(http.clone(), &config.discord, config.application_id),
            http,
            ingest_url: config.ingest_url.clone(),
            relay_url: config.relay_url.clone(),
            table,
            clock,
        }
    }

    /// Opens connections before the first batch.
    pub async fn warm(&self) {
        self.table.warm().await;
    }

    /// Carries one command out and answers it. One that is not there any more was answered, or nobody waits for it.
    ///
    /// # Errors
    /// [`AssistError`]; the command stays stored and is carried out again.
    pub async fn handle(&self, message: CommandAsked) -> Result<(), AssistError> {
        let (tenant_id, id) = (&message.tenant_id, message.interaction_id);
        let mut reply = Err(AssistError::NoSuchTenant);
        for _ in 0..RACES {
            let Some(asked) = self.asked(tenant_id, &SortKey::command(id)).await? else { return Ok(()) };
            reply = self.carry_out(&asked).await.map(|reply| (asked, reply));
            if !matches!(reply, Err(AssistError::Commit(CommitError::Conflict(_)))) {
                break;
            }
        }
        let (asked, reply) = match reply {
            Ok(done) => done,
            Err(error) if error.class() == Class::Retry => return Err(error),
            Err(error) => {
                tracing::error!(%tenant_id, interaction_id = %id, error = %chain(&error), "command cannot be carried out");
                Metric::CommandsFailed.add(1);
                let Some(asked) = self.asked(tenant_id, &SortKey::command(id)).await? else { return Ok(()) };
                let why =
                    Shown::literal("This cannot be carried out because of a fault on our side. Ask your operator.");
                (asked, Ephemeral::of(why).into())
            }
        };
        self.answer(&asked.command, &reply).await?;
        let entry = self.entry(&asked, "COMMAND_ANSWERED");
        self.ledger.commit(tenant_id, &[Change::delete(SortKey::command(id))], &entry).await?;
        Metric::CommandsAnswered.add(1);
        tracing::info!(%tenant_id, interaction_id = %id, command = asked.command.request.command().name(), "answered");
        Ok(())
    }

    /// Puts the answer in place. Discord may not have heard of "is thinking" yet: the command is queued before that is said.
    async fn answer(&self, command: &AskedCommand, reply: &Reply) -> Result<(), AssistError> {
        let mut outcome = self.bot.answer(&command.token, &reply.message, &reply.files).await;
        for _ in 0..EARLY_RETRIES {
            if !outcome.as_ref().is_err_and(is_early) {
                break;
            }
            tokio::time::sleep(EARLY_WAIT).await;
            outcome = self.bot.answer(&command.token, &reply.message, &reply.files).await;
        }
        Ok(outcome?)
    }

    /// The stored command with its tenant.
    async fn asked(&self, tenant_id: &TenantId, key: &SortKey) -> Result<Option<Asked>, AssistError> {
        let now = self.clock.now();
        let profile = SortKey::profile();
        let (command, tenant) = tokio::try_join!(
            self.table.read::<AskedCommand>(tenant_id, key, now),
            self.table.read::<Tenant>(tenant_id, &profile, now),
        )?;
        let Some(Versioned { value: command, version }) = command else { return Ok(None) };
        let tenant = tenant.ok_or(AssistError::NoSuchTenant)?;
        Ok(Some(Asked { command, version, tenant }))
    }

    async fn carry_out(&self, asked: &Asked) -> Result<Reply, AssistError> {
        match &asked.command.request {
            Request::Setup { source, scheme, header } => {
                self.set_up(asked, *source, *scheme, header.as_deref()).await.map(Reply::from)
            }
            Request::ProxyEnrol { name } => self.enrol(asked, name).await.map(Reply::from),
            Request::TestAlert { source, host, device } => {
                self.test(asked, *source, host.as_deref(), device.as_ref()).await.map(Reply::from)
            }
            Request::Onboard => self.onboard(asked).await.map(Reply::from),
            Request::Doctor => self.examine(asked).await.map(Reply::from),
            Request::History { host } => self.history(asked, host.as_deref()).await.map(Reply::from),
            Request::Stats { days } => self.stats(asked, *days).await,
            Request::AuditExport => self.export(asked).await,
            // Answered by interactions itself.
            Request::Register { .. }
            | Request::Status
            | Request::ApproversList
            | Request::ApproversAdd { .. }
            | Request::ApproversRemove { .. }
            | Request::Release { .. }
            | Request::AutoApproveOn { .. }
            | Request::AutoApproveOff
            | Request::BreakGlass { .. } => Err(AssistError::NotOurs),
        }
    }

    /// An audit entry that says who asked.
    fn entry(&self, asked: &Asked, kind: &str) -> Draft {
        let command = &asked.command;
        let mut entry = Draft::event(self.clock.now(), asked.tenant_id().as_str(), kind);
        entry.approved_by.clone_from(&command.user_name);
        entry.detail.insert("user_id".to_owned(), json!(command.user_id));
        entry.detail.insert("interaction_id".to_owned(), json!(command.interaction_id));
        entry.detail.insert("command".to_owned(), json!(command.request.command().name()));
        entry
    }

    /// The change that notes that a command's own change is stored, for when its answer has to be given again.
    fn stored(asked: &Asked) -> Change {
        let command = AskedCommand { stored: true, ..asked.command.clone() };
        Change::put(SortKey::command(command.interaction_id), &command, Expect::Version(asked.version))
            .expiring(command.answer_until())
    }
}

/// A warning in one sentence.
fn warn(text: &'static str) -> Ephemeral {
    Ephemeral::panel(Shown::literal(text), Tone::Warning, "Not done", Shown::literal(text), [])
}
