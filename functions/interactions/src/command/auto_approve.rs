//! `/vyrox auto-approve`: one approver allows, in their own name and for a while, that LOW alerts are contained without
//! asking; anyone who may read can take it back. The signed command itself is what is kept, and proven at each use.

use super::say;
use crate::Interactions;
use crate::answer::Answer;
use crate::failure::Failure;
use serde_json::json;
use vyrox_domain::approval::OptIn;
use vyrox_domain::card::{Ephemeral, Tone};
use vyrox_domain::command::Invocation;
use vyrox_domain::tenant::{StepUpRule, Tenant};
use vyrox_domain::text::Shown;
use vyrox_platform::ledger::{Change, Expect};
use vyrox_platform::table::{SortKey, Versioned};

/// How long an opt-in that is over is kept to be looked at, in seconds; the audit has it for good.
const KEEP: i64 = 90 * 24 * 3_600;

impl Interactions {
    pub(super) async fn opt_in(&self, invocation: &Invocation, tenant: &Tenant) -> Result<Answer, Failure> {
        if tenant.policy.step_up != StepUpRule::None {
            return Ok(say(Shown::literal(
                "This tenant asks for a code with every approval, and nobody can give one in advance.",
            )));
        }
        let now = self.clock.now();
        let Some(opt_in) = OptIn::given(tenant, invocation, now) else { return Ok(Answer::NotDone) };
        let earlier = self.table.read::<OptIn>(&tenant.id, &SortKey::opt_in(), now).await?;
        let mut entry = self.entry(&tenant.id, invocation, "OPT_IN_GIVEN");
        entry.detail.insert("expires_at".to_owned(), json!(opt_in.expires_at()));
        entry.detail.insert("lease_seconds".to_owned(), json!(opt_in.lease_seconds()));
        entry.detail.insert("reason".to_owned(), json!(opt_in.by().reason));
        if let Some(earlier) = earlier.as_ref().filter(|earlier| earlier.value.is_open(now)) {
            entry.detail.insert("in_place_of".to_owned(), json!(earlier.value.by().interaction_id));
        }
        self.store(invocation, tenant, &opt_in, earlier.as_ref(), &entry).await?;
        tracing::warn!(tenant_id = %tenant.id, opt_in = %opt_in.by().interaction_id, "LOW alerts are approved in advance");
        Ok(Answer::Whisper(Box::new(Ephemeral::panel(
            Shown::literal("Hosts of LOW alerts are isolated without asking from now on, in your name."),
            Tone::Warning,
            "Allowed in advance",
            Shown::literal("`/vyrox auto-approve off` takes it back. Each one has a card with a Release button."),
            [(Shown::literal("What you have allowed"), told(&opt_in))],
        ))))
    }

    pub(super) async fn opt_out(&self, invocation: &Invocation, tenant: &Tenant) -> Result<Answer, Failure> {
        let now = self.clock.now();
        let stored = self.table.read::<OptIn>(&tenant.id, &SortKey::opt_in(), now).await?;
        let Some(stored) = stored.filter(|stored| stored.value.is_open(now)) else {
            return Ok(say(Shown::literal("Nothing is allowed in advance.")));
        };
        let withdrawn = stored.value.clone().withdrawn(invocation, now);
        let mut entry = self.entry(&tenant.id, invocation, "OPT_IN_WITHDRAWN");
        entry.detail.insert("opt_in".to_owned(), json!(withdrawn.by().interaction_id));
        self.store(invocation, tenant, &withdrawn, Some(&stored), &entry).await?;
        Ok(say(Shown::literal(
            "Nothing is approved in advance any more. What waits for its proxy is not handed over; what was handed over \
             has a card with a Release button.",
        )))
    }

    async fn store(
        &self,
        invocation: &Invocation,
        tenant: &Tenant,
        opt_in: &OptIn,
        earlier: Option<&Versioned<OptIn>>,
        entry: &vyrox_audit::Draft,
    ) -> Result<(), Failure> {
        let expect = earlier.map_or(Expect::Absent, |earlier| Expect::Version(earlier.version));
        let changes = [
            Change::put(SortKey::opt_in(), opt_in, expect).expiring(opt_in.expires_at().saturating_add(KEEP)),
            self.once(invocation, &entry.action_type),
        ];
        self.ledger.commit(&tenant.id, &changes, entry).await?;
        Ok(())
    }
}

/// Who has allowed what until when.
pub(super) fn told(opt_in: &OptIn) -> Shown {
    let by = opt_in.by();
    let reason = by.reason.as_deref().unwrap_or_default();
    Shown::lines([
        Shown::join([
            Shown::user(by.user_id),
            Shown::literal(" allows that hosts of LOW alerts are isolated without asking, "),
            Shown::number(i64::from(opt_in.lease_seconds() / 60)),
            Shown::literal(" minutes each"),
        ]),
        Shown::join([
            Shown::literal("since "),
            Shown::time(by.at, 'f'),
            Shown::literal(", until "),
            Shown::time(opt_in.expires_at(), 'f'),
        ]),
        Shown::join([Shown::literal("because: "), Shown::inline(reason, 300)]),
    ])
}
