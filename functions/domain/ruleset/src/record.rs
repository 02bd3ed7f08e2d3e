//! Rules, conditions and ways as records of a fixed length, each read when somebody looks at it. Numbers have the lowest byte
//! first. What the engine asks for every candidate lies together; texts for people lie elsewhere, see [`Rules`].

use crate::pool::Literals;
use crate::table::Span;
use std::marker::PhantomData;

/// What is read from `N` bytes.
pub trait Record<'a, const N: usize>: Sized {
    /// Reads it; whatever the bytes are, they are one.
    fn read(bytes: &'a [u8; N]) -> Self;
}

/// Records of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a, R, const N: usize>(&'a [[u8; N]], PhantomData<R>);

/// The pool of conditions.
pub type Conditions<'a> = Records<'a, Condition<'a>, 44>;
/// The pool of ways to match regular expressions.
pub type Ways<'a> = Records<'a, Way, 44>;

impl<'a, R: Record<'a, N>, const N: usize> Records<'a, R, N> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes.as_chunks().0, PhantomData)
    }

    /// A part of them.
    #[inline]
    pub fn of(self, span: Span) -> impl DoubleEndedIterator<Item = R> + ExactSizeIterator + Clone + use<'a, R, N> {
        span.of(self.0).iter().map(R::read)
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = R> + use<'a, R, N> {
        self.0.iter().map(R::read)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// What must hold in one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition<'a> {
    /// The fields to try as bytes of [`crate::Field`], first match wins.
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

/// There are fewer patterns.
const NO_REGEX: u32 = u32::MAX;

impl<'a> Record<'a, 44> for Condition<'a> {
    #[inline]
    fn read(bytes: &'a [u8; 44]) -> Self {
        Self {
            all: span(bytes, 0),
            any: span(bytes, 8),
            none: span(bytes, 16),
            ways: span(bytes, 24),
            regex: Some(number(bytes, 32)).filter(|number| *number != NO_REGEX),
            fields: bytes[37..43].get(..usize::from(bytes[36])).unwrap_or_default(),
        }
    }
}

impl Condition<'_> {
    /// Appends what [`Record::read`] reads.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        [self.all, self.any, self.none, self.ways].iter().for_each(|span| write_span(*span, bytes));
        bytes.extend(self.regex.unwrap_or(NO_REGEX).to_le_bytes());
        let mut fields = [0; 6];
        fields[..self.fields.len()].copy_from_slice(self.fields);
        bytes.push(self.fields.len().to_le_bytes()[0]);
        bytes.extend(fields);
        bytes.push(0);
    }
}

/// What one way to match a regular expression needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The bits of a way's last byte.
const HAS_MARKS: u8 = 0b01;
const AT_START: u8 = 0b10;

impl Record<'_, 44> for Way {
    #[inline]
    fn read(bytes: &[u8; 44]) -> Self {
        let [.., one, two, three, bits] = *bytes;
        let wide = |at: usize| u128::from(number(bytes, at));
        Self {
            groups: span(bytes, 0),
            characters: wide(8) | wide(12) << 32 | wide(16) << 64 | wide(20) << 96,
            anchors: span(bytes, 24),
            behind: (number(bytes, 32), number(bytes, 36)),
            marks: (bits & HAS_MARKS != 0).then_some([one, two, three]),
            at_start: bits & AT_START != 0,
        }
    }
}

impl Way {
    /// Appends what [`Record::read`] reads.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        write_span(self.groups, bytes);
        bytes.extend(self.characters.to_le_bytes());
        write_span(self.anchors, bytes);
        bytes.extend([self.behind.0, self.behind.1].into_iter().flat_map(u32::to_le_bytes));
        bytes.extend(self.marks.unwrap_or_default());
        let bits = [(self.marks.is_some(), HAS_MARKS), (self.at_start, AT_START)];
        bytes.push(bits.into_iter().filter(|(holds, _)| *holds).fold(0, |all, (_, bit)| all | bit));
    }
}

/// All rules by id. What the engine asks of every candidate is in 12 bytes; the texts are read when somebody asks.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    records: &'a [[u8; 12]],
    /// [`TEXTS`] of each.
    texts: Literals<'a>,
}

/// How many texts a rule has: id, family, techniques, title, tactic, who does it innocently.
pub(crate) const TEXTS: usize = 6;

/// One behaviour and what it is worth.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// The operating systems it is about: [`crate::WINDOWS`], [`crate::LINUX`], [`crate::MACOS`].
    pub platforms: u8,
    /// Evaluated and recorded, but does not count yet.
    pub stage: bool,
    /// The probability of malice that it stands for alone, in ten-thousandths.
    pub weight: u16,
    /// The part of the conditions that must all hold.
    pub conditions: Span,
    texts: Literals<'a>,
    number: usize,
}

impl<'a> Rules<'a> {
    pub(crate) const fn new(records: &'a [u8], texts: Literals<'a>) -> Self {
        Self { records: records.as_chunks().0, texts }
    }

    /// The rule with this number.
    #[must_use]
    #[inline]
    pub fn get(self, number: usize) -> Option<Rule<'a>> {
        let bytes = self.records.get(number)?;
        let [platforms, stage, low, high, ..] = *bytes;
        let (weight, conditions) = (u16::from_le_bytes([low, high]), span(bytes, 4));
        Some(Rule { platforms, stage: stage != 0, weight, conditions, texts: self.texts, number })
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = Rule<'a>> {
        (0..self.len()).filter_map(move |number| self.get(number))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.records.is_empty()
    }
}

impl<'a> Rule<'a> {
    /// Stable, for example `win-lsass-dump-comsvcs`.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.text(0)
    }

    /// Rules of one family count once, with their strongest.
    #[must_use]
    pub fn family(&self) -> &'a str {
        self.text(1)
    }

    /// ATT&CK techniques.
    pub fn techniques(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text(2).split(' ').filter(|technique| !technique.is_empty())
    }

    /// For people.
    #[must_use]
    pub fn title(&self) -> &'a str {
        self.text(3)
    }

    /// The ATT&CK tactic.
    #[must_use]
    pub fn tactic(&self) -> &'a str {
        self.text(4)
    }

    /// Who does this innocently.
    #[must_use]
    pub fn false_positives(&self) -> &'a str {
        self.text(5)
    }

    fn text(&self, place: usize) -> &'a str {
        self.texts.get(TEXTS * self.number + place).unwrap_or_default()
    }
}

/// Appends what [`Rules::get`] reads, without the texts.
pub(crate) fn write_rule(platforms: u8, stage: bool, weight: u16, conditions: Span, bytes: &mut Vec<u8>) {
    bytes.extend([platforms, u8::from(stage)]);
    bytes.extend(weight.to_le_bytes());
    write_span(conditions, bytes);
}

#[inline]
const fn number<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[inline]
const fn span<const N: usize>(bytes: &[u8; N], at: usize) -> Span {
    Span { start: number(bytes, at), len: number(bytes, at + 4) }
}

fn write_span(span: Span, bytes: &mut Vec<u8>) {
    bytes.extend([span.start, span.len].into_iter().flat_map(u32::to_le_bytes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::literal_bytes;

    const fn part(start: u32, len: u32) -> Span {
        Span { start, len }
    }

    #[test]
    fn what_was_written_is_read() {
        let conditions = [
            Condition {
                fields: &[5, 0, 1],
                all: part(1, 2),
                any: part(3, 4),
                none: part(5, u32::MAX),
                regex: Some(0),
                ways: part(7, 8),
            },
            Condition { fields: &[0, 1, 2, 3, 4, 5], all: part(9, 0), regex: None, ..EMPTY },
        ];
        let mut bytes = Vec::new();
        conditions.iter().for_each(|condition| condition.write(&mut bytes));
        let read = Conditions::new(&bytes);
        assert_eq!(read.of(part(0, 2)).collect::<Vec<_>>(), conditions);
        assert_eq!((read.of(part(1, 2)).count(), read.iter().count(), read.len()), (0, 2, 2));
        let ways = [
            Way {
                groups: part(1, 2),
                characters: 1 << 127 | 1 << 64 | 5,
                anchors: part(3, 4),
                marks: Some(*b";,!"),
                behind: (6, 70_000),
                at_start: false,
            },
            Way { groups: part(8, 9), characters: 0, anchors: part(0, 0), marks: None, behind: (0, 0), at_start: true },
        ];
        let mut bytes = Vec::new();
        ways.iter().for_each(|way| way.write(&mut bytes));
        assert_eq!(Ways::new(&bytes).of(part(0, 2)).collect::<Vec<_>>(), ways);
    }

    #[test]
    fn a_rule_has_its_own_texts() {
        let mut records = Vec::new();
        write_rule(0b101, false, 9_900, part(1, 2), &mut records);
        write_rule(0b010, true, 1, part(3, 4), &mut records);
        let texts = ["a", "family", "T1 T2", "A", "tactic", "nobody", "b", "", "", "B", "t", "all"];
        let (text, starts) = literal_bytes(&texts);
        let rules = Rules::new(&records, Literals::new(&text, &starts));
        assert_eq!((rules.len(), rules.iter().count(), rules.get(2).is_none()), (2, 2, true));
        let (one, other) = (rules.get(0).unwrap(), rules.get(1).unwrap());
        assert_eq!((one.platforms, one.stage, one.weight, one.conditions), (0b101, false, 9_900, part(1, 2)));
        assert_eq!((other.platforms, other.stage, other.weight, other.conditions), (0b010, true, 1, part(3, 4)));
        assert_eq!(
            [one.id(), one.family(), one.title(), one.tactic(), one.false_positives()],
            ["a", "family", "A", "tactic", "nobody"]
        );
        assert_eq!(one.techniques().collect::<Vec<_>>(), ["T1", "T2"]);
        assert_eq!(
            (other.id(), other.title(), other.techniques().count(), other.false_positives()),
            ("b", "B", 0, "all")
        );
    }

    const EMPTY: Condition<'_> =
        Condition { fields: &[], all: part(0, 0), any: part(0, 0), none: part(0, 0), regex: None, ways: part(0, 0) };
}
