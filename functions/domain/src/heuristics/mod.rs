//! How suspicious is an alert, by which rules?
//!
//! Rules are data (`rules/*.toml`), checked and compiled by `vyrox-ruleset`. One pass over every form of every field finds the
//! literals in it, and so the few rules worth a closer look; their regular expressions are programs that the build made.
//!
//! ```
//! use vyrox_domain::heuristics::{Band, Observation, Ruleset, band};
//!
//! let assessment = Ruleset::built_in().evaluate(&Observation {
//!     process_cmdline: Some("cmd /c vssadmin.exe Delete Shadows /all /quiet"),
//!     ..Observation::EMPTY
//! });
//! assert!(matches!(band(assessment.confidence), Band::Accept(_)));
//! assert!(assessment.evidence[0].rule_id.starts_with("win-shadow-copies-"));
//! ```
//!
//! What it is not: a decision to act. Its result is a probability with reasons; nothing here can lead to containment.

mod assessment;
mod band;
mod candidates;
mod characters;
mod decode;
mod examples;
mod expand;
mod explanation;
mod fitted;
mod ngram;
mod ngram_model;
mod ngram_repeats;
mod ngram_words;
mod normalise;
mod note;
mod observation;
mod patterns;
mod places;
mod platform;
mod random_case;
#[cfg(test)]
mod rule_tests;
mod ruleset;
mod text;
mod undo;
mod vendor_context;

pub use assessment::{Assessment, LINUX_RESEMBLANCE_ALONE, MAX_EVIDENCE, suspicion};
pub use band::{BENIGN_AT_MOST, Band, CRITICAL_FROM, HIGH_FROM, MEDIUM_FROM, band, deterministic_level, within_level};
pub use examples::failing_examples;
pub use explanation::{Explanation, Form, Step};
pub use fitted::{Curve, NoCurve, System};
pub use ngram::GRAMS;
pub use ngram_model::{RESEMBLANCE, gram_sets};
pub use observation::Observation;
pub use platform::PlatformSet;
pub use ruleset::{LoadError, Ruleset};
pub use vyrox_ruleset::{Field, Rule};
