//! What is fuzzed: each function takes any bytes and panics if a property does not hold. The fuzz targets call them with
//! what libFuzzer makes up, and `tests/fuzz_corpus.rs` with the seeds in every test run.

use serde_json::Value;
use vyrox_contract::{TenantId, Vendor};
use vyrox_domain::heuristics::{Observation, Ruleset};
use vyrox_domain::llm::Answer;
use vyrox_domain::redact::{Personal, Redactor};
use vyrox_domain::vendor::{FieldMap, NormaliseError, Normalised, Reception, normalise};
use vyrox_domain::webhook::{
    Authenticated, Headers, Keyring, RawDelivery, SIGNATURE_HEADER, Scheme, Slots, authenticate, scan_tenant_reference,
    sign,
};

const NOW: i64 = 1_700_000_000;
const SECRET: &[u8] = b"a secret of the fuzzer, 32 bytes";

fn vouched(body: &[u8]) -> Authenticated<&[u8]> {
    let headers = Headers::from_iter([(SIGNATURE_HEADER, sign(SECRET, body))]);
    authenticate(RawDelivery { body, headers }, &Keyring::of_vyrox_hmac(SECRET), NOW).expect("it is signed")
}

/// A body at a vendor's route: no panic, nothing unbounded, and the same outcome twice.
fn adapter(vendor: Vendor, body: &[u8]) {
    let tenant: TenantId = "acme".parse().expect("a word is a tenant id");
    let reception = Reception { tenant_id: &tenant, received_at: NOW };
    let delivery = vouched(body);
    let outcome = normalise(vendor, &delivery, &reception);
    match &outcome {
        Ok(Normalised::Alerts(alerts)) => {
            assert!(!alerts.is_empty() && alerts.len() <= 200);
            for alert in alerts {
                assert!(!alert.raw_id.is_empty() && alert.raw_id.len() <= 512);
                assert_eq!((&alert.tenant_id, alert.source, alert.revision), (&tenant, vendor, 0));
                let texts = [&alert.hostname, &alert.process_cmdline, &alert.title, &alert.username];
                assert!(texts.into_iter().flatten().all(|text| !text.is_empty() && text.chars().count() <= 8_192));
                assert_eq!(alert.content_digest().len(), 64);
            }
        }
        Ok(Normalised::Ignored { reason }) => assert!(!reason.is_empty()),
        Err(NormaliseError::NotJson(_)) => assert!(serde_json::from_slice::<Value>(body).is_err()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let again = normalise(vendor, &delivery, &reception);
    assert_eq!(outcome.ok(), again.ok());
}

pub fn crowdstrike(body: &[u8]) {
    adapter(Vendor::Crowdstrike, body);
}

pub fn sentinelone(body: &[u8]) {
    adapter(Vendor::Sentinelone, body);
}

pub fn defender(body: &[u8]) {
    adapter(Vendor::Defender, body);
}

pub fn generic(body: &[u8]) {
    adapter(Vendor::Generic, body);
}

/// A field map and, after a NUL, a body for it: a map that is accepted can be applied to anything.
pub fn field_map(input: &[u8]) {
    let at = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let Ok(text) = std::str::from_utf8(&input[..at]) else { return };
    match FieldMap::parse(text) {
        Ok(map) => {
            let Ok(body) = serde_json::from_slice::<Value>(input.get(at + 1..).unwrap_or(b"{}")) else { return };
            let tenant: TenantId = "acme".parse().expect("a word is a tenant id");
            for item in map.trace(Vendor::Generic, &body, &Reception { tenant_id: &tenant, received_at: NOW }) {
                let found = item.fields.iter().filter_map(|field| field.found.as_ref());
                assert!(found.into_iter().all(|text| text.chars().count() <= 8_192));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Header values and, after a line feed each, the body: nobody without a secret is authenticated by any scheme.
pub fn signatures(input: &[u8]) {
    const NAMES: [&str; 8] = [
        "x-vyrox-signature",
        "authorization",
        "x-cs-primary-signature",
        "x-cs-delivery-timestamp",
        "x-webhook-secret",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ];
    let mut parts = input.splitn(NAMES.len() + 1, |byte| *byte == b'\n');
    let headers: Vec<(&str, &[u8])> = NAMES.into_iter().zip(parts.by_ref()).collect();
    let body = parts.next().unwrap_or_default();
    let keyring = Keyring {
        vyrox_hmac: Slots { current: Some(SECRET), previous: Some(b"the one before it, also 32 bytes".as_slice()) },
        bearer: Slots::one([0x5a; 32]),
        crowdstrike_hmac: Slots::one(SECRET),
        static_header: Slots::one(SECRET),
        static_header_name: "x-webhook-secret".to_owned(),
        graph_client_state: Slots::one(SECRET),
        standard_webhooks: Slots::one(SECRET),
        ..Keyring::default()
    };
    let knows_the_secret = input.windows(SECRET.len()).any(|window| window == SECRET);
    let delivery = RawDelivery { body, headers: headers.into_iter().collect() };
    if let Ok(authenticated) = authenticate(delivery.clone(), &keyring, NOW) {
        let scheme = authenticated.scheme();
        assert!(matches!(scheme, Scheme::StaticHeader | Scheme::GraphClientState) && knows_the_secret, "{scheme:?}");
    }
    assert!(
        authenticate(delivery, &Keyring::<&[u8]>::default(), NOW).is_err(),
        "an empty keyring authenticates nobody"
    );
}

/// The scan agrees with a parser about a member of the outermost object, and never names what is not there.
pub fn tenant_scan(body: &[u8]) {
    for (vendor, key) in [
        (Vendor::Crowdstrike, "customer_id"),
        (Vendor::Sentinelone, "accountId"),
        (Vendor::Defender, "tenantId"),
        (Vendor::Generic, "tenant"),
    ] {
        let found = scan_tenant_reference(vendor, body);
        if let Some(found) = found {
            assert!(!found.is_empty() && found.len() <= 256 && vendor != Vendor::Generic);
            assert!(body.windows(found.len()).any(|window| window == found.as_bytes()));
        }
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else { continue };
        let plain =
            |text: &str| !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric());
        // One spelling, once, with a value that needs no escapes: then both must see the same.
        let needle = format!("\"{key}\"");
        let text = String::from_utf8_lossy(body);
        let others = ["customerIDString", "cid", "aadTenantId", "azureTenantId", "\\u"];
        let once = text.matches(&needle).count() == 1 && !others.iter().any(|other| text.contains(other));
        let cases = object.keys().filter(|other| other.eq_ignore_ascii_case(key)).count() == 1
            && text.to_ascii_lowercase().matches(&needle.to_ascii_lowercase()).count() == 1;
        if let Some(Value::String(value)) = object.get(key)
            && vendor != Vendor::Generic
            && once
            && cases
            && plain(value)
        {
            assert_eq!(found, Some(value.as_str()));
        }
    }
}

/// A command line and, after a NUL, its parent's: judged without a panic, the same way twice.
pub fn heuristics(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (cmdline, parent) = text.split_once('\0').unwrap_or((&text, ""));
    let observation = Observation {
        process_cmdline: Some(cmdline),
        parent_cmdline: Some(parent),
        process_path: Some(parent),
        username: Some(parent),
        ..Observation::EMPTY
    };
    let assessment = Ruleset::built_in().evaluate(&observation);
    assert!(assessment.confidence.ratio() <= 1.0);
    assert_eq!(assessment, Ruleset::built_in().evaluate(&observation));
}

/// Text with secrets: redacting twice is redacting once.
pub fn redaction(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let redactor = Redactor::new(Personal::Emails);
    let once = redactor.text(&text).into_owned();
    assert_eq!(redactor.text(&once), once.as_str());
    if let Ok(document) = redactor.json(&text) {
        assert!(serde_json::from_str::<Value>(&document).is_ok());
    }
}

/// A model's answer: strict, bounded.
pub fn model_answer(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(answer) = Answer::parse(&text) {
        assert!(answer.reasoning().chars().count() <= 1_000 && answer.techniques().len() <= 10);
    }
}
