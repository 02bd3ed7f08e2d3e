//! Everything that is stored about one alert: the item behind its card.

use crate::action::ActionState;
use crate::alert::NormalizedAlert;
use crate::backup::Backup;
use crate::contradiction::Contradiction;
use crate::fingerprint::Fingerprint;
use crate::plan::{NoPlan, Plan, PlanDigest};
use crate::storm::{Place, Seen};
use crate::tenant::Snowflake;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use vyrox_contract::{AlertId, Receipt, RequestId};

/// What the card can offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offer {
    /// This plan, for approval.
    Containment(Plan),
    /// Nothing, and why.
    Nothing(NoPlan),
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who.
    pub user_id: Snowflake,
    /// Their name at the time; hostile text.
    pub name: String,
    /// When, unix seconds.
    pub at: i64,
    /// The click that gave it.
    pub interaction_id: Snowflake,
    /// Why, in their words, where a form asked for it; hostile text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why one approver is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondWanted {
    /// The tenant always wants two.
    Quorum,
    /// A rule of the tenant's policy, for what is done or whom it is done to.
    Rule,
    /// The first approver has approved a lot within ten minutes.
    UserCap,
    /// Many hosts were approved for containment within an hour.
    HostCap,
}

/// How an approval came about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// As many people as it takes.
    #[default]
    Quorum,
    /// One person alone, whatever it takes otherwise; loudly.
    BreakGlass,
    /// Two people, on a plan for several hosts of a digest.
    Joint {
        /// The digest's id.
        digest: AlertId,
        /// The plan that they said yes to.
        plan: PlanDigest,
    },
    /// Nobody was asked: somebody had allowed it in advance.
    OptIn {
        /// Their opt-in: Discord's id of the command.
        id: Snowflake,
    },
}

impl Manner {
    /// The word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quorum => "quorum",
            Self::BreakGlass => "break_glass",
            Self::Joint { .. } => "joint",
            Self::OptIn { .. } => "opt_in",
        }
    }
}

/// How the question on the card was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Enough people said yes; the votes are the record's.
    Approved {
        /// When the deciding vote came, unix seconds.
        at: i64,
        /// How.
        #[serde(default)]
        manner: Manner,
    },
    /// Somebody said no; one is enough.
    Denied {
        /// Who, and when.
        by: Vote,
    },
}

/// An action that came of this alert, as the card shows it. The action's own item holds the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionSummary {
    /// The action.
    pub request_id: RequestId,
    /// Where it stands.
    pub state: ActionState,
    /// What reading back said, once there is a receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<vyrox_contract::Verification>,
    /// The proxy's sentence, once there is a receipt; text from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The vendor's reference, once there is a receipt; text from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_reference: Option<String>,
    /// When it reached this state, unix seconds.
    pub at: i64,
    /// When the proxy will release the host by itself, unix seconds, once it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<i64>,
    /// Where the proxy's report does not fit what was approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<Contradiction>,
    /// Who asked for it first, for a release; empty for the containment itself, whose approvers are the votes, and for a release
    /// at the end of a lease, which nobody asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<Vote>,
}

/// The alert's one message in Discord.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The channel.
    pub channel_id: Snowflake,
    /// The message.
    pub message_id: Snowflake,
    /// SHA-256 of the body last sent, so that an unchanged card is not sent again.
    pub digest: String,
    /// The expiry (unix seconds) of the question that it showed then, at which it is drawn again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_until: Option<i64>,
}

/// An alert with all that has happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// The alert; its newest revision.
    pub alert: NormalizedAlert,
    /// Digest of its content, to tell a vendor's retry from a changed payload.
    pub content_digest: String,
    /// The verdict on this revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What it looks like: alerts with the same fingerprint are told of each other's decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// What the card offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
    /// Who said yes so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Vote>,
    /// Why the first yes was not enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_wanted: Option<SecondWanted>,
    /// How it was settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The containment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containment: Option<ActionSummary>,
    /// Who has asked for its release; the release is under way once they are as many as it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub release_votes: Vec<Vote>,
    /// Its release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ActionSummary>,
    /// Its message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted: Option<Posted>,
    /// Whether it is a test of ours, proven by a test's own secret and not by anything in the payload. Never grouped with
    /// others, and marked wherever it is shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub canary: bool,
    /// Where it is shown, once that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// How often its kind was seen, as its card last said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// What was said about it beside its card, each once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub notices: BTreeSet<String>,
    /// What went over the backup path while Discord was down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
}

impl ActionSummary {
    /// Takes over what a proxy reports at `now` (unix seconds). Its texts come from outside and are cut.
    pub fn report(&mut self, receipt: &Receipt, contradictions: Vec<Contradiction>, now: i64) {
        self.state = receipt.outcome.into();
        self.verification = Some(receipt.verification);
        self.detail = Some(receipt.detail.chars().take(500).collect());
        self.vendor_reference = receipt.vendor_reference.as_ref().map(|text| text.chars().take(200).collect());
        self.lease_until = receipt.lease_until;
        self.contradictions = contradictions;
        self.at = now;
    }

    /// The release that a proxy reports at the end of a lease.
    #[must_use]
    pub fn of_lease(receipt: &Receipt, contradictions: Vec<Contradiction>, now: i64) -> Self {
        let mut summary = Self {
            request_id: receipt.request_id.clone(),
            state: receipt.outcome.into(),
            verification: None,
            detail: None,
            vendor_reference: None,
            at: now,
            lease_until: None,
            contradictions: Vec::new(),
            requested_by: None,
        };
        summary.report(receipt, contradictions, now);
        summary
    }
}

impl AlertRecord {
    /// A record for an alert that has just come in.
    #[must_use]
    pub fn received(alert: NormalizedAlert) -> Self {
        let content_digest = alert.content_digest();
        Self {
            alert,
            content_digest,
            verdict: None,
            fingerprint: None,
            offer: None,
            votes: Vec::new(),
            second_wanted: None,
            decision: None,
            containment: None,
            release_votes: Vec::new(),
            release: None,
            posted: None,
            canary: false,
            place: None,
            seen: None,
            notices: BTreeSet::new(),
            backup: None,
        }
    }

    /// The record after another delivery of its alert, or `None` if that says nothing new: a vendor's retry, or a part that
    /// was there already.
    #[must_use]
    pub fn after(&self, delivered: &NormalizedAlert) -> Option<Self> {
        let said = if delivered.partial { self.alert.with_part(delivered) } else { delivered.clone() };
        (said.content_digest() != self.content_digest).then(|| self.clone().revised(said))
    }

    /// The same record with a changed payload of its alert: a new revision that wants a new verdict.
    #[must_use]
    pub fn revised(mut self, mut alert: NormalizedAlert) -> Self {
        alert.revision = self.alert.revision.saturating_add(1);
        self.content_digest = alert.content_digest();
        self.alert = alert;
        self.unjudged()
    }

    /// The same record, wanting a new verdict. A question that is still open is withdrawn (its buttons answer "plan
    /// changed"); a decision that was made stays, and with it what came of it.
    #[must_use]
    pub fn unjudged(mut self) -> Self {
        self.verdict = None;
        if self.decision.is_none() {
            self.offer = None;
            self.votes.clear();
            self.second_wanted = None;
        }
        self
    }

    /// When the record may be forgotten, unix seconds: 90 days after it came in. The audit stays.
    #[must_use]
    pub const fn expires_at(&self) -> i64 {
        self.alert.received_at.saturating_add(90 * 24 * 3_600)
    }

    /// The plan on offer.
    #[must_use]
    pub const fn plan(&self) -> Option<&Plan> {
        match &self.offer {
            Some(Offer::Containment(plan)) => Some(plan),
            Some(Offer::Nothing(_)) | None => None,
        }
    }
}
