//! Programs whose short options or positions carry a password. Only these: `-p` is a port, a path or a flag elsewhere.

mod word;

use super::value::{Ends, Quoted, read, says_nothing};
use super::{Find, Kind};
use std::ops::Range;
use word::{Word, words};

/// How a program takes a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `-pSECRET`.
    Attached(&'static str),
    /// `-p SECRET`.
    Next(&'static str),
    /// `-p SECRET` or `-pSECRET`, before the command that is run: `sshpass -p SECRET ssh -p 22 host`.
    Before(&'static str),
    /// `-u user:SECRET`, `-U user%SECRET`, attached or not.
    AfterUser(&'static str, char),
    /// `net user NAME SECRET`, `net use \\HOST\SHARE SECRET`: the only or second plain word after this one.
    Positions(&'static str),
    /// `htpasswd -b FILE USER SECRET`: the plain word of this number (from 0), if there is this option.
    Position(&'static str, usize),
    /// `sqlplus user/SECRET@db`, `psexec.py domain/user:SECRET@host`: within the first plain word, after this character.
    Within(char),
}

use Form::{AfterUser, Attached, Before, Next, Position, Positions, Within};

/// The programs, by the end of their path, and how they take secrets.
const PROGRAMS: &[(&[&str], &[Form])] = &[
    (
        &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlpump",
            "mysqlsh",
            "mysqlcheck",
            "mariadb",
            "mariadb-dump",
        ],
        &[Attached("-p")],
    ),
    (&["sshpass"], &[Before("-p")]),
    (&["mongo", "mongosh", "mongodump", "mongorestore", "mongoexport"], &[Attached("-p"), Next("-p")]),
    (&["redis-cli"], &[Next("-a")]),
    (
        &["curl", "curl.exe"],
        &[AfterUser("-u", ':'), AfterUser("-U", ':'), AfterUser("--user", ':'), AfterUser("--proxy-user", ':')],
    ),
    (&["http", "https", "xh"], &[AfterUser("-a", ':'), AfterUser("--auth", ':')]),
    (&["lftp"], &[AfterUser("-u", ',')]),
    (
        &["smbclient", "rpcclient", "smbget", "smbcacls", "winexe", "net"],
        &[AfterUser("-U", '%'), AfterUser("--user", '%')],
    ),
    (&["net", "net1"], &[Positions("user"), Positions("use")]),
    (
        &["psexec", "psexec64", "paexec", "psservice", "pskill", "pslist", "psinfo", "psloglist"],
        &[Next("-p"), Next("/p")],
    ),
    (
        &[
            "crackmapexec",
            "cme",
            "nxc",
            "netexec",
            "smbmap",
            "evil-winrm",
            "enum4linux",
            "bloodhound-python",
            "certipy",
            "kerbrute",
        ],
        &[Next("-p"), Next("-H")],
    ),
    (&["hydra", "medusa", "ncrack"], &[Next("-p")]),
    (
        &[
            "psexec.py",
            "wmiexec.py",
            "smbexec.py",
            "atexec.py",
            "dcomexec.py",
            "secretsdump.py",
            "smbclient.py",
            "getTGT.py",
            "GetUserSPNs.py",
            "GetNPUsers.py",
            "mssqlclient.py",
            "impacket-psexec",
            "impacket-wmiexec",
            "impacket-smbexec",
            "impacket-secretsdump",
            "impacket-smbclient",
            "impacket-mssqlclient",
            "impacket-atexec",
        ],
        &[Within(':'), Next("-hashes")],
    ),
    (&["sqlcmd", "bcp", "osql", "isql"], &[Attached("-P"), Next("-P")]),
    (&["sqlplus", "exp", "imp", "expdp", "impdp"], &[Within('/')]),
    (&["7z", "7za", "7zr", "7zz"], &[Attached("-p")]),
    (&["rar", "unrar", "winrar"], &[Attached("-p"), Attached("-hp")]),
    (&["zip", "unzip"], &[Attached("-P"), Next("-P")]),
    (&["xfreerdp", "xfreerdp3", "wfreerdp", "mstsc"], &[Attached("/p:")]),
    (&["rdesktop"], &[Next("-p")]),
    (&["plink", "pscp", "psftp", "putty", "kitty"], &[Next("-pw")]),
    (&["schtasks"], &[Next("/p"), Next("/rp")]),
    (&["tasklist", "taskkill", "systeminfo", "driverquery", "openfiles", "getmac", "eventcreate"], &[Next("/p")]),
    (&["winrs", "winrm"], &[Attached("-p:"), Attached("/p:")]),
    (&["certutil", "signtool"], &[Next("-p"), Next("/p")]),
    (&["dsadd", "dsmod"], &[Next("-pwd")]),
    (&["netdom"], &[Attached("/pd:"), Attached("/po:"), Attached("/p:")]),
    (&["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami"], &[Attached("-w"), Next("-w")]),
    (&["ipmitool"], &[Next("-P")]),
    (&["useradd", "usermod"], &[Next("-p")]),
    (&["htpasswd"], &[Position("-b", 2)]),
    (&["bitsadmin"], &[Position("/setcredentials", 4)]),
    (&["openssl"], &[Next("-k"), Next("-K")]),
    (&["gpg", "gpg2"], &[Next("--passphrase")]),
    (&["az", "login"], &[Next("-p")]),
    (&["vncviewer", "x11vnc"], &[Next("-passwd")]),
];

/// By the first letter of a program's name: a bit for each length that such a name has. Most words are none.
const LENGTHS: [u32; 128] = {
    let (mut lengths, mut entry) = ([0; 128], 0);
    while entry < PROGRAMS.len() {
        let (names, _) = PROGRAMS[entry];
        let mut name = 0;
        while name < names.len() {
            let bytes = names[name].as_bytes();
            lengths[bytes[0].to_ascii_lowercase() as usize] |= 1 << bytes.len();
            name += 1;
        }
        entry += 1;
    }
    lengths
};

/// Finds them.
pub(super) fn find(text: &str, finds: &mut Vec<Find>) {
    for (name, end) in commands(text) {
        let words = words(text, end);
        for (_, forms) in PROGRAMS.iter().filter(|(names, _)| names.iter().any(|n| n.eq_ignore_ascii_case(name))) {
            for form in *forms {
                form.find(text, &words, finds);
            }
        }
    }
}

/// The programs that are called: the name of each, without its folder, quotes and `.exe`, and where its arguments begin.
fn commands(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let end = from + text[from..].find([' ', '\t'])?;
            from = text.len() - text[end..].trim_start_matches([' ', '\t']).len();
            if let Some(name) = called(&text[..end]) {
                return Some((name, from));
            }
        }
    })
}

/// The program whose name this text ends with.
fn called(text: &str) -> Option<&str> {
    let unquoted = text.strip_suffix(['"', '\'']).unwrap_or(text).trim_end_matches('\\');
    let folder = unquoted.rfind(|c: char| c.is_whitespace() || "\"'`/\\;|&(=".contains(c));
    let name = folder.map_or(unquoted, |at| {
        let separator = unquoted[at..].chars().next().map_or(0, char::len_utf8);
        &unquoted[at + separator..]
    });
    let is_program = |name: &str| {
        let first = name.as_bytes().first().map_or(0, u8::to_ascii_lowercase);
        let lengths = LENGTHS.get(usize::from(first)).copied().unwrap_or(0);
        name.len() < 32
            && lengths & (1 << name.len()) != 0
            && PROGRAMS.iter().any(|(names, _)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
    };
    let without_extension = || {
        let at = name.len().checked_sub(".exe".len())?;
        name.get(at..)?.eq_ignore_ascii_case(".exe").then(|| &name[..at])
    };
    is_program(name).then_some(name).or_else(|| without_extension().filter(|name| is_program(name)))
}

impl Form {
    fn find(self, text: &str, words: &[Word], finds: &mut Vec<Find>) {
        match self {
            Attached(option) => {
                for word in words.iter().filter(|word| word.quoted == Quoted::No) {
                    let Some(rest) = strip(&text[word.at.clone()], option) else { continue };
                    // `-password=x` is not `-p` with a value, and `-p` alone asks for one.
                    if !rest.is_empty() && !rest.starts_with('-') && !is_long(option, rest) {
                        add(text, value(text, word.at.end - rest.len(), word), finds);
                    }
                }
            }
            Next(option) => {
                for pair in words.windows(2) {
                    if same(&text[pair[0].at.clone()], option) && !text[pair[1].at.clone()].starts_with('-') {
                        add(text, (pair[1].at.clone(), pair[1].quoted), finds);
                    }
                }
            }
            Before(option) => {
                let own = words.iter().take_while(|word| text[word.at.clone()].starts_with('-')).count();
                let with = |form: Form, end: usize, finds: &mut Vec<Find>| {
                    form.find(text, &words[..end.min(words.len())], finds)
                };
                with(Attached(option), own, finds);
                with(Next(option), own + 1, finds);
            }
            AfterUser(option, sign) => after_user(text, words, option, sign, finds),
            Positions(verb) => {
                if !words.first().is_some_and(|word| text[word.at.clone()].eq_ignore_ascii_case(verb)) {
                    return;
                }
                let is_share = |shown: &str| {
                    verb == "use" && (shown.starts_with("\\\\") || shown.starts_with("http") || is_device(shown))
                };
                let mut plain = words[1..].iter().filter(|word| {
                    let shown = &text[word.at.clone()];
                    !shown.starts_with('/') && !is_share(shown)
                });
                let word = if verb == "user" { plain.nth(1) } else { plain.next() };
                if let Some(word) = word {
                    add(text, (word.at.clone(), word.quoted), finds);
                }
            }
            Position(option, number) => {
                let has_option = |word: &Word| {
                    let shown = &text[word.at.clone()];
                    same(shown, option) || (option == "-b" && shown.starts_with('-') && shown.contains('b'))
                };
                if words.iter().any(has_option) {
                    let mut plain = words.iter().filter(|word| !text[word.at.clone()].starts_with(['-', '/']));
                    if let Some(word) = plain.nth(number) {
                        add(text, (word.at.clone(), word.quoted), finds);
                    }
                }
            }
            Within(sign) => {
                for word in words.iter().filter(|word| !text[word.at.clone()].starts_with('-')).take(2) {
                    let shown = &text[word.at.clone()];
                    let end = shown.rfind('@').unwrap_or(shown.len());
                    if let Some(at) = shown[..end].find(sign)
                        && (sign == '/' || end < shown.len())
                    {
                        let start = word.at.start;
                        add(text, (start + at + 1..start + end, word.quoted), finds);
                    }
                }
            }
        }
    }
}

/// `-u user:SECRET`: the next word's, or, for a short or a long option with `=`, the same one's.
fn after_user(text: &str, words: &[Word], option: &str, sign: char, finds: &mut Vec<Find>) {
    for (index, word) in words.iter().enumerate() {
        let shown = &text[word.at.clone()];
        let (at, quoted) = if shown == option {
            let Some(next) = words.get(index + 1) else { continue };
            (next.at.clone(), next.quoted)
        } else if let Some(rest) = shown.strip_prefix(option)
            && word.quoted == Quoted::No
        {
            let is_long = option.starts_with("--");
            if is_long != rest.starts_with('=') {
                continue;
            }
            value(text, word.at.end - rest.len() + usize::from(is_long), word)
        } else {
            continue;
        };
        if let Some(found) = text[at.clone()].find(sign) {
            add(text, (at.start + found + sign.len_utf8()..at.end, quoted), finds);
        }
    }
}

fn add(text: &str, (at, quoted): (Range<usize>, Quoted), finds: &mut Vec<Find>) {
    let shown = &text[at.clone()];
    if !shown.is_empty() && !says_nothing(shown, quoted) && !super::is_mark(shown) {
        finds.push(Find { at, kind: Kind::Password });
    }
}

/// The value that begins at `start` within a word, without its quotes.
fn value(text: &str, start: usize, word: &Word) -> (Range<usize>, Quoted) {
    let value = read(text, start, Ends::Argument);
    (value.at.start..value.at.end.min(word.at.end.max(value.at.start)), value.quoted)
}

/// Options on Windows have no case; elsewhere `-p` and `-P` differ.
fn same(shown: &str, option: &str) -> bool {
    if option.starts_with('/') { shown.eq_ignore_ascii_case(option) } else { shown == option }
}

fn strip<'a>(shown: &'a str, option: &str) -> Option<&'a str> {
    let head = shown.get(..option.len())?;
    same(head, option).then(|| &shown[option.len()..])
}

/// Whether what looks like a short option with its value is a long option with one dash: `-password`, `-port`.
fn is_long(option: &str, rest: &str) -> bool {
    const LONG: [&str; 6] = ["password", "port", "protocol", "pager", "path", "plugin-dir"];
    option == "-p" && LONG.iter().any(|long| format!("p{rest}").split(['=', ':']).next() == Some(long))
}

/// `Z:`, `*`: a device for `net use`.
fn is_device(shown: &str) -> bool {
    shown == "*" || (shown.len() == 2 && shown.ends_with(':')) || shown.to_ascii_lowercase().starts_with("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    proptest! {
        #[test]
        fn programs_are_called_where_a_regular_expression_sees_them(
            text in "(?:mysql|mysqldump|net|NET|curl|curl\\.exe|psexec\\.py|7z|\\.exe|[ \t\\\\/\"';|&(=\u{a0}é]|  | |-u|x){0,14}"
        ) {
            let mut names: Vec<String> =
                PROGRAMS.iter().flat_map(|(names, _)| names.iter()).map(|name| regex::escape(name)).collect();
            names.sort_by_key(|name| std::cmp::Reverse(name.len()));
            let pattern = format!(r#"(?:^|[\s"'`/\\;|&(=])(?P<name>(?i-u:{}))(?i-u:\.exe)?\\*["']?[ \t]+"#, names.join("|"));
            let regex = Regex::new(&pattern).unwrap();
            let (mut expected, mut from) = (Vec::new(), 0);
            while let Some(found) = regex.captures_at(&text, from) {
                let end = found.get(0).unwrap().end();
                expected.push((found.name("name").unwrap().as_str(), end));
                // The space before an argument may be the one before the next program: `sshpass -p x mysql -py`.
                from = end - 1;
            }
            prop_assert_eq!(commands(&text).collect::<Vec<_>>(), expected);
        }
    }
}
