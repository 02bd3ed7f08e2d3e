//! The conclusion about an alert, with the evidence for it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The five verdicts, from harmless to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VerdictLevel {
    /// Nothing to see: recorded, no card.
    Benign,
    /// Recorded, no card.
    Low,
    /// A card, no containment offered.
    Medium,
    /// A card that offers containment.
    High,
    /// A card that offers containment, and pings.
    Critical,
}

impl VerdictLevel {
    /// The word in payloads and on cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Benign => "BENIGN",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for VerdictLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A probability in ten-thousandths, so that equal inputs give equal bytes. On the wire a JSON number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Confidence(u16);

impl Confidence {
    /// 0.
    pub const ZERO: Self = Self(0);
    /// 0.5, what an undecided answer gets.
    pub const HALF: Self = Self(5_000);

    /// From ten-thousandths; above 10,000 it is 1.
    #[must_use]
    pub const fn from_ten_thousandths(value: u16) -> Self {
        Self(if value > 10_000 { 10_000 } else { value })
    }

    /// From 0..=1, rounded; outside that range it is clamped, NaN is 0.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=10000 before the cast")]
    pub fn from_ratio(value: f64) -> Self {
        Self((value.clamp(0.0, 1.0) * 10_000.0).round() as u16)
    }

    /// Ten-thousandths, for places that take no floats (the audit).
    #[must_use]
    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// 0..=1.
    #[must_use]
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

impl From<Confidence> for f64 {
    fn from(value: Confidence) -> Self {
        value.ratio()
    }
}

impl TryFrom<f64> for Confidence {
    type Error = &'static str;
    fn try_from(value: f64) -> Result<Self, Self::Error> {
        if (0.0..=1.0).contains(&value) { Ok(Self::from_ratio(value)) } else { Err("a confidence is from 0 to 1") }
    }
}

impl fmt::Display for Confidence {
    /// Whole per cent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", (self.0 + 50) / 100)
    }
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecidedBy {
    /// The rules alone.
    Heuristics,
    /// A model, inside the ambiguous band.
    Llm,
    /// Nothing could: the model was needed and gave no usable answer.
    Fallback,
    /// An earlier verdict on the same fingerprint.
    Cache,
}

impl DecidedBy {
    /// The word in payloads and on cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heuristics => "heuristics",
            Self::Llm => "llm",
            Self::Fallback => "fallback",
            Self::Cache => "cache",
        }
    }
}

/// What the analyst engine may conclude. An enum, never a string: no text can become an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnalystDecision {
    /// Offer containment to a human.
    Quarantine,
    /// Keep an eye on it.
    Monitor,
    /// A human should look.
    Escalate,
}

impl AnalystDecision {
    /// The word in payloads and on cards.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Monitor => "monitor",
            Self::Escalate => "escalate",
        }
    }
}

/// One rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The rule's id, where a newcomer finds it in `rules/`.
    pub rule_id: String,
    /// The rule's title, for people.
    pub title: String,
    /// Rules of one family count once, with their strongest.
    pub family: String,
    /// The rule's weight: the probability of malice it stands for alone.
    pub weight: Confidence,
    /// Which field of the alert matched.
    pub field: String,
    /// What it matched there, at most 200 characters; hostile text.
    pub matched: String,
}

/// The verdict on an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How bad.
    pub verdict: VerdictLevel,
    /// The probability of malice.
    pub confidence: Confidence,
    /// What decided.
    pub decided_by: DecidedBy,
    /// The rules that matched, strongest first, at most 20.
    pub evidence: Vec<Evidence>,
    /// Rules on trial that matched, strongest first, at most 20: recorded, so that they can be looked at, and counted for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_trial: Vec<Evidence>,
    /// ATT&CK techniques of the rules that matched, sorted.
    pub techniques: Vec<String>,
    /// What a human is advised to do.
    pub suggested_action: AnalystDecision,
    /// The ruleset's version.
    pub ruleset: String,
    /// The model that answered, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The model's reasoning, or why there is none; hostile text, bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
}
