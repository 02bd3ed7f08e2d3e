//! How much a command line resembles the attacks that the weights were fitted on: the second source of evidence.
//!
//! Rules say what they look for; this channel has only learned which words go together in attacks. It is bounded, so it
//! never says CRITICAL alone, and it can only add suspicion: whatever its own weights are, a low score is no evidence at
//! all, never an excuse.

use super::fitted::{Curve, NGRAMS, curve};
use super::ngram::{Gram, Seen, Window, Windows};
use super::text::{Text, texts};
use super::{Field, Observation, PlatformSet};
use crate::verdict::{Confidence, Evidence};

/// The id and the family of this evidence.
pub const RESEMBLANCE: &str = "learned-resemblance";
/// Weaker resemblance is not worth showing.
const LEAST: Confidence = Confidence::from_ten_thousandths(100);
/// How many n-grams are shown.
const SHOWN: usize = 3;
/// At most this many characters of each.
const SHOWN_LENGTH: usize = 60;

/// What scoring remembers; reused from one text to the next.
#[derive(Default)]
pub(super) struct Scorer {
    seen: Seen,
    /// Of each word: its own n-gram, and those with the next and the next but one. With their weights.
    grams: Vec<[(u16, i8); 3]>,
}

/// What the words of the command line resemble, if anything.
pub(super) fn resemblance(texts: &[Text], scorer: &mut Scorer) -> Option<Evidence> {
    evidence(texts, NGRAMS, curve(), scorer)
}

fn evidence(texts: &[Text], weights: &[u8], curve: &Curve, scorer: &mut Scorer) -> Option<Evidence> {
    let (text, score, windows, window) = judged(texts)
        .filter_map(|text| {
            let windows = Windows::of(&text.content);
            let (score, window) = scorer.strongest(&windows, weights)?;
            Some((text, score, windows, window))
        })
        .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
    let weight = curve.weight(score);
    (weight >= LEAST).then(|| Evidence {
        rule_id: RESEMBLANCE.to_owned(),
        title: "The words of the command line go together as in known attacks".to_owned(),
        family: RESEMBLANCE.to_owned(),
        weight,
        field: text.label.to_owned(),
        matched: strongest_grams(&text.content, windows.grams(window), weights),
    })
}

/// The sets of n-grams of `observation`'s windows, each sorted: what fitting learns from.
#[must_use]
pub fn gram_sets(observation: &Observation<'_>) -> Vec<Vec<u16>> {
    let texts = texts(observation, PlatformSet::infer(observation));
    let mut sets = Vec::new();
    for text in judged(&texts) {
        let windows = Windows::of(&text.content);
        for window in windows.iter() {
            let mut set: Vec<u16> = windows.grams(window).map(|gram| gram.number).collect();
            set.sort_unstable();
            set.dedup();
            sets.push(set);
        }
    }
    sets
}

/// The command line with its disguises undone, and what was decoded from it. Every other form repeats these.
fn judged(texts: &[Text]) -> impl Iterator<Item = &Text> {
    let first_of_its_label = |at: usize| texts[..at].iter().all(|earlier| !same(earlier, &texts[at]));
    texts
        .iter()
        .enumerate()
        .filter(move |(at, text)| text.field == Field::Cmdline && first_of_its_label(*at))
        .map(|(_, text)| text)
}

fn same(one: &Text, other: &Text) -> bool {
    one.field == other.field && one.label == other.label
}

impl Scorer {
    /// The window with the highest score: the sum of its n-grams' weights over the root of their number.
    fn strongest(&mut self, windows: &Windows, weights: &[u8]) -> Option<(f64, Window)> {
        self.grams.clear();
        self.grams.extend(windows.numbers().map(|numbers| numbers.map(|number| (number, weight_of(weights, number)))));
        let scored = windows.iter().filter_map(|window| Some((self.score(window)?, window)));
        scored.reduce(|best, next| if next.0 > best.0 { next } else { best })
    }

    fn score(&mut self, window: Window) -> Option<f64> {
        let Self { seen, grams } = self;
        let words = grams.get(window.range())?;
        // The last word has no neighbour in its window, the last but one has one.
        let within = || words.iter().enumerate().flat_map(|(at, grams)| &grams[..(words.len() - at).min(3)]);
        let (mut sum, mut count) = (0_i32, 0_u32);
        for (number, weight) in within() {
            if seen.insert(*number) {
                sum += i32::from(*weight);
                count += 1;
            }
        }
        within().for_each(|(number, _)| seen.remove(*number));
        (count > 0).then(|| f64::from(sum) / f64::from(count).sqrt())
    }
}

fn weight_of(weights: &[u8], number: u16) -> i8 {
    weights.get(usize::from(number)).map_or(0, |byte| byte.cast_signed())
}

/// The n-grams that weigh most, in the text's own words.
fn strongest_grams(text: &str, grams: impl Iterator<Item = Gram>, weights: &[u8]) -> String {
    let mut grams: Vec<Gram> = grams.filter(|gram| weight_of(weights, gram.number) > 0).collect();
    grams.sort_unstable_by_key(|gram| (-i16::from(weight_of(weights, gram.number)), gram.first, gram.second));
    let mut shown: Vec<String> = Vec::new();
    for gram in grams {
        if shown.len() == SHOWN {
            break;
        }
        let words = text_of(text, gram);
        if !shown.contains(&words) {
            shown.push(words);
        }
    }
    shown.join(" | ")
}

fn text_of(text: &str, gram: Gram) -> String {
    let word = |(start, end): (usize, usize)| text.get(start..end).unwrap_or_default().trim_matches('\u{1}');
    let first = word(gram.first);
    let words = match gram.second {
        Some(second) if second.0 == gram.first.1 => format!("{first}{}", word(second)),
        Some(second) => format!("{first} {}", word(second)),
        None => first.to_owned(),
    };
    words.chars().take(SHOWN_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cmdline(text: &str) -> Vec<Text> {
        texts(&Observation { process_cmdline: Some(text), ..Observation::EMPTY }, PlatformSet::ALL)
    }

    /// Weights that find two words suspicious and one harmless.
    fn weights() -> Vec<u8> {
        let mut weights = vec![0_u8; super::super::ngram::GRAMS];
        for (word, weight) in [("mimi", 100_i8), ("katz", 60), ("holiday", -120)] {
            let windows = Windows::of(word);
            let window = windows.iter().next().unwrap();
            for gram in windows.grams(window) {
                weights[usize::from(gram.number)] = weight.cast_unsigned();
            }
        }
        weights
    }

    fn judge(texts: &[Text]) -> Option<Evidence> {
        evidence(texts, &weights(), &straight(), &mut Scorer::default())
    }

    fn straight() -> Curve {
        Curve::new(vec![0.0, 100.0], vec![0, 8_000]).unwrap()
    }

    #[test]
    fn the_evidence_shows_what_weighed_most() {
        let found = judge(&cmdline("run mimi \"katz\"")).unwrap();
        assert_eq!((found.rule_id.as_str(), found.matched.as_str()), (RESEMBLANCE, "mimi | katz"));
        assert_eq!(found.field, "process_cmdline");
        assert_eq!(judge(&cmdline("ls -la")), None);
        assert_eq!(judge(&[]), None);
    }

    #[test]
    fn harmless_words_in_another_command_excuse_nothing() {
        let weight = |text: &str| judge(&cmdline(text)).map(|found| found.weight);
        let alone = weight("run mimi katz now");
        assert!(alone.is_some());
        for padded in [
            "run mimi katz now ; echo holiday holiday holiday",
            "echo holiday & run mimi katz now",
            "echo happy holiday to all && run mimi katz now || echo holiday",
        ] {
            assert!(weight(padded) >= alone, "{padded}");
        }
    }

    #[test]
    fn it_never_is_critical_alone() {
        assert!(curve().weight(f64::MAX) < super::super::CRITICAL_FROM);
        assert!(curve().weight(f64::MIN) < LEAST);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_judged(text in "\\PC{0,400}") {
            if let Some(found) = resemblance(&cmdline(&text), &mut Scorer::default()) {
                let control = found.matched.contains(char::from(1));
                proptest::prop_assert!(found.matched.chars().count() <= 200 && !control);
            }
        }
    }
}
