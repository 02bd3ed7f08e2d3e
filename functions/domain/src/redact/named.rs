//! Values with a secret's name before them: assignments, members, headers, options.

use super::value::{Ends, Quoted, Value, read, says_nothing};
use super::{Find, Kind};
use crate::rare::{Folded, Rare};
use std::ops::Range;

/// Names that a password's name ends with; of two that begin alike, the longer first.
const PASSWORDS: [&str; 12] = [
    "passphrase",
    "passwords",
    "password",
    "passwort",
    "passwd",
    "kennwort",
    "storepass",
    "keypass",
    "pwd",
    "pass",
    "pw",
    "ntlm",
];
/// What stands before `key` in the name of one, after a separator or none.
const KEYS_OF: [&str; 10] =
    ["api", "access", "account", "secret", "signing", "encryption", "auth", "storage", "master", "subscription"];
/// What a text with any of these names has.
const PARTS: [&str; 8] = ["pass", "pw", "kennwort", "ntlm", "key", "sharedaccesssignature", "secret", "token"];

/// Headers that carry credentials, up to their value.
static HEADER: Rare = Rare::new(
    |text| text.has(&["cookie", "authorization"]),
    r#"(?i)(?P<cookie>(?:set-)?cookie)\\*["']?\s{0,4}[:=]\s{0,4}|authorization\\*["']?\]?\s{0,4}(?:[:=]|=>)\s{0,4}"#,
);

/// How far back a name is looked for, in bytes.
const LONGEST_NAME: usize = 64;

/// Finds them.
pub(super) fn find(folded: &Folded<'_>, finds: &mut Vec<Find>) {
    let text = folded.text;
    // What lies within a value that is taken out anyway is not looked at again.
    let mut done = 0;
    let words = folded.has(&PARTS).then(|| words(text)).into_iter().flatten();
    for (word, kind) in words {
        if word.start < done {
            continue;
        }
        if let Some(value) = named_value(text, word.start, word.end, kind) {
            done = value.at.end;
            finds.push(Find { at: value.at, kind });
        }
    }
    let mut done = 0;
    for found in HEADER.on(folded).into_iter().flat_map(|pattern| pattern.captures_iter(text)) {
        let start = found.get(0).expect("group 0 is the match").end();
        if start < done {
            continue;
        }
        let is_cookie = found.name("cookie").is_some();
        let at = if is_cookie { to_line_end(text, start) } else { credentials(text, start) };
        done = at.end;
        if !says_nothing(&text[at.clone()], Quoted::No) {
            finds.push(Find { at, kind: if is_cookie { Kind::Cookie } else { Kind::Token } });
        }
    }
}

/// The names that a secret's name ends with, one after the other. What stands before and after each is looked at in [`find`].
fn words(text: &str) -> impl Iterator<Item = (Range<usize>, Kind)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let (at, (length, kind)) = (from..text.len()).find_map(|at| Some((at, word_at(&text.as_bytes()[at..])?)))?;
        from = at + length;
        Some((at..from, kind))
    })
}

/// How long the name is that these bytes begin with, and what it is the name of.
fn word_at(bytes: &[u8]) -> Option<(usize, Kind)> {
    let begins = |bytes: &[u8], word: &str| {
        bytes.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
    };
    let key_after = |stem: usize, separators: &[u8]| {
        let separator = usize::from(bytes.get(stem).is_some_and(|byte| separators.contains(byte)));
        begins(&bytes[stem + separator..], "key").then_some((stem + separator + "key".len(), Kind::Key))
    };
    let password = |first: u8| {
        let mut words = PASSWORDS.iter().filter(|word| word.as_bytes()[0] == first);
        words.find(|word| begins(bytes, word)).map(|word| (word.len(), Kind::Password))
    };
    let key = |first: u8| {
        let mut stems = KEYS_OF.iter().filter(|stem| stem.as_bytes()[0] == first && begins(bytes, stem));
        stems.find_map(|stem| key_after(stem.len(), b"-_. "))
    };
    let whole = |word: &str, kind| begins(bytes, word).then_some((word.len(), kind));
    match bytes.first()?.to_ascii_lowercase() {
        b'p' => {
            password(b'p').or_else(|| begins(bytes, "private").then(|| key_after("private".len(), b"-_")).flatten())
        }
        b's' => password(b's')
            .or_else(|| whole("secret_key_base", Kind::Key))
            .or_else(|| key(b's'))
            .or_else(|| whole("sharedaccesssignature", Kind::Key))
            .or_else(|| whole("secret", Kind::Secret)),
        first @ (b'k' | b'n') => password(first),
        first @ (b'a' | b'e' | b'm') => key(first),
        b't' => whole("token", Kind::Token),
        _ => None,
    }
}

/// The kind of secret that a whole name (a member's key, for example) stands for.
pub(super) fn kind_of_name(name: &str) -> Option<Kind> {
    match name.to_ascii_lowercase().as_str() {
        "authorization" | "proxy-authorization" => return Some(Kind::Token),
        "cookie" | "set-cookie" => return Some(Kind::Cookie),
        _ => {}
    }
    let (word, kind) = words(name).last()?;
    let after = name[word.end..].trim_start_matches('_');
    let is_whole = after.len() <= 2 && after.bytes().all(|byte| byte.is_ascii_digit());
    let shown = &name[word.clone()];
    if !is_whole || !is_name(name, 0, word.start, shown) || shown.eq_ignore_ascii_case("pwd") {
        return None;
    }
    Some(kind)
}

/// How a name and its value are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// `name=value`, `name => value`.
    Equals,
    /// `name:value`, `"name": "value"`.
    Colon,
    /// `name: value`.
    ColonSpace,
    /// `--name value`.
    Space,
    /// `<name>value<`.
    Element,
}

fn named_value(text: &str, start: usize, end: usize, kind: Kind) -> Option<Value> {
    let name_start = name_start(text, start);
    if !is_name(text, name_start, start, &text[start..end]) {
        return None;
    }
    let before = text[..name_start].chars().next_back();
    let opens = |character: Option<char>| {
        character.is_none_or(|character| character.is_whitespace() || "\"'(=,[{;|&".contains(character))
    };
    let is_slash_option = before == Some('/') && opens(text[..name_start - 1].chars().next_back());
    let is_option = is_slash_option || (text[name_start..start].starts_with('-') && opens(before));
    let after_digits = text[end..].trim_start_matches('_').trim_start_matches(|c: char| c.is_ascii_digit());
    let suffix = text[end..].len() - after_digits.len();
    let end = if suffix <= 3 { end + suffix } else { end };
    let (joint, value_start) = joint(text, end, is_option, before)?;
    // `C:\passwords: `, `/etc/passwd: `: a path, not a name.
    if matches!(before, Some('/' | '\\')) && !is_slash_option && matches!(joint, Joint::Colon | Joint::ColonSpace) {
        return None;
    }
    let ends = if is_option { Ends::Argument } else { Ends::Pair };
    let value = read(text, value_start, ends);
    let shown = &text[value.at.clone()];
    let is_variable = text[name_start..].starts_with('$');
    let is_bare = value.quoted == Quoted::No;
    let is_other_option =
        joint == Joint::Space && (shown.starts_with('-') || (is_slash_option && shown.starts_with('/')));
    let is_expression = is_bare && (is_variable || is_call(shown)) && joint == Joint::Equals;
    let is_directory = text[start..end].eq_ignore_ascii_case("pwd") && is_path(shown);
    let is_elsewhere = ["file:", "env:", "fd:", "id=", "type="].iter().any(|prefix| shown.starts_with(prefix));
    let is_prose = joint == Joint::ColonSpace && is_bare && kind != Kind::Password && !looks_random(shown);
    let is_operator =
        is_bare && (shown.starts_with(['=', ':']) || matches!(shown, "(" | "[" | "{") || is_cmdlet(shown));
    if shown.is_empty()
        || is_other_option
        || is_expression
        || is_directory
        || is_elsewhere
        || is_prose
        || is_operator
        || says_nothing(shown, value.quoted)
    {
        return None;
    }
    Some(value)
}

/// Where the name begins whose last word begins at `start`.
fn name_start(text: &str, start: usize) -> usize {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$');
    start - text.as_bytes()[..start].iter().rev().take(LONGEST_NAME).take_while(|byte| part(byte)).count()
}

/// Whether the word ends a secret's name, rather than another's: `bypass`, `PublicKeyToken`, `--no-password`.
fn is_name(text: &str, name_start: usize, start: usize, word: &str) -> bool {
    let lead = text[name_start..start].trim_start_matches(['-', '$']).to_ascii_lowercase();
    let is_short = word.len() <= 4;
    // Short words are part of many others: they count after a separator, or capitalised after a small letter.
    if is_short && lead.ends_with(|last: char| last.is_ascii_alphabetic()) {
        let capital = word.starts_with(|first: char| first.is_ascii_uppercase());
        let after_small = text[..start].ends_with(|last: char| last.is_ascii_lowercase());
        if !(capital && after_small) || lead == "by" {
            return false;
        }
    }
    let lead = lead.trim_end_matches(['-', '_', '.']);
    let negated =
        ["no", "ask", "prompt", "show", "reset", "change", "generate", "save", "ask-for", "publickey", "cancellation"];
    !negated.contains(&lead)
}

/// What joins the name that ends at `end` with its value, and where the value begins.
fn joint(text: &str, end: usize, is_option: bool, before: Option<char>) -> Option<(Joint, usize)> {
    let rest = &text[end..];
    if before == Some('<') && rest.starts_with('>') {
        return Some((Joint::Element, end + 1));
    }
    let quoted = rest.trim_start_matches('\\');
    let closed = quoted.strip_prefix(['"', '\'']).map(|rest| rest.strip_prefix(']').unwrap_or(rest));
    let is_closed = closed.is_some();
    let rest = closed.unwrap_or(rest);
    let spaces = |text: &str| text.bytes().take(16).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let space = spaces(rest);
    let sign = &rest[space..];
    let at = |tail: &str| text.len() - tail.len();
    let signs = [("=>", Joint::Equals), (":=", Joint::Equals), ("=", Joint::Equals), (":", Joint::Colon)];
    for (mark, joint) in signs {
        let Some(tail) = sign.strip_prefix(mark) else { continue };
        let gap = spaces(tail);
        // `password= user=x`: in a line of pairs an empty value is empty.
        let joint = if joint == Joint::Colon && gap > 0 && !is_closed { Joint::ColonSpace } else { joint };
        return Some((joint, at(&tail[gap..])));
    }
    (is_option && space > 0 && !sign.is_empty()).then(|| (Joint::Space, at(sign)))
}

/// Whether a value looks like a call in a program: `getpass()`, `os.environ[`.
fn is_call(value: &str) -> bool {
    let name = value.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count();
    name > 0 && matches!(value.as_bytes().get(name), Some(b'(' | b'['))
}

/// Whether a value is the beginning of `(Read-Host ...)`.
fn is_cmdlet(value: &str) -> bool {
    let verb_and_noun = value.strip_prefix('(').and_then(|name| name.split_once('-'));
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    verb_and_noun.is_some_and(|(verb, noun)| is_word(verb) && is_word(noun.trim_end_matches(')')))
}

/// Whether a value is a path: what the variable `PWD` holds.
fn is_path(value: &str) -> bool {
    value.starts_with(['/', '~', '.', '\\']) || value.as_bytes().get(1..3).is_some_and(|drive| drive == b":\\")
}

/// Whether a value is more than a word: after `token:` in prose there are words, too.
fn looks_random(value: &str) -> bool {
    value.len() >= 16 || (value.len() >= 6 && value.bytes().any(|byte| byte.is_ascii_digit()))
}

/// The credentials of an authorization header: what follows its scheme.
fn credentials(text: &str, start: usize) -> Range<usize> {
    const ONE_WORD: [&str; 9] = ["bearer", "basic", "token", "apikey", "negotiate", "ntlm", "key", "bot", "jwt"];
    let value = read(text, start, Ends::Argument);
    let (start, end) =
        if value.quoted == Quoted::No { (start, to_line_end(text, start).end) } else { (value.at.start, value.at.end) };
    let all = &text[start..end];
    let word = all.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-').count();
    let gap = all[word..].bytes().take_while(|&byte| byte == b' ').count();
    let scheme = &all[..word];
    let begin = start + if gap > 0 { word + gap } else { 0 };
    let is_one_word = gap == 0 || ONE_WORD.iter().any(|known| known.eq_ignore_ascii_case(scheme));
    let stop = if is_one_word { text[begin..end].find(char::is_whitespace).map_or(end, |at| begin + at) } else { end };
    begin..stop
}

/// To the end of the line or of what is quoted.
fn to_line_end(text: &str, start: usize) -> Range<usize> {
    let value = read(text, start, Ends::Argument);
    if value.quoted != Quoted::No {
        return value.at;
    }
    let rest = super::value::bounded(&text[start..]);
    let end = rest.find(['"', '\'', '\n', '\r']).unwrap_or(rest.len());
    start..start + rest[..end].trim_end_matches([' ', '\\']).len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rare::tests::lets_every_match_through;
    use proptest::prelude::*;
    use regex::Regex;

    #[test]
    fn headers_are_not_kept_from_a_text_that_has_one() {
        lets_every_match_through(&HEADER);
    }

    proptest! {
        #[test]
        fn names_are_where_a_regular_expression_sees_them(
            text in "(?i:pass|word|s|wd|phrase|wort|kenn|store|key|pw|d|ntlm|api|access|account|secret|signing|encryption|auth|storage|master|subscription|[-_. ]|_base|private|shared|signature|token|[a-zé]){0,12}"
        ) {
            let regex = Regex::new(concat!(
                r"(?P<password>(?i-u:passphrase|passwords?|passwort|passwd|kennwort|storepass|keypass|pwd|pass|pw|ntlm))",
                r"|(?P<key>(?i-u:secret_key_base|(?:api|access|account|secret|signing|encryption|auth|storage|master|subscription)[-_. ]?key",
                r"|private[-_]?key|sharedaccesssignature))",
                r"|(?P<secret>(?i-u:secret))",
                r"|(?P<token>(?i-u:token))",
            ))
            .unwrap();
            let expected: Vec<(Range<usize>, Kind)> = regex
                .captures_iter(&text)
                .map(|found| {
                    let kinds =
                        [("password", Kind::Password), ("key", Kind::Key), ("secret", Kind::Secret), ("token", Kind::Token)];
                    let (_, kind) = kinds.into_iter().find(|(group, _)| found.name(group).is_some()).unwrap();
                    (found.get(0).unwrap().range(), kind)
                })
                .collect();
            prop_assert!(expected.is_empty() || Folded::of(&text).has(&PARTS));
            prop_assert_eq!(words(&text).collect::<Vec<_>>(), expected);
        }
    }
}
