//! Ids: strings that have been checked, so that they can be joined into keys, paths and log lines without a second look.

use std::{fmt, str::FromStr};

/// A value from outside that is not what it claims to be. The text names the type and the reason, never the value:
/// what was refused may be hostile, and this text is shown and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {} {what}: {reason}", article(.what))]
pub struct UntrustedInput {
    /// The type that was wanted, in words.
    pub what: &'static str,
    /// Why the value is not one.
    pub reason: &'static str,
}

impl UntrustedInput {
    pub(crate) const fn new(what: &'static str, reason: &'static str) -> Self {
        Self { what, reason }
    }
}

/// The article of a type's words.
fn article(what: &str) -> &'static str {
    if what.starts_with(['a', 'A', 'e', 'i', 'o']) { "an" } else { "a" }
}

/// Length and charset in one place: `max` bytes at most, every character allowed, not empty.
pub(crate) fn check(
    what: &'static str,
    text: &str,
    max: usize,
    allowed: impl Fn(char) -> bool,
) -> Result<(), UntrustedInput> {
    if text.is_empty() {
        return Err(UntrustedInput::new(what, "it is empty"));
    }
    if text.len() > max {
        return Err(UntrustedInput::new(what, "it is too long"));
    }
    if !text.chars().all(allowed) {
        return Err(UntrustedInput::new(what, "it has a character that does not belong there"));
    }
    Ok(())
}

/// A checked string type: private field, `FromStr` as its one constructor, serde through that constructor.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text, as checked.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UntrustedInput;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let parse: fn(&str) -> Result<String, $crate::UntrustedInput> = $parse;
                parse(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::UntrustedInput;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(crate) use checked_text;

fn word(what: &'static str, text: &str, max: usize) -> Result<String, UntrustedInput> {
    check(what, text, max, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))?;
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(UntrustedInput::new(what, "it must begin with a letter or a digit"));
    }
    Ok(text.to_owned())
}

checked_text! {
    /// A tenant: 1 to 64 of `[A-Za-z0-9._-]`, beginning with a letter or digit. It is a partition key, so it never
    /// holds `#` or `/`.
    TenantId, |text| word("tenant id", text, 64)
}

checked_text! {
    /// An enrolled proxy: 1 to 64 of `[A-Za-z0-9._-]`.
    ProxyId, |text| word("proxy id", text, 64)
}

checked_text! {
    /// One containment request, the proxy's key against doing it twice: 1 to 128 of `[A-Za-z0-9._-]`.
    RequestId, |text| word("request id", text, 128)
}

/// An alert: a UUID, deterministic over tenant, source and the vendor's own id, so that a retry is the same alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlertId(uuid::Uuid);

impl AlertId {
    /// An alert id from the 16 bytes of its UUID.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }

    /// The 16 bytes of its UUID.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for AlertId {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = uuid::Uuid::try_parse(text).map_err(|_| UntrustedInput::new("alert id", "it is not a UUID"))?;
        // One alert, one spelling: without braces or a scheme, and not in capitals.
        if *id.as_hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()) != *text {
            return Err(UntrustedInput::new("alert id", "it is not a hyphenated UUID in lower case"));
        }
        Ok(Self(id))
    }
}

impl TryFrom<String> for AlertId {
    type Error = UntrustedInput;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<AlertId> for String {
    fn from(value: AlertId) -> Self {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{AlertId, RequestId, TenantId};

    #[test]
    fn ids_that_could_break_a_key_a_path_or_a_log_line_are_refused() {
        for bad in ["", "-acme", "a/b", "a#b", "a b", "a\nb", "a\u{1b}[2J", "../x", "é", &"a".repeat(65)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad:?}");
        }
        assert!("acme-01.eu_west".parse::<TenantId>().is_ok());
        assert!("r".repeat(128).parse::<RequestId>().is_ok());
        assert!("r".repeat(129).parse::<RequestId>().is_err());
    }

    #[test]
    fn serde_goes_through_the_same_check() {
        assert!(serde_json::from_str::<TenantId>("\"a/b\"").is_err());
        assert!(serde_json::from_str::<AlertId>("\"not-a-uuid\"").is_err());
    }

    #[test]
    fn an_alert_has_one_spelling() {
        let id = "8c5f1f9e-3f0a-5b1e-9d57-0d9f6f3f1a11";
        assert_eq!(serde_json::from_value::<AlertId>(id.into()).unwrap().to_string(), id);
        for other in [id.to_uppercase(), id.replace('-', ""), format!("{{{id}}}"), format!("urn:uuid:{id}")] {
            assert!(other.parse::<AlertId>().is_err(), "{other}");
            assert!(serde_json::from_value::<AlertId>(other.clone().into()).is_err(), "{other}");
        }
    }

    #[test]
    fn a_refusal_is_a_sentence() {
        assert!("x".parse::<AlertId>().unwrap_err().to_string().starts_with("not an alert id: "));
        assert!("".parse::<TenantId>().unwrap_err().to_string().starts_with("not a tenant id: "));
    }

    #[test]
    fn the_refusal_does_not_repeat_the_value() {
        let error = "evil\u{1b}[31m".parse::<TenantId>().unwrap_err().to_string();
        assert!(!error.contains("evil"), "{error}");
    }
}
