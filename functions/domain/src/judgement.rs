//! From an assessment, and perhaps a model's answer, to the verdict.
//!
//! | confidence of the rules | who decides |
//! |---|---|
//! | 0.75 and above | the rules: HIGH or CRITICAL |
//! | between | a model, from the rules' own level (the floor) up to HIGH |
//! | 0.25 and below | the rules: BENIGN |
//!
//! A model's answer never lowers the verdict below the floor and never raises it to CRITICAL. Without a usable answer the
//! verdict is MEDIUM at 0.5, as published.

use crate::heuristics::{Assessment, Band, band, deterministic_level};
use crate::llm::Answer;
use crate::verdict::{AnalystDecision, Confidence, DecidedBy, Verdict, VerdictLevel};

/// What became of asking a model.
#[derive(Debug)]
pub enum Consultation<'a> {
    /// The tenant has opted out, or no model is configured: the rules' own level stands.
    NotAsked,
    /// It answered.
    Answered {
        /// Its name.
        model: &'a str,
        /// Its answer.
        answer: &'a Answer,
    },
    /// It gave no usable answer; why, in a few words of ours.
    Failed {
        /// Why.
        reason: &'a str,
    },
}

/// Whether a model should be asked at all.
#[must_use]
pub fn is_ambiguous(assessment: &Assessment) -> bool {
    matches!(band(assessment.confidence), Band::Ambiguous)
}

/// Concludes. A consultation counts only inside the ambiguous band; outside it the rules decide alone.
#[must_use]
pub fn conclude(assessment: &Assessment, ruleset: &str, consultation: &Consultation<'_>) -> Verdict {
    let by_rules = |level| verdict(assessment, ruleset, level, assessment.confidence, DecidedBy::Heuristics);
    match band(assessment.confidence) {
        Band::Accept(level) => by_rules(level),
        Band::Benign => by_rules(VerdictLevel::Benign),
        Band::Ambiguous => match consultation {
            Consultation::NotAsked => by_rules(deterministic_level(assessment.confidence)),
            Consultation::Failed { reason } => {
                let mut verdict =
                    verdict(assessment, ruleset, VerdictLevel::Medium, Confidence::HALF, DecidedBy::Fallback);
                verdict.reasoning = Some((*reason).to_owned());
                verdict
            }
            Consultation::Answered { model, answer } => {
                let floor = deterministic_level(assessment.confidence);
                let level = answer.verdict().clamp(floor, VerdictLevel::High);
                let mut verdict = verdict(assessment, ruleset, level, answer.confidence(), DecidedBy::Llm);
                verdict.model = Some((*model).to_owned());
                verdict.reasoning = Some(answer.reasoning().to_owned());
                verdict.techniques.extend(answer.techniques().iter().cloned());
                verdict.techniques.sort_unstable();
                verdict.techniques.dedup();
                // The advice may be milder than the level's own, never stronger.
                if answer.suggested_action() != AnalystDecision::Quarantine {
                    verdict.suggested_action = answer.suggested_action();
                }
                verdict
            }
        },
    }
}

fn verdict(
    assessment: &Assessment,
    ruleset: &str,
    level: VerdictLevel,
    confidence: Confidence,
    decided_by: DecidedBy,
) -> Verdict {
    Verdict {
        verdict: level,
        confidence,
        decided_by,
        evidence: assessment.evidence.clone(),
        techniques: assessment.techniques.clone(),
        suggested_action: match level {
            VerdictLevel::Critical | VerdictLevel::High => AnalystDecision::Quarantine,
            VerdictLevel::Medium => AnalystDecision::Escalate,
            VerdictLevel::Low | VerdictLevel::Benign => AnalystDecision::Monitor,
        },
        ruleset: ruleset.to_owned(),
        model: None,
        reasoning: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assessment(confidence: u16) -> Assessment {
        Assessment {
            confidence: Confidence::from_ten_thousandths(confidence),
            evidence: Vec::new(),
            techniques: Vec::new(),
            staged: Vec::new(),
        }
    }

    fn answer(level: &str) -> Answer {
        Answer::parse(&format!(
            r#"{{"verdict":"{level}","confidence":0.9,"reasoning":"said so","mitre_techniques":[],"suggested_action":"monitor"}}"#
        ))
        .unwrap()
    }

    fn told(confidence: u16, level: &str) -> VerdictLevel {
        let answer = answer(level);
        conclude(&assessment(confidence), "r", &Consultation::Answered { model: "m", answer: &answer }).verdict
    }

    #[test]
    fn a_model_never_lowers_a_verdict_below_the_floor() {
        for confidence in (0..=10_000).step_by(50) {
            let alone = conclude(&assessment(confidence), "r", &Consultation::NotAsked).verdict;
            assert!(told(confidence, "BENIGN") >= alone, "at {confidence}");
        }
    }

    #[test]
    fn a_model_changes_nothing_outside_the_band_and_never_makes_critical() {
        assert_eq!(told(2_500, "CRITICAL"), VerdictLevel::Benign);
        assert_eq!(told(9_900, "BENIGN"), VerdictLevel::Critical);
        assert_eq!(told(5_000, "CRITICAL"), VerdictLevel::High);
    }

    #[test]
    fn without_a_usable_answer_it_is_medium_at_one_half_with_the_reason() {
        let verdict = conclude(&assessment(3_000), "r", &Consultation::Failed { reason: "timeout" });
        assert_eq!(
            (verdict.verdict, verdict.confidence, verdict.decided_by),
            (VerdictLevel::Medium, Confidence::HALF, DecidedBy::Fallback)
        );
        assert_eq!(verdict.reasoning.as_deref(), Some("timeout"));
    }
}
