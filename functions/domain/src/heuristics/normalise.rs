//! The forms of a text that literals and regexes are matched on.
//!
//! Attackers write one command in many spellings. Every text is matched in its plain form (lower case, one space between
//! words) and, where that differs, in a form with the usual disguises undone. A match in either counts, so undoing can only
//! add matches; it never hides what was written.

use std::borrow::Cow;

/// At most this many bytes of a field are looked at, half of them from the end, so padding cannot push a command out.
pub(super) const FIELD_LIMIT: usize = 16 * 1024;

/// Environment variables with one usual value, in the spellings of cmd and PowerShell (lower case).
const VARIABLES: &[(&str, &str)] = &[
    ("%comspec%", r"c:\windows\system32\cmd.exe"),
    ("%systemroot%", r"c:\windows"),
    ("%windir%", r"c:\windows"),
    ("%temp%", r"c:\users\user\appdata\local\temp"),
    ("%tmp%", r"c:\users\user\appdata\local\temp"),
    ("%appdata%", r"c:\users\user\appdata\roaming"),
    ("%localappdata%", r"c:\users\user\appdata\local"),
    ("%userprofile%", r"c:\users\user"),
    ("%programdata%", r"c:\programdata"),
    ("%allusersprofile%", r"c:\programdata"),
    ("%public%", r"c:\users\public"),
    ("%programfiles%", r"c:\program files"),
    ("%systemdrive%", "c:"),
    ("$env:comspec", r"c:\windows\system32\cmd.exe"),
    ("$env:systemroot", r"c:\windows"),
    ("$env:windir", r"c:\windows"),
    ("$env:temp", r"c:\users\user\appdata\local\temp"),
    ("$env:tmp", r"c:\users\user\appdata\local\temp"),
    ("$env:appdata", r"c:\users\user\appdata\roaming"),
    ("$env:localappdata", r"c:\users\user\appdata\local"),
    ("$env:userprofile", r"c:\users\user"),
    ("$env:programdata", r"c:\programdata"),
    ("$env:public", r"c:\users\public"),
    ("$env:systemdrive", "c:"),
    ("${ifs}", " "),
    ("$ifs", " "),
];

/// `text` with look-alike dashes, quotes and spaces made plain, control characters and runs of white space made one space,
/// invisible characters dropped, and bounded to [`FIELD_LIMIT`]. Case is kept: base64 needs it.
pub(super) fn tidy(text: &str) -> String {
    let text = bounded(text);
    let mut tidy = String::with_capacity(text.len());
    let mut gap = true;
    for c in text.chars() {
        let c = match c {
            '!'..='~' => c,
            '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
            '\u{2018}'..='\u{201b}' => '\'',
            '\u{201c}'..='\u{201f}' => '"',
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' => {
                continue;
            }
            c if c.is_whitespace() || c.is_control() => ' ',
            c => c,
        };
        if c == ' ' {
            if !gap {
                tidy.push(' ');
            }
            gap = true;
        } else {
            tidy.push(c);
            gap = false;
        }
    }
    if tidy.ends_with(' ') {
        tidy.pop();
    }
    tidy
}

/// Lower case, in place where the text is ASCII.
pub(super) fn lowered(mut text: String) -> String {
    if text.is_ascii() {
        text.make_ascii_lowercase();
        text
    } else {
        text.to_lowercase()
    }
}

/// A tidied text without quotes, carets and backticks, with concatenated string literals joined and doubled backslashes
/// made one. `None` when there is nothing to strip. Case is kept.
pub(super) fn stripped(tidy: &str) -> Option<String> {
    if !tidy.bytes().any(|b| matches!(b, b'"' | b'\'' | b'^' | b'`')) && !tidy.contains(r"\\") {
        return None;
    }
    let mut stripped = String::with_capacity(tidy.len());
    let mut rest = tidy;
    while let Some(at) = rest.find(['"', '\'', '^', '`', '\\']) {
        stripped.push_str(&rest[..at]);
        let disguise = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match disguise {
            b'\\' if !stripped.ends_with('\\') => stripped.push('\\'),
            b'"' | b'\'' => rest = after_concatenation(rest).unwrap_or(rest),
            _ => {}
        }
    }
    stripped.push_str(rest);
    Some(stripped)
}

/// After a closing quote: what follows `+ "` if the next string literal is concatenated.
fn after_concatenation(rest: &str) -> Option<&str> {
    rest.trim_start().strip_prefix('+')?.trim_start().strip_prefix(['"', '\''])
}

/// A lower-case text with common environment variables expanded and PowerShell's abbreviated arguments written out.
pub(super) fn expanded(lower: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(lower);
    if lower.contains(['%', '$']) {
        for (variable, value) in VARIABLES {
            if text.contains(variable) {
                text = Cow::Owned(text.replace(variable, value));
            }
        }
    }
    if text.contains("powershell") || text.contains("pwsh") {
        text = Cow::Owned(powershell_arguments(&text));
    }
    text
}

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

fn powershell_arguments(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut next = Next::Anything;
    for word in text.split(' ') {
        if !out.is_empty() {
            out.push(' ');
        }
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
        out.push_str(written);
        next = following;
    }
    out
}

fn is_powershell(word: &str) -> bool {
    let name = word.rsplit(['\\', '/']).next().unwrap_or(word);
    matches!(name.strip_suffix(".exe").unwrap_or(name), "powershell" | "pwsh")
}

fn is_hidden(value: &str) -> bool {
    value == "1" || (!value.is_empty() && "hidden".starts_with(value))
}

/// PowerShell accepts any unambiguous beginning of a parameter's name, and a few fixed aliases.
fn parameter_name(written: &str) -> Option<(&'static str, Next)> {
    let begins = |name: &str, least: usize| written.len() >= least && name.starts_with(written);
    Some(match written {
        "ec" => ("-encodedcommand", Next::Anything),
        "ep" => ("-executionpolicy", Next::Value),
        "wd" => ("-workingdirectory", Next::Value),
        _ if begins("encodedcommand", 1) => ("-encodedcommand", Next::Anything),
        _ if begins("executionpolicy", 2) => ("-executionpolicy", Next::Value),
        _ if begins("windowstyle", 1) => ("-windowstyle", Next::WindowStyle),
        _ if begins("noprofile", 3) => ("-noprofile", Next::Parameter),
        _ if begins("noninteractive", 4) => ("-noninteractive", Next::Parameter),
        _ if begins("noexit", 3) => ("-noexit", Next::Parameter),
        _ if begins("nologo", 3) => ("-nologo", Next::Parameter),
        _ if begins("version", 1) => ("-version", Next::Value),
        _ if begins("command", 1) => ("-command", Next::Anything),
        _ if begins("file", 1) => ("-file", Next::Anything),
        _ => return None,
    })
}

fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= FIELD_LIMIT {
        return Cow::Borrowed(text);
    }
    let half = FIELD_LIMIT / 2 - 1;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    Cow::Owned(format!("{} {}", &text[..head], &text[tail..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(text: &str) -> String {
        let tidy = tidy(text);
        let lower = lowered(stripped(&tidy).unwrap_or(tidy));
        expanded(&lower).into_owned()
    }

    #[test]
    fn disguises_are_undone() {
        for (written, meant) in [
            ("c^m^d /c  w\"h\"oami", "cmd /c whoami"),
            ("i`eX ('Down'+ 'loadString')", "iex (downloadstring)"),
            (r"%COMSPEC% /c dir", r"c:\windows\system32\cmd.exe /c dir"),
            (r"type C:\\Windows\\\\win.ini", r"type c:\windows\win.ini"),
            ("powershell \u{2013}W h -NoP -enc AAAA", "powershell -windowstyle hidden -noprofile -encodedcommand aaaa"),
            ("pwsh.exe /e AAAA", "pwsh.exe -encodedcommand aaaa"),
            ("powershell -ep bypass -f run.ps1 -e x", "powershell -executionpolicy bypass -file run.ps1 -e x"),
            ("cat${IFS}/etc/passwd", "cat /etc/passwd"),
            ("who\u{200b}ami\r\n\t/all", "whoami /all"),
        ] {
            assert_eq!(undone(written), meant);
        }
    }

    #[test]
    fn a_plain_text_needs_no_second_form() {
        assert!(stripped("ls -la /var/log").is_none());
        assert_eq!(undone("grep -e error /var/log/syslog"), "grep -e error /var/log/syslog");
    }

    #[test]
    fn padding_cannot_push_a_command_out() {
        let text = format!("cmd /c {} & vssadmin delete shadows", "\u{e9}".repeat(FIELD_LIMIT));
        let tidy = tidy(&text);
        assert!(tidy.len() <= FIELD_LIMIT);
        assert!(tidy.starts_with("cmd /c") && tidy.ends_with("vssadmin delete shadows"));
    }
}
