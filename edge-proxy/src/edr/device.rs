//! The device as its vendor knows it: how it is found, and its id in the vendor's form.

use super::api::Api;
use super::failure::{Failure, Why};
use tokio::time::Instant;
use vyrox_contract::{Target, Vendor};

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

impl Device {
    /// Its name, if it has one with a letter in it.
    pub(super) fn name(&self) -> Option<&str> {
        self.hostname.as_deref().filter(|name| !name.trim_matches(['.', ' ']).is_empty())
    }
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
    /// From a list, which may say of itself that it is a part of so many.
    pub(super) fn of(items: impl IntoIterator<Item = T>, total: Option<u64>) -> Self {
        let mut items = items.into_iter();
        match (items.next(), items.next()) {
            _ if total.is_some_and(|total| total > 1) => Self::Several,
            (Some(one), None) => Self::One(one),
            (None, _) => Self::Nothing,
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

/// The device that an action is aimed at: by its id, or the only one of its name.
pub(super) async fn find(api: &Api, target: &Target, until: Instant) -> Result<Device, Failure> {
    let id = match &target.device_id {
        // The policy has checked the form; without it there is nothing to ask for.
        Some(given) => {
            id(target.vendor, given.as_str()).ok_or(Why::Target("the device id is not of its vendor's form"))?
        }
        None => {
            let reply = api.send(&(api.dialect().by_name)(target.hostname.as_str()), until).await?;
            match reply.read(api.dialect().found)? {
                Found::One(found) => id(target.vendor, &found).ok_or(Why::Answer)?,
                Found::Nothing => return Err(Why::Target("the EDR knows no device of this name").into()),
                Found::Several => return Err(Why::Target("the EDR knows several devices of this name").into()),
            }
        }
    };
    read(api, &id, until).await
}

/// The device of this id as it is now.
pub(super) async fn read(api: &Api, id: &str, until: Instant) -> Result<Device, Failure> {
    const UNKNOWN: Why = Why::Target("the EDR knows no device of this id");
    match api.send(&(api.dialect().by_id)(id), until).await {
        Ok(reply) => reply.read(|bytes| (api.dialect().device)(bytes, id))?.ok_or_else(|| UNKNOWN.into()),
        Err(Failure { why: Why::Refused(refusal), trace }) if refusal.status == 404 => {
            Err(Failure { why: UNKNOWN, trace })
        }
        Err(failure) => Err(failure),
    }
}

/// A device id in exactly the form of the vendor's: Falcon's 32 hex digits (dashes are dropped, since one of the vendor's
/// spellings is a UUID), SentinelOne's digits, Defender's 40 hex digits. `None` for any other.
pub(super) fn id(vendor: Vendor, given: &str) -> Option<String> {
    match vendor {
        Vendor::Crowdstrike => hex(&given.replace('-', ""), 32),
        Vendor::Sentinelone => digits(given),
        Vendor::Defender => hex(given, 40),
        Vendor::Generic => None,
    }
}

/// So many hex digits.
fn hex(text: &str, length: usize) -> Option<String> {
    (text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

/// A SentinelOne id: digits, as many as 64 bits have.
pub(super) fn digits(text: &str) -> Option<String> {
    ((1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
}

/// Whether an id that the vendor gave to something can become a part of the next request.
pub(super) fn is_plain(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_id_has_its_vendors_form_and_no_other() {
        let aid = |text: &str| id(Vendor::Crowdstrike, text);
        assert_eq!(aid("0123456789ABCDEF0123456789abcdef").unwrap(), "0123456789abcdef0123456789abcdef");
        assert_eq!(aid("01234567-89ab-cdef-0123-456789abcdef").unwrap(), "0123456789abcdef0123456789abcdef");
        for bad in
            ["0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdefa", "g123456789abcdef0123456789abcdef"]
        {
            assert!(aid(bad).is_none(), "{bad}");
        }
        assert!(id(Vendor::Sentinelone, "1409000000000000001").is_some());
        for bad in ["14090000-0", "5f2e6a7b0000400080000000000000a1", "123456789012345678901"] {
            assert!(id(Vendor::Sentinelone, bad).is_none(), "{bad}");
        }
        assert!(id(Vendor::Defender, "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567").is_some());
        assert!(id(Vendor::Defender, "0123456789abcdef0123456789abcdef").is_none());
    }

    #[test]
    fn only_exactly_one_is_found() {
        assert_eq!(Found::of([1], None), Found::One(1));
        assert_eq!(Found::of([1], Some(2)), Found::Several, "a part of a list");
        assert_eq!(Found::<u8>::of([], Some(0)), Found::Nothing);
        assert_eq!(Found::of([1, 1], None), Found::Several);
    }
}
