//! Paths as the system resolves them.

use super::replace_all;
use crate::heuristics::characters::Characters;
use crate::heuristics::normalise::end_of;
use crate::heuristics::note::{Note, Notes};
use memchr::memchr_iter;
use std::borrow::Cow;

/// Device prefixes and this machine's own shares taken off, ups and downs resolved, forward slashes after a drive turned.
/// `has` are the characters of `text`.
pub(super) fn plain_paths(text: &mut Cow<'_, str>, has: Characters, notes: &mut Notes) {
    const LOCAL: &[(&str, &str)] = &[
        (r"\\?\unc\", r"\\"),
        (r"\\?\", ""),
        (r"\\.\c:", "c:"),
        (r"\??\", ""),
        (r"\\127.0.0.1\c$", "c:"),
        (r"\\localhost\c$", "c:"),
        (r"\127.0.0.1\c$", "c:"),
        (r"\localhost\c$", "c:"),
        (r"\?\c:", "c:"),
    ];
    // What is written out or taken off adds no dot, and no colon before a slash that is not there.
    let odd = Odd::of(text, has);
    if odd.prefix {
        replace_all(text, LOCAL);
    }
    let turned = if has.has(b'/') && text.contains(":/") { slashes_turned(text) } else { None };
    let changed = odd.prefix || turned.is_some();
    if let Some(turned) = turned {
        *text = Cow::Owned(turned);
    }
    let detour = if changed { has.has(b'.') && (text.contains(r"\..\") || text.contains(r"\.\")) } else { odd.detour };
    if detour {
        let (plain, traversed) = without_detours(text);
        notes.add_if(traversed, Note::Traversal);
        *text = Cow::Owned(plain);
    }
}

/// What few paths have.
#[derive(Debug, Clone, Copy, Default)]
struct Odd {
    /// Perhaps a device prefix or a share of this machine.
    prefix: bool,
    /// Ups and downs.
    detour: bool,
}

impl Odd {
    /// In one pass over the backslashes of `text`, which has the characters `has`.
    fn of(text: &str, has: Characters) -> Self {
        let bytes = text.as_bytes();
        let mut odd = Self { prefix: has.all(b"c$") && text.contains("c$"), detour: false };
        if has.any(b"?.") {
            for at in memchr_iter(b'\\', bytes) {
                match bytes.get(at + 1..).unwrap_or_default() {
                    [b'?', ..] => odd.prefix = true,
                    [b'.', b'\\', ..] => odd = Self { prefix: true, detour: true },
                    [b'.', b'.', b'\\', ..] => odd.detour = true,
                    _ => {}
                }
            }
        }
        odd
    }
}

/// `c:/windows/x` as `c:\windows\x`; addresses such as `http://` are no drives.
fn slashes_turned(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_drive = |at: usize| {
        at >= 2
            && bytes[at - 1] == b':'
            && bytes[at - 2].is_ascii_alphabetic()
            && bytes.get(at + 1) != Some(&b'/')
            && !(at >= 3 && bytes[at - 3].is_ascii_alphanumeric())
    };
    let first = memchr_iter(b'/', bytes).find(|at| is_drive(*at))?;
    let mut out = bytes.to_vec();
    let mut in_path = false;
    for at in first..bytes.len() {
        let slash = bytes[at] == b'/';
        in_path =
            slash && is_drive(at) || (in_path && !matches!(bytes[at], b' ' | b'"' | b'\'' | b',' | b';' | b'|' | b'&'));
        if in_path && slash {
            out[at] = b'\\';
        }
    }
    String::from_utf8(out).ok()
}

/// The longest path that is looked at, as long as Windows lets it be by default: a text of nothing but detours would be read
/// again for each of them.
const LONGEST: usize = 260;

/// Whether the path that `text` ends with is a full one.
fn is_full(text: &str) -> bool {
    let path = end_of(text, LONGEST).rsplit([' ', '"', '=', ',']).next().unwrap_or_default();
    path.contains(':') || path.starts_with('\\')
}

/// Without `\.\`, and without each `folder\..\`; and whether there was one of the latter.
fn without_detours(text: &str) -> (String, bool) {
    let mut out = String::with_capacity(text.len());
    let mut traversed = false;
    let mut rest = text;
    while let Some(at) = rest.find(r"\.") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix(r"\..\") {
            let near = end_of(&out, LONGEST);
            let folder = near.rfind(['\\', ' ', '"', '=', ',']).map(|at| out.len() - near.len() + at);
            let folder = folder.filter(|at| out.as_bytes()[*at] == b'\\');
            match folder {
                // Never up from a drive or a share.
                Some(folder) if !out[..folder].ends_with('\\') && folder + 1 < out.len() => {
                    // From a full path; relative ones go up and down in every build.
                    traversed = traversed || is_full(&out[..=folder]);
                    out.truncate(folder);
                    rest = &rest[rest.len() - after.len() - 1..];
                }
                _ => {
                    out.push_str(r"\..");
                    rest = &rest[3..];
                }
            }
        } else if rest.starts_with(r"\.\") {
            rest = &rest[2..];
        } else {
            out.push_str(r"\.");
            rest = &rest[2..];
        }
    }
    out.push_str(rest);
    (out, traversed)
}
