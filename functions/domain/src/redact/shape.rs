//! Secrets that are known by their own shape, whatever stands around them.

use super::value::{Ends, Quoted, read, says_nothing};
use super::{Find, Kind, Personal};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use regex::Regex;
use std::sync::LazyLock;

macro_rules! pattern {
    ($name:ident, $($part:expr),+ $(,)?) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(concat!($($part),+)).expect("the pattern is known at compile time"));
    };
}

pattern!(
    JWT,
    r"(?-u:\b)eyJ[A-Za-z0-9_-]{5,}\.(?:eyJ[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*)?|[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){1,3})",
);
pattern!(
    TOKEN,
    r"(?-u:\b)(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}",
    r"|gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-[A-Za-z0-9_-]{16,}",
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}",
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}",
    r"|npm_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{32,}|hf_[A-Za-z0-9]{30,}",
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"|hv[sbr]\.[A-Za-z0-9_-]{20,}|do[opr]_v1_[0-9a-f]{40,}|dapi[0-9a-f]{32}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
    r"|ATATT3[A-Za-z0-9_=-]{20,}|ya29\.[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{30,}",
    r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{33}|[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,})",
);
pattern!(
    KEY,
    r"(?-u:\b)(?:(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{35,}|GOCSPX-[A-Za-z0-9_-]{20,}",
    r"|AGE-SECRET-KEY-1[0-9A-Z]{40,}|SK[0-9a-f]{32}(?-u:\b)|key-[0-9a-f]{32}(?-u:\b))",
);
// `sk-` begins words, too: only with a digit in it.
pattern!(MODEL_KEY, r"(?-u:\b)(?:sk|xai|gsk|pplx)[-_][A-Za-z0-9_-]{20,}");
pattern!(PRIVATE_KEY, r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----");
pattern!(
    SIGNED_URL,
    r"(?i)(?:[?&;]|&amp;)(?:sig|x-amz-signature|x-goog-signature|x-amz-security-token)=(?P<v>[A-Za-z0-9%+/=_.-]{16,})"
);
pattern!(
    HOOK,
    r"(?i)(?:hooks\.slack\.com/(?:services|workflows)/[A-Z0-9]+/[A-Z0-9]+/|discord(?:app)?\.com/api(?:/v[0-9]+)?/webhooks/[0-9]+/)",
    r"(?P<v>[A-Za-z0-9_-]{8,})",
);
pattern!(AUTHORITY, r"[A-Za-z][A-Za-z0-9+.-]{0,30}://(?P<user>[^\s/?#@:\x22'<>\[\]\\]*)(?P<colon>:?)");
pattern!(BEARER, r"(?i)(?-u:\b)bearer[ \t]{1,4}(?P<v>[A-Za-z0-9._~+/=-]{8,})");
pattern!(BASIC, r"(?i)(?-u:\b)basic[ \t]{1,4}(?P<v>[A-Za-z0-9+/]{6,}={0,2})");
pattern!(SECURE_STRING, r"(?i)ConvertTo-SecureString(?:[ \t]+-(?:String|AsPlainText|Force))*[ \t(]+");
pattern!(
    CREDENTIAL,
    r#"(?i)(?:NetworkCredential(?:\]::new)?|PSCredential(?:\]::new)?)\(?\s{0,4}\(?\s{0,4}["'][^"'\r\n]{0,80}["']\s{0,4},\s{0,4}"#
);
pattern!(SET_PASSWORD, r"(?i)\.?SetPassword['\x22,\s(]{1,6}");
pattern!(
    PIPED,
    r#"(?i)(?:echo|printf)[ \t]+(?:-[a-z]+[ \t]+)?\\?["']?(?:[A-Za-z0-9._-]{1,64}:)?(?P<v>[^"'|\r\n\\]{1,200}?)\\?["']?[ \t]*\|[ \t]*(?:sudo[ \t]+)?(?:chpasswd|passwd[ \t]+--stdin|sudo[ \t]+(?:-[A-Za-z]+[ \t]+){0,3}-S|(?:docker|podman|helm[ \t]+registry|buildah)[ \t]+login)"#
);
pattern!(AWS_NAMED, r"(?i)aws_(?:secret_access_key|session_token)[ \t]+(?P<v>[A-Za-z0-9/+=]{20,})");
pattern!(EMAIL, r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,6}\.[A-Za-z]{2,24}");

/// Finds them.
pub(super) fn find(text: &str, personal: Personal, finds: &mut Vec<Find>) {
    let mut add = |at, kind| finds.push(Find { at, kind });
    let mut done = 0;
    for block in PRIVATE_KEY.find_iter(text) {
        if block.start() >= done {
            done = block_end(text, block.end());
            add(block.start()..done, Kind::PrivateKey);
        }
    }
    JWT.find_iter(text).for_each(|found| add(found.range(), Kind::Jwt));
    TOKEN.find_iter(text).for_each(|found| add(found.range(), Kind::Token));
    KEY.find_iter(text).for_each(|found| add(found.range(), Kind::Key));
    for found in MODEL_KEY.find_iter(text).filter(|found| has_digit(found.as_str())) {
        add(found.range(), Kind::Key);
    }
    for (pattern, kind) in
        [(&SIGNED_URL, Kind::Key), (&HOOK, Kind::Token), (&AWS_NAMED, Kind::Key), (&PIPED, Kind::Password)]
    {
        for found in pattern.captures_iter(text) {
            let value = found.name("v").expect("the pattern has this group");
            if !says_nothing(value.as_str(), Quoted::No) && !value.as_str().contains('[') {
                add(value.range(), kind);
            }
        }
    }
    for found in BEARER.captures_iter(text) {
        let value = found.name("v").expect("the pattern has this group");
        if value.len() >= 20 || has_digit(value.as_str()) {
            add(value.range(), Kind::Token);
        }
    }
    for found in BASIC.captures_iter(text) {
        let value = found.name("v").expect("the pattern has this group");
        if is_user_and_password(value.as_str()) {
            add(value.range(), Kind::Password);
        }
    }
    for pattern in [&SECURE_STRING, &CREDENTIAL, &SET_PASSWORD] {
        for found in pattern.find_iter(text) {
            // The quote before the value may have been taken as a separator.
            let start = found.end() - usize::from(found.as_str().ends_with(['"', '\'']));
            let value = read(text, start, Ends::Pair);
            let shown = &text[value.at.clone()];
            if !shown.starts_with('-') && !says_nothing(shown, value.quoted) && !shown.starts_with("(") {
                add(value.at, Kind::Password);
            }
        }
    }
    for found in AUTHORITY.captures_iter(text) {
        let user = found.name("user").expect("the pattern has this group");
        let after = found.get(0).expect("group 0 is the match").end();
        if found.name("colon").is_some_and(|colon| !colon.is_empty()) {
            if let Some(end) = password_end(text, after) {
                add(after..end, Kind::Password);
            }
        } else if text[after..].starts_with('@') && user.len() >= 20 && has_digit(user.as_str()) {
            add(user.range(), Kind::Token);
        }
    }
    if personal == Personal::Emails {
        EMAIL.find_iter(text).for_each(|found| add(found.range(), Kind::Email));
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
