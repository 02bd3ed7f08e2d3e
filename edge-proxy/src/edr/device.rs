//! The device: its id in the vendor's form, and whether it is the host that the approver saw.

use crate::hosts::{ProtectedHosts, is_same_host};
use vyrox_contract::{DeviceId, Operation, Target, Vendor};

/// A device as its vendor knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// By the vendor's id.
    pub id: String,
    /// By the vendor's name for it.
    pub hostname: Option<String>,
    /// The vendor's word for its connection to the network, where the device itself tells.
    pub state: Option<String>,
}

/// What a search came to. Only exactly one is a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<T> {
    /// This one.
    One(T),
    /// None.
    Nothing,
    /// More than one.
    Several,
}

impl<T> Found<T> {
    /// From a list.
    pub(super) fn of(items: impl IntoIterator<Item = T>) -> Self {
        let mut items = items.into_iter();
        match (items.next(), items.next()) {
            (Some(one), None) => Self::One(one),
            (None, _) => Self::Nothing,
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// A device id in exactly the form of the vendor's: Falcon's 32 hex digits (dashes are dropped, since one of the vendor's
/// spellings is a UUID), SentinelOne's digits, Defender's 40 hex digits. `None` for any other.
pub(super) fn id(vendor: Vendor, given: &DeviceId) -> Option<String> {
    let hex = |text: &str, length: usize| {
        (text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
    };
    match vendor {
        Vendor::Crowdstrike => hex(&given.as_str().replace('-', ""), 32),
        Vendor::Sentinelone => digits(given.as_str()),
        Vendor::Defender => hex(given.as_str(), 40),
        Vendor::Generic => None,
    }
}

/// A SentinelOne id: digits, as many as 64 bits have.
pub(super) fn digits(text: &str) -> Option<String> {
    ((1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
}

/// This proxy's rules about which device is the right one.
#[derive(Debug)]
pub(super) struct Identity {
    protected: ProtectedHosts,
    require_hostname_match: bool,
}

impl Identity {
    pub(super) const fn new(protected: ProtectedHosts, require_hostname_match: bool) -> Self {
        Self { protected, require_hostname_match }
    }

    /// The approver saw a host name and the EDR is given an id: the two must be the same machine, and the EDR's own name
    /// for it must not be protected either. A release is never objected to.
    pub(super) fn objection(&self, operation: Operation, target: &Target, device: &Device) -> Option<&'static str> {
        if operation == Operation::Rollback {
            return None;
        }
        match device.hostname.as_deref().filter(|name| !name.trim_matches(['.', ' ']).is_empty()) {
            Some(name) if self.protected.protects(name) => Some("the EDR knows the device by a protected name"),
            // A device that was only looked up by its name has nothing else to be recognised by.
            Some(name) if !self.may_differ(target) && !is_same_host(name, target.hostname.as_str()) => {
                Some("the EDR knows the device by another name than the approver saw")
            }
            None if !self.may_differ(target) || !self.protected.is_empty() => {
                Some("the EDR has no name for the device to compare")
            }
            _ => None,
        }
    }

    const fn may_differ(&self, target: &Target) -> bool {
        !self.require_hostname_match && target.device_id.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_id_has_its_vendors_form_and_no_other() {
        let aid = |text: &str| id(Vendor::Crowdstrike, &text.parse().unwrap());
        assert_eq!(aid("0123456789ABCDEF0123456789abcdef").unwrap(), "0123456789abcdef0123456789abcdef");
        assert_eq!(aid("01234567-89ab-cdef-0123-456789abcdef").unwrap(), "0123456789abcdef0123456789abcdef");
        for bad in
            ["0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdefa", "g123456789abcdef0123456789abcdef"]
        {
            assert!(aid(bad).is_none(), "{bad}");
        }
        assert!(id(Vendor::Sentinelone, &"1409000000000000001".parse().unwrap()).is_some());
        for bad in ["14090000-0", "5f2e6a7b0000400080000000000000a1", "123456789012345678901"] {
            assert!(id(Vendor::Sentinelone, &bad.parse().unwrap()).is_none(), "{bad}");
        }
        assert!(id(Vendor::Defender, &"0a1b2c3d4e5f60718293a4b5c6d7e8f901234567".parse().unwrap()).is_some());
        assert!(id(Vendor::Defender, &"0123456789abcdef0123456789abcdef".parse().unwrap()).is_none());
    }

    #[test]
    fn only_exactly_one_is_found() {
        assert_eq!(Found::of([1]), Found::One(1));
        assert_eq!(Found::<u8>::of([]), Found::Nothing);
        assert_eq!(Found::of([1, 1]), Found::Several);
    }
}
