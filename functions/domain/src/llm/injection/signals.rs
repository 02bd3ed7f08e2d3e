//! Concepts that stand together, and marks that only a prompt has.

use super::Strength;
use super::lexicon::{Concept, Hit, Lexicon, words};
use super::readings::Disguise;
use crate::rare::{Folded, Rare};

/// What an attempt is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Override,
    Verdict,
    AnswerShape,
    RoleMarker,
    Fence,
    Disclosure,
    Persona,
    Addressed,
    /// Not all of the text was read.
    Unread,
}

impl Kind {
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Verdict => "verdict",
            Self::AnswerShape => "answer-shape",
            Self::RoleMarker => "role-marker",
            Self::Fence => "fence",
            Self::Disclosure => "disclosure",
            Self::Persona => "persona",
            Self::Addressed => "addressed",
            Self::Unread => "unread",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Override => "Text tells a language model to drop its instructions",
            Self::Verdict => "Text tells the triage what to conclude",
            Self::AnswerShape => "Text has the shape of a model's answer",
            Self::RoleMarker => "Text contains a prompt's role markers",
            Self::Fence => "Text imitates the fence around a field",
            Self::Disclosure => "Text asks a language model to disclose what it was told",
            Self::Persona => "Text gives a language model a new role or task",
            Self::Addressed => "Text speaks to a language model",
            Self::Unread => "Text has more encodings than are read",
        }
    }
}

/// What was found in one reading.
pub(super) struct Signal {
    pub(super) kind: Kind,
    pub(super) strength: Strength,
    pub(super) matched: String,
}

/// Concepts that mean something within so many bytes of each other.
struct Together {
    concepts: &'static [Concept],
    within: usize,
    kind: Kind,
    strength: Strength,
}

const fn instructs(kind: Kind, within: usize, concepts: &'static [Concept]) -> Together {
    Together { concepts, within, kind, strength: Strength::Instructs }
}

const fn mentions(kind: Kind, within: usize, concepts: &'static [Concept]) -> Together {
    Together { concepts, within, kind, strength: Strength::Mentions }
}

use Concept::{
    Addressee, Chat, Innocent, Instruct, Level, Order, OrderSoft, Override, Persona, Reveal, Secret, Severe, Soft,
    Squeezed, Subject, Verdict, VerdictSoft,
};

/// In the order in which they are reported; instructions first.
const TOGETHER: &[Together] = &[
    instructs(Kind::Override, 70, &[Override, Instruct]),
    instructs(Kind::Override, 40, &[Override, Subject]),
    instructs(Kind::Verdict, 40, &[Order, Innocent]),
    instructs(Kind::Verdict, 120, &[Order, Innocent, Subject]),
    instructs(Kind::Verdict, 120, &[Order, Innocent, Addressee]),
    instructs(Kind::Verdict, 120, &[OrderSoft, Innocent, Addressee]),
    instructs(Kind::Verdict, 120, &[OrderSoft, Innocent, Subject]),
    instructs(Kind::Verdict, 100, &[Order, Soft, Subject]),
    instructs(Kind::Verdict, 100, &[Order, Soft, Addressee]),
    instructs(Kind::Verdict, 100, &[Order, Severe, Subject]),
    instructs(Kind::Verdict, 100, &[Order, Severe, Addressee]),
    instructs(Kind::Verdict, 80, &[Addressee, Innocent]),
    instructs(Kind::Verdict, 60, &[Subject, Innocent]),
    instructs(Kind::Verdict, 40, &[Verdict, Innocent]),
    instructs(Kind::Verdict, 24, &[Verdict, Soft]),
    instructs(Kind::Verdict, 24, &[Verdict, Severe]),
    instructs(Kind::Verdict, 24, &[Verdict, Level]),
    instructs(Kind::Verdict, 60, &[VerdictSoft, Innocent, Order]),
    instructs(Kind::Verdict, 60, &[VerdictSoft, Innocent, OrderSoft]),
    instructs(Kind::Verdict, 60, &[VerdictSoft, Level, Addressee]),
    instructs(Kind::Disclosure, 70, &[Reveal, Secret]),
    instructs(Kind::Persona, 140, &[Persona, Addressee]),
    instructs(Kind::Persona, 140, &[Persona, Order]),
    instructs(Kind::Persona, 140, &[Persona, Innocent]),
    instructs(Kind::Persona, 140, &[Persona, Severe]),
    instructs(Kind::Persona, 140, &[Persona, Verdict]),
    instructs(Kind::Persona, 140, &[Persona, Override]),
    instructs(Kind::Persona, 140, &[Persona, Secret]),
    instructs(Kind::Persona, 80, &[Persona, Soft]),
    instructs(Kind::Override, 0, &[Squeezed]),
    mentions(Kind::Addressed, 0, &[Chat]),
    mentions(Kind::Persona, 0, &[Persona]),
    mentions(Kind::Addressed, 50, &[Addressee, Order, Instruct]),
    mentions(Kind::Addressed, 50, &[Addressee, Override]),
    mentions(Kind::Addressed, 50, &[Addressee, Soft, OrderSoft]),
    mentions(Kind::Verdict, 50, &[Subject, Soft]),
];

/// A mark on the text as it is written.
struct Mark {
    regex: Rare,
    kind: Kind,
    strength: Strength,
}

impl Mark {
    const fn instructs(kind: Kind, regex: Rare) -> Self {
        Self { regex, kind, strength: Strength::Instructs }
    }

    const fn mentions(kind: Kind, regex: Rare) -> Self {
        Self { regex, kind, strength: Strength::Mentions }
    }
}

/// The words of all marks are ASCII, so words end where ASCII's end: where those of other alphabets do takes far longer to tell.
static MARKS: [Mark; 12] = [
    Mark::instructs(
        Kind::RoleMarker,
        Rare::new(
            |text| text.has(&["<|"]),
            r"(?i)<\|\s*(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id|begin_of_text|end_of_turn|endofprompt|python_tag|eom_id|channel|message|constrain|start|end|return|call)\s*\|?>",
        ),
    ),
    Mark::instructs(
        Kind::RoleMarker,
        Rare::new(
            |text| {
                text.has(&[
                    "inst]",
                    "tool_results]",
                    "tool_calls]",
                    "available_tools]",
                    "sys>",
                    "_of_turn>",
                    "{{system",
                    "{{#system",
                ])
            },
            r"(?i)\[/?(?:inst|tool_results|tool_calls|available_tools)\]|<</?sys>>|</?(?:start|end)_of_turn>|\{\{#?system",
        ),
    ),
    Mark::instructs(
        Kind::RoleMarker,
        Rare::new(
            |text| {
                let joins = |c: char| c.is_whitespace() || matches!(c, '_' | '-');
                let what = ["message", "prompt", "override", "note", "notice", "instruction"];
                text.has_before(&["system", "assistant", "developer"], joins, &what)
            },
            r"(?i)(?-u:\b)(?:system|assistant|developer)[\s_-]*(?:message|prompt|override|note|notice|instruction)s?\s*[:=\]]",
        ),
    ),
    Mark::instructs(
        Kind::RoleMarker,
        Rare::new(
            |text| {
                let what = ["system", "instruction", "assistant", "new instruction"];
                let joins = |c: char| c.is_whitespace() || matches!(c, '#' | '-' | '=' | '*');
                text.has_before(&["###", "---", "===", "***"], joins, &what)
            },
            r"(?i)(?:###|---|===|\*\*\*)\s*(?:system|instruction|assistant|new instruction)s?(?-u:\b)",
        ),
    ),
    Mark::mentions(
        Kind::RoleMarker,
        Rare::new(
            |text| text.has_before(&["system", "assistant", "human"], char::is_whitespace, &[":"]),
            r"(?i)(?:^|[\r\n]|\\n)\s*(?:system|assistant|human)\s*:\s*\p{L}",
        ),
    ),
    Mark::instructs(
        Kind::RoleMarker,
        Rare::new(
            |text| text.has(&["function_calls", "tool_call", "tool_result", "tool_response", "invoke name="]),
            r"(?i)</?(?:function_calls|tool_calls?|tool_results?|tool_response|invoke name=[^<>]{1,60})\s*>",
        ),
    ),
    Mark::mentions(Kind::RoleMarker, Rare::new(|text| text.has(&["\"tool_calls\""]), r#"(?i)"tool_calls"\s*:\s*\["#)),
    Mark::mentions(
        Kind::RoleMarker,
        Rare::new(|text| text.has(&["\"role\""]), r#"(?i)"role"\s*:\s*"(?:system|assistant|developer)""#),
    ),
    Mark::instructs(
        Kind::Fence,
        Rare::new(|text| text.has_long(&["<", "</"], 16, |byte| byte.is_ascii_hexdigit()), r"(?i)</?[0-9a-f]{16,64}>"),
    ),
    Mark::mentions(
        Kind::Fence,
        Rare::new(
            |text| text.has(&["untrusted>", "_data>", "alert>", "user_input>", "nonce>"]),
            r"(?i)</?(?:nonce|untrusted|untrusted_data|alert_data|alert|user_input|user_data|input_data)>",
        ),
    ),
    Mark::instructs(
        Kind::AnswerShape,
        Rare::new(
            |text| text.has(&["verdict"]),
            r"(?i)(?-u:\b)verdict\W{0,3}\s*[:=]\s*\W{0,3}(?:benign|low|medium|high|critical)",
        ),
    ),
    Mark::instructs(
        Kind::AnswerShape,
        Rare::new(
            |text| text.has(&["suggested_action", "mitre_techniques"]),
            r"(?i)(?-u:\b)suggested_action(?-u:\b)|(?-u:\b)mitre_techniques(?-u:\b)",
        ),
    ),
];

/// The strongest signal in one reading of a text.
pub(super) fn strongest(text: &str, disguise: Disguise) -> Option<Signal> {
    let found = [by_marks(text), by_words(text)].into_iter().flatten();
    let found = found.reduce(|best, next| if next.strength > best.strength { next } else { best });
    found.filter(|signal| signal.strength == Strength::Instructs || !disguise.is_guess())
}

/// What a mark must contain, so that most texts need no regex.
fn may_have_marks(text: &str) -> bool {
    text.contains(['<', '[', '{', '#', ':', '=', '_', '*'])
}

fn by_marks(text: &str) -> Option<Signal> {
    if !may_have_marks(text) {
        return None;
    }
    let folded = Folded::of(text);
    let found = MARKS.iter().filter_map(|mark| {
        let at = mark.regex.on(&folded)?.find(text)?;
        let matched = excerpt(text, at.start(), at.end());
        Some(Signal { kind: mark.kind, strength: mark.strength, matched })
    });
    found.reduce(|best, next| if next.strength > best.strength { next } else { best })
}

fn by_words(text: &str) -> Option<Signal> {
    let text = words(text);
    let hits = Lexicon::built_in().find(&text);
    let all = hits.iter().fold(0, |all, hit| all | hit.concepts);
    let mut best: Option<Signal> = None;
    for rule in TOGETHER {
        let wanted = rule.concepts.iter().fold(0, |bits, concept| bits | concept.bit());
        if all & wanted != wanted || best.as_ref().is_some_and(|best| best.strength >= rule.strength) {
            continue;
        }
        if let Some((start, end)) = together(&hits, rule) {
            best = Some(Signal { kind: rule.kind, strength: rule.strength, matched: excerpt(&text, start, end) });
        }
    }
    best
}

/// Where all concepts of a rule first stand together, in bytes.
fn together(hits: &[Hit], rule: &Together) -> Option<(usize, usize)> {
    let mut last: Vec<Option<Hit>> = vec![None; rule.concepts.len()];
    for hit in hits {
        let mut concerns = false;
        for (slot, concept) in last.iter_mut().zip(rule.concepts) {
            if hit.concepts & concept.bit() != 0 {
                *slot = Some(*hit);
                concerns = true;
            }
        }
        if !concerns {
            continue;
        }
        let Some(found) = last.iter().copied().collect::<Option<Vec<Hit>>>() else { continue };
        let first = found.iter().map(|hit| hit.start).min()?;
        let end = found.iter().map(|hit| hit.end).max()?;
        let latest = found.iter().map(|hit| hit.start).max()?;
        // One word is not two.
        let distinct = found.len() == 1 || found.iter().any(|hit| hit.start != first || hit.end != found[0].end);
        if distinct && latest - first <= rule.within {
            return Some((first, end));
        }
    }
    None
}

/// The match alone: what surrounds it may be anybody's secret.
fn excerpt(text: &str, start: usize, end: usize) -> String {
    text[start..end].trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::MARKS;
    use crate::rare::Folded;
    use crate::rare::tests::lets_every_match_through;

    #[test]
    fn no_mark_is_kept_from_a_text_that_has_it() {
        MARKS.iter().for_each(|mark| lets_every_match_through(&mark.regex));
        let longer = Folded::of("-----System: x");
        assert!(MARKS.iter().any(|mark| mark.regex.on(&longer).is_some_and(|regex| regex.is_match(longer.text))));
    }
}
