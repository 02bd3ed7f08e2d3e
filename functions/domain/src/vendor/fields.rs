//! Reading a vendor's JSON: absent, null, empty and wrongly typed are all `None`; nothing is guessed.

use crate::alert::{Platform, VendorStatus};
use serde_json::Value;

/// The longest text that is kept of one field, in characters.
const MAX_TEXT: usize = 8_192;

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
        Value::String(text) => text.trim().chars().take(MAX_TEXT).collect(),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => return None,
    };
    Some(text).filter(|text: &String| !text.is_empty())
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
}
