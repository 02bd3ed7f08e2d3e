//! How much a command line resembles the attacks that the weights were fitted on: the second source of evidence.
//!
//! Rules say what they look for; this channel has only learned which words go together in attacks. It is bounded, so it
//! never says CRITICAL alone, and it can only add suspicion: whatever its own weights are, a low score is no evidence at
//! all, never an excuse.

use super::fitted::{Curve, NGRAMS, curve};
use super::ngram::{GRAMS, Gram, Window, Windows};
use super::ngram_repeats::LastOf;
use super::text::{Text, texts};
use super::{Field, Observation, PlatformSet};
use crate::verdict::{Confidence, Evidence};
use std::cmp::Reverse;
use std::ops::Range;

/// The id and the family of this evidence.
pub const RESEMBLANCE: &str = "learned-resemblance";
/// Weaker resemblance is not worth showing.
const LEAST: Confidence = Confidence::from_ten_thousandths(100);
/// So many n-grams are put in order before the others.
const FEW: usize = 12;
/// How many n-grams are shown.
const SHOWN: usize = 3;
/// At most this many characters of each.
const SHOWN_LENGTH: usize = 60;
/// What stands between them.
const BETWEEN: &str = " | ";

/// What each n-gram weighs, by its number: a signed byte.
type Weights = [u8; GRAMS];

/// What scoring remembers; reused from one text to the next.
#[derive(Default)]
pub(super) struct Scorer {
    windows: Windows,
    /// Of the n-grams of a text, three for each word, in order: what each weighs.
    weights: Vec<[i32; 3]>,
    /// The place of the one before it with the same number, and one; zero if there is none.
    before: Vec<[u32; 3]>,
    /// Those that have one before them: their places.
    repeated: Vec<u32>,
    /// Of each word, what stands before it; and of the end.
    so_far: Vec<SoFar>,
    last: LastOf,
    /// Those that say something, the heaviest first; of equal weight, the first in the text.
    order: Vec<(Reverse<i32>, usize)>,
}

/// What stands before a word.
#[derive(Clone, Copy, Default)]
struct SoFar {
    /// The sum of the weights.
    sum: i32,
    /// How many n-grams of `repeated`.
    repeated: usize,
}

/// What the words of the command line resemble, if anything.
pub(super) fn resemblance(texts: &[Text], scorer: &mut Scorer) -> Option<Evidence> {
    evidence(texts, NGRAMS, curve(), scorer)
}

fn evidence(texts: &[Text], weights: &Weights, curve: &Curve, scorer: &mut Scorer) -> Option<Evidence> {
    let mut windows = std::mem::take(&mut scorer.windows);
    let found = strongest_of(texts, weights, curve, scorer, &mut windows);
    scorer.windows = windows;
    found
}

/// The evidence of the text that resembles attacks most; `windows` is memory.
fn strongest_of(
    texts: &[Text],
    weights: &Weights,
    curve: &Curve,
    scorer: &mut Scorer,
    windows: &mut Windows,
) -> Option<Evidence> {
    let mut best: Option<(f64, &Text, Window)> = None;
    let mut last = None;
    for text in judged(texts) {
        windows.cut(&text.content);
        if let Some((score, window)) = scorer.strongest(windows, weights)
            && best.is_none_or(|best| score > best.0)
        {
            best = Some((score, text, window));
        }
        last = Some(text);
    }
    let (score, text, window) = best?;
    let weight = curve.weight(score);
    if weight < LEAST {
        return None;
    }
    if last.is_some_and(|last| !std::ptr::eq(last, text)) {
        // What is remembered is another text.
        windows.cut(&text.content);
        scorer.strongest(windows, weights);
    }
    Some(Evidence {
        rule_id: RESEMBLANCE.to_owned(),
        title: "The words of the command line go together as in known attacks".to_owned(),
        family: RESEMBLANCE.to_owned(),
        weight,
        field: text.label.to_owned(),
        matched: scorer.strongest_grams(&text.content, windows, window),
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
    /// The window with the highest score: the sum of its n-grams' weights over the root of their number, each counted once.
    fn strongest(&mut self, windows: &Windows, weights: &Weights) -> Option<(f64, Window)> {
        let Self { weights: of_grams, before, repeated, so_far, last, .. } = self;
        of_grams.clear();
        before.clear();
        repeated.clear();
        so_far.clear();
        last.clear(3 * windows.words());
        let mut sum = 0;
        let mut place = 0;
        for numbers in windows.numbers() {
            so_far.push(SoFar { sum, repeated: repeated.len() });
            let (mut earlier, mut weighed) = ([0; 3], [0; 3]);
            for (at, number) in numbers.into_iter().enumerate() {
                place += 1;
                earlier[at] = last.replace(number, place);
                if earlier[at] != 0 {
                    repeated.push(place - 1);
                }
                weighed[at] = weight_of(weights, number);
                sum += weighed[at];
            }
            before.push(earlier);
            of_grams.push(weighed);
        }
        so_far.push(SoFar { sum, repeated: repeated.len() });
        let mut best: Option<(f64, Window)> = None;
        for window in windows.iter() {
            if let Some(score) = self.score(window)
                && best.is_none_or(|best| score > best.0)
            {
                best = Some((score, window));
            }
        }
        best
    }

    fn score(&self, window: Window) -> Option<f64> {
        let range = window.range();
        let (weights, before) = (self.weights.as_flattened(), self.before.as_flattened());
        // The last word has no neighbour in its window, the last but one has one. All before them count,
        let whole = range.end.saturating_sub(2).max(range.start);
        let (from, to) = (self.so_far.get(range.start)?, self.so_far.get(whole)?);
        let mut sum = to.sum - from.sum;
        let mut count = 3 * (whole - range.start);
        // except those that have the same before them in the window, which there is whole.
        for place in self.repeated.get(from.repeated..to.repeated)? {
            let place = *place as usize;
            if *before.get(place)? as usize > 3 * range.start {
                sum -= weights.get(place)?;
                count -= 1;
            }
        }
        let edge: &[usize] = if range.len() == 1 { &[0] } else { &[0, 1, 3] };
        for at in edge {
            let place = 3 * whole + at;
            if let Some(weight) = weights.get(place)
                && self.is_first(place, &range)
            {
                sum += *weight;
                count += 1;
            }
        }
        let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
        Some(f64::from(sum) / f64::from(count).sqrt())
    }

    /// The n-grams of the window that weigh most, in the text's own words.
    fn strongest_grams(&mut self, text: &str, words: &Windows, window: Window) -> String {
        let Self { weights, order, .. } = self;
        let range = window.range();
        order.clear();
        for place in 3 * range.start..3 * range.end {
            // One whose second word is behind the window's end is not in it.
            if let Some(weight) = weights.as_flattened().get(place)
                && *weight > 0
                && place / 3 + place % 3 < range.end
            {
                order.push((Reverse(*weight), place));
            }
        }
        // The first few are nearly always enough.
        if order.len() > FEW {
            order.select_nth_unstable(FEW);
        }
        let few = order.len().min(FEW);
        let (mut shown, mut starts) = (String::with_capacity(SHOWN * SHOWN_LENGTH / 2), Vec::with_capacity(SHOWN));
        for part in [0..few, few..order.len()] {
            if starts.len() == SHOWN {
                break;
            }
            let part = &mut order[part];
            part.sort_unstable();
            for (_, place) in part {
                let Some(gram) = words.gram(*place).filter(|_| starts.len() < SHOWN) else { break };
                let end = shown.len();
                if !starts.is_empty() {
                    shown.push_str(BETWEEN);
                }
                let start = shown.len();
                push_text_of(&mut shown, text, gram);
                if is_shown(&shown, &starts, start) {
                    shown.truncate(end);
                } else {
                    starts.push(start);
                }
            }
        }
        shown
    }

    /// Whether no n-gram of the window before the one at `place` has the same number.
    fn is_first(&self, place: usize, window: &Range<usize>) -> bool {
        let mut at = place;
        while let Some(before) = self.before.as_flattened().get(at).and_then(|before| before.checked_sub(1)) {
            at = before as usize;
            if at < 3 * window.start {
                return true;
            }
            // One whose second word is behind the window's end is not in it.
            if at / 3 + at % 3 < window.end {
                return false;
            }
        }
        true
    }
}

#[inline]
fn weight_of(weights: &Weights, number: u16) -> i32 {
    weights[usize::from(number)].cast_signed().into()
}

/// Adds the words of `gram` to `shown`.
fn push_text_of(shown: &mut String, text: &str, gram: Gram) {
    let word = |(start, end): (usize, usize)| text.get(start..end).unwrap_or_default().trim_matches('\u{1}');
    let start = shown.len();
    shown.push_str(word(gram.first));
    if let Some(second) = gram.second {
        if second.0 != gram.first.1 {
            shown.push(' ');
        }
        shown.push_str(word(second));
    }
    if let Some((end, _)) = shown[start..].char_indices().nth(SHOWN_LENGTH) {
        shown.truncate(start + end);
    }
}

/// Whether what `shown` has from `last` is also what begins at one of `starts`, up to the next.
fn is_shown(shown: &str, starts: &[usize], last: usize) -> bool {
    let ends = starts.iter().skip(1).chain([&last]).map(|next| next - BETWEEN.len());
    starts.iter().zip(ends).any(|(start, end)| shown[*start..end] == shown[last..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cmdline(text: &str) -> Vec<Text> {
        texts(&Observation { process_cmdline: Some(text), ..Observation::EMPTY }, PlatformSet::ALL)
    }

    /// Weights that find two words suspicious and one harmless.
    fn weights() -> Box<Weights> {
        let mut weights = Box::new([0_u8; GRAMS]);
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

    /// As it is meant: the set of the window's n-grams, each once.
    fn plainly(windows: &Windows, window: Window, weights: &Weights) -> Option<f64> {
        let set: std::collections::BTreeSet<u16> = windows.grams(window).map(|gram| gram.number).collect();
        let sum: i32 = set.iter().map(|number| weight_of(weights, *number)).sum();
        (!set.is_empty()).then(|| f64::from(sum) / f64::from(u32::try_from(set.len()).unwrap()).sqrt())
    }

    proptest::proptest! {
        #[test]
        fn a_score_is_that_of_the_set_of_n_grams(text in "([a-c]|[a-c] |[;|] |\\\\|/bin/| 7){0,120}", seed in 1_u64..) {
            let weights = std::array::from_fn(|number| ((number as u64).wrapping_mul(seed | 1) >> 3).to_le_bytes()[0]);
            let windows = Windows::of(&text);
            let mut scorer = Scorer::default();
            let found = scorer.strongest(&windows, &weights);
            for window in windows.iter() {
                proptest::prop_assert_eq!(scorer.score(window), plainly(&windows, window, &weights));
            }
            let best = windows.iter().filter_map(|window| plainly(&windows, window, &weights)).reduce(f64::max);
            proptest::prop_assert_eq!(found.map(|(score, _)| score), best);
        }

        #[test]
        fn any_text_is_judged(text in "\\PC{0,400}") {
            if let Some(found) = resemblance(&cmdline(&text), &mut Scorer::default()) {
                let control = found.matched.contains(char::from(1));
                proptest::prop_assert!(found.matched.chars().count() <= 200 && !control);
            }
        }
    }
}
