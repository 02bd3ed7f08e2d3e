//! The compiled rules as bytes: what the compiler writes and the engine reads.
//!
//! In [`postcard`]'s encoding, with strings borrowed from the bytes and everything of variable length in a few pools, so
//! that reading thousands of rules costs a handful of allocations.

use crate::pool::{Literals, Numbers, Spans};
use crate::program::Programs;
use crate::seen::Questions;
use serde::{Deserialize, Serialize};

/// The bit of Windows in [`Rule::platforms`].
pub const WINDOWS: u8 = 0b001;
/// The bit of Linux.
pub const LINUX: u8 = 0b010;
/// The bit of macOS.
pub const MACOS: u8 = 0b100;

/// A part of one of the pools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// All rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table<'a> {
    /// 12 hexadecimal digits over everything that can change a result.
    pub version: &'a str,
    /// By number, as the finder reports them.
    #[serde(borrow)]
    pub literals: Literals<'a>,
    /// By literal: the part of `candidates` with the rules that it makes worth a closer look.
    #[serde(borrow)]
    pub worth: Spans<'a>,
    /// Numbers of rules and the fields that count, see [`Table::worth_a_look`].
    #[serde(borrow)]
    pub candidates: Numbers<'a>,
    /// By id.
    #[serde(borrow)]
    pub rules: Vec<Rule<'a>>,
    /// The pool of conditions.
    #[serde(borrow)]
    pub conditions: Vec<Condition<'a>>,
    /// The pool of groups, each a part of `questions`.
    #[serde(borrow)]
    pub groups: Spans<'a>,
    /// The pool of literals that are asked for.
    #[serde(borrow)]
    pub questions: Questions<'a>,
    /// The regular expressions, each once.
    #[serde(borrow)]
    pub patterns: Vec<&'a str>,
    /// The pool of the ways to match them.
    pub ways: Vec<Way>,
    /// The same as programs, where they can be.
    #[serde(borrow)]
    pub programs: Programs<'a>,
}

impl Table<'_> {
    /// The rules that are worth a closer look when a literal is in a field, each with those fields, in bits of [`Field::bit`].
    #[inline]
    pub fn worth_a_look(&self, literal: u32) -> impl Iterator<Item = (u32, u8)> + '_ {
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

/// One behaviour and what it is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule<'a> {
    /// Stable, for example `win-lsass-dump-comsvcs`.
    pub id: &'a str,
    /// For people.
    pub title: &'a str,
    /// Rules of one family count once, with their strongest.
    pub family: &'a str,
    /// The operating systems it is about: [`WINDOWS`], [`LINUX`], [`MACOS`].
    pub platforms: u8,
    /// ATT&CK techniques with spaces between them, see [`Rule::techniques`].
    pub technique_list: &'a str,
    /// The ATT&CK tactic.
    pub tactic: &'a str,
    /// The probability of malice that it stands for alone, in ten-thousandths.
    pub weight: u16,
    /// Evaluated and recorded, but does not count yet.
    pub stage: bool,
    /// Who does this innocently.
    pub false_positives: &'a str,
    /// The part of the conditions that must all hold.
    pub conditions: Span,
}

impl<'a> Rule<'a> {
    /// ATT&CK techniques.
    pub fn techniques(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.technique_list.split(' ').filter(|technique| !technique.is_empty())
    }
}

/// What must hold in one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition<'a> {
    /// The fields to try as bytes of [`Field`], first match wins.
    pub fields: &'a [u8],
    /// Every one of these: a part of the questions.
    pub all: Span,
    /// One of each of these: a part of the groups.
    pub any: Span,
    /// None of these: a part of the questions.
    pub none: Span,
    /// And this, over the lower-case text: a number into the patterns.
    pub regex: Option<u32>,
    /// The ways to match it: a part of the ways. None without a regex.
    pub ways: Span,
}

/// What one way to match a regular expression needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// One literal of each of these in the same text: a part of the groups.
    pub groups: Span,
    /// Every one of these ASCII characters in it, as a set of bits.
    pub characters: u128,
    /// If any, one of these is in a match, see `behind`: a part of the questions.
    pub anchors: Span,
    /// Without anchors: if any, one of these bytes is in a match, see `behind`.
    pub marks: Option<[u8; 3]>,
    /// How many bytes behind the beginning of the match it is, at least and at most.
    pub behind: (u32, u32),
    /// The match begins where the text does.
    pub at_start: bool,
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
