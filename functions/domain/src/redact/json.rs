//! Secrets in a JSON document: in its strings, and by the keys around them. The document is not built: only the literals
//! that change are written anew, so that numbers keep their digits and members their order.

use super::{Kind, Redactor, named};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// The text is not a JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON document")]
pub struct NotJson;

/// The most strings of one array that are also read as one command line.
const MOST_ARGUMENTS: usize = 256;

/// An object or an array that is not closed yet.
enum Open {
    Object { key: Option<Key>, keys: HashSet<String>, name: Option<Kind>, value: Option<Range<usize>> },
    Array { kind: Option<Kind>, strings: Option<Vec<(Range<usize>, String)>> },
}

/// The key whose value comes next.
struct Key {
    text: String,
    kind: Option<Kind>,
}

/// At most so often: the second time has nothing to do but in texts made for it.
const MOST_PASSES: usize = 4;

pub(super) fn redact(redactor: Redactor, document: &str) -> Result<String, NotJson> {
    // The document is known to be one before its literals are trusted.
    serde_json::from_str::<serde::de::IgnoredAny>(document).map_err(|_| NotJson)?;
    let mut document = document.to_owned();
    // What is written in a secret's place can make what stands beside it read otherwise.
    for _ in 0..MOST_PASSES {
        match redacted_once(redactor, &document)? {
            Some(redacted) => document = redacted,
            None => break,
        }
    }
    Ok(document)
}

/// The document without the secrets that are seen in it; nothing if there are none.
fn redacted_once(redactor: Redactor, document: &str) -> Result<Option<String>, NotJson> {
    let mut scan = Scan { redactor, document, open: Vec::new(), edits: BTreeMap::new() };
    scan.run()?;
    let mut out = String::with_capacity(document.len());
    let mut done = 0;
    for (start, (end, literal)) in &scan.edits {
        out.push_str(&document[done..*start]);
        out.push_str(literal);
        done = *end;
    }
    out.push_str(&document[done..]);
    Ok((out != document).then_some(out))
}

struct Scan<'a> {
    redactor: Redactor,
    document: &'a str,
    open: Vec<Open>,
    /// By where a literal begins: where it ends, and what is written in its place.
    edits: BTreeMap<usize, (usize, String)>,
}

impl Scan<'_> {
    fn run(&mut self) -> Result<(), NotJson> {
        let bytes = self.document.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                b'{' => self.open.push(Open::Object { key: None, keys: HashSet::new(), name: None, value: None }),
                b'[' => {
                    let kind = self.kind();
                    self.open.push(Open::Array { kind, strings: Some(Vec::new()) });
                }
                b'}' | b']' => self.close(),
                b'"' => {
                    let end = literal_end(bytes, at).ok_or(NotJson)?;
                    let text: String = serde_json::from_str(&self.document[at..end]).map_err(|_| NotJson)?;
                    self.string(at..end, text);
                    at = end;
                    continue;
                }
                b'-' | b'0'..=b'9' => {
                    let rest = bytes[at..].iter();
                    let end = at
                        + rest
                            .take_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
                            .count();
                    if self.kind() == Some(Kind::Password) {
                        self.write(at..end, Kind::Password.mark());
                    }
                    self.not_a_string();
                    at = end;
                    continue;
                }
                b't' | b'f' | b'n' => {
                    self.not_a_string();
                    at += 4;
                    continue;
                }
                b',' => self.next_member(),
                _ => {}
            }
            at += 1;
        }
        Ok(())
    }

    /// What the value that comes next is by the key before it.
    fn kind(&self) -> Option<Kind> {
        match self.open.last()? {
            Open::Object { key, .. } => key.as_ref()?.kind,
            Open::Array { kind, .. } => *kind,
        }
    }

    fn string(&mut self, at: Range<usize>, text: String) {
        if let Some(Open::Object { key: key @ None, keys, .. }) = self.open.last_mut() {
            *key = Some(Key { kind: named::kind_of_name(&text), text: text.clone() });
            // A key may hold a secret, too; two of them stay two.
            let redacted = self.redactor.text(&text).into_owned();
            let mut shown = redacted.clone();
            let mut number = keys.len();
            while !keys.insert(shown.clone()) && redacted != text {
                number += 1;
                shown = format!("{redacted} ({number})");
            }
            if shown != text {
                self.write(at, &shown);
            }
            return;
        }
        match self.kind() {
            Some(kind) if !text.is_empty() && !super::is_mark(&text) && !is_harmless(&text) => {
                self.write(at.clone(), kind.mark())
            }
            _ => {
                let redacted = self.redactor.text(&text).into_owned();
                if redacted != text {
                    self.write(at.clone(), &redacted);
                }
            }
        }
        match self.open.last_mut() {
            Some(Open::Object { key: Some(key), name, value, .. }) => match key.text.to_ascii_lowercase().as_str() {
                "name" | "key" | "variable" => *name = named::kind_of_name(&text),
                "value" if !text.is_empty() && !super::is_mark(&text) => *value = Some(at),
                _ => {}
            },
            Some(Open::Array { strings: Some(strings), .. }) if strings.len() < MOST_ARGUMENTS => {
                strings.push((at, text))
            }
            _ => {}
        }
    }

    fn not_a_string(&mut self) {
        if let Some(Open::Array { strings, .. }) = self.open.last_mut() {
            *strings = None;
        }
    }

    fn next_member(&mut self) {
        if let Some(Open::Object { key, .. }) = self.open.last_mut() {
            *key = None;
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            // `{"name": "DB_PASSWORD", "value": "x"}`
            Some(Open::Object { name: Some(kind), value: Some(at), .. }) => self.write(at, kind.mark()),
            Some(Open::Array { strings: Some(strings), .. }) if strings.len() > 1 => self.arguments(&strings),
            _ => {}
        }
        // What was closed is itself a value that is not a string.
        self.not_a_string();
    }

    /// `["mysql", "-u", "root", "-pS3cret"]`: read as the command line that it is.
    fn arguments(&mut self, strings: &[(Range<usize>, String)]) {
        let mut line = String::new();
        let mut places = Vec::new();
        for (_, text) in strings {
            let quote = if text.contains(char::is_whitespace) && !text.contains('"') { "\"" } else { "" };
            line.push_str(quote);
            places.push(line.len()..line.len() + text.len());
            line.push_str(text);
            line.push_str(quote);
            line.push(' ');
        }
        let finds = self.redactor.finds(&line);
        for ((at, text), place) in strings.iter().zip(places) {
            let inside: Vec<super::Find> = finds
                .iter()
                .filter(|find| find.at.start < place.end && place.start < find.at.end)
                .map(|find| super::Find {
                    at: find.at.start.max(place.start) - place.start..find.at.end.min(place.end) - place.start,
                    kind: find.kind,
                })
                .filter(|find| !super::is_in_mark(text, &find.at))
                .collect();
            if !inside.is_empty() && !self.edits.get(&at.start).is_some_and(|(_, literal)| is_only_mark(literal)) {
                let redacted = super::replaced(text, &inside);
                let redacted = self.redactor.text(&redacted).into_owned();
                self.write(at.clone(), &redacted);
            }
        }
    }

    fn write(&mut self, at: Range<usize>, text: &str) {
        let literal = serde_json::to_string(text).expect("a string is always JSON");
        self.edits.insert(at.start, (at.end, literal));
    }
}

fn is_only_mark(literal: &str) -> bool {
    super::is_mark(literal.trim_matches('"'))
}

/// Whether a value under a secret's name plainly is none: a word for "none", a variable, a mask.
fn is_harmless(text: &str) -> bool {
    super::value::says_nothing(text, super::value::Quoted::Double)
}

/// Where the string literal ends that begins at `start`.
fn literal_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}
