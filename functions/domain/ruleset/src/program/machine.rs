//! Runs programs: one way after the other, the preferred one first, as the leftmost-first rule of regular expressions says.
//!
//! Trying ways again can take time that grows faster than the text. So steps are counted, and whoever asks gets told when
//! there are too many: then something slower to start but bounded in time has to do it.

use super::{Program, UNLIMITED, class, operation};

/// Steps that any search may take, and more for each byte of the text.
const STEPS: usize = 512;
const STEPS_PER_BYTE: usize = 2;

/// A search would take longer than is worth it here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many steps")]
pub struct TooManySteps;

/// What a search remembers; reused from one to the next.
#[derive(Debug, Default)]
pub struct Machine {
    ways: Vec<Way>,
    tried: Vec<Tried>,
    spent: usize,
}

/// Places at which the instruction at `code` has been tried in this search, in vain: all from `least` to `most`. What led
/// there does not matter, so they need not be tried again.
#[derive(Debug, Clone, Copy)]
struct Tried {
    code: usize,
    least: usize,
    most: usize,
}

/// Another way: the instruction at `code`, at any place from `most` down to `least`, the last first.
#[derive(Debug, Clone, Copy)]
struct Way {
    code: usize,
    least: usize,
    most: usize,
}

impl Machine {
    /// The first place that `program` matches in `text`: the bytes from, up to.
    ///
    /// # Errors
    /// [`TooManySteps`] if it takes too many to tell.
    pub fn find(&mut self, program: Program<'_>, text: &[u8]) -> Result<Option<(usize, usize)>, TooManySteps> {
        let allowed = STEPS + STEPS_PER_BYTE * text.len();
        let mut steps = allowed;
        self.tried.clear();
        let found = (0..=text.len()).filter(|start| program.beginnings.may_be_at(text, *start)).find_map(|start| {
            match self.match_at(program, text, start, &mut steps) {
                Ok(end) => end.map(|end| Ok((start, end))),
                Err(too_many) => Some(Err(too_many)),
            }
        });
        self.spent += allowed - steps;
        found.transpose()
    }

    /// The steps of all searches so far: what they cost, on any machine the same.
    #[must_use]
    pub const fn spent(&self) -> usize {
        self.spent
    }

    /// Where the match that begins at `start` ends.
    fn match_at(
        &mut self,
        program: Program<'_>,
        text: &[u8],
        start: usize,
        steps: &mut usize,
    ) -> Result<Option<usize>, TooManySteps> {
        let Program { code, classes, .. } = program;
        self.ways.clear();
        let (mut at, mut place) = (0, start);
        loop {
            let goes_on = match code.get(at) {
                Some(&operation::BYTE) => {
                    let same = text.get(place) == code.get(at + 1);
                    at += 2;
                    place += 1;
                    same
                }
                Some(&operation::LITERAL) => {
                    let length = usize::from(code.get(at + 1).copied().unwrap_or_default());
                    let literal = code.get(at + 2..at + 2 + length);
                    let same = literal.is_some_and(|literal| text[place..].starts_with(literal));
                    at += 2 + length;
                    place += length;
                    same
                }
                Some(&operation::CLASS) => {
                    let known = class(classes, number(code, at + 1));
                    let inside = known.zip(text.get(place)).is_some_and(|(class, byte)| contains(class, *byte));
                    at += 3;
                    place += 1;
                    inside
                }
                Some(&operation::REPEAT) => {
                    let (least, most) = (number(code, at + 3), number(code, at + 5));
                    let most = if most == UNLIMITED { text.len() } else { place + usize::from(most) };
                    let most = most.min(text.len());
                    let least = place + usize::from(least);
                    let known = class(classes, number(code, at + 1)).unwrap_or_default();
                    let reached = text[place..most]
                        .iter()
                        .position(|byte| !contains(known, *byte))
                        .map_or(most, |length| place + length);
                    *steps = steps.checked_sub((reached - place) / 8).ok_or(TooManySteps)?;
                    at += 7;
                    match self.untried(at, least, reached) {
                        Some(reached) => {
                            if least < reached {
                                self.ways.push(Way { code: at, least, most: reached - 1 });
                            }
                            self.try_at(at, reached);
                            place = reached;
                            true
                        }
                        None => false,
                    }
                }
                Some(&operation::SPLIT) => {
                    let (first, second) = (number(code, at + 1).into(), number(code, at + 3).into());
                    *steps = steps.checked_sub(1).ok_or(TooManySteps)?;
                    if fails_at_once(program, first, text.get(place)) {
                        at = second;
                    } else {
                        self.ways.push(Way { code: second, least: place, most: place });
                        at = first;
                    }
                    true
                }
                Some(&operation::JUMP) => {
                    *steps = steps.checked_sub(1).ok_or(TooManySteps)?;
                    at = number(code, at + 1).into();
                    true
                }
                Some(&operation::START) => {
                    at += 1;
                    place == 0
                }
                Some(&operation::END) => {
                    at += 1;
                    place == text.len()
                }
                Some(&operation::BOUNDARY) => {
                    at += 1;
                    is_boundary(text, place)
                }
                Some(&operation::NO_BOUNDARY) => {
                    at += 1;
                    !is_boundary(text, place)
                }
                Some(&operation::MATCH) => return Ok(Some(place)),
                _ => false,
            };
            if !goes_on {
                *steps = steps.checked_sub(1).ok_or(TooManySteps)?;
                match self.next_way(program, text) {
                    Some(next) => (at, place) = next,
                    None => return Ok(None),
                }
            }
        }
    }

    /// The next instruction to try, and where.
    fn next_way(&mut self, program: Program<'_>, text: &[u8]) -> Option<(usize, usize)> {
        loop {
            let Way { code, least, most } = self.ways.pop()?;
            if least == most {
                return Some((code, most));
            }
            let Some(mut place) = self.untried(code, least, most) else { continue };
            while place > least && fails_at_once(program, code, text.get(place)) {
                self.try_at(code, place);
                place -= 1;
            }
            if least < place {
                self.ways.push(Way { code, least, most: place - 1 });
            }
            self.try_at(code, place);
            return Some((code, place));
        }
    }

    /// The last place from `least` to `most` at which the instruction at `code` is worth trying.
    fn untried(&self, code: usize, least: usize, most: usize) -> Option<usize> {
        let tried = self.tried.iter().find(|tried| tried.code == code);
        let most = match tried {
            Some(tried) if (tried.least..=tried.most).contains(&most) => tried.least.checked_sub(1)?,
            _ => most,
        };
        (least <= most).then_some(most)
    }

    /// Notes that the instruction at `code` is tried at `place`.
    fn try_at(&mut self, code: usize, place: usize) {
        match self.tried.iter_mut().find(|tried| tried.code == code) {
            None => self.tried.push(Tried { code, least: place, most: place }),
            Some(tried) if place + 1 == tried.least => tried.least = place,
            Some(tried) if place == tried.most + 1 => tried.most = place,
            Some(tried) if (tried.least..=tried.most).contains(&place) => {}
            // Somewhere else: one stretch is enough to remember, the later of the two.
            Some(tried) => (tried.least, tried.most) = (place, place),
        }
    }
}

/// Whether the instruction at `at` cannot match before `byte`.
fn fails_at_once(program: Program<'_>, at: usize, byte: Option<&u8>) -> bool {
    let code = program.code;
    match code.get(at) {
        Some(&operation::BYTE) => byte != code.get(at + 1),
        Some(&operation::LITERAL) => byte != code.get(at + 2),
        Some(&operation::CLASS) => {
            let known = class(program.classes, number(code, at + 1));
            !known.zip(byte).is_some_and(|(class, byte)| contains(class, *byte))
        }
        _ => false,
    }
}

fn contains(set: &[u8], byte: u8) -> bool {
    set.get(usize::from(byte / 8)).is_some_and(|bits| bits & (1 << (byte % 8)) != 0)
}

fn number(code: &[u8], at: usize) -> u16 {
    match code.get(at..at + 2) {
        Some([low, high]) => u16::from_le_bytes([*low, *high]),
        _ => 0,
    }
}

fn is_boundary(text: &[u8], place: usize) -> bool {
    let word = |at: Option<usize>| {
        at.and_then(|at| text.get(at)).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    word(place.checked_sub(1)) != word(Some(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::pattern;
    use crate::program::{Beginnings, Encoder};
    use proptest::prelude::*;

    fn found(written: &str, text: &[u8]) -> Option<Result<Option<(usize, usize)>, TooManySteps>> {
        let mut encoder = Encoder::default();
        encoder.add(written);
        let programs = encoder.programs();
        Some(Machine::default().find(programs.of(0)?, text))
    }

    fn by_regex(written: &str, text: &[u8]) -> Option<(usize, usize)> {
        pattern(written).unwrap().find(text).map(|hit| (hit.start(), hit.end()))
    }

    #[test]
    fn what_regex_finds_is_found_at_the_same_place() {
        for (written, text) in [
            ("abc", "xxabcabc"),
            ("a|ab", "xab"),
            ("ab|a", "xab"),
            (r"(a|ab)(c|bcd)", "xabcd"),
            (r"a*?b", "aaab"),
            (r"a{2,3}", "aaaa"),
            (r"(ab){2,3}?c", "abababc"),
            (r"\bnet1?(\.exe)?\s+user", "xnet user net1.exe  user"),
            (r"^\S+\s-e\b", "nc -e x"),
            (r"x[^;|]*y", "x;xaayaaybb"),
            (r"(-\S+\s+)*end", "-a -b -c end"),
            (r"sh$", "bash sh"),
            (r"\Bsh", "sh bash"),
            (r"", "abc"),
            (r"a?", "ba"),
            (r"(x+x+)+y", "xxxxxxxxxxy"),
            (r"[^\x00-\x7f]", "a\u{e9}"),
            ("é", "a\u{e9}"),
        ] {
            assert_eq!(found(written, text.as_bytes()), Some(Ok(by_regex(written, text.as_bytes()))), "{written}");
        }
    }

    #[test]
    fn what_would_take_for_ever_is_given_up() {
        assert_eq!(found("(a|b|ab)*c", "ab".repeat(40).as_bytes()), Some(Err(TooManySteps)));
    }

    #[test]
    fn what_a_program_cannot_say_is_left_to_regex() {
        for written in ["(a*)*b", "(?m)^a"] {
            assert_eq!(found(written, b"ab"), None, "{written}");
        }
    }

    #[test]
    fn code_that_nobody_made_is_no_match() {
        for code in
            [&[operation::LITERAL][..], &[operation::CLASS, 9, 9], &[operation::SPLIT], &[operation::JUMP], &[77]]
        {
            let program = Program { code, beginnings: Beginnings::ANY, classes: &[] };
            assert!(matches!(Machine::default().find(program, b"abc"), Ok(None) | Err(TooManySteps)));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn any_pattern_finds_what_regex_finds(
            written in proptest::collection::vec(
                prop_oneof![
                    Just("a"), Just("b"), Just("ab"), Just("[ab]"), Just("[^a]"), Just("."), Just(r"\s"), Just("(a|b)"),
                    Just("(ab|a)"), Just("*"), Just("+"), Just("?"), Just("*?"), Just("{1,2}"), Just("|"), Just(r"\b"), Just("^"), Just("$"),
                ],
                1..10,
            ),
            text in "[ab c]{0,24}",
        ) {
            let written = written.concat();
            if pattern(&written).is_ok() && let Some(Ok(found)) = found(&written, text.as_bytes()) {
                prop_assert_eq!(found, by_regex(&written, text.as_bytes()), "{}", written);
            }
        }
    }
}
