//! The language of places: `evidence[?entityType==Process].fileName`, `basename(data."a.b")`, `'a default'`.
//!
//! ```text
//! expression = call | literal | path
//! call       = name "(" arguments ")" step*
//! path       = key step*
//! step       = "." key | "[" number "]" | "[?" key ("." key)* "==" word "]"
//! key        = bare characters, or "quoted, with dots and spaces"
//! literal    = 'text'
//! ```

use super::Fault;

/// The longest expression, in characters.
const MAX_LENGTH: usize = 512;
/// How deeply calls may nest.
const MAX_NESTING: usize = 8;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// A place in the payload.
    Path(Vec<Step>),
    /// A default.
    Literal(String),
    /// When the payload was received.
    Received,
    /// Something made of another value, and a place in that.
    Call { function: Function, argument: Box<Expression>, steps: Vec<Step> },
    /// `DOMAIN\user` of two values.
    Account { domain: Box<Expression>, user: Box<Expression> },
}

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The member of that name.
    Key(String),
    /// The element at that index, from 0.
    Index(usize),
    /// The first element whose member at `path` is `wanted`.
    First { path: Vec<String>, wanted: String },
}

/// What a call does with its argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Function {
    /// The last component of a path.
    Basename,
    /// `\\` becomes `\` and `\"` becomes `"`.
    Unescape,
    /// The document inside a text.
    Json,
    /// The value of one key of `KEY=value,KEY=value`.
    Pair(String),
    /// What the table gives for it.
    Lookup(String),
}

impl Expression {
    /// Reads the whole text as one expression.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(text)?;
        let expression = cursor.expression(0)?;
        cursor.end()?;
        Ok(expression)
    }

    /// The names of the tables that it looks things up in.
    pub(super) fn tables(&self) -> Vec<&str> {
        match self {
            Self::Path(_) | Self::Literal(_) | Self::Received => Vec::new(),
            Self::Call { function: Function::Lookup(table), argument, .. } => {
                let mut tables = argument.tables();
                tables.push(table);
                tables
            }
            Self::Call { argument, .. } => argument.tables(),
            Self::Account { domain, user } => [domain.tables(), user.tables()].concat(),
        }
    }

    /// Whether the time of reception is a part of it.
    pub(super) fn has_received(&self) -> bool {
        match self {
            Self::Received => true,
            Self::Path(_) | Self::Literal(_) => false,
            Self::Call { argument, .. } => argument.has_received(),
            Self::Account { domain, user } => domain.has_received() || user.has_received(),
        }
    }
}

/// What must be true of a payload: a place has something, or has exactly that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) place: Expression,
    pub(super) wanted: Option<String>,
}

impl Condition {
    /// Reads `place` or `place == word`.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(text)?;
        let place = cursor.expression(0)?;
        cursor.space();
        let wanted = if cursor.takes("==") { Some(cursor.word("'=' with a word")?) } else { None };
        cursor.end()?;
        Ok(Self { place, wanted })
    }
}

struct Cursor {
    text: Vec<char>,
    at: usize,
}

impl Cursor {
    fn new(text: &str) -> Result<Self, Fault> {
        let text: Vec<char> = text.chars().collect();
        if text.len() > MAX_LENGTH {
            return Err(Fault::TooMuch { most: MAX_LENGTH });
        }
        Ok(Self { text, at: 0 })
    }

    fn wrong<T>(&self, wanted: &'static str) -> Result<T, Fault> {
        Err(Fault::Syntax { at: self.at + 1, wanted })
    }

    fn space(&mut self) {
        while self.text.get(self.at).is_some_and(|char| char.is_whitespace()) {
            self.at += 1;
        }
    }

    fn takes(&mut self, token: &str) -> bool {
        let length = token.chars().count();
        let found = self.text.get(self.at..self.at + length).is_some_and(|next| next.iter().copied().eq(token.chars()));
        if found {
            self.at += length;
        }
        found
    }

    fn expect(&mut self, token: &'static str, wanted: &'static str) -> Result<(), Fault> {
        self.space();
        if self.takes(token) { Ok(()) } else { self.wrong(wanted) }
    }

    fn end(&mut self) -> Result<(), Fault> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { self.wrong("the end") }
    }

    fn expression(&mut self, nesting: usize) -> Result<Expression, Fault> {
        if nesting > MAX_NESTING {
            return Err(Fault::TooMuch { most: MAX_NESTING });
        }
        self.space();
        if self.text.get(self.at) == Some(&'\'') {
            return self.quoted('\'').map(Expression::Literal);
        }
        let start = self.at;
        let is_quoted = self.text.get(self.at) == Some(&'"');
        let first = self.key()?;
        if is_quoted || !self.takes("(") {
            return Ok(Expression::Path(self.steps(vec![Step::Key(first)])?));
        }
        match first.as_str() {
            "received" => {
                self.expect(")", "')'")?;
                return Ok(Expression::Received);
            }
            "account" => {
                let domain = Box::new(self.expression(nesting + 1)?);
                self.expect(",", "',' and the user")?;
                let user = Box::new(self.expression(nesting + 1)?);
                self.expect(")", "')'")?;
                return Ok(Expression::Account { domain, user });
            }
            "basename" | "unescape" | "json" | "pair" | "lookup" => {}
            _ => {
                self.at = start;
                return self.wrong("basename, unescape, json, pair, lookup, account or received");
            }
        }
        let argument = Box::new(self.expression(nesting + 1)?);
        let function = match first.as_str() {
            "basename" => Function::Basename,
            "unescape" => Function::Unescape,
            "json" => Function::Json,
            name => {
                self.expect(",", "',' and a name")?;
                let word = self.word("a name")?;
                if name == "pair" { Function::Pair(word) } else { Function::Lookup(word) }
            }
        };
        self.expect(")", "')'")?;
        Ok(Expression::Call { function, argument, steps: self.steps(Vec::new())? })
    }

    fn steps(&mut self, mut steps: Vec<Step>) -> Result<Vec<Step>, Fault> {
        loop {
            if self.takes(".") {
                steps.push(Step::Key(self.key()?));
            } else if self.takes("[?") {
                let mut path = vec![self.key()?];
                while self.takes(".") {
                    path.push(self.key()?);
                }
                self.expect("==", "'=='")?;
                let wanted = self.word("a word")?;
                self.expect("]", "']'")?;
                steps.push(Step::First { path, wanted });
            } else if self.takes("[") {
                let start = self.at;
                while self.text.get(self.at).is_some_and(char::is_ascii_digit) {
                    self.at += 1;
                }
                let digits: String = self.text[start..self.at].iter().collect();
                let Ok(index) = digits.parse() else { return self.wrong("a number, or ? with a condition") };
                self.expect("]", "']'")?;
                steps.push(Step::Index(index));
            } else {
                return Ok(steps);
            }
        }
    }

    /// A member's name.
    fn key(&mut self) -> Result<String, Fault> {
        if self.text.get(self.at) == Some(&'"') { self.quoted('"') } else { self.bare("a key") }
    }

    /// A word to compare with, or a name.
    fn word(&mut self, wanted: &'static str) -> Result<String, Fault> {
        self.space();
        match self.text.get(self.at) {
            Some(quote @ ('"' | '\'')) => self.quoted(*quote),
            _ => {
                let mut word = self.bare(wanted)?;
                // In a word a dot is a dot.
                while self.takes(".") {
                    word = format!("{word}.{}", self.bare(wanted)?);
                }
                Ok(word)
            }
        }
    }

    fn bare(&mut self, wanted: &'static str) -> Result<String, Fault> {
        let start = self.at;
        let is_bare = |char: &&char| !char.is_whitespace() && !".[](),\"'=?".contains(**char);
        self.at += self.text[start..].iter().take_while(is_bare).count();
        if self.at == start {
            return self.wrong(wanted);
        }
        Ok(self.text[start..self.at].iter().collect())
    }

    fn quoted(&mut self, quote: char) -> Result<String, Fault> {
        let start = self.at + 1;
        match self.text[start..].iter().position(|char| *char == quote) {
            Some(length) => {
                self.at = start + length + 1;
                Ok(self.text[start..start + length].iter().collect())
            }
            None => {
                self.at = self.text.len();
                self.wrong("the closing quote")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_read_is_refused_where_it_goes_wrong() {
        for (text, at, wanted) in [
            ("", 1, "a key"),
            ("a.", 3, "a key"),
            ("a..b", 3, "a key"),
            ("a[", 3, "a number, or ? with a condition"),
            ("a[1", 4, "']'"),
            ("a[?b]", 5, "'=='"),
            ("a[?b==c", 8, "']'"),
            ("a b", 3, "the end"),
            ("\"a", 3, "the closing quote"),
            ("shell(a)", 1, "basename, unescape, json, pair, lookup, account or received"),
            ("pair(a)", 7, "',' and a name"),
            ("basename(a", 11, "')'"),
            ("a[99999999999999999999]", 23, "a number, or ? with a condition"),
        ] {
            assert_eq!(Expression::parse(text), Err(Fault::Syntax { at, wanted }), "{text}");
        }
        assert!(matches!(Expression::parse(&"a".repeat(513)), Err(Fault::TooMuch { .. })));
        let deep = format!("{}a{}", "json(".repeat(20), ")".repeat(20));
        assert!(matches!(Expression::parse(&deep), Err(Fault::TooMuch { .. })));
    }

    #[test]
    fn a_condition_is_a_place_with_or_without_a_value() {
        assert_eq!(Condition::parse("rule.level").unwrap().wanted, None);
        assert_eq!(Condition::parse("class_uid == 2004").unwrap().wanted.as_deref(), Some("2004"));
        assert_eq!(Condition::parse("a == 'b c'").unwrap().wanted.as_deref(), Some("b c"));
        assert!(Condition::parse("a = b").is_err());
        assert!(Condition::parse("a == ").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "[a-z\\.\\[\\]\\(\\)\"'=\\?,0-9 é]{0,60}") {
            let _ = Expression::parse(&text);
            let _ = Condition::parse(&text);
        }
    }
}
