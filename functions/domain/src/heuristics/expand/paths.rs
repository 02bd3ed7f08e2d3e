//! Paths as the system resolves them.

use super::replace_all;
use crate::heuristics::note::{Note, Notes};
use std::borrow::Cow;

/// Device prefixes and this machine's own shares taken off, ups and downs resolved, forward slashes after a drive turned.
pub(super) fn plain_paths(text: &mut Cow<'_, str>, notes: &mut Notes) {
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
    if text.contains(r"\?") || text.contains(r"c$") || text.contains(r"\.\") {
        replace_all(text, LOCAL);
    }
    if text.contains(":/") {
        let turned = slashes_turned(text);
        if let Some(turned) = turned {
            *text = Cow::Owned(turned);
        }
    }
    if text.contains(r"\..\") || text.contains(r"\.\") {
        let (plain, traversed) = without_detours(text);
        notes.add_if(traversed, Note::Traversal);
        *text = Cow::Owned(plain);
    }
}

/// `c:/windows/x` as `c:\windows\x`; addresses such as `http://` are no drives.
fn slashes_turned(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out: Option<Vec<u8>> = None;
    let mut in_path = false;
    for at in 0..bytes.len() {
        let drive = bytes[at] == b'/'
            && at >= 2
            && bytes[at - 1] == b':'
            && bytes[at - 2].is_ascii_alphabetic()
            && bytes.get(at + 1) != Some(&b'/')
            && !(at >= 3 && bytes[at - 3].is_ascii_alphanumeric());
        in_path = drive || (in_path && !matches!(bytes[at], b' ' | b'"' | b'\'' | b',' | b';' | b'|' | b'&'));
        if in_path && bytes[at] == b'/' {
            out.get_or_insert_with(|| bytes.to_vec())[at] = b'\\';
        }
    }
    out.and_then(|bytes| String::from_utf8(bytes).ok())
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
            let folder = out.rfind(['\\', ' ', '"', '=', ',']).filter(|at| out.as_bytes()[*at] == b'\\');
            match folder {
                // Never up from a drive or a share.
                Some(folder) if !out[..folder].ends_with('\\') && folder + 1 < out.len() => {
                    // From a full path; relative ones go up and down in every build.
                    let word = out[..=folder].rsplit([' ', '"', '=', ',']).next().unwrap_or_default();
                    traversed |= word.contains(':') || word.starts_with('\\');
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
