//! Secrets taken out of text that is kept or shown: `mysql -pS3cret db` becomes `mysql -p[redacted:password] db`. The rest
//! stays as it is, because it is evidence.
//!
//! ```
//! use vyrox_domain::redact::{Personal, Redactor};
//! let redactor = Redactor::new(Personal::Kept);
//! assert_eq!(redactor.text("curl -u bot:hunter2 https://x.test"), "curl -u bot:[redacted:password] https://x.test");
//! assert_eq!(redactor.json(r#"{"pid":18446744073709551616,"password":"x"}"#).unwrap(),
//!     r#"{"pid":18446744073709551616,"password":"[redacted:password]"}"#);
//! ```
//!
//! | file | what it knows |
//! |---|---|
//! | `redact/named.rs` | `password=`, `--token x`, `"apiKey": "x"`: a value with a secret's name before it |
//! | `redact/command.rs` | programs whose short options or positions carry a password: `mysql -p`, `net user` |
//! | `redact/shape.rs` | what is a secret by its own shape: keys, tokens, JWTs, key blocks, addresses with a password |
//! | `redact/value.rs` | where such a value ends: quotes, escapes, placeholders, references to variables |
//! | `redact/json.rs` | the same in the strings of a document, and by the keys around them |
//!
//! Every rule looks at the original text; what they find is joined and replaced in one go, so no rule hides a secret from
//! another. All regular expressions are of the `regex` crate (no backtracking) and compiled when
//! a text may have a match, and what is scanned around a find is
//! bounded, so time is linear in the text. Applied twice, nothing changes any more.
//!
//! What it cannot find: a password in a place that only its program knows and that is not in `command.rs`, and one that is
//! encoded or encrypted (what a model is shown is decoded first, `llm/summary/generalised.rs`). It is there to keep secrets from lying
//! around, not to make text public.

mod command;
mod json;
mod named;
mod shape;
mod value;

pub use json::NotJson;

use crate::rare::Folded;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// How often a text is gone over at most, until nothing changes any more. The second time finds nothing in nearly all texts.
const MOST_PASSES: usize = 4;

/// What was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A block of a private key.
    PrivateKey,
    /// A signed or encrypted web token.
    Jwt,
    /// A token, by its shape or its name.
    Token,
    /// A key of a cloud or an interface.
    Key,
    /// A password, a passphrase.
    Password,
    /// Something that is named a secret.
    Secret,
    /// A cookie.
    Cookie,
    /// An e-mail address, where these are asked for.
    Email,
}

impl Kind {
    const ALL: [Self; 8] =
        [Self::PrivateKey, Self::Jwt, Self::Token, Self::Key, Self::Password, Self::Secret, Self::Cookie, Self::Email];

    /// What stands in its place.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::PrivateKey => "[redacted:private-key]",
            Self::Jwt => "[redacted:jwt]",
            Self::Token => "[redacted:token]",
            Self::Key => "[redacted:key]",
            Self::Password => "[redacted:password]",
            Self::Secret => "[redacted:secret]",
            Self::Cookie => "[redacted:cookie]",
            Self::Email => "[redacted:email]",
        }
    }
}

/// Whether this text is a mark and nothing else.
fn is_mark(text: &str) -> bool {
    Kind::ALL.iter().any(|kind| kind.mark() == text)
}

/// Whether this place is a mark or the beginning of one: a find may end at its bracket.
fn is_in_mark(text: &str, at: &Range<usize>) -> bool {
    Kind::ALL.iter().any(|kind| text[at.start..].starts_with(kind.mark()) && at.len() <= kind.mark().len())
}

/// Whether personal data is taken out as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Personal {
    /// It stays: who was attacked is part of the evidence.
    #[default]
    Kept,
    /// E-mail addresses (and user names that look like them) are taken out.
    Emails,
}

/// Takes secrets out of text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redactor {
    personal: Personal,
}

/// A place that holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Find {
    at: Range<usize>,
    kind: Kind,
}

impl Redactor {
    /// One that treats personal data so.
    #[must_use]
    pub const fn new(personal: Personal) -> Self {
        Self { personal }
    }

    /// The text with every secret replaced by its kind's mark. A text that is a JSON document stays one.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if text.trim_start().starts_with(['{', '[', '"'])
            && let Ok(document) = self.json(text)
        {
            return Cow::Owned(document);
        }
        let mut text = Cow::Borrowed(text);
        for _ in 0..MOST_PASSES {
            let finds = self.finds(&text);
            if finds.is_empty() {
                break;
            }
            text = Cow::Owned(replaced(&text, &finds));
        }
        text
    }

    /// The JSON document with the secrets in its strings replaced. Everything else, numbers and spaces included, stays
    /// byte for byte, except that a number under a password's name becomes a mark.
    ///
    /// # Errors
    /// [`NotJson`] if it is none; what is inside such a text can be taken out with [`Redactor::text`].
    pub fn json(&self, document: &str) -> Result<String, NotJson> {
        json::redact(*self, document)
    }

    /// All finds, in order and apart from each other, marks left out.
    fn finds(&self, text: &str) -> Vec<Find> {
        let (mut finds, folded) = (Vec::new(), Folded::of(text));
        shape::find(&folded, self.personal, &mut finds);
        named::find(&folded, &mut finds);
        command::find(text, &mut finds);
        finds.retain(|find| !find.at.is_empty() && !is_in_mark(text, &find.at));
        joined(finds)
    }
}

/// Overlapping finds become one, of the kind that says most.
fn joined(mut finds: Vec<Find>) -> Vec<Find> {
    finds.sort_by_key(|find| (find.at.start, find.at.end, find.kind));
    let mut apart: Vec<Find> = Vec::with_capacity(finds.len());
    for find in finds {
        match apart.last_mut() {
            Some(last) if find.at.start < last.at.end => {
                last.at.end = last.at.end.max(find.at.end);
                last.kind = last.kind.min(find.kind);
            }
            _ => apart.push(find),
        }
    }
    apart
}

fn replaced(text: &str, finds: &[Find]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for find in finds {
        out.push_str(&text[done..find.at.start]);
        out.push_str(find.kind.mark());
        done = find.at.end;
    }
    out.push_str(&text[done..]);
    out
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mark())
    }
}

#[cfg(test)]
mod tests;
