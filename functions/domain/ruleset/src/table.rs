//! The compiled rules as bytes: what the compiler writes and the engine reads.
//!
//! Pools of numbers and of records of a fixed length, read where they lie when an event needs them, and all texts in one
//! behind them: thousands of rules cost a start nothing.

use crate::pool::{Literals, Numbers, Spans, bytes_of};
use crate::program::Programs;
use crate::record::{Conditions, Rules, Ways};
use crate::sections::{self, Malformed};
use crate::seen::Questions;

/// The bit of Windows in [`crate::Rule::platforms`].
pub const WINDOWS: u8 = 0b001;
/// The bit of Linux.
pub const LINUX: u8 = 0b010;
/// The bit of macOS.
pub const MACOS: u8 = 0b100;

/// A part of one of the pools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub start: u32,
    /// How many.
    pub len: u32,
}

impl Span {
    /// The part of `pool`, or an empty one if it has no such part.
    #[must_use]
    #[inline]
    pub fn of<T>(self, pool: &[T]) -> &[T] {
        let start = self.start as usize;
        pool.get(start..start.saturating_add(self.len as usize)).unwrap_or_default()
    }
}

/// All rules, ready to be asked: nothing of them is read before somebody does.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// 12 hexadecimal digits over everything that can change a result.
    pub version: &'a str,
    /// By number, as the finder reports them.
    pub literals: Literals<'a>,
    /// By literal: the part of `candidates` with the rules that it makes worth a closer look.
    pub worth: Spans<'a>,
    /// Numbers of rules and the fields that count, see [`Table::worth_a_look`].
    pub candidates: Numbers<'a>,
    /// By id.
    pub rules: Rules<'a>,
    /// The pool of conditions.
    pub conditions: Conditions<'a>,
    /// The pool of groups, each a part of `questions`.
    pub groups: Spans<'a>,
    /// The pool of literals that are asked for.
    pub questions: Questions<'a>,
    /// The regular expressions, each once, sorted.
    pub patterns: Literals<'a>,
    /// The pool of the ways to match them.
    pub ways: Ways<'a>,
    /// The same as programs, where they can be.
    pub programs: Programs<'a>,
}

/// The first bytes of a table. Another layout has another.
const KIND: [u8; 4] = *b"VRT1";

/// A table as it is made: its sections, what is read for every event first, and its texts.
#[derive(Debug, Default)]
pub(crate) struct Unread<'p> {
    pub(crate) literal_starts: Vec<u8>,
    pub(crate) worth: Vec<u8>,
    pub(crate) candidates: Vec<u8>,
    pub(crate) rules: Vec<u8>,
    pub(crate) conditions: Vec<u8>,
    pub(crate) groups: Vec<u8>,
    pub(crate) questions: Vec<u8>,
    pub(crate) ways: Vec<u8>,
    pub(crate) programs: [&'p [u8]; 5],
    pub(crate) pattern_starts: Vec<u8>,
    pub(crate) rule_text_starts: Vec<u8>,
    /// The version's, the literals', the patterns', the rules'.
    pub(crate) texts: [String; 4],
}

impl Unread<'_> {
    /// What [`Table::read`] reads: its bytes and its texts.
    pub(crate) fn write(&self) -> (Vec<u8>, String) {
        let lengths =
            bytes_of(self.texts.iter().map(|text| u32::try_from(text.len()).expect("texts are far below 4 GiB")));
        let [code_of, code, beginnings, classes, pairs] = self.programs;
        let sections: [&[u8]; 16] = [
            &lengths,
            &self.literal_starts,
            &self.worth,
            &self.candidates,
            &self.rules,
            &self.conditions,
            &self.groups,
            &self.questions,
            &self.ways,
            code_of,
            code,
            beginnings,
            classes,
            pairs,
            &self.pattern_starts,
            &self.rule_text_starts,
        ];
        (sections::write(KIND, sections), self.texts.concat())
    }
}

impl<'a> Table<'a> {
    /// What the compiler wrote. Only where its parts lie is checked: what they say is, whenever it is asked for, and what
    /// points elsewhere points to nothing.
    ///
    /// # Errors
    /// [`Malformed`] if they are something else.
    pub fn read(bytes: &'a [u8], texts: &'a str) -> Result<Self, Malformed> {
        let [lengths, literal_starts, worth, candidates, rules, conditions, groups, questions, ways, rest @ ..]: [_;
            16] = sections::read(KIND, bytes)?;
        let [code_of, code, beginnings, classes, pairs, pattern_starts, rule_text_starts] = rest;
        let (lengths, mut rest) = (Numbers::new(lengths), texts);
        let mut text = |place: usize| {
            let length = lengths.get(place).ok_or(Malformed)? as usize;
            let (text, behind) = rest.split_at_checked(length).ok_or(Malformed)?;
            rest = behind;
            Ok(text)
        };
        let (version, literals, patterns, of_rules) = (text(0)?, text(1)?, text(2)?, text(3)?);
        if !rest.is_empty() {
            return Err(Malformed);
        }
        Ok(Self {
            version,
            literals: Literals::new(literals, literal_starts),
            worth: Spans::new(worth),
            candidates: Numbers::new(candidates),
            rules: Rules::new(rules, Literals::new(of_rules, rule_text_starts)),
            conditions: Conditions::new(conditions),
            groups: Spans::new(groups),
            questions: Questions::new(questions),
            patterns: Literals::new(patterns, pattern_starts),
            ways: Ways::new(ways),
            programs: Programs::new([code_of, code, beginnings, classes, pairs]),
        })
    }

    /// The rules that are worth a closer look when a literal is in a field, each with those fields, in bits of [`Field::bit`].
    #[inline]
    pub fn worth_a_look(&self, literal: u32) -> impl Iterator<Item = (u32, u8)> + use<'a> {
        let candidates = self.candidates.of(self.worth.get(literal as usize));
        candidates.map(|candidate| (candidate & LAST_RULE, (candidate >> RULE_BITS).to_le_bytes()[0]))
    }
}

/// The bits of a candidate that are the rule's number; the fields are above.
const RULE_BITS: u32 = 24;
const LAST_RULE: u32 = (1 << RULE_BITS) - 1;

/// What [`Table::worth_a_look`] reads.
pub(crate) fn candidate(rule: u32, fields: u8) -> u32 {
    assert!(rule <= LAST_RULE, "there are fewer than 2^24 rules");
    rule | u32::from(fields) << RULE_BITS
}

/// A field that rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The process's command line, in every form.
    Cmdline,
    /// The process's base name.
    Process,
    /// The process's full path.
    Path,
    /// The parent's base name.
    Parent,
    /// The parent's command line, in every form.
    ParentCmdline,
    /// The account.
    User,
}

impl Field {
    /// Every field, in the order of their bytes.
    pub const ALL: [Self; 6] =
        [Self::Cmdline, Self::Process, Self::Path, Self::Parent, Self::ParentCmdline, Self::User];

    /// The field with this byte.
    #[must_use]
    #[inline]
    pub fn of_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    /// The field that rules write so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// Its name in rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cmdline => "cmdline",
            Self::Process => "process",
            Self::Path => "path",
            Self::Parent => "parent",
            Self::ParentCmdline => "parent_cmdline",
            Self::User => "user",
        }
    }

    /// Its name in evidence: the field of the alert.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cmdline => "process_cmdline",
            Self::Process => "process_name",
            Self::Path => "process_path",
            Self::Parent => "parent_process",
            Self::ParentCmdline => "parent_cmdline",
            Self::User => "username",
        }
    }

    /// One bit per field, for sets of them.
    #[must_use]
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}
