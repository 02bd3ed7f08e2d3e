//! Where the literals of the rules are in the texts of an observation.
//!
//! Those that make a rule worth a closer look have been found in all texts. The others are looked for when a rule asks, which
//! for most ends with [`Seen`]: the text lacks three bytes that the literal has.

use super::candidates::bits_of;
use super::text::Text;
use memchr::{memchr3_iter, memmem};
use vyrox_ruleset::{Field, Finder, Question, Seen, Table};

/// What is known of the texts of one observation; reused for the next.
#[derive(Debug, Default)]
pub(super) struct Places {
    seen: Seen,
    /// By literal.
    of: Vec<Occurrences>,
    /// The literals of which something is known.
    literals: Vec<u32>,
}

/// The texts, a bit each.
#[derive(Debug, Clone, Copy, Default)]
struct Occurrences {
    /// That have been looked through.
    known: u32,
    /// That it is in.
    texts: u32,
}

/// Texts and what their rules' literals are.
#[derive(Clone, Copy)]
pub(super) struct Searched<'t> {
    pub(super) texts: &'t [Text],
    pub(super) table: &'t Table<'t>,
}

impl<'t> Searched<'t> {
    fn literal(&self, number: u32) -> &'t str {
        self.table.literals.get(number as usize).unwrap_or_default()
    }
}

impl Places {
    /// Forgets everything; there are so many literals.
    pub(super) fn clear(&mut self, literals: usize) {
        for literal in self.literals.drain(..) {
            self.of[literal as usize] = Occurrences::default();
        }
        self.of.resize(literals, Occurrences::default());
        self.seen.clear();
    }

    /// Looks through the text with this number; calls `first` with each literal that it finds there and that is in none of
    /// `before`, in bits.
    pub(super) fn scan(
        &mut self,
        finder: &Finder<'_>,
        (number, text, before): (usize, &Text, u32),
        table: &Table<'_>,
        systems: u8,
        mut first: impl FnMut(u32),
    ) {
        let (bit, Self { seen, of, literals }) = (1 << number, self);
        finder.find(table.literals, (text.content.as_bytes(), text.field.bit()), systems, seen, |literal| {
            let Some(of) = of.get_mut(literal as usize) else { return };
            if of.known == 0 {
                literals.push(literal);
            }
            if of.texts & (before | bit) == 0 {
                first(literal);
            }
            of.known |= bit;
            of.texts |= bit;
        });
    }

    /// Whether a literal is in one of the texts `among`, a bit each, which are of one field.
    #[inline]
    pub(super) fn is_in(&mut self, question: Question, (field, among): (Field, u32), searched: Searched<'_>) -> bool {
        self.seen.perhaps(question) & field.bit() != 0 && self.look(question.literal, among, searched, true) != 0
    }

    /// Those of the texts `among`, a bit each, which are of one field, that a literal is in.
    #[inline]
    pub(super) fn texts(&mut self, question: Question, (field, among): (Field, u32), searched: Searched<'_>) -> u32 {
        match self.seen.perhaps(question) & field.bit() {
            0 => 0,
            _ => self.look(question.literal, among, searched, false),
        }
    }

    /// The same where it may be in them; if one is enough, not always all.
    fn look(&mut self, literal: u32, among: u32, searched: Searched<'_>, one: bool) -> u32 {
        let Some(of) = self.of.get_mut(literal as usize) else { return 0 };
        if of.known == 0 {
            self.literals.push(literal);
        }
        for number in bits_of(u64::from(among & !of.known)) {
            if one && of.texts & among != 0 {
                break;
            }
            let Some(text) = searched.texts.get(number) else { break };
            of.known |= 1 << number;
            if text.content.contains(searched.literal(literal)) {
                of.texts |= 1 << number;
            }
        }
        of.texts & among
    }

    /// Adds to `beginnings` where something can begin in a text that has one of `literals` so many bytes `behind` its
    /// beginning, at least and at most: the first byte and the last of each place. Whether that is known.
    pub(super) fn beginnings(
        &mut self,
        literals: impl IntoIterator<Item = Question>,
        text: usize,
        (least, most): (u32, u32),
        searched: Searched<'_>,
        beginnings: &mut Vec<(usize, usize)>,
    ) -> bool {
        let Some(of_text) = searched.texts.get(text) else { return false };
        let (content, field) = (of_text.content.as_bytes(), of_text.field);
        let (least, most) = (least as usize, most as usize);
        let mut none = true;
        for question in literals {
            none = false;
            if self.texts(question, (field, 1 << text), searched) == 0 {
                continue;
            }
            let wanted = memmem::Finder::new(searched.literal(question.literal));
            let mut from = 0;
            while let Some(at) = content.get(from..).and_then(|rest| wanted.find(rest)).map(|at| from + at) {
                if let Some(last) = at.checked_sub(least) {
                    beginnings.push((at.saturating_sub(most), last));
                }
                from = at + 1;
            }
        }
        !none
    }
}

/// Adds to `beginnings` where something can begin in `text` that has one of `marks` so many bytes `behind` its beginning, at
/// least and at most: the first byte and the last of each place. Whether that is known, which it is.
pub(super) fn add_marked(
    text: &str,
    [one, two, three]: [u8; 3],
    (least, most): (u32, u32),
    beginnings: &mut Vec<(usize, usize)>,
) -> bool {
    let (least, most) = (least as usize, most as usize);
    let places = memchr3_iter(one, two, three, text.as_bytes());
    beginnings.extend(places.filter_map(|at| Some((at.saturating_sub(most), at.checked_sub(least)?))));
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heuristics::Ruleset;
    use proptest::prelude::*;
    use vyrox_ruleset::Span;

    #[test]
    fn what_begins_so_far_before_a_mark_is_known() {
        let mut found = Vec::new();
        assert!(add_marked(";a=b,c", *b";,,", (1, 2), &mut found));
        assert_eq!(found, [(2, 3)], "nothing begins a byte before the text");
    }

    /// Texts of the built-in rules, scanned.
    fn scanned(contents: &[&str]) -> (Places, Vec<Text>) {
        let rules = Ruleset::built_in();
        let texts: Vec<Text> =
            contents.iter().map(|content| Text::new(Field::Cmdline, "", (*content).to_owned())).collect();
        let mut places = Places::default();
        for _ in 0..2 {
            places.clear(rules.table().literals.len());
            for (number, text) in texts.iter().enumerate() {
                places.scan(rules.finder(), (number, text, 0), rules.table(), u8::MAX, |_| {});
            }
        }
        (places, texts)
    }

    fn question_of(literal: &str) -> Question {
        let table = Ruleset::built_in().table();
        let all = Span { start: 0, len: table.questions.len().try_into().unwrap() };
        let mut questions = table.questions.of(all);
        let is_of = |question: &Question| table.literals.get(question.literal as usize) == Some(literal);
        questions.find(is_of).expect("a rule asks for it")
    }

    #[test]
    fn what_begins_so_far_before_a_literal_is_known() {
        let (mut places, texts) = scanned(&["0123456powershell 8", "no", "powershell powershell"]);
        let searched = Searched { texts: &texts, table: Ruleset::built_in().table() };
        let literal = question_of("powershell");
        let mut beginnings = |literals: &[Question], text, behind| {
            let mut found = Vec::new();
            let known = places.beginnings(literals.iter().copied(), text, behind, searched, &mut found);
            (known, found)
        };
        assert_eq!(beginnings(&[literal], 0, (2, 3)), (true, vec![(4, 5)]));
        assert_eq!(beginnings(&[literal], 2, (0, 9)), (true, vec![(0, 0), (2, 11)]));
        assert_eq!(beginnings(&[literal], 2, (1, 1)), (true, vec![(10, 10)]), "nothing begins before the text");
        assert_eq!(beginnings(&[literal], 1, (0, 0)), (true, vec![]));
        assert!(!beginnings(&[], 0, (0, 0)).0);
    }

    /// One occurrence may begin inside another.
    #[test]
    fn occurrences_that_overlap_are_all_found() {
        let overlaps = |literal: &&str| {
            (1..literal.len()).any(|at| literal.is_char_boundary(at) && literal.starts_with(&literal[at..]))
        };
        let literal = Ruleset::built_in().table().literals.iter().find(overlaps).expect("such as ../../");
        let shift = (1..literal.len()).find(|at| literal.starts_with(&literal[*at..])).unwrap();
        let (mut places, texts) = scanned(&[&format!("{}{literal}", &literal[..shift])]);
        let searched = Searched { texts: &texts, table: Ruleset::built_in().table() };
        let mut found = Vec::new();
        assert!(places.beginnings([question_of(literal)], 0, (0, 0), searched, &mut found));
        assert_eq!(found, [(0, 0), (shift, shift)], "{literal}");
    }

    proptest! {
        /// Literals that were found and those that are asked for, in any order and in any of the texts.
        #[test]
        fn a_literal_is_in_the_texts_that_contain_it(
            picks in proptest::collection::vec(proptest::collection::vec((any::<prop::sample::Index>(), "[a-z /.-]{0,3}"), 0..6), 1..6),
            asked in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u32>()), 1..20),
        ) {
            let table = Ruleset::built_in().table();
            let literal = |pick: &prop::sample::Index| table.literals.get(pick.index(table.literals.len())).unwrap();
            let contents: Vec<String> =
                picks.iter().map(|text| text.iter().map(|(pick, glue)| format!("{}{glue}", literal(pick))).collect()).collect();
            let (mut places, texts) = scanned(&contents.iter().map(String::as_str).collect::<Vec<_>>());
            let searched = Searched { texts: &texts, table };
            for (text, pick, among) in asked {
                let among = among & ((1 << texts.len()) - 1);
                let parts = text.get(&picks);
                // One that is there, if there is any; else any.
                let literal = parts.get(pick.index(parts.len().max(1))).map_or_else(|| literal(&pick), |(pick, _)| literal(pick));
                let expected = (0..texts.len()).filter(|at| texts[*at].content.contains(literal)).fold(0, |set, at| set | 1 << at) & among;
                let question = question_of(literal);
                prop_assert_eq!(places.is_in(question, (Field::Cmdline, among), searched), expected != 0, "{}", literal);
                prop_assert_eq!(places.texts(question, (Field::Cmdline, among), searched), expected, "{}", literal);
            }
        }
    }
}
