//! Which tenant does a body name? For the routes without a tenant in their path; it only selects whose secrets decide.

use vyrox_contract::Vendor;

/// The longest reference, in bytes: as long as an account may be.
const MAX_REFERENCE: usize = 200;

/// The keys under which a vendor's body names its tenant.
struct Keys {
    names: &'static [&'static str],
    any_case: bool,
}

impl Keys {
    const fn of(vendor: Vendor) -> Self {
        let (names, any_case): (&[&str], bool) = match vendor {
            // The published shape; the event stream; the Alerts API and the replicator.
            Vendor::Crowdstrike => (&["customer_id", "customerIDString", "cid"], false),
            // Forwarders of activities write every key in lower case.
            Vendor::Sentinelone => (&["accountId"], true),
            // Graph and the streaming API; Defender for Endpoint; Graph v1.
            Vendor::Defender => (&["tenantId", "aadTenantId", "azureTenantId"], false),
            Vendor::Generic => (&[], false),
        };
        Self { names, any_case }
    }

    fn matches(&self, name: &[u8]) -> bool {
        self.names
            .iter()
            .map(|key| key.as_bytes())
            .any(|key| if self.any_case { key.eq_ignore_ascii_case(name) } else { key == name })
    }
}

/// Looks for the one string that names the tenant, without building a document: the shallowest member with one of the
/// vendor's keys and a plain string value. It only selects the secret; the signature decides.
///
/// Values with escapes, empty or over 128 bytes are not references.
#[must_use]
pub fn scan_tenant_reference(vendor: Vendor, body: &[u8]) -> Option<&str> {
    let keys = Keys::of(vendor);
    let mut found: Option<(usize, &[u8])> = None;
    let (mut depth, mut index) = (0_usize, 0_usize);
    while index < body.len() {
        match body[index] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = string_end(body, index + 1)?;
                let name = &body[index + 1..end];
                index = end;
                if found.is_none_or(|(at, _)| depth < at)
                    && keys.matches(name)
                    && let Some(value) = member_string(body, end + 1)
                {
                    found = Some((depth, value));
                    if depth == 1 {
                        break;
                    }
                }
            }
            _ => {}
        }
        index += 1;
    }
    let (_, value) = found?;
    std::str::from_utf8(value).ok()
}

/// The index of the quote that ends the string whose content begins at `start`.
fn string_end(body: &[u8], start: usize) -> Option<usize> {
    let mut index = start;
    loop {
        match body.get(index)? {
            b'\\' => index += 2,
            b'"' => return Some(index),
            _ => index += 1,
        }
    }
}

/// The content of `: "value"` at `start`, if that is what stands there.
fn member_string(body: &[u8], start: usize) -> Option<&[u8]> {
    let skip = |mut index: usize| {
        while body.get(index).is_some_and(u8::is_ascii_whitespace) {
            index += 1;
        }
        index
    };
    let colon = skip(start);
    if body.get(colon) != Some(&b':') {
        return None;
    }
    let quote = skip(colon + 1);
    if body.get(quote) != Some(&b'"') {
        return None;
    }
    let end = string_end(body, quote + 1)?;
    let value = &body[quote + 1..end];
    (!value.is_empty() && value.len() <= MAX_REFERENCE && !value.contains(&b'\\')).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shallowest_reference_counts_and_strings_are_not_keys() {
        let scan = |body: &'static str| scan_tenant_reference(Vendor::Crowdstrike, body.as_bytes());
        assert_eq!(scan(r#"{"x":{"customer_id":"deep"},"customer_id" : "acme"}"#), Some("acme"));
        assert_eq!(scan(r#"{"metadata":{"customerIDString":"cid"}}"#), Some("cid"));
        assert_eq!(scan(r#"{"a":"customer_id","b":"\"customer_id\":\"evil\""}"#), None);
        assert_eq!(scan(r#"{"customer_id":42}"#), None);
        assert_eq!(scan(r#"{"customer_id":""}"#), None);
        assert_eq!(scan(r#"{"customer_id":"a\u0000b"}"#), None);
        assert_eq!(scan(r#"{"customer_id":"unterminated"#), None);
        assert_eq!(scan(""), None);
        let long = format!(r#"{{"customer_id":"{}"}}"#, "x".repeat(MAX_REFERENCE + 1));
        assert_eq!(scan_tenant_reference(Vendor::Crowdstrike, long.as_bytes()), None);
    }

    #[test]
    fn every_shape_of_a_vendor_names_its_tenant() {
        for (vendor, body) in [
            (Vendor::Crowdstrike, r#"{"detect_id":"1","customer_id":"acme"}"#),
            (Vendor::Crowdstrike, r#"{"metadata":{"customerIDString":"acme"},"event":{}}"#),
            (Vendor::Crowdstrike, r#"{"resources":[{"composite_id":"1","cid":"acme"}]}"#),
            (Vendor::Crowdstrike, r#"{"cid":"acme","event":{"cid":"other"}}"#),
            (Vendor::Sentinelone, r#"{"accountId":"acme"}"#),
            (Vendor::Sentinelone, r#"{"activitytype":3608,"accountid":"acme"}"#),
            (Vendor::Sentinelone, r#"{"agentRealtimeInfo":{"accountId":"acme"},"threatInfo":{}}"#),
            (Vendor::Sentinelone, r#"{"detectionTime":{"scope":{"accountId":"acme"}}}"#),
            (Vendor::Sentinelone, r#"{"AccountID":"acme"}"#),
            (Vendor::Defender, r#"{"tenantId":"acme"}"#),
            (Vendor::Defender, r#"{"value":[{"subscriptionId":"1","tenantId":"acme"}]}"#),
            (Vendor::Defender, r#"{"aadTenantId":"acme"}"#),
            (Vendor::Defender, r#"{"azureTenantId":"acme"}"#),
        ] {
            assert_eq!(scan_tenant_reference(vendor, body.as_bytes()), Some("acme"), "{vendor} {body}");
        }
        let body = br#"{"customer_id":"a","accountId":"b","tenantId":"c"}"#;
        assert_eq!(scan_tenant_reference(Vendor::Generic, body), None);
        assert_eq!(scan_tenant_reference(Vendor::Crowdstrike, br#"{"CID":"acme"}"#), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_scanned_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..512)) {
            for vendor in [Vendor::Crowdstrike, Vendor::Sentinelone, Vendor::Defender, Vendor::Generic] {
                let _ = scan_tenant_reference(vendor, &body);
            }
        }
    }
}
