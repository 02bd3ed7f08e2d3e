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
    /// The one who asked for a release cannot confirm it.
    OwnRelease,
    /// Nothing is contained, or it is being released.
    NothingToRelease,
    /// The containment is under way, done, or was never approved.
    NothingToReopen,
    /// The tenant's policy holds containment back at this time.
    Frozen,
    /// A reason is asked for, and none was given.
    ReasonMissing,
    /// A code is asked for, and the approver has no authenticator enrolled.
    CodeNotEnrolled,
    /// The code is not the one of this time.
    CodeWrong,
    /// The code has counted before.
    CodeReused,
    /// Too many codes were wrong.
    CodeLocked,
    /// This person was refused too often within a minute; nothing more is entered about it.
    TooManyRefused,
}

impl Refusal {
    /// All of them, for whoever documents or counts them.
    pub const ALL: [Self; 17] = [
        Self::NotThisCard,
        Self::PlanChanged,
        Self::NotAnApprover,
        Self::MayNotAct,
        Self::Expired,
        Self::AlreadyDecided,
        Self::AlreadyVoted,
        Self::OwnRelease,
        Self::NothingToRelease,
        Self::NothingToReopen,
        Self::Frozen,
        Self::ReasonMissing,
        Self::CodeNotEnrolled,
        Self::CodeWrong,
        Self::CodeReused,
        Self::CodeLocked,
        Self::TooManyRefused,
    ];

    /// One sentence for the one who clicked, or two: what is missing, and what to do.
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
            Self::OwnRelease => "You asked for this release yourself. Another approver has to confirm it.",
            Self::NothingToRelease => "There is nothing to release.",
            Self::NothingToReopen => "There is nothing to ask again.",
            Self::Frozen => {
                "Containment is frozen at this time. If it cannot wait, an approver can use /vyrox break-glass."
            }
            Self::ReasonMissing => "A reason is needed. Nothing was recorded; please press again and give one.",
            Self::CodeNotEnrolled => {
                "This needs the code of your authenticator app, and none is enrolled for you. Ask an operator to enrol it."
            }
            Self::CodeWrong => "The code is wrong. Nothing was recorded; please press again with the present code.",
            Self::CodeReused => "This code was used before. Please wait for the next one and press again.",
            Self::CodeLocked => {
                "Too many wrong codes. None of yours counts for 15 minutes; another approver can decide."
            }
            Self::TooManyRefused => "You were refused too often just now. Please wait a minute.",
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
            Self::OwnRelease => "own_release",
            Self::NothingToRelease => "nothing_to_release",
            Self::NothingToReopen => "nothing_to_reopen",
            Self::Frozen => "frozen",
            Self::ReasonMissing => "reason_missing",
            Self::CodeNotEnrolled => "code_not_enrolled",
            Self::CodeWrong => "code_wrong",
            Self::CodeReused => "code_reused",
            Self::CodeLocked => "code_locked",
            Self::TooManyRefused => "too_many_refused",
        }
    }
}
