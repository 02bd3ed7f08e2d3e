//! Short forms written out: environment variables, registry hives, PowerShell's arguments, paths.

mod paths;
mod powershell;
mod prefix;
mod variables;

use super::characters::Characters;
use super::note::Notes;
use paths::plain_paths;
pub(super) use prefix::other_prefix;
use std::borrow::Cow;
pub(super) use variables::VARIABLES;
use variables::replace_variables;

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

/// A lower-case text with short forms written out. `has` are its characters.
pub(super) fn expanded<'a>(lower: &'a str, has: Characters, notes: &mut Notes) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(lower);
    // Its characters, once something may have been written out.
    let here = |text: &Cow<'_, str>| match text {
        Cow::Borrowed(_) => has,
        Cow::Owned(text) => Characters::of(text),
    };
    // Most texts have nothing to write out, and that shows in which characters they have.
    if has.any(b"%$!") {
        replace_variables(&mut text, notes);
    }
    if has.all(b"hk") && here(&text).any(b"_:") && text.contains("hk") {
        replace_all(&mut text, HIVES);
    }
    if has.has(b'~') {
        replace_all(&mut text, SHORT_NAMES);
    }
    let here = here(&text);
    if has.has(b'\\') || here.has(b'\\') || has.all(b":/") && here.all(b":/") {
        plain_paths(&mut text, here, notes);
    }
    // All letters of the shorter of its names, which are in the longer too.
    if has.all(b"pwsh")
        && let Some(full) = powershell::arguments(&text)
    {
        text = Cow::Owned(full);
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

#[cfg(test)]
mod tests {
    use super::super::note::Note;
    use super::*;

    fn written_out(text: &str) -> String {
        expanded(text, Characters::of(text), &mut Notes::default()).into_owned()
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
            ("a ${env:temp", "a ${env:temp"),
            ("${env:tempé}", "${env:tempé}"),
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
        let flipped = other_prefix("certutil.exe /urlcache -f http://x/a /b", ["certutil.exe"], false);
        assert_eq!(flipped.as_deref(), Some("certutil.exe -urlcache /f http://x/a -b"));
        assert_eq!(other_prefix("ls -la", ["ls"], true), None);
        assert_eq!(other_prefix("net user", ["net"], true), None);
    }

    #[test]
    fn detours_are_noticed() {
        let mut notes = Notes::default();
        let written = r"c:\windows\system32\..\temp";
        let _ = expanded(written, Characters::of(written), &mut notes);
        assert!(notes.has(Note::Traversal));
        let mut notes = Notes::default();
        let written = r"cd ..\build & type c:\x\.\y";
        let _ = expanded(written, Characters::of(written), &mut notes);
        assert!(notes.is_empty());
    }
}
