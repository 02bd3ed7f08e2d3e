//! A rule's regular expression as a program for [`Machine`]: made at build time, run from the bytes it is stored in.
//!
//! ```text
//! pattern --regex-syntax--> HIR --encode--> code, classes, beginnings --Machine--> where it matches
//! ```
//!
//! A thousand patterns of `regex` take about 50 KiB each once they have been needed, and 0.2 ms each to compile. As programs all
//! of them together take some 200 KiB of the binary, nothing of the heap, and no time at the start. What a program cannot
//! express, and what takes the machine too many steps, is left to `regex`: the answer is the same, which tests compare.

mod alternatives;
mod beginnings;
mod classes;
mod machine;
mod repetition;

use alternatives::Branch;
use beginnings::Beginnings;
use classes::{Set, class, contains, ends_of, few, only, set, single};
pub use machine::{Machine, TooManySteps};

use crate::pool::Spans;
use regex_syntax::hir::{Hir, HirKind, Look};

/// Operations, each with its operands after it; numbers are two bytes, the lower first.
mod operation {
    /// The pattern has matched.
    pub(super) const MATCH: u8 = 0;
    /// byte
    pub(super) const BYTE: u8 = 1;
    /// length in one byte, then the bytes
    pub(super) const LITERAL: u8 = 2;
    /// class
    pub(super) const CLASS: u8 = 3;
    /// class, least, most, what ends it, what must come after it: as often as possible, then less often
    pub(super) const REPEAT: u8 = 4;
    /// where to go on, and where to if that fails
    pub(super) const SPLIT: u8 = 5;
    /// where to go on
    pub(super) const JUMP: u8 = 6;
    /// at the beginning of the text
    pub(super) const START: u8 = 7;
    /// at its end
    pub(super) const END: u8 = 8;
    /// between a word's character and another, or not
    pub(super) const BOUNDARY: u8 = 9;
    pub(super) const NO_BOUNDARY: u8 = 10;
    /// class, where to go on if the next byte is of it; if not or if that fails, on with what follows
    pub(super) const ALTERNATIVE: u8 = 11;
}

/// The parts of a `REPEAT`, in bytes behind its beginning.
mod repeat {
    pub(super) const CLASS: usize = 1;
    pub(super) const LEAST: usize = 3;
    pub(super) const MOST: usize = 5;
    /// How many bytes are not of the class, and those; [`WHITE_SPACE`] if it is that, [`MANY`] without them.
    pub(super) const ENDS: usize = 7;
    pub(super) const MANY: u8 = u8::MAX;
    pub(super) const WHITE_SPACE: u8 = MANY - 1;
    /// Whether something is known about the byte so far behind the repetition, and perhaps the next: what, and how far.
    pub(super) const NEXT: usize = 11;
    pub(super) const NOTHING: u8 = 0;
    pub(super) const ONE_BYTE: u8 = 1;
    pub(super) const ONE_OF_CLASS: u8 = 2;
    pub(super) const TWO_BYTES: u8 = 3;
    pub(super) const ONE_OF_PAIRS: u8 = 4;
    pub(super) const DISTANCE: usize = 12;
    pub(super) const NEXT_BYTES: usize = 13;
    pub(super) const LENGTH: usize = 15;
}

/// No limit, as an operand of `REPEAT`.
const UNLIMITED: u16 = u16::MAX;
/// Longer code is not worth its place; the pattern is left to `regex`.
const LONGEST_CODE: usize = 8 * 1024;

/// All programs of a table, in pools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Programs<'a> {
    /// By pattern: its code, or nothing if it is left to `regex`.
    code_of: Spans<'a>,
    code: &'a [u8],
    /// By pattern: [`Beginnings`].
    beginnings: &'a [u8],
    /// 32 bytes each.
    classes: &'a [u8],
    /// What may follow a `REPEAT`: [`Beginnings`].
    pairs: &'a [u8],
}

/// One program.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    code: &'a [u8],
    beginnings: Beginnings<'a>,
    classes: &'a [Set],
    pairs: &'a [u8],
}

impl<'a> Programs<'a> {
    /// What [`Encoder::sections`] gave.
    pub(crate) const fn new([code_of, code, beginnings, classes, pairs]: [&'a [u8]; 5]) -> Self {
        Self { code_of: Spans::new(code_of), code, beginnings, classes, pairs }
    }

    /// The program of the pattern with this number, if it has one.
    #[must_use]
    pub fn of(&self, number: u32) -> Option<Program<'a>> {
        let code = Some(self.code_of.get(number as usize).of(self.code)).filter(|code| !code.is_empty())?;
        let beginnings = Beginnings::of(self.beginnings, number as usize)?;
        Some(Program { code, beginnings, classes: self.classes.as_chunks().0, pairs: self.pairs })
    }
}

/// Programs as they are made.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    code_of: Vec<u8>,
    code: Vec<u8>,
    beginnings: Vec<u8>,
    classes: Vec<u8>,
    pairs: Vec<u8>,
}

impl Encoder {
    /// Adds the next pattern's program, or notes that it has none.
    pub(crate) fn add(&mut self, pattern: &str) {
        let parsed = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
        let encoded = parsed.ok().and_then(|hir| {
            let mut code = Vec::new();
            self.encode(&hir, &mut code)?;
            code.push(operation::MATCH);
            (code.len() <= LONGEST_CODE).then_some((code, beginnings::of(&hir)))
        });
        let (code, beginnings) = encoded.unwrap_or_else(|| (Vec::new(), beginnings::ANY));
        let small = |number: usize| u32::try_from(number).expect("programs are far below 4 GiB");
        self.code_of.extend([small(self.code.len()), small(code.len())].into_iter().flat_map(u32::to_le_bytes));
        self.beginnings.extend(beginnings);
        self.code.extend(code);
    }

    /// All of them, as [`Programs`] are read from.
    pub(crate) fn sections(&self) -> [&[u8]; 5] {
        [&self.code_of, &self.code, &self.beginnings, &self.classes, &self.pairs]
    }

    /// Appends what `hir` means. `None` if a program cannot say it.
    fn encode(&mut self, hir: &Hir, code: &mut Vec<u8>) -> Option<()> {
        if code.len() > LONGEST_CODE {
            return None;
        }
        match hir.kind() {
            HirKind::Empty => {}
            HirKind::Literal(literal) => encode_bytes(&literal.0, code),
            HirKind::Class(of) => {
                code.push(operation::CLASS);
                code.extend(self.class(set(of)?)?.to_le_bytes());
            }
            HirKind::Look(look) => code.push(match look {
                Look::Start => operation::START,
                Look::End => operation::END,
                Look::WordAscii => operation::BOUNDARY,
                Look::WordAsciiNegate => operation::NO_BOUNDARY,
                _ => return None,
            }),
            HirKind::Capture(capture) => self.encode(&capture.sub, code)?,
            HirKind::Concat(parts) => {
                for (place, part) in parts.iter().enumerate() {
                    if parts.get(place + 1).is_some_and(|next| repetition::takes_all_of(next, part)) {
                        continue;
                    }
                    let start = code.len();
                    self.encode(part, code)?;
                    if code.get(start) == Some(&operation::REPEAT) && code.len() == start + repeat::LENGTH {
                        self.note_next(&parts[place + 1..], &mut code[start..])?;
                    }
                }
            }
            HirKind::Alternation(parts) => self.encode_alternation(parts, code)?,
            HirKind::Repetition(repetition) => {
                let (sub, greedy) = (&repetition.sub, repetition.greedy);
                match single(sub) {
                    Some(set) if greedy => {
                        let class = self.class(set)?;
                        let least = u16::try_from(repetition.min).ok()?;
                        let most = repetition.max.map_or(Some(UNLIMITED), |most| u16::try_from(most).ok())?;
                        code.push(operation::REPEAT);
                        code.extend([class, least, most].into_iter().flat_map(u16::to_le_bytes));
                        code.extend(ends_of(&set));
                        code.extend([repeat::NOTHING, 0, 0, 0]);
                    }
                    _ => self.encode_repetition(sub, greedy, (repetition.min, repetition.max), code)?,
                }
            }
        }
        Some(())
    }

    fn encode_alternation(&mut self, parts: &[Hir], code: &mut Vec<u8>) -> Option<()> {
        let branches = alternatives::factored(parts);
        let (last, others) = branches.split_last()?;
        // First which of them to try, so that a byte which begins none is told at once; then what each of them is.
        let mut targets = Vec::new();
        for branch in others {
            if let Some(first) = first_of(branch) {
                code.push(operation::ALTERNATIVE);
                code.extend(self.class(first)?.to_le_bytes());
                targets.push(code.len());
                code.extend([0, 0]);
            } else {
                code.push(operation::SPLIT);
                targets.push(code.len());
                let next = u16::try_from(code.len() + 4).ok()?;
                code.extend([0, 0]);
                code.extend(next.to_le_bytes());
            }
        }
        let mut ends = Vec::new();
        self.encode_branch(last, code)?;
        for (branch, target) in others.iter().zip(targets) {
            code.push(operation::JUMP);
            ends.push(code.len());
            code.extend([0, 0]);
            let here = u16::try_from(code.len()).ok()?;
            code[target..target + 2].copy_from_slice(&here.to_le_bytes());
            self.encode_branch(branch, code)?;
        }
        let end = u16::try_from(code.len()).ok()?;
        ends.into_iter().for_each(|place| code[place..place + 2].copy_from_slice(&end.to_le_bytes()));
        Some(())
    }

    fn encode_branch(&mut self, branch: &Branch, code: &mut Vec<u8>) -> Option<()> {
        match branch {
            Branch::Whole(hir) => self.encode(hir, code),
            Branch::After(byte, rests) => {
                code.extend([operation::BYTE, *byte]);
                self.encode_alternation(rests, code)
            }
        }
    }

    /// Completes a `REPEAT` by what must follow it: the first byte of `rest` that tells most.
    fn note_next(&mut self, rest: &[Hir], repeat: &mut [u8]) -> Option<()> {
        let mut distance = 0_u8;
        for (place, part) in rest.iter().enumerate() {
            let (kind, bytes) = match part.kind() {
                HirKind::Look(_) => continue,
                HirKind::Literal(literal) => match *literal.0 {
                    [one] => (repeat::ONE_BYTE, [one, 0]),
                    [one, two, ..] => (repeat::TWO_BYTES, [one, two]),
                    [] => return Some(()),
                },
                _ if let Some(set) = single(part)
                    && few(&set) =>
                {
                    (repeat::ONE_OF_CLASS, self.class(set)?.to_le_bytes())
                }
                _ if single(part).is_some() => {
                    distance = distance.checked_add(1)?;
                    continue;
                }
                _ => match (beginnings::first(part), beginnings::of(&Hir::concat(rest[place..].to_vec()))) {
                    (None, _) => return Some(()),
                    (Some(_), pairs) if beginnings::are_few(&pairs) => {
                        (repeat::ONE_OF_PAIRS, self.pairs(&pairs)?.to_le_bytes())
                    }
                    (Some(set), _) => (repeat::ONE_OF_CLASS, self.class(set)?.to_le_bytes()),
                },
            };
            repeat[repeat::NEXT] = kind;
            repeat[repeat::DISTANCE] = distance;
            repeat[repeat::NEXT_BYTES..].copy_from_slice(&bytes);
            return Some(());
        }
        Some(())
    }

    fn encode_repetition(
        &mut self,
        sub: &Hir,
        greedy: bool,
        (least, most): (u32, Option<u32>),
        code: &mut Vec<u8>,
    ) -> Option<()> {
        for _ in 0..least {
            self.encode(sub, code)?;
        }
        let Some(most) = most else {
            // What matches nothing would be repeated for ever.
            if sub.properties().minimum_len() == Some(0) {
                return None;
            }
            let again = u16::try_from(code.len()).ok()?;
            let split = Split::begin(code);
            self.encode(sub, code)?;
            code.push(operation::JUMP);
            code.extend(again.to_le_bytes());
            return split.end(code, greedy);
        };
        let mut splits = Vec::new();
        for _ in least..most {
            splits.push(Split::begin(code));
            self.encode(sub, code)?;
        }
        splits.into_iter().try_for_each(|split| split.end(code, greedy))
    }

    /// The number of what may follow.
    fn pairs(&mut self, pairs: &[u8; beginnings::LENGTH]) -> Option<u16> {
        let known = self.pairs.chunks_exact(pairs.len()).position(|known| known == pairs);
        let number = known.unwrap_or(self.pairs.len() / pairs.len());
        if known.is_none() {
            self.pairs.extend(pairs);
        }
        u16::try_from(number).ok()
    }

    /// The number of a class.
    fn class(&mut self, set: Set) -> Option<u16> {
        let known = self.classes.chunks_exact(set.len()).position(|known| *known == set);
        let number = known.unwrap_or(self.classes.len() / set.len());
        if known.is_none() {
            self.classes.extend(set);
        }
        u16::try_from(number).ok()
    }
}

/// A `SPLIT` whose second way is not known yet.
struct Split(usize);

impl Split {
    fn begin(code: &mut Vec<u8>) -> Self {
        let place = code.len();
        code.extend([operation::SPLIT, 0, 0, 0, 0]);
        Self(place)
    }

    /// One way is what follows it, the other is here; the first is preferred if `greedy`.
    fn end(self, code: &mut [u8], greedy: bool) -> Option<()> {
        let (next, here) = (u16::try_from(self.0 + 5).ok()?, u16::try_from(code.len()).ok()?);
        let (first, second) = if greedy { (next, here) } else { (here, next) };
        code[self.0 + 1..self.0 + 3].copy_from_slice(&first.to_le_bytes());
        code[self.0 + 3..self.0 + 5].copy_from_slice(&second.to_le_bytes());
        Some(())
    }
}

/// The bytes that a branch can begin with; `None` if it can match nothing.
fn first_of(branch: &Branch) -> Option<Set> {
    match branch {
        Branch::Whole(hir) => beginnings::first(hir),
        Branch::After(byte, _) => Some(only(*byte)),
    }
}

fn encode_bytes(bytes: &[u8], code: &mut Vec<u8>) {
    for part in bytes.chunks(usize::from(u8::MAX)) {
        match part {
            [one] => code.extend([operation::BYTE, *one]),
            _ => {
                code.extend([operation::LITERAL, part.len().to_le_bytes()[0]]);
                code.extend(part);
            }
        }
    }
}

/// The number at this place of a program's code.
fn number(code: &[u8], at: usize) -> u16 {
    match code.get(at..at + 2) {
        Some([low, high]) => u16::from_le_bytes([*low, *high]),
        _ => 0,
    }
}
