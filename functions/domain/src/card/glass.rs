//! What is said where a command led to a decision, and there is no card to replace: a break-glass to everybody, loudly; a
//! release to the one who asked.

use super::message::AllowedMentions;
use super::{Ephemeral, Message, deed, host};
use crate::record::{AlertRecord, Decision, Manner};
use crate::tenant::{Snowflake, Tenant};
use crate::text::Shown;

/// How many roles are pinged at most: a message takes no more than a hundred, and its text is bounded, too.
const MOST_ROLES: usize = 20;

/// Tells every approver that one of them has decided alone, and why. None if nobody has.
#[must_use]
pub fn break_glass(record: &AlertRecord, tenant: &Tenant) -> Option<Message> {
    if !is_broken(record) {
        return None;
    }
    let (vote, plan) = (record.votes.last()?, record.plan()?);
    let mut roles: Vec<Snowflake> = tenant.approver_roles.iter().copied().chain(tenant.on_call_role).collect();
    roles.sort_unstable();
    roles.dedup();
    roles.truncate(MOST_ROLES);
    let pings = roles.iter().flat_map(|role| [Shown::role(*role), Shown::literal(" ")]);
    let reason = vote.reason.as_deref().unwrap_or_default();
    let said = [
        Shown::literal("⚠ BREAK-GLASS").bold(),
        Shown::literal(": "),
        Shown::user(vote.user_id),
        Shown::literal(" decided alone to "),
        Shown::literal(deed(plan)),
        Shown::literal(", "),
        host(record),
        Shown::literal(", at "),
        Shown::time(vote.at, 'f'),
        Shown::literal(". Reason: "),
        Shown::inline(reason, 400),
    ];
    Some(Message {
        content: Shown::join(pings.chain(said)),
        embeds: Vec::new(),
        components: Vec::new(),
        allowed_mentions: AllowedMentions { parse: [], roles },
        silent: false,
    })
}

/// Whether this click broke the glass.
#[must_use]
pub fn is_broken_by(record: &AlertRecord, click: Snowflake) -> bool {
    is_broken(record) && record.votes.last().is_some_and(|vote| vote.interaction_id == click)
}

fn is_broken(record: &AlertRecord) -> bool {
    matches!(record.decision, Some(Decision::Approved { manner: Manner::BreakGlass, .. }))
}

/// Tells whoever asked for a release where it stands.
#[must_use]
pub fn release_asked(record: &AlertRecord) -> Ephemeral {
    Ephemeral::of(Shown::literal(if record.release.is_some() {
        "The release is under way. The alert's card shows how it goes."
    } else {
        "Your request is recorded. Another approver has to ask for the release, too."
    }))
}
