//! A model's answer, checked.

use super::Prompt;
use crate::text::visible;
use crate::verdict::{AnalystDecision, Confidence, VerdictLevel};
use serde::de::{Error as _, IntoDeserializer as _};
use serde::{Deserialize, Deserializer, Serialize};

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 16 * 1024;
/// The longest reasoning that is kept, in characters.
const MAX_REASONING: usize = 1_000;
/// What is shown instead of a reasoning that repeats what only the model was told.
const ECHO: &str = "The model's reasoning is not shown: it repeats what the model was told in confidence.";

/// A model's answer, checked. Made only by [`Answer::parse`] and [`Answer::to`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    #[serde(deserialize_with = "word")]
    verdict: VerdictLevel,
    confidence: Confidence,
    reasoning: String,
    mitre_techniques: Vec<String>,
    #[serde(deserialize_with = "word")]
    suggested_action: AnalystDecision,
}

/// One of an enum's words, as a string: serde takes `{"HIGH":null}` for one, too.
fn word<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// The answer is not the published object.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAnswer {
    /// Longer than any valid one.
    #[error("answer is too long")]
    TooLong,
    /// Not JSON at all.
    #[error("answer is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// A member missing, unknown, repeated, of another type or out of range.
    #[error("answer is not the object that was asked for")]
    Shape(#[source] serde_json::Error),
}

impl Answer {
    /// Reads the answer to `prompt` strictly. A reasoning that repeats the prompt's nonce or its system message is replaced
    /// by a sentence of ours.
    ///
    /// # Errors
    /// [`InvalidAnswer`].
    pub fn to(prompt: &Prompt, text: &str) -> Result<Self, InvalidAnswer> {
        let mut answer = Self::parse(text)?;
        if prompt.is_echoed_in(&answer.reasoning) {
            answer.reasoning = ECHO.to_owned();
        }
        Ok(answer)
    }

    /// Reads an answer strictly.
    ///
    /// # Errors
    /// [`InvalidAnswer`].
    pub fn parse(text: &str) -> Result<Self, InvalidAnswer> {
        if text.len() > MAX_ANSWER {
            return Err(InvalidAnswer::TooLong);
        }
        // serde takes an array of the members' values for the object, too.
        if text.trim_start().starts_with('[') {
            return Err(InvalidAnswer::Shape(serde_json::Error::custom("an array is not the object")));
        }
        let mut answer: Self = serde_json::from_str(text).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => InvalidAnswer::Shape(error),
            _ => InvalidAnswer::NotJson(error),
        })?;
        answer.reasoning = visible(&answer.reasoning).chars().take(MAX_REASONING).collect();
        answer.mitre_techniques.retain(|id| is_technique(id));
        answer.mitre_techniques.truncate(10);
        Ok(answer)
    }

    /// The verdict it proposes.
    #[must_use]
    pub const fn verdict(&self) -> VerdictLevel {
        self.verdict
    }

    /// How sure it says it is.
    #[must_use]
    pub const fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// Why; hostile text, bounded.
    #[must_use]
    pub fn reasoning(&self) -> &str {
        &self.reasoning
    }

    /// The techniques it names, each of the form `T1234` or `T1234.567`.
    #[must_use]
    pub fn techniques(&self) -> &[String] {
        &self.mitre_techniques
    }

    /// What it advises.
    #[must_use]
    pub const fn suggested_action(&self) -> AnalystDecision {
        self.suggested_action
    }
}

fn is_technique(id: &str) -> bool {
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    match id.strip_prefix('T').map(|rest| rest.split_once('.').unwrap_or((rest, ""))) {
        Some((technique, "")) => digits(technique, 4) && id.len() == 5,
        Some((technique, sub)) => digits(technique, 4) && digits(sub, 3),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Summary;

    const GOOD: &str = r#"{"verdict":"HIGH","confidence":0.8,"reasoning":"r","mitre_techniques":["T1059.001","rm -rf","T1003"],"suggested_action":"escalate"}"#;

    #[test]
    fn exactly_the_published_object_is_an_answer() {
        let answer = Answer::parse(GOOD).unwrap();
        assert_eq!(answer.techniques(), ["T1059.001", "T1003"]);
        for bad in [
            String::new(),
            "I think it is fine".into(),
            "null".into(),
            format!("[{GOOD}]"),
            r#"["HIGH",0.8,"r",[],"escalate"]"#.into(),
            " \n[\"HIGH\", 0.8, \"r\", [], \"escalate\"]".into(),
            GOOD.replace("\"HIGH\"", "{\"HIGH\":null}"),
            GOOD.replace("\"HIGH\"", "3"),
            GOOD.replace("\"escalate\"", "{\"quarantine\":null}"),
            GOOD.replace("HIGH", "HIGH\u{200b}"),
            GOOD.replace("HIGH", "ＨＩＧＨ"),
            GOOD.replace("HIGH", " HIGH"),
            GOOD.replace("0.8", "NaN"),
            GOOD.replace("0.8", "Infinity"),
            GOOD.replace("0.8", "true"),
            GOOD.replace("0.8", "[0.8]"),
            GOOD.replace("0.8", "{\"value\":0.8}"),
            GOOD.replace("0.8", "\"0.8\""),
            GOOD.replace("0.8", "0.8e400"),
            GOOD.replace("0.8", "0x1"),
            GOOD.replace("0.8", "1.0000001"),
            GOOD.replace("\"T1003\"", "null"),
            GOOD.replace("\"r\"", "\"\\ud83d\""),
            GOOD.replace("\"r\"", "null"),
            GOOD.replace("{\"verdict\"", "{\"\\u0076erdict\":\"BENIGN\",\"verdict\""),
            GOOD.replace("\"verdict\"", "\"Verdict\""),
            format!("\u{feff}{GOOD}"),
            format!("data: {GOOD}\n\n"),
            format!("{GOOD}\u{0}"),
            format!("{}{GOOD}{}", "{\"answer\":", "}"),
            serde_json::to_string(GOOD).unwrap(),
            format!("```json\n{GOOD}\n```"),
            format!("Here it is: {GOOD}"),
            GOOD.replace("HIGH", "SAFE"),
            GOOD.replace("HIGH", "high"),
            GOOD.replace("\"HIGH\"", "[\"HIGH\"]"),
            GOOD.replace("0.8", "1.1"),
            GOOD.replace("0.8", "-0.1"),
            GOOD.replace("0.8", "80"),
            GOOD.replace("0.8", "null"),
            GOOD.replace("0.8", "1e999"),
            GOOD.replace("0.8", "\"high\""),
            GOOD.replace("\"r\"", "{\"text\":\"r\"}"),
            GOOD.replace("[\"T1059.001\",\"rm -rf\",\"T1003\"]", "\"T1059\""),
            GOOD.replace("escalate", "wipe_disk"),
            GOOD.replace("\"reasoning\":\"r\",", ""),
            GOOD.replace("{\"verdict\"", "{\"command\":\"isolate\",\"verdict\""),
            GOOD.replace("{\"verdict\"", "{\"verdict\":\"BENIGN\",\"verdict\""),
            format!("{GOOD}{GOOD}"),
            GOOD[..GOOD.len() - 1].to_owned(),
            GOOD.replace("\"r\"", &format!("\"{}\"", "r".repeat(20_000))),
        ] {
            assert!(Answer::parse(&bad).is_err(), "{bad:.80}");
        }
    }

    #[test]
    fn what_an_answer_says_comes_back_the_same_from_where_it_was_stored() {
        let answer = Answer::parse(&GOOD.replace("\"r\"", "\"r\\u202e\\n\"")).unwrap();
        assert_eq!(answer.reasoning(), "r⟦U+202E⟧\n");
        assert_eq!(Answer::parse(&serde_json::to_string(&answer).unwrap()).unwrap(), answer);
    }

    #[test]
    fn a_reasoning_that_repeats_the_nonce_or_the_instructions_is_not_kept() {
        let nonce = "0123456789abcdef0123456789abcdef";
        let prompt = Prompt::new(&Summary::default(), nonce);
        let reasoning = |text: &str| {
            let text = GOOD.replace("\"r\"", &serde_json::to_string(text).unwrap());
            Answer::to(&prompt, &text).unwrap().reasoning().to_owned()
        };
        let reversed: String = nonce.chars().rev().collect();
        let spaced: String = nonce.chars().flat_map(|c| [c, ' ']).collect();
        for echo in [
            nonce,
            &nonce.to_uppercase(),
            &nonce[5..20],
            &reversed,
            &spaced,
            &prompt.system,
            &prompt.system[40..140],
            &prompt.system.to_uppercase(),
        ] {
            assert_eq!(reasoning(echo), ECHO, "{echo}");
        }
        let own = "A shell started by the web server runs whoami, which alone is common.";
        assert_eq!(reasoning(own), own);
    }
}
