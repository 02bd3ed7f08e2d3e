//! Runs programs: one way after the other, the preferred one first, as the leftmost-first rule of regular expressions says.
//!
//! Trying ways again can take time that grows faster than the text. So steps are counted, and whoever asks gets told when
//! there are too many: then something slower to start but bounded in time has to do it.

use super::repetition::{last_with_next, reached};
use super::{Program, Set, UNLIMITED, class, contains, number, operation, repeat};

/// Steps that any search may take, and more for each byte of the text.
const STEPS: usize = 1_024;
const STEPS_PER_BYTE: usize = 4;

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

/// Another way: the instruction at `code`, at any place from `most` down to `least`, the last first. If there are several,
/// what comes before it is a `REPEAT`.
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
        self.find_among(program, text, &[(0, text.len())])
    }

    /// The same, where it is known to begin in one of `places`: the first byte of each and the last, in order.
    ///
    /// # Errors
    /// [`TooManySteps`] if it takes too many to tell.
    pub fn find_among(
        &mut self,
        program: Program<'_>,
        text: &[u8],
        places: &[(usize, usize)],
    ) -> Result<Option<(usize, usize)>, TooManySteps> {
        let allowed = STEPS + STEPS_PER_BYTE * text.len();
        let mut steps = allowed;
        self.tried.clear();
        let mut next = 0;
        for (first, last) in places {
            next = next.max(*first);
            while let Some(start) = program.beginnings.first_in(text, next, *last) {
                next = start + 1;
                match self.match_at(program, text, start, &mut steps) {
                    Ok(None) => {}
                    Ok(Some(end)) => {
                        self.spent += allowed - steps;
                        return Ok(Some((start, end)));
                    }
                    Err(too_many) => {
                        self.spent += allowed - steps;
                        return Err(too_many);
                    }
                }
            }
        }
        self.spent += allowed - steps;
        Ok(None)
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
                    // Most fail at the first byte.
                    let same = literal.is_some_and(|literal| {
                        literal.first() == text.get(place) && text[place..].starts_with(literal)
                    });
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
                    let Some(instruction) = code.get(at..at + repeat::LENGTH) else { return Ok(None) };
                    let least = number(instruction, repeat::LEAST);
                    let most = number(instruction, repeat::MOST);
                    let most = if most == UNLIMITED { text.len() } else { place + usize::from(most) };
                    let most = most.min(text.len());
                    let least = place + usize::from(least);
                    let reached = reached(instruction, classes, text, place, most);
                    *steps = steps.checked_sub((reached - place) / 32).ok_or(TooManySteps)?;
                    at += repeat::LENGTH;
                    match self.last_place(instruction, program, text, (at, least, reached)) {
                        Some(last) => {
                            place = last;
                            true
                        }
                        None => false,
                    }
                }
                Some(&operation::ALTERNATIVE) => {
                    let (chosen, others) = alternative(code, classes, at, text.get(place));
                    if let Some(others) = others {
                        *steps = steps.checked_sub(1).ok_or(TooManySteps)?;
                        self.ways.push(Way { code: others, least: place, most: place });
                    }
                    at = chosen;
                    true
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
            let instruction = code.checked_sub(repeat::LENGTH).and_then(|start| program.code.get(start..code))?;
            if let Some(place) = self.last_place(instruction, program, text, (code, least, most)) {
                return Some((code, place));
            }
        }
    }

    /// The last place from `most` down to `least` at which what follows a `REPEAT`, which is at `code`, may match and has not
    /// been tried, noted as tried; those before it are another way.
    #[inline]
    fn last_place(
        &mut self,
        instruction: &[u8],
        program: Program<'_>,
        text: &[u8],
        (code, least, most): (usize, usize, usize),
    ) -> Option<usize> {
        let tried = self.tried.iter_mut().find(|tried| tried.code == code);
        let most = match &tried {
            Some(tried) if (tried.least..=tried.most).contains(&most) => tried.least.checked_sub(1)?,
            _ => most,
        };
        if most < least {
            return None;
        }
        let place = last_with_next(instruction, program, text, least, most);
        let from = place.unwrap_or(least);
        match tried {
            None => self.tried.push(Tried { code, least: from, most }),
            Some(tried) if from <= tried.most + 1 && tried.least <= most + 1 => {
                (tried.least, tried.most) = (tried.least.min(from), tried.most.max(most));
            }
            // Somewhere else: one stretch is enough to remember, the later of the two.
            Some(tried) => (tried.least, tried.most) = (from, most),
        }
        let place = place?;
        if least < place {
            self.ways.push(Way { code, least, most: place - 1 });
        }
        Some(place)
    }
}

/// Of the `ALTERNATIVE`s from `at`, the first that may match before `byte`: where it goes on, and where the others are. Or
/// what follows them all. One loop for all of them, because most fail.
#[inline]
fn alternative(code: &[u8], classes: &[Set], start: usize, byte: Option<&u8>) -> (usize, Option<usize>) {
    const LENGTH: usize = 5;
    let mut at = start;
    loop {
        match code.get(at..).and_then(|rest| rest.first_chunk::<LENGTH>()) {
            Some([operation::ALTERNATIVE, class @ .., low, high]) => {
                at += LENGTH;
                let known = classes.get(usize::from(u16::from_le_bytes(*class)));
                if let Some(known) = known
                    && let Some(byte) = byte
                    && contains(known, *byte)
                {
                    return (usize::from(u16::from_le_bytes([*low, *high])), Some(at));
                }
            }
            _ if at == start => return (code.len(), None),
            _ => return (at, None),
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
            let known: Option<&Set> = class(program.classes, number(code, at + 1));
            !known.zip(byte).is_some_and(|(class, byte)| contains(class, *byte))
        }
        _ => false,
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
    use crate::program::{Beginnings, Encoder, Programs};
    use proptest::prelude::*;

    fn found(written: &str, text: &[u8]) -> Option<Result<Option<(usize, usize)>, TooManySteps>> {
        let mut encoder = Encoder::default();
        encoder.add(written);
        let programs = Programs::new(encoder.sections());
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
            (r"ab[^;]*(c|d)[^;]*|ab[^;]*-c|\be\d", "ab c -c x"),
            (r"cat|car\d|cab|c|\d", "cabcar1"),
            (r"sh$", "bash sh"),
            (r"\Bsh", "sh bash"),
            (r"a.*(bc|cb)", "aabcab cb b"),
            (r"\w*(bc|cd)d?", "abcdc"),
            (r".*\s?(ab|ba)$", "xba ab a ba"),
            (r"a.*..(bc|cb)", "abcabcbc"),
            (r"", "abc"),
            (r"a?", "ba"),
            (r"(x+x+)+y", "xxxxxxxxxxy"),
            (r"a\S*.*b", "xa cb bbc d"),
            (r"a\S*.*", "xa c"),
            (r"[ab]*[abc]+c", "abcbcd"),
            (r"[^\x00-\x7f]", "a\u{e9}"),
            ("é", "a\u{e9}"),
            // What regex 1.13.1 found although it is not there.
            (r".a[ab].*a{1,2}", " aa  cc"),
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
        for code in [
            &[operation::LITERAL][..],
            &[operation::CLASS, 9, 9],
            &[operation::SPLIT],
            &[operation::JUMP],
            &[77],
            &[operation::ALTERNATIVE, 0],
        ] {
            let program = Program { code, beginnings: Beginnings::ANY, classes: &[], pairs: &[] };
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
