//! What a tenant still lacks before it can be used: the steps of `/vyrox onboard`, and the last lines of `/vyrox status`.

use crate::tenant::{Tenant, TenantStatus};
use crate::text::Shown;

/// One step, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The server is linked, with somebody who may administrate.
    Link,
    /// There is a channel for cards.
    Channel,
    /// Somebody may decide.
    Approvers,
    /// Alerts can come in.
    Source,
    /// Something can act.
    Proxy,
    /// A synthetic alert came back through the whole pipeline, which put the tenant into use.
    Proof,
}

impl Step {
    /// All, in order.
    pub const ALL: [Self; 6] = [Self::Link, Self::Channel, Self::Approvers, Self::Source, Self::Proxy, Self::Proof];

    /// What it is about.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Link => "This server is linked, and an administrator role is set",
            Self::Channel => "There is a channel for cards",
            Self::Approvers => "Somebody may decide",
            Self::Source => "Alerts can come in",
            Self::Proxy => "An edge proxy can act",
            Self::Proof => "A signed test alert came back through the whole pipeline",
        }
    }

    /// How to take it.
    #[must_use]
    pub const fn how(self) -> &'static str {
        match self {
            Self::Link => "`/vyrox register code:… admin_role:…`",
            Self::Channel => {
                "`/vyrox register` again with `channel:…`, or your operator: `vyroxctl tenant set --channel`"
            }
            Self::Approvers => "`/vyrox approvers add role:…`",
            Self::Source => "`/vyrox setup source:…`, then enter the URL and the secret in your EDR's console",
            Self::Proxy => "`/vyrox proxy enrol`, then start the proxy beside your EDR and give it the token",
            Self::Proof => "`/vyrox onboard` sends it as soon as everything above is done",
        }
    }
}

/// Which steps are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checklist {
    missing: Vec<Step>,
}

impl Checklist {
    /// Of a tenant with so many sources that something can be delivered to.
    #[must_use]
    pub fn of(tenant: &Tenant, sources: usize) -> Self {
        let is_taken = |step: &Step| match step {
            Step::Link => tenant.guild_id.is_some() && !tenant.admin_roles.is_empty(),
            Step::Channel => tenant.channel_id.is_some(),
            Step::Approvers => !tenant.approver_roles.is_empty(),
            Step::Source => sources > 0,
            Step::Proxy => tenant.proxy_id.is_some(),
            Step::Proof => tenant.status == TenantStatus::Active,
        };
        Self { missing: Step::ALL.into_iter().filter(|step| !is_taken(step)).collect() }
    }

    /// The first step that is missing.
    #[must_use]
    pub fn next(&self) -> Option<Step> {
        self.missing.first().copied()
    }

    /// Whether nothing is missing but the proof.
    #[must_use]
    pub fn is_ready_for_proof(&self) -> bool {
        self.missing == [Step::Proof]
    }

    /// One line a step, and how to take the next one.
    #[must_use]
    pub fn shown(&self) -> Shown {
        let mut lines: Vec<Shown> = Step::ALL
            .into_iter()
            .map(|step| {
                let mark = if self.missing.contains(&step) { "⬜ " } else { "✅ " };
                Shown::join([Shown::literal(mark), Shown::literal(step.title())])
            })
            .collect();
        if let Some(step) = self.next() {
            lines.push(Shown::join([Shown::literal("Next: ").bold(), Shown::literal(step.how())]));
        }
        Shown::lines(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage;

    #[test]
    fn the_first_missing_step_is_the_next_and_the_proof_comes_last() {
        let mut tenant = stage::tenant();
        tenant.admin_roles = vec!["9".parse().unwrap()];
        assert_eq!(Checklist::of(&tenant, 1).next(), None);
        tenant.status = TenantStatus::Onboarding;
        assert!(Checklist::of(&tenant, 1).is_ready_for_proof());
        assert_eq!(Checklist::of(&tenant, 0).next(), Some(Step::Source));
        tenant.proxy_id = None;
        tenant.approver_roles.clear();
        let list = Checklist::of(&tenant, 1);
        assert_eq!(list.next(), Some(Step::Approvers));
        assert!(!list.is_ready_for_proof());
        let shown = list.shown();
        assert_eq!(shown.as_str().matches('⬜').count(), 3);
        assert!(shown.as_str().ends_with("`/vyrox approvers add role:…`"));
    }
}
