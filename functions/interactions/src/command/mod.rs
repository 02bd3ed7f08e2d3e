//! One slash command, from its parsing to its answer.
//!
//! What only needs the table is answered at once. What needs Discord, KMS, a file or seconds is stored, handed to `assist`
//! through its queue, and answered "is thinking": this function calls nobody in the request path.

mod approvers;
mod auto_approve;
mod register;
mod status;

use crate::Interactions;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::refuse::Entering;
use serde_json::json;
use vyrox_audit::Draft;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::approval::Refusal;
use vyrox_domain::card::Ephemeral;
use vyrox_domain::command::{AskedCommand, Denied, Invocation, Request, authorise};
use vyrox_domain::custom_id::Verb;
use vyrox_domain::message::CommandAsked;
use vyrox_domain::tenant::Tenant;
use vyrox_domain::text::Shown;
use vyrox_platform::batch::chain;
use vyrox_platform::ledger::{Change, CommitError, Expect};
use vyrox_platform::table::{Lookup, SortKey, TableError, Versioned};

/// How often a command that met another change is run again.
const RACES: usize = 3;
/// How long an invocation is remembered against being carried out twice, in seconds.
const REMEMBER: i64 = 24 * 3_600;

impl Interactions {
    pub(crate) async fn command(&self, invocation: &Invocation) -> Answer {
        match self.try_command(invocation).await {
            Ok(answer) => answer,
            Err(failure) => {
                let id = invocation.interaction_id();
                tracing::error!(interaction_id = %id, error = %chain(&failure), "command was not carried out");
                if failure.may_be_recorded() { Answer::Unknown } else { Answer::NotDone }
            }
        }
    }

    async fn try_command(&self, invocation: &Invocation) -> Result<Answer, Failure> {
        if invocation.application_id() != self.application_id {
            return Ok(Answer::Refused(Refusal::NotThisCard));
        }
        let request = match invocation.request() {
            Ok(request) => request,
            Err(misuse) => return Ok(say(Shown::inline(&misuse.to_string(), 300))),
        };
        for _ in 0..RACES {
            let outcome = match request {
                Request::Register { code, admin_role, channel } => {
                    self.register(invocation, code, admin_role, *channel).await
                }
                _ => self.in_tenant(invocation, request).await,
            };
            match outcome {
                // The invocation's own id is the last of every change: it was carried out before.
                Err(Failure::Commit(CommitError::Conflict(_))) if self.is_known(invocation).await? => {
                    return Ok(say(Shown::literal("This was carried out already.")));
                }
                Err(Failure::Commit(CommitError::Conflict(_))) => {}
                outcome => return outcome,
            }
        }
        Ok(Answer::NotDone)
    }

    /// A command of the tenant that the server is linked to, by somebody who may.
    async fn in_tenant(&self, invocation: &Invocation, request: &Request) -> Result<Answer, Failure> {
        let tenant = self.tenant_of(invocation).await?;
        let audience = request.command().audience;
        let (member, permissions) = (invocation.member(), invocation.permissions());
        let profile = tenant.as_ref().map(|tenant| &tenant.value);
        if let Err(denied) = authorise(audience, member, permissions, profile, self.clock.now()) {
            let Some(tenant) = profile else { return Ok(say(Shown::literal(denied.explanation()))) };
            return self.refuse_command(&tenant.id, invocation, request, denied).await;
        }
        // `authorise` lets nobody through without a tenant.
        let Some(tenant) = tenant else { return Ok(Answer::NotDone) };
        match request {
            Request::Status => self.status(&tenant.value).await,
            Request::ApproversList => Ok(approvers::list(&tenant.value)),
            Request::ApproversAdd { role } => self.add_approvers(invocation, &tenant, role).await,
            Request::ApproversRemove { role } => self.remove_approvers(invocation, &tenant, role).await,
            Request::AutoApproveOn { .. } => self.opt_in(invocation, &tenant.value).await,
            Request::AutoApproveOff => self.opt_out(invocation, &tenant.value).await,
            Request::Release { alert } => self.form_for(invocation, &tenant.value.id, Verb::ReleaseForm, *alert).await,
            Request::BreakGlass { alert } => {
                self.form_for(invocation, &tenant.value.id, Verb::BreakGlassForm, *alert).await
            }
            _ => self.defer(invocation, request, &tenant.value.id).await,
        }
    }

    /// A refusal is said, and entered unless this member was refused too often lately.
    async fn refuse_command(
        &self,
        tenant_id: &TenantId,
        invocation: &Invocation,
        request: &Request,
        denied: Denied,
    ) -> Result<Answer, Failure> {
        let user = invocation.member().user_id();
        let (outcome, answer) = match self.entering(tenant_id, user, self.clock.now()).await? {
            Entering::Each => (denied.as_str(), say(Shown::literal(denied.explanation()))),
            Entering::TheLast => (Refusal::TooManyRefused.as_str(), Answer::Refused(Refusal::TooManyRefused)),
            Entering::NoMore => return Ok(Answer::Refused(Refusal::TooManyRefused)),
        };
        let mut entry = self.entry(tenant_id, invocation, "COMMAND_REFUSED");
        entry.outcome = Some(outcome.to_owned());
        entry.detail.insert("command".to_owned(), json!(request.command().name()));
        self.ledger.commit(tenant_id, &[], &entry).await?;
        Ok(answer)
    }

    /// The form that decides: sending it is a signed click of its own.
    async fn form_for(
        &self,
        invocation: &Invocation,
        tenant_id: &TenantId,
        verb: Verb,
        alert: AlertId,
    ) -> Result<Answer, Failure> {
        self.open_form(tenant_id, invocation.guild_id(), invocation.member(), verb, alert).await
    }

    /// The profile of the tenant that the server is linked to, as it is now and not as the index remembers it.
    async fn tenant_of(&self, invocation: &Invocation) -> Result<Option<Versioned<Tenant>>, TableError> {
        let Some((tenant_id, _)) = self.table.owner(&Lookup::guild(invocation.guild_id())).await? else {
            return Ok(None);
        };
        let profile = self.table.read::<Tenant>(&tenant_id, &SortKey::profile(), self.clock.now()).await?;
        Ok(profile.filter(|profile| profile.value.guild_id == Some(invocation.guild_id())))
    }

    /// Stores the command and hands it on; then Discord is told that an answer will come.
    async fn defer(&self, invocation: &Invocation, request: &Request, tenant_id: &TenantId) -> Result<Answer, Failure> {
        let asked = AskedCommand::of(invocation, request, self.clock.now());
        let key = SortKey::command(asked.interaction_id);
        let changes = [
            Change::put(key, &asked, Expect::Absent).expiring(asked.answer_until()),
            self.once(invocation, "COMMAND_ASKED"),
        ];
        let mut entry = self.entry(tenant_id, invocation, "COMMAND_ASKED");
        entry.detail.insert("command".to_owned(), json!(request.command().name()));
        match self.ledger.commit(tenant_id, &changes, &entry).await {
            // The same invocation again: it waits already, or was answered.
            Ok(_) | Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let message = CommandAsked { tenant_id: tenant_id.clone(), interaction_id: asked.interaction_id };
        self.commands.send(&message).await?;
        Ok(Answer::Deferred)
    }

    /// Whether this invocation has been carried out.
    async fn is_known(&self, invocation: &Invocation) -> Result<bool, TableError> {
        let tenant = match invocation.request() {
            Ok(Request::Register { code, .. }) => register::tenant_named(code),
            _ => self.table.owner(&Lookup::guild(invocation.guild_id())).await?.map(|(tenant, _)| tenant),
        };
        let Some(tenant) = tenant else { return Ok(false) };
        let key = SortKey::interaction(invocation.interaction_id());
        Ok(self.table.read::<serde_json::Value>(&tenant, &key, self.clock.now()).await?.is_some())
    }

    /// The change that makes an invocation count once.
    fn once(&self, invocation: &Invocation, kind: &str) -> Change {
        let key = SortKey::interaction(invocation.interaction_id());
        Change::put(key, &json!({"kind": kind}), Expect::Absent).expiring(self.clock.now() + REMEMBER)
    }

    /// An audit entry that says who asked, where.
    fn entry(&self, tenant_id: &TenantId, invocation: &Invocation, kind: &str) -> Draft {
        let mut entry = Draft::event(self.clock.now(), tenant_id.as_str(), kind);
        entry.approved_by = invocation.member().name().to_owned();
        let mut detail = |name: &str, value| entry.detail.insert(name.to_owned(), value);
        detail("user_id", json!(invocation.member().user_id()));
        detail("interaction_id", json!(invocation.interaction_id()));
        detail("guild_id", json!(invocation.guild_id()));
        detail("channel_id", json!(invocation.channel_id()));
        entry
    }
}

/// One sentence, to the one who asked.
fn say(text: Shown) -> Answer {
    Answer::Whisper(Box::new(Ephemeral::of(text)))
}
