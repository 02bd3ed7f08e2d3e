//! A value of an alert without what names somebody or lets somebody in: secrets, also in encoded texts, the host's and the
//! user's names, users' folders.

use super::super::injection::encodings_replaced;
use crate::alert::NormalizedAlert;
use crate::redact::{Personal, Redactor};

/// A single letter is not replaced inside other fields: `/c` and `C:` are no names.
const SHORTEST_NAME: usize = 2;
/// A folder whose name is longer than this is not of one user.
const LONGEST_FOLDER: usize = 64;
/// So deep is one encoding inside another shown.
const DEPTH: u8 = 3;

/// Without secrets, the names of this host and this user, and users' folders; runs of white space made one space. Case is
/// kept: base64 differs by it.
pub(super) fn generalised(value: &str, alert: &NormalizedAlert) -> String {
    // First of all: where a secret ends depends on the white space around it.
    let text = single_spaced(&readable(value, DEPTH));
    // Names before folders: a folder is named after its user, and what is left of a half replaced name says who it was.
    user_folders(&without_names(&text, &names(alert)))
}

/// Without secrets, also in encoded texts: what they say stands in their place, because nobody sees the secrets in them as they
/// are written.
fn readable(text: &str, depth: u8) -> String {
    let text = Redactor::new(Personal::Emails).text(text);
    encodings_replaced(&text, &mut |encoding, said| {
        if depth == 0 {
            return format!("({} inside another encoding: left out)", encoding.name());
        }
        format!("({}: {})", encoding.name(), readable(said, depth - 1))
    })
}

fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What this host and this user are called, in lower case, and what stands for it; the longest first.
fn names(alert: &NormalizedAlert) -> Vec<(Vec<char>, &'static str)> {
    let mut names: Vec<(Vec<char>, &'static str)> = Vec::new();
    let mut add = |name: &str, stands_for| {
        let name: Vec<char> = single_spaced(name).chars().flat_map(char::to_lowercase).collect();
        if name.len() >= SHORTEST_NAME {
            names.push((name, stands_for));
        }
    };
    if let Some(host) = alert.hostname.as_deref() {
        add(host, "<host>");
        // The first label of an address is a number and names nobody.
        if host.parse::<std::net::IpAddr>().is_err() {
            add(host.split('.').next().unwrap_or(host), "<host>");
        }
    }
    if let Some(user) = alert.username.as_deref() {
        let account = user.rsplit(['\\', '/']).next().unwrap_or(user);
        for name in [user, account, account.split('@').next().unwrap_or(account)] {
            add(name, "<user>");
        }
    }
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names
}

/// `text` with every whole-word occurrence of a name replaced, whatever its case. Marks of the redaction stay.
fn without_names(text: &str, names: &[(Vec<char>, &'static str)]) -> String {
    const MARK: &str = "[redacted:";
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut before: Option<char> = None;
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        let is_inside = before.is_some_and(char::is_alphanumeric) && next.is_alphanumeric();
        let found = names.iter().filter(|_| !is_inside).find_map(|(name, stands_for)| {
            let length = length_of(rest, name)?;
            let ends_inside = name.last().is_some_and(|last| last.is_alphanumeric())
                && rest[length..].chars().next().is_some_and(char::is_alphanumeric);
            (!ends_inside).then_some((length, *stands_for))
        });
        let mark = rest.starts_with(MARK).then(|| rest.find(']')).flatten();
        let length = match (mark, found) {
            (Some(end), _) => {
                out.push_str(&rest[..=end]);
                end + 1
            }
            (None, Some((length, stands_for))) => {
                out.push_str(stands_for);
                length
            }
            (None, None) => {
                out.push(next);
                next.len_utf8()
            }
        };
        at += length;
        before = text[..at].chars().next_back();
    }
    out
}

/// How many bytes of the beginning of `text` are `name`, which is in lower case.
fn length_of(text: &str, name: &[char]) -> Option<usize> {
    let mut wanted = name.iter();
    for (at, character) in text.char_indices() {
        if wanted.as_slice().is_empty() {
            return Some(at);
        }
        for lower in character.to_lowercase() {
            if wanted.next() != Some(&lower) {
                return None;
            }
        }
    }
    wanted.as_slice().is_empty().then_some(text.len())
}

/// The name in `C:\Users\name\`, `/home/name/`, `/Users/name/` replaced.
fn user_folders(text: &str) -> String {
    const SHARED: [&str; 5] = ["public", "default", "all users", "shared", "<user>"];
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    let roots = [r"\users\", r"\\users\\", "/users/", "/home/", r"\documents and settings\"];
    let mut starts: Vec<usize> =
        roots.iter().flat_map(|root| lower.match_indices(root).map(move |(at, _)| at + root.len())).collect();
    starts.sort_unstable();
    for start in starts.into_iter().filter(|start| text.is_char_boundary(*start)) {
        let name = folder_name(&text[..start], &text[start..]);
        if start >= done && !name.is_empty() && !SHARED.contains(&name.to_ascii_lowercase().as_str()) {
            out.push_str(&text[done..start]);
            out.push_str("<user>");
            done = start + name.len();
        }
    }
    out.push_str(&text[done..]);
    out
}

/// The folder's name at the beginning of `rest`. Spaces belong to it where a slash or the closing quote ends it; where
/// nothing says so, it ends at the first space, and what follows is another argument.
fn folder_name<'t>(before: &str, rest: &'t str) -> &'t str {
    let is_quoted = before.matches('\'').count() % 2 == 1;
    let ends = |c: char| {
        matches!(c, '\\' | '/' | '"' | ':' | ';' | '|' | '&' | '<' | '>' | ')' | '*' | '?') || (c == '\'' && is_quoted)
    };
    // `<user>` has such characters itself.
    let skipped = if rest.starts_with("<user>") { "<user>".len() } else { 0 };
    let end = rest[skipped..].find(ends).map(|at| at + skipped);
    let name = &rest[..end.unwrap_or(rest.len())];
    let is_closed = end.is_some_and(|end| rest[end..].starts_with(['\\', '/', '"', '\'']));
    let is_one_name = is_closed
        && name.chars().count() <= LONGEST_FOLDER
        && !name.ends_with(' ')
        && !name.split(' ').any(|word| word.starts_with('-'));
    if is_one_name { name } else { name.split(' ').next().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage;

    #[test]
    fn full_names_short_names_and_names_with_spaces_are_not_shown() {
        let shown = |host: &str, user: &str, text: &str| {
            let mut alert = stage::alert();
            (alert.hostname, alert.username) = (Some(host.into()), Some(user.into()));
            generalised(text, &alert)
        };
        for (host, user, text, expected) in [
            ("ws-042.corp.test", r"CORP\bob", r"copy x \\WS-042\c$\t", r"copy x \\<host>\c$\t"),
            ("ws-042.corp.test", r"CORP\bob", "ping ws-042.CORP.test as corp\\Bob", "ping <host> as <user>"),
            (
                "dc1",
                "bob",
                "query user bob on DC1, not bobsled or dc10",
                "query user <user> on <host>, not bobsled or dc10",
            ),
            ("dc1", r"CORP\Jane Doe", r"C:\Users\Jane Doe\x.exe JANE DOE", r"C:\Users\<user>\x.exe <user>"),
            ("dc1", "al", r"C:\Users\Jane Doe\x.exe -a", r"C:\Users\<user>\x.exe -a"),
            ("dc1", "al", "\"C:\\Users\\Jane Doe\" -a", "\"C:\\Users\\<user>\" -a"),
            ("dc1", "al", r"C:\Users\O'Brien\x", r"C:\Users\<user>\x"),
            ("dc1", "al", r"dir C:\Users\jane /s & whoami", r"dir C:\Users\<user> /s & whoami"),
            ("dc1", "al", r"type /home/jane /etc/shadow", r"type /home/<user> /etc/shadow"),
            ("dc1", "Jörg", "net user JÖRG", "net user <user>"),
            ("10.0.0.5", "password", "ping 10.0.0.6 --password=Hunter2x", "ping 10.0.0.6 --<user>=[redacted:password]"),
        ] {
            assert_eq!(shown(host, user, text), expected, "{text}");
        }
    }

    #[test]
    fn base64_is_shown_as_what_it_says_without_secrets_and_names() {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::prelude::BASE64_STANDARD.encode(bytes);
        let wide = |text: &str| encode(&text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
        let mut alert = stage::alert();
        (alert.hostname, alert.username) = (Some("ws-042.corp.test".into()), Some(r"CORP\bob".into()));
        let plain = "net user x Passw0rd! /add; ping ws-042; copy C:\\Users\\Jane Doe\\x";
        let safe = r"net user x [redacted:password] /add; ping <host>; copy C:\Users\<user>\x";
        for encoded in [encode(plain.as_bytes()), wide(plain)] {
            let text = generalised(&format!("powershell -enc {encoded} -x"), &alert);
            assert_eq!(text, format!("powershell -enc (base64: {safe}) -x"));
        }
        let nested = wide(&format!("powershell -enc {}", wide(plain)));
        let text = generalised(&format!("echo '{nested}' | base64 -d"), &alert);
        assert_eq!(text, format!("echo '(base64: powershell -enc (base64: {safe}))' | base64 -d"));
        let deep = (0..6).fold(plain.to_owned(), |text, _| encode(text.as_bytes()));
        assert!(generalised(&deep, &alert).contains("left out"));
        for text in [
            "/usr/local/share/applications/something/long/enough",
            r"C:\Program Files\InternationalizationConfigurationProvider\x.exe --with-some-long-option",
            "sha256 d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e",
        ] {
            assert_eq!(generalised(text, &alert), text);
        }
    }

    #[test]
    fn what_is_compressed_or_in_hexadecimal_is_shown_without_secrets_too() {
        use base64::Engine as _;
        let alert = stage::alert();
        let plain = "curl -u bot:S3cretS3cret https://example.test/x --token ghp_0123456789abcdefghijABCDEFGHIJ012345";
        let deflated = miniz_oxide::deflate::compress_to_vec(plain.as_bytes(), 9);
        let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        gzip.extend(&deflated);
        let zlib = miniz_oxide::deflate::compress_to_vec_zlib(plain.as_bytes(), 9);
        let escaped = |prefix: &str| plain.bytes().map(|byte| format!("{prefix}{byte:02x}")).collect::<String>();
        let encode = |bytes: &[u8]| base64::prelude::BASE64_STANDARD.encode(bytes);
        for hidden in [
            encode(&deflated),
            encode(&gzip),
            encode(&zlib),
            hex::encode(plain),
            escaped(r"\x"),
            escaped("%"),
            encode(hex::encode(plain).as_bytes()),
        ] {
            let text = generalised(&format!("bash -c 'echo {hidden} | sh'"), &alert);
            assert!(
                text.contains("https://example.test/x --token [redacted") && !text.contains("S3cret"),
                "{hidden}\n{text}"
            );
            assert!(
                text.starts_with("bash -c 'echo (") && text.ends_with(")' | sh'") || text.ends_with(") | sh'"),
                "{text}"
            );
        }
        let key: String = (0..300_u32).map(|n| char::from(b"aB3xQ9zL0pK7"[(n * n / 7 % 12) as usize])).collect();
        let shown = generalised(&format!("x {key} y"), &alert);
        assert!(
            shown.starts_with("x (300 characters of data, ") && shown.ends_with(") y") && shown.len() < 50,
            "{shown}"
        );
        assert_ne!(
            shown,
            generalised(&format!("x {} y", key.replacen('a', "b", 1)), &alert),
            "what differs is asked anew"
        );
        let bomb = encode(&miniz_oxide::deflate::compress_to_vec_zlib(&vec![b'a'; 8 << 20], 9));
        assert!(generalised(&vec![bomb; 3].join(" "), &alert).len() < 8 * crate::reading::FIELD_LIMIT);
    }
}
