//! Variables as their usual values.

use crate::heuristics::note::{Note, Notes};
use memchr::memchr3;
use std::borrow::Cow;

/// Environment variables with one usual value, in the spellings of cmd and PowerShell (lower case).
pub(in crate::heuristics) const VARIABLES: &[(&str, &str)] = &[
    ("comspec", r"c:\windows\system32\cmd.exe"),
    ("systemroot", r"c:\windows"),
    ("windir", r"c:\windows"),
    ("temp", r"c:\users\user\appdata\local\temp"),
    ("tmp", r"c:\users\user\appdata\local\temp"),
    ("appdata", r"c:\users\user\appdata\roaming"),
    ("localappdata", r"c:\users\user\appdata\local"),
    ("userprofile", r"c:\users\user"),
    ("programdata", r"c:\programdata"),
    ("allusersprofile", r"c:\programdata"),
    ("public", r"c:\users\public"),
    ("programfiles", r"c:\program files"),
    ("programfiles(x86)", r"c:\program files (x86)"),
    ("programw6432", r"c:\program files"),
    ("commonprogramfiles", r"c:\program files\common files"),
    ("systemdrive", "c:"),
    ("homedrive", "c:"),
    ("homepath", r"\users\user"),
    ("pathext", ".com;.exe;.bat;.cmd;.vbs;.vbe;.js;.jse;.wsf;.wsh;.msc"),
    ("os", "windows_nt"),
    ("psmodulepath", r"c:\users\user\documents\windowspowershell\modules"),
];

/// `%name%`, `!name!`, `$env:name`, `${env:name}`; and a Unix shell's `$IFS`, empty parameters and home.
pub(super) fn replace_variables(text: &mut Cow<'_, str>, notes: &mut Notes) {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut from, mut at) = (0, 0);
    while let Some(next) = memchr3(b'%', b'!', b'$', &bytes[at..]) {
        at += next;
        let found = match bytes[at] {
            b'%' | b'!' => {
                let rest = &text[at..];
                named(&rest[1..], |name| rest.as_bytes().get(1 + name) == Some(&bytes[at]), 2)
            }
            b'$' => match bytes.get(at + 1) {
                Some(b'{') => unix_parameter(&text[at..], notes).or_else(|| powershell_variable(&text[at..])),
                Some(b'i' | b'@' | b'*' | b'h') => unix_parameter(&text[at..], notes),
                Some(b'e') => powershell_variable(&text[at..]),
                _ => None,
            },
            _ => None,
        };
        match found {
            Some((value, length)) => {
                if from == 0 {
                    out.reserve(text.len() + 64);
                }
                out.push_str(&text[from..at]);
                out.push_str(value);
                at += length;
                from = at;
            }
            None => at += 1,
        }
    }
    if from > 0 {
        out.push_str(&text[from..]);
        *text = Cow::Owned(out);
    }
}

/// `$env:name`, `${env:name}`
fn powershell_variable(text: &str) -> Option<(&'static str, usize)> {
    if let Some(rest) = text.strip_prefix("$env:") {
        return named(rest, |_| true, "$env:".len());
    }
    let rest = text.strip_prefix("${env:")?;
    named(rest, |name| rest.as_bytes().get(name) == Some(&b'}'), "${env:}".len())
}

/// The value of the variable whose name `rest` begins with, and the name's length with `around`.
fn named(rest: &str, ends: impl Fn(usize) -> bool, around: usize) -> Option<(&'static str, usize)> {
    let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'(' | b')')).count();
    let name = rest.get(..length)?;
    // A closing bracket may belong to what is around the variable.
    let value = |name: &str| {
        // Nothing is compared that no variable begins with.
        let begins =
            matches!(name.as_bytes(), [b'a' | b'c' | b'h' | b'l' | b'o' | b'p' | b's' | b't' | b'u' | b'w', _, ..]);
        let known = || VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        if begins { known() } else { None }
    };
    let (value, length) = match value(name) {
        Some(value) => (value, length),
        None => {
            let trimmed = name.split(['(', ')']).next().unwrap_or_default();
            (value(trimmed)?, trimmed.len())
        }
    };
    ends(length).then_some((value, length + around))
}

/// What a Unix shell makes of a parameter that is a space, or nothing.
fn unix_parameter(rest: &str, notes: &mut Notes) -> Option<(&'static str, usize)> {
    const SPACES: [&str; 4] = ["${ifs}$9", "${ifs%??}", "${ifs}", "$ifs$9"];
    if let Some(space) = SPACES.iter().find(|space| rest.starts_with(**space)) {
        notes.add(Note::Ifs);
        return Some((" ", space.len()));
    }
    if rest.strip_prefix("$ifs").is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    {
        notes.add(Note::Ifs);
        return Some((" ", 4));
    }
    let next_is_letter = |length: usize| rest.as_bytes().get(length).is_some_and(u8::is_ascii_alphabetic);
    if (rest.starts_with("$@") || rest.starts_with("$*")) && next_is_letter(2) {
        notes.add(Note::Ifs);
        return Some(("", 2));
    }
    (rest.starts_with("$home") && !next_is_letter(5)).then_some(("~", 5))
}
