//! The parameters of PowerShell itself, which it lets one shorten.

use memchr::{memchr, memchr_iter, memrchr};

/// What the next word of a PowerShell command line is.
#[derive(Clone, Copy)]
enum Next {
    /// Not (or no longer) an argument of PowerShell itself.
    Anything,
    /// A parameter.
    Parameter,
    /// The value of `-WindowStyle`.
    WindowStyle,
    /// The value of another parameter.
    Value,
}

/// `text` with PowerShell's parameters in full; `None` if they are.
pub(super) fn arguments(text: &str) -> Option<String> {
    let text = text.trim_start_matches(' ');
    let mut out = String::new();
    // What stands before this is in `out`.
    let mut from = 0;
    let mut end = 0;
    let mut next = Next::Anything;
    loop {
        if matches!(next, Next::Anything) {
            // Nothing is written out before the next word that ends in its name.
            let Some(name) = text.get(end..).and_then(name) else { break };
            let start = memrchr(b' ', &text.as_bytes()[end..end + name]).map_or(end, |space| end + space + 1);
            end = start;
        }
        let Some(rest) = text.get(end..) else { break };
        let word = memchr(b' ', rest.as_bytes()).map_or(rest, |space| &rest[..space]);
        let start = end;
        end = start + word.len() + 1;
        let (written, following) = match (next, word.strip_prefix(['-', '/'])) {
            (Next::WindowStyle, _) => (if is_hidden(word) { "hidden" } else { word }, Next::Parameter),
            (Next::Value, _) => (word, Next::Parameter),
            (Next::Parameter, Some(parameter)) => match parameter_name(parameter) {
                Some((name, following)) => (name, following),
                None => (word, Next::Parameter),
            },
            (Next::Parameter | Next::Anything, _) => {
                (word, if is_powershell(word) { Next::Parameter } else { Next::Anything })
            }
        };
        if written != word {
            out.push_str(&text[from..start]);
            out.push_str(written);
            from = start + word.len();
        }
        next = following;
    }
    (!out.is_empty()).then(|| {
        out.push_str(&text[from..]);
        out
    })
}

/// Where the first of PowerShell's names is in `text`: around a letter that is rare.
fn name(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr_iter(b'w', bytes).find_map(|at| {
        let begins = |before: usize, name: &[u8]| {
            let start = at.checked_sub(before)?;
            bytes[start..].starts_with(name).then_some(start)
        };
        match bytes.get(at + 1) {
            Some(b'e') => begins("po".len(), b"powershell"),
            Some(b's') => begins("p".len(), b"pwsh"),
            _ => None,
        }
    })
}

fn is_powershell(word: &str) -> bool {
    let stem = word.strip_suffix(".exe").unwrap_or(word);
    let folder = stem.strip_suffix("powershell").or_else(|| stem.strip_suffix("pwsh"));
    folder.is_some_and(|folder| folder.is_empty() || folder.ends_with(['\\', '/']))
}

fn is_hidden(value: &str) -> bool {
    value == "1" || (!value.is_empty() && "hidden".starts_with(value))
}

/// PowerShell accepts any unambiguous beginning of a parameter's name, and a few fixed aliases.
fn parameter_name(written: &str) -> Option<(&'static str, Next)> {
    let begins = |name: &str, least: usize| written.len() >= least && name.starts_with(written);
    Some(match written {
        "ec" => ("-encodedcommand", Next::Anything),
        "ep" | "exec" => ("-executionpolicy", Next::Value),
        "wd" => ("-workingdirectory", Next::Value),
        "cwa" => ("-commandwithargs", Next::Anything),
        "ea" => ("-encodedarguments", Next::Value),
        "if" => ("-inputformat", Next::Value),
        "of" => ("-outputformat", Next::Value),
        _ if begins("encodedcommand", 1) => ("-encodedcommand", Next::Anything),
        _ if begins("executionpolicy", 2) => ("-executionpolicy", Next::Value),
        _ if begins("windowstyle", 1) => ("-windowstyle", Next::WindowStyle),
        _ if begins("workingdirectory", 2) => ("-workingdirectory", Next::Value),
        _ if begins("noprofile", 3) => ("-noprofile", Next::Parameter),
        _ if begins("noninteractive", 4) => ("-noninteractive", Next::Parameter),
        _ if begins("noexit", 3) => ("-noexit", Next::Parameter),
        _ if begins("nologo", 3) => ("-nologo", Next::Parameter),
        _ if begins("inputformat", 2) => ("-inputformat", Next::Value),
        _ if begins("outputformat", 1) => ("-outputformat", Next::Value),
        _ if begins("version", 1) => ("-version", Next::Value),
        _ if begins("command", 1) => ("-command", Next::Anything),
        _ if begins("file", 1) => ("-file", Next::Anything),
        _ => return None,
    })
}
