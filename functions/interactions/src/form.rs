//! The forms that a command opens: a break-glass and a release. Sending one is a signed click of its own, which `decide`
//! takes like every other.

use crate::Interactions;
use crate::answer::Answer;
use crate::failure::Failure;
use vyrox_contract::{AlertId, TenantId};
use vyrox_domain::approval::{self, FormWanted, Refusal};
use vyrox_domain::card;
use vyrox_domain::custom_id::Verb;
use vyrox_domain::interaction::Member;
use vyrox_domain::tenant::Snowflake;

impl Interactions {
    /// The form in which a member breaks the glass ([`Verb::BreakGlassForm`]) or asks for a release
    /// ([`Verb::ReleaseForm`]) of an alert, or why they may not. Nothing is recorded by opening it. `tenant_id` is the guild's.
    #[allow(dead_code, reason = "the commands that open these forms come with the other commands")]
    pub(crate) async fn open_form(
        &self,
        tenant_id: &TenantId,
        guild_id: Snowflake,
        member: &Member,
        verb: Verb,
        alert_id: AlertId,
    ) -> Result<Answer, Failure> {
        let Some(known) = self.known(tenant_id, alert_id, member.user_id()).await? else {
            return Ok(Answer::Refused(Refusal::NotThisCard));
        };
        let moment = known.moment(self.clock.now());
        let form = approval::admit_command(&known.record.value, guild_id, member, verb, &moment)
            .and_then(|plan| Ok((FormWanted::of(plan, verb, &moment)?, plan)));
        Ok(match form {
            Ok((wanted, plan)) => Answer::Form(Box::new(card::modal(&wanted, plan))),
            Err(why) => Answer::Refused(why),
        })
    }
}
