//! Every way in which a click changes nothing, with the words for the one who clicked.

/// Why a click changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.explanation())]
pub enum Refusal {
    /// Another application, guild, channel or message than the card's.
    NotThisCard,
    /// The plan is not the one that the card showed.
    PlanChanged,
    /// Not one of the tenant's approvers, or nobody is.
    NotAnApprover,
    /// A bot, or a member who is screened or timed out.
    MayNotAct,
    /// The window has closed.
    Expired,
    /// Somebody was faster.
    AlreadyDecided,
    /// The same person again, where two are wanted.
    AlreadyVoted,
    /// Nothing is contained, or it is being released.
    NothingToRelease,
    /// The containment is under way, done, or was never approved.
    NothingToReopen,
}

impl Refusal {
    /// One sentence for the one who clicked.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::NotThisCard => "This button does not belong to a card of this server.",
            Self::PlanChanged => "The plan has changed since this card was drawn. Please look at the new card.",
            Self::NotAnApprover => {
                "You do not have an approver role for this. Ask an administrator to add your role to the approvers."
            }
            Self::MayNotAct => "Your account may not decide at the moment.",
            Self::Expired => "This request has expired. Nothing was done.",
            Self::AlreadyDecided => "This was already decided.",
            Self::AlreadyVoted => "You have already approved this. A second approver is needed.",
            Self::NothingToRelease => "There is nothing to release.",
            Self::NothingToReopen => "There is nothing to ask again.",
        }
    }

    /// The word in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotThisCard => "not_this_card",
            Self::PlanChanged => "plan_changed",
            Self::NotAnApprover => "not_an_approver",
            Self::MayNotAct => "may_not_act",
            Self::Expired => "expired",
            Self::AlreadyDecided => "already_decided",
            Self::AlreadyVoted => "already_voted",
            Self::NothingToRelease => "nothing_to_release",
            Self::NothingToReopen => "nothing_to_reopen",
        }
    }
}
