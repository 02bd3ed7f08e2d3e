//! What a button or a form carries: `v1.<verb>.<alert, 26 characters>.<plan digest, 16 characters>`.
//!
//! No tenant, no secret, no authority: Discord signs the click, the tenant comes from the signed guild id, and everything
//! else from the stored alert. The middle part is the alert's UUID in Crockford's base32 (the form of a ULID).

use std::fmt;
use std::str::FromStr;
use vyrox_contract::{AlertId, UntrustedInput};

/// What a button asks for, or a form that a button or a command opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Approve the plan.
    Approve,
    /// Refuse the plan.
    Deny,
    /// Show the evidence, to the asker only.
    Investigate,
    /// Release what was contained.
    Release,
    /// Ask again about a containment that did not happen.
    Reopen,
    /// The form behind Approve was sent.
    ApproveForm,
    /// The form behind Deny was sent.
    DenyForm,
    /// The form behind Release was sent.
    ReleaseForm,
    /// The form of a break-glass was sent: approve alone, with a reason.
    BreakGlassForm,
    /// Approve a digest's plan for several hosts. The id is the digest's, not an alert's.
    ApproveAll,
    /// Refuse it.
    DenyAll,
    /// The form behind [`Verb::ApproveAll`] was sent.
    ApproveAllForm,
    /// The form behind [`Verb::DenyAll`] was sent.
    DenyAllForm,
}

impl Verb {
    const ALL: [Self; 13] = [
        Self::Approve,
        Self::Deny,
        Self::Investigate,
        Self::Release,
        Self::Reopen,
        Self::ApproveForm,
        Self::DenyForm,
        Self::ReleaseForm,
        Self::BreakGlassForm,
        Self::ApproveAll,
        Self::DenyAll,
        Self::ApproveAllForm,
        Self::DenyAllForm,
    ];

    /// Whether it comes with a form, not with a button.
    #[must_use]
    pub const fn is_form(self) -> bool {
        matches!(self, Self::ApproveForm | Self::DenyForm | Self::ReleaseForm | Self::BreakGlassForm)
            || matches!(self, Self::ApproveAllForm | Self::DenyAllForm)
    }

    /// Whether it is about a digest's plan for several hosts.
    #[must_use]
    pub const fn is_joint(self) -> bool {
        matches!(self, Self::ApproveAll | Self::DenyAll | Self::ApproveAllForm | Self::DenyAllForm)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "ap",
            Self::Deny => "dn",
            Self::Investigate => "iv",
            Self::Release => "rv",
            Self::Reopen => "ro",
            Self::ApproveForm => "apm",
            Self::DenyForm => "dnm",
            Self::ReleaseForm => "rvm",
            Self::BreakGlassForm => "bgm",
            Self::ApproveAll => "aa",
            Self::DenyAll => "da",
            Self::ApproveAllForm => "aam",
            Self::DenyAllForm => "dam",
        }
    }
}

/// The id of a button or a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomId {
    /// What is asked for.
    pub verb: Verb,
    /// About which alert.
    pub alert_id: AlertId,
    /// The short digest of the plan that was shown; [`CustomId::NO_PLAN`] where none was.
    pub plan: String,
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl CustomId {
    /// What stands in place of a digest on cards without a plan.
    pub const NO_PLAN: &'static str = "----------------";
}

impl fmt::Display for CustomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1.{}.{}.{}", self.verb.as_str(), encode(self.alert_id), self.plan)
    }
}

/// As it stands on a button.
impl serde::Serialize for CustomId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for CustomId {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |reason| UntrustedInput { what: "button", reason };
        let mut parts = text.split('.');
        let (Some("v1"), Some(verb), Some(alert), Some(plan), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refused("it is not of this version's form"));
        };
        let verb = Verb::ALL
            .into_iter()
            .find(|known| known.as_str() == verb)
            .ok_or(refused("it asks for something unknown"))?;
        let alert_id = decode(alert).ok_or(refused("it names no alert"))?;
        if plan.len() != 16 || !plan.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(refused("it carries no plan digest"));
        }
        Ok(Self { verb, alert_id, plan: plan.to_owned() })
    }
}

/// 26 characters of Crockford base32, most significant first.
pub(crate) fn encode(id: AlertId) -> String {
    let mut number = u128::from_be_bytes(*id.as_bytes());
    let mut characters = [0_u8; 26];
    for character in characters.iter_mut().rev() {
        *character = CROCKFORD[usize::try_from(number & 31).expect("five bits fit")];
        number >>= 5;
    }
    characters.iter().map(|&character| char::from(character)).collect()
}

fn decode(text: &str) -> Option<AlertId> {
    // 26 characters hold 130 bits: the first may use only three of its five.
    if text.len() != 26 || text.as_bytes()[0] > b'7' {
        return None;
    }
    let number = text.bytes().try_fold(0_u128, |number, character| {
        let digit = CROCKFORD.iter().position(|&known| known == character)?;
        Some((number << 5) | digit as u128)
    })?;
    Some(AlertId::from_bytes(number.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_about_fifty_characters_and_only_its_own_form_is_read() {
        let id = CustomId { verb: Verb::Approve, alert_id: AlertId::from_bytes([0xff; 16]), plan: "a".repeat(16) };
        let text = id.to_string();
        assert_eq!(text.len(), 49);
        assert_eq!(text.parse::<CustomId>().unwrap(), id);
        for verb in Verb::ALL {
            let id = CustomId { verb, ..id.clone() };
            assert_eq!(id.to_string().parse::<CustomId>().unwrap(), id);
        }
        for bad in [
            "",
            "v2.ap.7ZZZZZZZZZZZZZZZZZZZZZZZZZ.aaaaaaaaaaaaaaaa",
            "v1.xx.7ZZZZZZZZZZZZZZZZZZZZZZZZZ.aaaaaaaaaaaaaaaa",
            "v1.ap.8ZZZZZZZZZZZZZZZZZZZZZZZZZ.aaaaaaaaaaaaaaaa",
            "v1.ap.7ZZZZZZZZZZZZZZZZZZZZZZZZU.aaaaaaaaaaaaaaaa",
            "v1.ap.7ZZZZZZZZZZZZZZZZZZZZZZZZZ.aaaaaaaaaaaaaaa",
            "v1.ap.7ZZZZZZZZZZZZZZZZZZZZZZZZZ.aaaaaaaaaaaaaaa!",
            "v1.ap.7ZZZZZZZZZZZZZZZZZZZZZZZZZ.aaaaaaaaaaaaaaaa.x",
        ] {
            assert!(bad.parse::<CustomId>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_alert_id_survives(bytes in any::<[u8; 16]>()) {
            let id = AlertId::from_bytes(bytes);
            prop_assert_eq!(decode(&encode(id)), Some(id));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,80}") {
            let _ = text.parse::<CustomId>();
        }
    }
}
