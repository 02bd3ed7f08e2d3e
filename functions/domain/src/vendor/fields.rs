//! Reading a vendor's JSON: absent, null, empty and wrongly typed are all `None`; nothing is guessed.

use crate::alert::{Platform, VendorStatus};
use crate::reading::LEFT_OUT;
use serde_json::Value;

/// The longest text that is kept of one field, in characters: no command line on Windows is longer.
const MAX_TEXT: usize = 32_768;
/// Of a text that is too long, runs of white space are kept up to so many characters: enough to be seen as padding.
const MAX_BLANKS: usize = 256;

/// The value at a path of object keys.
#[must_use]
pub fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// The text there, trimmed and bounded, unless empty. Numbers (as some forwarders turn ids into) become their exact digits.
#[must_use]
pub fn text(value: &Value, path: &[&str]) -> Option<String> {
    text_of(at(value, path)?)
}

/// [`text`] of the value itself.
#[must_use]
pub fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => shortened(text.trim(), MAX_TEXT),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text: &String| !text.is_empty())
}

/// At most so many characters of `text`: its beginning and its end, so that nothing is pushed out of sight by what is written
/// before it. White space, with which that is done most, goes first.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let fits = |text: &str| text.len() <= most || text.chars().nth(most).is_none();
    if fits(text) {
        return text.to_owned();
    }
    let mut blanks = 0;
    let mut kept = text.to_owned();
    kept.retain(|c| {
        blanks = if c.is_whitespace() { blanks + 1 } else { 0 };
        blanks <= MAX_BLANKS
    });
    if fits(&kept) {
        return kept;
    }
    let room = most.saturating_sub(LEFT_OUT.len());
    let (head, tail) = (room - room / 2, room / 2);
    let begin = kept.char_indices().nth(head).map_or(kept.len(), |(at, _)| at);
    let end = tail.checked_sub(1).and_then(|last| kept.char_indices().nth_back(last)).map_or(kept.len(), |(at, _)| at);
    format!("{}{LEFT_OUT}{}", &kept[..begin], &kept[end..])
}

/// The first of several places that has a text.
#[must_use]
pub fn first_text(value: &Value, paths: &[&[&str]]) -> Option<String> {
    paths.iter().find_map(|path| text(value, path))
}

/// The first of several places whose text is a valid `T`; an invalid value counts as absent.
#[must_use]
pub fn first_valid<T: std::str::FromStr>(value: &Value, paths: &[&[&str]]) -> Option<T> {
    paths.iter().find_map(|path| text(value, path)?.parse().ok())
}

/// The elements of the array there; none if there is none.
#[must_use]
pub fn elements<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether there is something other than null.
#[must_use]
pub fn has(value: &Value, path: &[&str]) -> bool {
    at(value, path).is_some_and(|value| !value.is_null())
}

/// The last component of a Windows or Unix path.
#[must_use]
pub fn basename(path: &str) -> Option<String> {
    path.rsplit(['\\', '/']).next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A path of a vendor that gives the folder and the file's name apart: joined, unless the path ends in the name already.
#[must_use]
pub fn path_in_folder(folder: Option<String>, name: Option<&str>) -> Option<String> {
    let folder = folder?;
    let Some(name) = name else { return Some(folder) };
    if basename(&folder).is_some_and(|last| last.eq_ignore_ascii_case(name)) {
        return Some(folder);
    }
    let separator = if folder.ends_with(['\\', '/']) {
        ""
    } else if folder.contains('\\') {
        "\\"
    } else {
        "/"
    };
    Some(format!("{folder}{separator}{name}"))
}

/// The first of several places whose word says that the alert is dealt with.
#[must_use]
pub fn status(value: &Value, paths: &[&[&str]]) -> Option<VendorStatus> {
    paths.iter().find_map(|path| VendorStatus::from_word(&text(value, path)?))
}

/// `DOMAIN\user`, or just the user.
#[must_use]
pub fn account(domain: Option<String>, user: Option<String>) -> Option<String> {
    match (domain, user) {
        (Some(domain), Some(user)) if !user.contains('\\') && !user.contains('@') => Some(format!("{domain}\\{user}")),
        (_, user) => user,
    }
}

/// The operating system that a vendor's word means (`Windows10`, `osx`, `LINUX`); none for a word that is no such name.
#[must_use]
pub fn platform_of_name(name: &str) -> Option<Platform> {
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "win" => Some(Platform::Windows),
        "lin" => Some(Platform::Linux),
        "mac" | "osx" => Some(Platform::Macos),
        _ if name.starts_with("windows") => Some(Platform::Windows),
        _ if name.starts_with("linux") => Some(Platform::Linux),
        _ if name.starts_with("macos") || name.starts_with("mac os") => Some(Platform::Macos),
        _ => None,
    }
}

/// Only a back-slashed path leaves no doubt; a slashed one may be Linux or macOS.
#[must_use]
pub fn platform_of_path(path: &str) -> Option<Platform> {
    (path.starts_with('\\') || path.as_bytes().get(1..3) == Some(b":\\")).then_some(Platform::Windows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn empty_null_and_foreign_types_are_absent() {
        let value =
            json!({"a": "", "b": null, "c": [1], "d": " x ", "e": 1_719_309_930_613_520_072_u64, "f": 1.5, "g": true});
        for (key, wanted) in [
            ("a", None),
            ("b", None),
            ("c", None),
            ("d", Some("x")),
            ("e", Some("1719309930613520072")),
            ("f", None),
            ("g", None),
            ("h", None),
        ] {
            assert_eq!(text(&value, &[key]).as_deref(), wanted, "{key}");
        }
        assert!(has(&value, &["a"]) && !has(&value, &["b"]) && !has(&value, &["h"]));
        assert_eq!(elements(&value, &["c"]).len(), 1);
        assert!(elements(&value, &["a"]).is_empty());
    }

    #[test]
    fn base_names_of_both_worlds() {
        assert_eq!(basename("\\Device\\HarddiskVolume1\\Windows\\cmd.exe").as_deref(), Some("cmd.exe"));
        assert_eq!(basename("/usr/bin/curl").as_deref(), Some("curl"));
        assert_eq!(basename("dir/"), None);
    }

    #[test]
    fn a_folder_and_a_name_become_one_path() {
        for (folder, name, wanted) in [
            ("C:\\Windows\\System32", Some("cmd.exe"), "C:\\Windows\\System32\\cmd.exe"),
            ("C:\\Windows\\CMD.exe", Some("cmd.exe"), "C:\\Windows\\CMD.exe"),
            ("/bin/", Some("echo"), "/bin/echo"),
            ("/usr/bin", Some("curl"), "/usr/bin/curl"),
            ("/usr/bin/curl", None, "/usr/bin/curl"),
        ] {
            assert_eq!(path_in_folder(Some(folder.to_owned()), name).as_deref(), Some(wanted));
        }
        assert_eq!(path_in_folder(None, Some("cmd.exe")), None);
    }

    #[test]
    fn an_operating_system_is_named_or_left_open() {
        for (name, wanted) in [
            ("Windows10", Some(Platform::Windows)),
            ("LINUX", Some(Platform::Linux)),
            ("macos", Some(Platform::Macos)),
            ("Android", None),
            ("", None),
        ] {
            assert_eq!(platform_of_name(name), wanted, "{name}");
        }
        assert_eq!(platform_of_path("/bin/sh"), None);
    }

    #[test]
    fn of_a_long_text_the_beginning_and_the_end_are_kept() {
        assert_eq!(shortened("as it is", 8), "as it is");
        let text = format!("begin {}{}end", "\u{e9}".repeat(600), "x".repeat(600));
        let short = shortened(&text, 100);
        assert_eq!(short.chars().count(), 100);
        assert!(
            short.starts_with("begin \u{e9}") && short.contains("\u{e9} [...] x") && short.ends_with("xxend"),
            "{short}"
        );
        let padded = shortened(&format!("a{}b", "\u{2003}".repeat(9_000)), 1_000);
        assert_eq!(padded.chars().count(), MAX_BLANKS + 2);
        assert!(padded.ends_with('b'));
    }
}
