//! What a regular expression cannot match without: literals, and single characters.
//!
//! A rule's own literals often occur apart from each other, where its regex does not match. What the regex itself needs in
//! one piece (`system32\\cmd`, where the rule says `system32` and `cmd`) goes to the finder too, so most regexes are never run. This changes no result: a text without any of these literals cannot match.
//!
//! Texts have no white space but single spaces, so `\s` is a space here.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// What is put together from parts has at most so many literals.
const MOST: usize = 96;
/// Of alternatives that stand side by side, more literals than this are not worth their place in the finder.
const MOST_TOGETHER: usize = 320;
/// Longer literals are no rarer.
const LONG_ENOUGH: usize = 8;
/// As for literals that are written.
const SHORTEST: usize = 3;
/// Of larger classes nothing is known. A digit is one of ten: `://\d` occurs where an address is a number, and a pattern that
/// looks for such addresses is not run for the others.
const LARGEST_CLASS: usize = 10;
/// So many bytes a [`Mark`] has.
const MOST_MARKED: usize = 3;
/// The best few groups tell most texts apart.
const MOST_GROUPS: usize = 3;
/// More alternatives are looked at together.
const MOST_WAYS: usize = 32;
/// A literal whose place is less certain does not say where a match begins.
const WIDEST: usize = 64;

type Set = Vec<Vec<u8>>;

/// What one way to match a pattern needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Required {
    /// Of each group, one literal.
    pub(crate) groups: Vec<Vec<String>>,
    /// Every one of these ASCII characters, as a set of bits.
    pub(crate) characters: u128,
    /// Where it can begin.
    pub(crate) anchor: Option<Anchor>,
    /// The same by single bytes, where no literal says it.
    pub(crate) mark: Option<Mark>,
    /// Whether it can begin only where the text does.
    pub(crate) at_start: bool,
}

/// Literals that say where a match begins: one of them is in it, this many bytes behind its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Anchor {
    pub(crate) literals: Vec<String>,
    pub(crate) least: usize,
    pub(crate) most: usize,
}

/// Up to three bytes that say where a match begins: one of them is in it, this many bytes behind its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Fewer than three are repeated.
    pub(crate) bytes: [u8; MOST_MARKED],
    pub(crate) least: usize,
    pub(crate) most: usize,
}

/// A set of which one literal must occur, and how many bytes behind the beginning of the match.
#[derive(Debug, Clone)]
struct Needed {
    set: Set,
    behind: Distance,
}

/// At least, and at most if that is known.
type Distance = (usize, Option<usize>);

/// The ways to match `pattern`: every text that it matches has all that one of them needs.
pub(crate) fn required(pattern: &str) -> Vec<Required> {
    let parsed = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
    let mut ways: Vec<Required> = Vec::new();
    for way in parsed.map_or_else(|_| vec![Hir::empty()], |hir| ways_of(&hir)) {
        let required = required_by(&way);
        // What another way needs less of says nothing more.
        if !ways.contains(&required) {
            ways.push(required);
        }
    }
    let nothing = |way: &Required| way.groups.is_empty() && way.characters == 0 && way.mark.is_none() && !way.at_start;
    if ways.iter().any(nothing) { vec![Required::default()] } else { ways }
}

/// `hir` as alternatives: those at the top, and those in the middle of what comes before and after them.
fn ways_of(hir: &Hir) -> Vec<Hir> {
    match hir.kind() {
        HirKind::Capture(capture) => ways_of(&capture.sub),
        HirKind::Alternation(parts) if exact(hir).is_none() => {
            let ways: Vec<Hir> = parts.iter().flat_map(ways_of).collect();
            if ways.len() <= MOST_WAYS { ways } else { vec![hir.clone()] }
        }
        HirKind::Concat(parts) => parts.iter().fold(vec![Hir::empty()], |before, part| {
            let ways = ways_of(part);
            let with = |way: &Hir| before.iter().map(|start| Hir::concat(vec![start.clone(), way.clone()])).collect();
            let all: Vec<Hir> = ways.iter().flat_map(|way| -> Vec<Hir> { with(way) }).collect();
            if all.len() <= MOST_WAYS { all } else { with(part) }
        }),
        _ => vec![hir.clone()],
    }
}

fn required_by(way: &Hir) -> Required {
    let mut all = needed(way, (0, Some(0)));
    all.sort_by_key(|needed| std::cmp::Reverse(worth(&needed.set)));
    let anchor = all.iter().find_map(anchor);
    let mut groups: Vec<Vec<String>> = Vec::new();
    for Needed { set, .. } in all {
        // `abc` is in every text that `abcd` is in.
        let texts = shortened(set, |text, other| text.contains(other));
        if !texts.is_empty() && groups.len() < MOST_GROUPS && !groups.contains(&texts) {
            groups.push(texts);
        }
    }
    let at_start = way.properties().look_set_prefix().contains(Look::Start);
    let mark = if anchor.is_none() { mark(way) } else { None };
    Required { groups, characters: characters(way), anchor, mark, at_start }
}

/// Of the bytes that say where a match of `way` begins, those that tell most.
fn mark(way: &Hir) -> Option<Mark> {
    let everyday = |byte: &u8| matches!(byte, b'-' | b'.' | b'/' | b'_');
    let told = |mark: &Mark| (mark.bytes.iter().any(everyday), mark.most - mark.least, mark.most);
    let mut marks = Vec::new();
    add_marks(way, (0, Some(0)), &mut marks);
    marks.into_iter().min_by_key(told)
}

/// Adds the marks in what begins `at` so far behind the beginning.
fn add_marks(hir: &Hir, at: Distance, marks: &mut Vec<Mark>) {
    let mut add = |bytes: &[u8], (least, most): Distance| {
        if let Some(most) = most.filter(|most| most - least <= WIDEST)
            && let (Some(first), true) = (bytes.first(), bytes.iter().all(u8::is_ascii_punctuation))
        {
            let byte = |place: usize| bytes.get(place).copied().unwrap_or(*first);
            marks.push(Mark { bytes: [*first, byte(1), byte(2)], least, most });
        }
    };
    match hir.kind() {
        HirKind::Literal(literal) => {
            for (place, byte) in literal.0.iter().enumerate() {
                add(&[*byte], (at.0 + place, at.1.map(|most| most + place)));
            }
        }
        HirKind::Class(_) => {
            // A mark has three bytes: one of more would be missed.
            if let Some(set) = exact(hir).filter(|set| set.len() <= MOST_MARKED) {
                add(&set.concat(), at);
            }
        }
        HirKind::Capture(capture) => add_marks(&capture.sub, at, marks),
        HirKind::Repetition(repetition) if repetition.min > 0 => add_marks(&repetition.sub, at, marks),
        HirKind::Concat(parts) => {
            let mut here = at;
            for part in parts {
                add_marks(part, here, marks);
                here = further(here, part);
            }
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) | HirKind::Alternation(_) => {}
    }
}

fn anchor(needed: &Needed) -> Option<Anchor> {
    let (least, most) = (needed.behind.0, needed.behind.1?);
    // `abc` is where `abcd` is.
    let literals = shortened(needed.set.clone(), |text, other| text.starts_with(other));
    (most - least <= WIDEST && !literals.is_empty()).then_some(Anchor { literals, least, most })
}

/// `set` as texts, sorted, without those that another says as well.
fn shortened(set: Set, says: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let texts: Result<Vec<String>, _> = set.into_iter().map(String::from_utf8).collect();
    let mut texts = texts.unwrap_or_default();
    texts.sort();
    texts.dedup();
    let all = texts.clone();
    texts.retain(|text| !all.iter().any(|other| other != text && says(text, other)));
    texts
}

/// The useful sets, of each of which one literal must occur, in what begins `at` so far behind the beginning.
fn needed(hir: &Hir, at: Distance) -> Vec<Needed> {
    let mut found: Vec<Needed> = Vec::new();
    match hir.kind() {
        HirKind::Concat(parts) => {
            let mut here = at;
            let mut run = Needed { set: vec![Vec::new()], behind: at };
            for part in parts {
                // Repeated, it is at least once beside what is before it, and beside what comes after it.
                let (once, ends) = match part.kind() {
                    HirKind::Repetition(repetition) if repetition.min > 0 => (exact(&repetition.sub), true),
                    _ => (exact(part), false),
                };
                let after = further(here, part);
                match once.as_ref().and_then(|set| cross(&run.set, set)) {
                    Some(longer) => run.set = longer,
                    None => {
                        let next = match &once {
                            Some(set) => Needed { set: set.clone(), behind: here },
                            None => Needed { set: vec![Vec::new()], behind: after },
                        };
                        found.push(std::mem::replace(&mut run, next));
                    }
                }
                if once.is_none() {
                    found.extend(needed(part, here));
                }
                if ends && let Some(set) = once {
                    // The last time: not before the first, not behind what comes next.
                    found.push(std::mem::replace(&mut run, Needed { set, behind: (here.0, after.1) }));
                }
                here = after;
            }
            found.push(run);
        }
        HirKind::Alternation(parts) => {
            let mut all = Needed { set: Set::new(), behind: (usize::MAX, Some(0)) };
            let whole = parts.iter().all(|part| {
                let best = needed(part, at).into_iter().max_by_key(|needed| worth(&needed.set));
                best.map(|Needed { set, behind }| {
                    all.set.extend(set);
                    let most = all.behind.1.zip(behind.1).map(|(one, other)| one.max(other));
                    all.behind = (all.behind.0.min(behind.0), most);
                })
                .is_some()
            });
            if whole {
                found.push(all);
            }
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => found.extend(needed(&repetition.sub, at)),
        HirKind::Capture(capture) => found.extend(needed(&capture.sub, at)),
        _ => found.extend(exact(hir).map(|set| Needed { set, behind: at })),
    }
    found.retain(|needed| is_useful(&needed.set));
    found
}

/// How far what comes after `hir` is behind the beginning.
fn further((least, most): Distance, hir: &Hir) -> Distance {
    let properties = hir.properties();
    let length = properties.maximum_len();
    (least + properties.minimum_len().unwrap_or(0), most.zip(length).map(|(most, length)| most + length))
}

/// Rare is good: long, and few.
fn worth(set: &Set) -> (usize, usize) {
    (shortest(set).min(LONG_ENOUGH), MOST_TOGETHER.saturating_sub(set.len()))
}

/// The characters that every match has.
fn characters(hir: &Hir) -> u128 {
    let bit = |byte: u8| 1_u128.checked_shl(u32::from(byte)).unwrap_or(0);
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.iter().fold(0, |set, byte| set | bit(*byte)),
        HirKind::Class(_) => match exact(hir).as_deref() {
            Some([one]) => one.iter().fold(0, |set, byte| set | bit(*byte)),
            _ => 0,
        },
        HirKind::Repetition(repetition) if repetition.min > 0 => characters(&repetition.sub),
        HirKind::Capture(capture) => characters(&capture.sub),
        HirKind::Concat(parts) => parts.iter().fold(0, |set, part| set | characters(part)),
        HirKind::Alternation(parts) => parts.iter().map(characters).reduce(|one, other| one & other).unwrap_or(0),
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => 0,
    }
}

fn is_useful(set: &Set) -> bool {
    (1..=MOST_TOGETHER).contains(&set.len()) && shortest(set) >= SHORTEST
}

fn shortest(set: &Set) -> usize {
    set.iter().map(Vec::len).min().unwrap_or(0)
}

/// Everything that `hir` can match, if that is little.
fn exact(hir: &Hir) -> Option<Set> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![Vec::new()]),
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Class(Class::Bytes(class)) => {
            let space = class
                .ranges()
                .iter()
                .all(|range| (range.start()..=range.end()).all(|b| b.is_ascii_whitespace() || b == 11));
            if space && class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&b' ')) {
                return Some(vec![vec![b' ']]);
            }
            let bytes = class.ranges().iter().flat_map(|range| range.start()..=range.end());
            let set: Set = bytes.take(LARGEST_CLASS + 1).map(|byte| vec![byte]).collect();
            (set.len() <= LARGEST_CLASS).then_some(set)
        }
        HirKind::Class(Class::Unicode(_)) => None,
        HirKind::Repetition(repetition) => match (repetition.min, repetition.max) {
            (0, Some(1)) => {
                let mut set = exact(&repetition.sub)?;
                set.push(Vec::new());
                Some(set)
            }
            (1, Some(1)) => exact(&repetition.sub),
            _ => None,
        },
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(vec![Vec::new()], |run, part| exact(part).and_then(|set| cross(&run, &set)))
        }
        HirKind::Alternation(parts) => {
            let mut all = Set::new();
            for part in parts {
                all.extend(exact(part)?);
            }
            (all.len() <= MOST).then_some(all)
        }
    }
}

/// Every beginning with every end.
fn cross(beginnings: &Set, ends: &Set) -> Option<Set> {
    let few = beginnings.len() * ends.len() <= MOST;
    few.then(|| beginnings.iter().flat_map(|start| ends.iter().map(|end| [start.as_slice(), end].concat())).collect())
}

#[cfg(test)]
mod tests {
    use super::required;

    #[test]
    fn what_a_pattern_needs_is_found() {
        for (pattern, literals) in [
            (r"whoami\s+/all", vec![vec!["whoami "], vec![" /all"]]),
            (
                r"(copy|cp)\s.*(system32|syswow64)\\cmd",
                vec![vec![r"system32\cmd", r"syswow64\cmd"], vec!["copy ", "cp "]],
            ),
            (r"net1?(\.exe)?\s+user", vec![vec![" user"], vec!["net ", "net.exe ", "net1 ", "net1.exe "]]),
            (r"\b(iex|invoke-expression)\b", vec![vec!["iex", "invoke-expression"]]),
            (r"(abc)+\w{2}", vec![vec!["abc"]]),
            (r"colou?r", vec![vec!["color", "colour"]]),
            (r"abc|abcd", vec![vec!["abc"]]),
            (r"[xy]abc", vec![vec!["xabc", "yabc"]]),
            (r"a:\d", vec![vec!["a:0", "a:1", "a:2", "a:3", "a:4", "a:5", "a:6", "a:7", "a:8", "a:9"]]),
            (r"a:[0-9a]", vec![]),
            (r"a.b|\w+", vec![]),
            (r"(abc)?\w", vec![]),
            (r"ab", vec![]),
        ] {
            assert_eq!(required(pattern)[0].groups, literals, "{pattern}");
        }
    }

    #[test]
    fn characters_that_every_match_has_are_found() {
        for (pattern, characters) in
            [(r"a\x60.{0,9}b", "a`b"), (r"(ab|ac)\s+x?", "a "), (r"[xy]|z", ""), (r"\|\s*(sh|bash)", "|sh")]
        {
            let expected = characters.bytes().fold(0, |set, byte| set | 1_u128 << byte);
            assert_eq!(required(pattern)[0].characters, expected, "{pattern}");
        }
    }

    #[test]
    fn bytes_say_where_a_match_begins_where_no_literal_does() {
        for (pattern, marked) in [
            (r"\s\\+\w{1,3}", Some((r"\\\", 1, 1))),
            (r"[,;]{2,}\s*\w", Some((",;,", 0, 0))),
            (r"\w{1,2}\.?x=\w", Some(("===", 2, 4))),
            (r"\w*=\w", None),
            (r"whoami\s+=", None),
            (r"\w\s", None),
            (r"[;&|!]\w", None),
        ] {
            let mark = required(pattern)[0].mark;
            let marked = marked.map(|(bytes, least, most)| (bytes.as_bytes().to_vec(), least, most));
            assert_eq!(mark.map(|mark| (mark.bytes.to_vec(), mark.least, mark.most)), marked, "{pattern}");
        }
    }

    #[test]
    fn alternatives_need_something_each() {
        let needs = |pattern: &str| -> Vec<Vec<String>> {
            required(pattern).into_iter().map(|way| way.groups.into_iter().flatten().collect()).collect()
        };
        assert_eq!(needs(r"whoami\s.*/all|netstat\s"), [vec!["whoami ", "/all"], vec!["netstat "]]);
        assert_eq!(needs(r"cmd(\s.*/all|x\S*yyy)zz"), [vec!["/allzz", "cmd "], vec!["yyyzz", "cmdx"]]);
        assert_eq!(needs(r"whoami|\d"), [vec![""; 0]], "one way that needs nothing is enough");
    }
}
