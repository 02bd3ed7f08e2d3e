//! What a regular expression cannot match without: literals, and single characters.
//!
//! A rule's own literals often occur apart from each other, where its regex does not match. What the regex itself needs in
//! one piece (`system32\\cmd`, where the rule says `system32` and `cmd`) goes to the finder too, so most regexes are never run. This changes no result: a text without any of these literals cannot match.
//!
//! Texts have no white space but single spaces, so `\s` is a space here.

use regex_syntax::hir::{Class, Hir, HirKind};

/// More literals than this are not worth their place in the finder.
const MOST: usize = 96;
/// Longer literals are no rarer.
const LONG_ENOUGH: usize = 8;
/// As for literals that are written.
const SHORTEST: usize = 3;
/// Of larger classes nothing is known.
const LARGEST_CLASS: usize = 3;
/// The best few groups tell most texts apart.
const MOST_GROUPS: usize = 3;
/// More alternatives are looked at together.
const MOST_WAYS: usize = 32;

type Set = Vec<Vec<u8>>;

/// What one way to match a pattern needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Required {
    /// Of each group, one literal.
    pub(crate) groups: Vec<Vec<String>>,
    /// Every one of these ASCII characters, as a set of bits.
    pub(crate) characters: u128,
}

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
    if ways.contains(&Required::default()) { vec![Required::default()] } else { ways }
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
    let mut sets = needed(way);
    sets.sort_by_key(|set| std::cmp::Reverse(worth(set)));
    let mut groups: Vec<Vec<String>> = Vec::new();
    for set in sets {
        let texts: Result<Vec<String>, _> = set.into_iter().map(String::from_utf8).collect();
        let mut texts = texts.unwrap_or_default();
        texts.sort();
        texts.dedup();
        // `abc` is in every text that `abcd` is in.
        let all = texts.clone();
        texts.retain(|text| !all.iter().any(|other| other != text && text.contains(other.as_str())));
        if !texts.is_empty() && groups.len() < MOST_GROUPS && !groups.contains(&texts) {
            groups.push(texts);
        }
    }
    Required { groups, characters: characters(way) }
}

/// The useful sets, of each of which one literal must occur.
fn needed(hir: &Hir) -> Vec<Set> {
    let mut found: Vec<Set> = Vec::new();
    match hir.kind() {
        HirKind::Concat(parts) => {
            let mut run: Set = vec![Vec::new()];
            for part in parts {
                // Repeated, it is at least once beside what is before it, and beside what comes after it.
                let (once, ends) = match part.kind() {
                    HirKind::Repetition(repetition) if repetition.min > 0 => (exact(&repetition.sub), true),
                    _ => (exact(part), false),
                };
                match once.as_ref().and_then(|set| cross(&run, set)) {
                    Some(longer) => run = longer,
                    None => found.push(std::mem::replace(&mut run, once.clone().unwrap_or_else(|| vec![Vec::new()]))),
                }
                if once.is_none() {
                    found.extend(needed(part));
                }
                if ends && let Some(once) = once {
                    found.push(std::mem::replace(&mut run, once));
                }
            }
            found.push(run);
        }
        HirKind::Alternation(parts) => {
            let mut all = Set::new();
            let whole = parts.iter().all(|part| {
                let best = needed(part).into_iter().max_by_key(worth);
                best.map(|set| all.extend(set)).is_some()
            });
            if whole {
                found.push(all);
            }
        }
        HirKind::Repetition(repetition) if repetition.min > 0 => found.extend(needed(&repetition.sub)),
        HirKind::Capture(capture) => found.extend(needed(&capture.sub)),
        _ => found.extend(exact(hir)),
    }
    found.retain(is_useful);
    found
}

/// Rare is good: long, and few.
fn worth(set: &Set) -> (usize, usize) {
    (shortest(set).min(LONG_ENOUGH), MOST.saturating_sub(set.len()))
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
    (1..=MOST).contains(&set.len()) && shortest(set) >= SHORTEST
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
            (r"(abc)+\d{2}", vec![vec!["abc"]]),
            (r"colou?r", vec![vec!["color", "colour"]]),
            (r"abc|abcd", vec![vec!["abc"]]),
            (r"[xy]abc", vec![vec!["xabc", "yabc"]]),
            (r"a.b|\d+", vec![]),
            (r"(abc)?\d", vec![]),
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
    fn alternatives_need_something_each() {
        let needs = |pattern: &str| -> Vec<Vec<String>> {
            required(pattern).into_iter().map(|way| way.groups.into_iter().flatten().collect()).collect()
        };
        assert_eq!(needs(r"whoami\s.*/all|netstat\s"), [vec!["whoami ", "/all"], vec!["netstat "]]);
        assert_eq!(needs(r"cmd(\s.*/all|x\S*yyy)zz"), [vec!["/allzz", "cmd "], vec!["yyyzz", "cmdx"]]);
        assert_eq!(needs(r"whoami|\d"), [vec![""; 0]], "one way that needs nothing is enough");
    }
}
