//! What an action is aimed at. Each type is made only by its `FromStr` (serde goes through it), so a value from an alert
//! that is not exactly a device id, an address or a hash never reaches a request: `"192.168.1.1; rm -rf /"` is
//! [`UntrustedInput`].

use crate::id::{UntrustedInput, check, checked_text};
use std::{fmt, net::IpAddr, str::FromStr};

/// The EDR that an alert came from and that an action is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// CrowdStrike Falcon.
    Crowdstrike,
    /// SentinelOne Singularity.
    Sentinelone,
    /// Microsoft Defender for Endpoint.
    Defender,
    /// Anything else that posts JSON. It has no containment API.
    Generic,
}

impl Vendor {
    /// The name in routes, keys and payloads.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crowdstrike => "crowdstrike",
            Self::Sentinelone => "sentinelone",
            Self::Defender => "defender",
            Self::Generic => "generic",
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Vendor {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Crowdstrike, Self::Sentinelone, Self::Defender, Self::Generic]
            .into_iter()
            .find(|vendor| vendor.as_str() == text)
            .ok_or(UntrustedInput::new("vendor", "it is none of crowdstrike, sentinelone, defender, generic"))
    }
}

checked_text! {
    /// The vendor's id of one device: a Falcon AID (32 hex), a SentinelOne agent id (digits), a Defender machine id
    /// (40 hex). Here 1 to 64 of `[A-Za-z0-9-]`; the EDR client of each vendor checks its own form again.
    DeviceId, |text| {
        check("device id", text, 64, |c| c.is_ascii_alphanumeric() || c == '-').map(|()| text.to_owned())
    }
}

checked_text! {
    /// A host name as people read it on the card: 1 to 253 bytes of letters, digits, `.`, `_`, `-`.
    Hostname, |text| {
        check("host name", text, 253, |c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-')).map(|()| text.to_owned())
    }
}

checked_text! {
    /// The vendor's id of one threat, what SentinelOne kills by: 1 to 64 of `[A-Za-z0-9-]`.
    ThreatId, |text| {
        check("threat id", text, 64, |c| c.is_ascii_alphanumeric() || c == '-').map(|()| text.to_owned())
    }
}

fn digest(what: &'static str, text: &str, length: usize) -> Result<String, UntrustedInput> {
    check(what, text, length, |c| c.is_ascii_hexdigit())?;
    if text.len() != length {
        return Err(UntrustedInput::new(what, "it has the wrong length"));
    }
    Ok(text.to_ascii_lowercase())
}

checked_text! {
    /// A SHA-1 as 40 lower-case hex digits; upper case is accepted and lowered.
    Sha1, |text| digest("SHA-1", text, 40)
}

checked_text! {
    /// A SHA-256 as 64 lower-case hex digits; upper case is accepted and lowered.
    Sha256, |text| digest("SHA-256", text, 64)
}

/// An operating system's process id: 1 to 2^32 - 1. Not a vendor's graph id, which is far larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct ProcessId(u32);

impl ProcessId {
    /// The number.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

impl TryFrom<u64> for ProcessId {
    type Error = UntrustedInput;
    fn try_from(number: u64) -> Result<Self, Self::Error> {
        match u32::try_from(number) {
            Ok(0) => Err(UntrustedInput::new("process id", "zero is not a process")),
            Ok(number) => Ok(Self(number)),
            Err(_) => Err(UntrustedInput::new("process id", "no operating system has one this large")),
        }
    }
}

impl From<ProcessId> for u64 {
    fn from(value: ProcessId) -> Self {
        u64::from(value.0)
    }
}

impl FromStr for ProcessId {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // u64::from_str accepts a leading '+'.
        check("process id", text, 10, |c| c.is_ascii_digit())?;
        let number: u64 = text.parse().map_err(|_| UntrustedInput::new("process id", "it is not a number"))?;
        Self::try_from(number)
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An IP address and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ValidatedIpAddress(IpAddr);

impl FromStr for ValidatedIpAddress {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| UntrustedInput::new("IP address", "it is neither IPv4 nor IPv6"))
    }
}

impl TryFrom<String> for ValidatedIpAddress {
    type Error = UntrustedInput;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ValidatedIpAddress> for String {
    fn from(value: ValidatedIpAddress) -> Self {
        value.0.to_string()
    }
}

impl fmt::Display for ValidatedIpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How a process kill goes beyond ending the process, where a vendor has such a call of its own. Without one the plain kill
/// is meant; nothing is ever chosen for the approver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Move the threat's files where they cannot run (SentinelOne, by threat id). Can be released.
    Quarantine,
    /// Let the host run only what the vendor of the operating system signed (Defender). Can be released.
    RestrictCode,
}

impl Measure {
    /// The name on the wire and in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::RestrictCode => "restrict_code",
        }
    }
}

impl FromStr for Measure {
    type Err = UntrustedInput;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Quarantine, Self::RestrictCode]
            .into_iter()
            .find(|measure| measure.as_str() == text)
            .ok_or(UntrustedInput::new("measure", "it is none of quarantine, restrict_code"))
    }
}

/// What an action is aimed at. `device_id` is what the EDR is given; the host name is what the approver saw. Without a device
/// id the EDR is asked for the one device of that name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The EDR that has to act.
    pub vendor: Vendor,
    /// The device, by the vendor's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    /// The device, by the name on the card.
    pub hostname: Hostname,
    /// The operating system's process id, for a process kill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_id: Option<ProcessId>,
    /// The vendor's threat id, for vendors that kill by threat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threat_id: Option<ThreatId>,
    /// The file's SHA-1, for vendors that stop and quarantine by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha1: Option<Sha1>,
    /// For a process kill that goes beyond ending the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<Measure>,
}

impl Target {
    /// The device for people: its id, or that it is known by its name alone.
    #[must_use]
    pub fn shown_device(&self) -> &str {
        self.device_id.as_ref().map_or("by its name", DeviceId::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_command_behind_it_is_untrusted_input() {
        let refused: Result<ValidatedIpAddress, UntrustedInput> = "192.168.1.1; rm -rf /".parse();
        assert_eq!(refused.unwrap_err().what, "IP address");
        assert!("192.168.1.1".parse::<ValidatedIpAddress>().is_ok());
        assert!("2001:db8::1".parse::<ValidatedIpAddress>().is_ok());
    }

    #[test]
    fn a_falcon_graph_id_is_not_a_process_id() {
        assert!(ProcessId::try_from(1_719_309_930_613_520_072).is_err());
        for bad in ["0", "+5", "-1", "5 ", "4294967296", "0x10", ""] {
            assert!(bad.parse::<ProcessId>().is_err(), "{bad:?}");
        }
        assert_eq!("5260".parse::<ProcessId>().unwrap().as_u32(), 5260);
    }

    #[test]
    fn hashes_have_exactly_their_length_and_one_spelling() {
        assert_eq!("AB".repeat(32).parse::<Sha256>().unwrap().as_str(), "ab".repeat(32));
        assert!("ab".repeat(31).parse::<Sha256>().is_err());
        assert!("zz".repeat(20).parse::<Sha1>().is_err());
    }

    #[test]
    fn host_names_carry_no_quotes_slashes_or_line_breaks() {
        for bad in ["a'b", "a\"b", "a/b", "a\\b", "a\nb", "a;b", "a*", "a,b", ""] {
            assert!(bad.parse::<Hostname>().is_err(), "{bad:?}");
        }
        assert!("WS-042.corp.example".parse::<Hostname>().is_ok());
    }
}
