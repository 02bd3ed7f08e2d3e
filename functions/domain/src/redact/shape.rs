//! Secrets that are known by their own shape, whatever stands around them.

use super::value::{Ends, Quoted, read, says_nothing};
use super::{Find, Kind, Personal};
use crate::rare::{Folded, Rare};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memmem;

/// What a token consists of.
const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

static JWT: Rare = Rare::new(
    |text| text.has_exactly(&["eyJ"]),
    r"(?-u:\b)eyJ[A-Za-z0-9_-]{5,}\.(?:eyJ[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*)?|[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){1,3})",
);
static TOKEN: Rare = Rare::new(
    |text| {
        const BEFORE_UNDERSCORE: [&str; 14] = [
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "_live_",
            "_test_",
            "whsec_",
            "npm_",
            "hf_",
            "_v1_",
            "shp",
            "dapi",
        ];
        const BEFORE_DASH: [&str; 13] = [
            "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "xox",
            "xapp-", "pypi-",
        ];
        const OTHERS: [&str; 7] = ["SG.", "hvs.", "hvb.", "hvr.", "ATATT3", "ya29.", "1//0"];
        text.text.len() >= 15
            && (text.has_exactly(&BEFORE_UNDERSCORE) || text.has_exactly(&BEFORE_DASH) || text.has_exactly(&OTHERS))
    },
    concat!(
        r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}",
        r"|gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_-]{16,}",
        r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}",
        r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}",
        r"|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{32,}|hf_[A-Za-z0-9]{30,}",
        r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        r"|hv[sbr]\.[A-Za-z0-9_-]{20,}|do[opr]_v1_[0-9a-f]{40,}|dapi[0-9a-f]{32}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
        r"|ATATT3[A-Za-z0-9_=-]{20,}|ya29\.[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{30,})",
    ),
);
/// Of chat bots.
static BOT_TOKEN: Rare = Rare::new(
    |text| {
        text.has_long(&[":AA"], 33, is_part)
            || memchr::memchr_iter(b'.', text.text.as_bytes()).any(|at| {
                let rest = &text.text.as_bytes()[at + 1..];
                rest.get(6) == Some(&b'.') && rest[..6].iter().all(|byte| is_part(*byte))
            })
    },
    r"(?-u:\b)(?:[0-9]{8,10}:AA[A-Za-z0-9_-]{33}|[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,})",
);
static KEY: Rare = Rare::new(
    |text| {
        text.has_long(&["AKIA", "ASIA", "ABIA", "ACCA"], 16, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            || text.has_long(&["SK", "key-"], 32, |byte| byte.is_ascii_hexdigit())
            || text.has_exactly(&["AIza", "GOCSPX-", "AGE-SECRET-KEY-1"])
    },
    concat!(
        r"(?-u:\b)(?:(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{35,}|GOCSPX-[A-Za-z0-9_-]{20,}",
        r"|AGE-SECRET-KEY-1[0-9A-Z]{40,}|SK[0-9a-f]{32}(?-u:\b)|key-[0-9a-f]{32}(?-u:\b))",
    ),
);
// `sk-` begins words, too: only with a digit in it.
static MODEL_KEY: Rare = Rare::new(
    |text| text.has_long(&["sk-", "sk_", "xai-", "xai_", "pplx-", "pplx_"], 20, is_part),
    r"(?-u:\b)(?:sk|xai|gsk|pplx)[-_][A-Za-z0-9_-]{20,}",
);
static PRIVATE_KEY: Rare =
    Rare::new(|text| text.has_exactly(&["-----BEGIN "]), r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----");
static SIGNED_URL: Rare = Rare::new(
    |text| text.has(&["sig=", "-signature=", "-security-token="]),
    r"(?i)(?:[?&;]|&amp;)(?:sig|x-amz-signature|x-goog-signature|x-amz-security-token)=(?P<v>[A-Za-z0-9%+/=_.-]{16,})",
);
static HOOK: Rare = Rare::new(
    |text| text.has(&["hooks.slack.com/", "/webhooks/"]),
    concat!(
        r"(?i)(?:hooks\.slack\.com/(?:services|workflows)/[A-Z0-9]+/[A-Z0-9]+/|discord(?:app)?\.com/api(?:/v[0-9]+)?/webhooks/[0-9]+/)",
        r"(?P<v>[A-Za-z0-9_-]{8,})",
    ),
);
static BEARER: Rare =
    Rare::new(|text| text.has(&["bearer ", "bearer\t"]), r"(?i)(?-u:\b)bearer[ \t]{1,4}(?P<v>[A-Za-z0-9._~+/=-]{8,})");
static BASIC: Rare =
    Rare::new(|text| text.has(&["basic ", "basic\t"]), r"(?i)(?-u:\b)basic[ \t]{1,4}(?P<v>[A-Za-z0-9+/]{6,}={0,2})");
static SECURE_STRING: Rare = Rare::new(
    |text| text.has(&["convertto-securestring"]),
    r"(?i)ConvertTo-SecureString(?:[ \t]+-(?:String|AsPlainText|Force))*[ \t(]+",
);
static CREDENTIAL: Rare = Rare::new(
    |text| text.has(&["networkcredential", "pscredential"]),
    r#"(?i)(?:NetworkCredential(?:\]::new)?|PSCredential(?:\]::new)?)\(?\s{0,4}\(?\s{0,4}["'][^"'\r\n]{0,80}["']\s{0,4},\s{0,4}"#,
);
static SET_PASSWORD: Rare = Rare::new(|text| text.has(&["setpassword"]), r"(?i)\.?SetPassword['\x22,\s(]{1,6}");
static PIPED: Rare = Rare::new(
    |text| {
        text.has_exactly(&["|"]) && text.has(&["echo", "printf"]) && text.has(&["chpasswd", "passwd", "sudo", "login"])
    },
    r#"(?i)(?:echo|printf)[ \t]+(?:-[a-z]+[ \t]+)?\\?["']?(?:[A-Za-z0-9._-]{1,64}:)?(?P<v>[^"'|\r\n\\]{1,200}?)\\?["']?[ \t]*\|[ \t]*(?:sudo[ \t]+)?(?:chpasswd|passwd[ \t]+--stdin|sudo[ \t]+(?:-[A-Za-z]+[ \t]+){0,3}-S|(?:docker|podman|helm[ \t]+registry|buildah)[ \t]+login)"#,
);
static AWS_NAMED: Rare = Rare::new(
    |text| text.has(&["aws_secret_access_key", "aws_session_token"]),
    r"(?i)aws_(?:secret_access_key|session_token)[ \t]+(?P<v>[A-Za-z0-9/+=]{20,})",
);
static EMAIL: Rare = Rare::new(
    |text| text.has_exactly(&["@"]),
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,6}\.[A-Za-z]{2,24}",
);

/// Finds them.
pub(super) fn find(text: &Folded<'_>, personal: Personal, finds: &mut Vec<Find>) {
    let folded = text;
    let text = folded.text;
    let mut add = |at, kind| finds.push(Find { at, kind });
    let mut done = 0;
    for block in PRIVATE_KEY.on(folded).into_iter().flat_map(|pattern| pattern.find_iter(text)) {
        if block.start() >= done {
            done = block_end(text, block.end());
            add(block.start()..done, Kind::PrivateKey);
        }
    }
    for (pattern, kind) in [(&JWT, Kind::Jwt), (&TOKEN, Kind::Token), (&BOT_TOKEN, Kind::Token), (&KEY, Kind::Key)] {
        let found = pattern.on(folded).into_iter().flat_map(|pattern| pattern.find_iter(text));
        found.for_each(|found| add(found.range(), kind));
    }
    for found in MODEL_KEY.on(folded).into_iter().flat_map(|pattern| pattern.find_iter(text)) {
        if has_digit(found.as_str()) {
            add(found.range(), Kind::Key);
        }
    }
    for (pattern, kind) in
        [(&SIGNED_URL, Kind::Key), (&HOOK, Kind::Token), (&AWS_NAMED, Kind::Key), (&PIPED, Kind::Password)]
    {
        for value in values(pattern, folded) {
            if !says_nothing(value.as_str(), Quoted::No) && !value.as_str().contains('[') {
                add(value.range(), kind);
            }
        }
    }
    for value in values(&BEARER, folded) {
        if value.len() >= 20 || has_digit(value.as_str()) {
            add(value.range(), Kind::Token);
        }
    }
    for value in values(&BASIC, folded) {
        if is_user_and_password(value.as_str()) {
            add(value.range(), Kind::Password);
        }
    }
    for pattern in [&SECURE_STRING, &CREDENTIAL, &SET_PASSWORD] {
        for found in pattern.on(folded).into_iter().flat_map(|pattern| pattern.find_iter(text)) {
            // The quote before the value may have been taken as a separator.
            let start = found.end() - usize::from(found.as_str().ends_with(['"', '\'']));
            let value = read(text, start, Ends::Pair);
            let shown = &text[value.at.clone()];
            if !shown.starts_with('-') && !says_nothing(shown, value.quoted) && !shown.starts_with("(") {
                add(value.at, Kind::Password);
            }
        }
    }
    authorities(text, finds);
    if personal == Personal::Emails {
        let found = EMAIL.on(folded).into_iter().flat_map(|pattern| pattern.find_iter(text));
        finds.extend(found.map(|found| Find { at: found.range(), kind: Kind::Email }));
    }
}

/// What the group `v` of a pattern matches.
fn values<'t>(pattern: &'static Rare, text: &Folded<'t>) -> impl Iterator<Item = regex::Match<'t>> + use<'t> {
    let text_itself = text.text;
    let found = pattern.on(text).into_iter().flat_map(move |pattern| pattern.captures_iter(text_itself));
    found.map(|found| found.name("v").expect("the pattern has this group"))
}

/// The most bytes of a scheme before `://`.
const LONGEST_SCHEME: usize = 31;

/// `scheme://user:PASSWORD@host`, `scheme://TOKEN@host`.
fn authorities(text: &str, finds: &mut Vec<Find>) {
    let mut done = 0;
    for sign in memmem::find_iter(text.as_bytes(), "://") {
        if sign < done {
            continue;
        }
        let before = text.as_bytes()[done..sign].iter().rev().take(LONGEST_SCHEME);
        let mut scheme = before.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'));
        if !scheme.any(u8::is_ascii_alphabetic) {
            continue;
        }
        let start = sign + "://".len();
        let rest = &text[start..];
        let is_end = |c: char| c.is_whitespace() || "/?#@:\"'<>[]\\".contains(c);
        let user = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        let after = start + user.len();
        done = after;
        if text[after..].starts_with(':') {
            done = after + 1;
            if let Some(end) = password_end(text, done) {
                finds.push(Find { at: done..end, kind: Kind::Password });
            }
        } else if text[after..].starts_with('@') && user.len() >= 20 && has_digit(user) {
            finds.push(Find { at: start..after, kind: Kind::Token });
        }
    }
}

/// Where the block ends that begins before `start`: after its last line, or, cut off, with the text.
fn block_end(text: &str, start: usize) -> usize {
    let Some(end) = text[start..].find("-----END ") else { return text.len() };
    let last = start + end + "-----END ".len();
    text[last..].find("-----").map_or(text.len(), |dashes| last + dashes + 5)
}

/// Where the password of an address ends: before the last `@` of its authority. None without an `@`: it was a port.
fn password_end(text: &str, start: usize) -> Option<usize> {
    let authority = super::value::bounded(&text[start..]);
    let end = authority.find(|c: char| c.is_whitespace() || "/\"'?#<>\\`".contains(c)).unwrap_or(authority.len());
    let at = start + authority[..end].rfind('@')?;
    let value = &text[start..at];
    (!value.is_empty() && !says_nothing(value, Quoted::No)).then_some(at)
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether this is `user:password` in base64: after "basic" in prose there are words, too.
fn is_user_and_password(text: &str) -> bool {
    let decoded = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text.trim_end_matches('=')));
    decoded.is_ok_and(|bytes| {
        bytes.contains(&b':') && std::str::from_utf8(&bytes).is_ok_and(|text| !text.contains(char::is_control))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rare::tests::lets_every_match_through;
    use proptest::prelude::*;
    use regex::Regex;

    #[test]
    fn no_pattern_is_kept_from_a_text_that_it_matches() {
        for rare in [
            &JWT,
            &TOKEN,
            &BOT_TOKEN,
            &KEY,
            &MODEL_KEY,
            &PRIVATE_KEY,
            &SIGNED_URL,
            &HOOK,
            &BEARER,
            &BASIC,
            &SECURE_STRING,
            &CREDENTIAL,
            &SET_PASSWORD,
            &PIPED,
            &AWS_NAMED,
            &EMAIL,
        ] {
            lets_every_match_through(rare);
        }
    }

    proptest! {
        #[test]
        fn authorities_are_where_a_regular_expression_sees_them(
            text in "(?:[a1+.é \"@:/-]|://|http://|git\\+ssh://|user1234567890123456789@|:pw1\\@|x@h){0,14}"
        ) {
            let regex =
                Regex::new(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://(?P<user>[^\s/?#@:\x22'<>\[\]\\]*)(?P<colon>:?)").unwrap();
            let mut expected = Vec::new();
            for found in regex.captures_iter(&text) {
                let (user, after) = (found.name("user").unwrap(), found.get(0).unwrap().end());
                if found.name("colon").is_some_and(|colon| !colon.is_empty()) {
                    if let Some(end) = password_end(&text, after) {
                        expected.push(Find { at: after..end, kind: Kind::Password });
                    }
                } else if text[after..].starts_with('@') && user.len() >= 20 && has_digit(user.as_str()) {
                    expected.push(Find { at: user.range(), kind: Kind::Token });
                }
            }
            let mut finds = Vec::new();
            authorities(&text, &mut finds);
            prop_assert_eq!(finds, expected);
        }
    }
}
