//! The cases of which the vectors are made.

#![allow(clippy::unwrap_used, reason = "test code outside of a #[test] function")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use vyrox_contract::{
    Action, Ed25519Signer, Envelope, KeyId, Payload, Poll, Receipt, VerifyingKey, canonical,
    pre_authentication_encoding,
};

pub(crate) fn files() -> Vec<(&'static str, Value)> {
    vec![
        ("canonical.json", canonical_cases()),
        ("encodings.json", encoding_cases()),
        ("keys.json", keys()),
        ("envelopes.json", envelopes()),
    ]
}

fn canonical_cases() -> Value {
    let cases = [
        ("empty object", "{}"),
        ("empty array", "[]"),
        ("scalars", "[ null , true , false , 0 , -1 , \"\" ]"),
        ("keys sort by code point", r#"{"b":1,"a":2,"B":3,"":4,"aa":5,"é":6}"#),
        ("not by UTF-16 unit", "{\"\u{10000}\":1,\"\u{FFFF}\":2}"),
        ("nested", r#"{"z":{"y":[{"b":1,"a":[]}],"x":{}}}"#),
        ("white space goes", "{\n\t\"a\" : [ 1 ,\r 2 ] }"),
        ("escapes that stay", r#""\" \\ \b\f\n\r\t \u0000 \u001f""#),
        ("escapes that go", r#""\/ \u00e9 \u0041 \ud83d\ude00 \u007f \u2028""#),
        ("text that is left alone", "\"é 漢 \u{1F600} \u{7f} \u{85} \u{2028} </script>&\""),
        ("integers to their limits", "[-9223372036854775808,18446744073709551615,9007199254740993]"),
        ("a fraction", "[1.5]"),
        ("a fraction of nothing", "[1.0]"),
        ("an exponent", "[1e3]"),
        ("minus zero", "[-0]"),
        ("more than 64 bits", "[18446744073709551616]"),
    ];
    let vector = |(name, text): &(&str, &str)| {
        let bytes = canonical::to_bytes(&serde_json::from_str::<Value>(text).unwrap()).ok();
        let digest = bytes.as_ref().map(|bytes| hex::encode(Sha256::digest(bytes)));
        json!({"name": name, "json": text, "canonical": bytes.map(|b| String::from_utf8(b).unwrap()), "sha256": digest})
    };
    cases.iter().map(vector).collect()
}

fn encoding_cases() -> Value {
    let cases: [(&str, &str, &[u8]); 5] = [
        ("the specification's example", "http://example.com/HelloWorld", b"hello world"),
        ("an action", Action::TYPE, b"{}"),
        ("nothing", "", b""),
        ("lengths are of bytes", "t\u{fc}p", "\u{1F600}".as_bytes()),
        ("any byte", "application/octet-stream", &[0, 0xff, b' ', b'\n']),
    ];
    let vector = |(name, kind, payload): &(&str, &str, &[u8])| {
        let encoded = hex::encode(pre_authentication_encoding(kind, payload));
        json!({"name": name, "type": kind, "payload": STANDARD.encode(payload), "encoded": encoded})
    };
    cases.iter().map(vector).collect()
}

/// Keys of the vectors. They are public, so they protect nothing.
struct Platform(p256::ecdsa::SigningKey);

impl Platform {
    fn new(fill: u8) -> Self {
        Self(p256::ecdsa::SigningKey::from_slice(&[fill; 32]).unwrap())
    }

    fn public(&self) -> VerifyingKey {
        VerifyingKey::P256(*self.0.verifying_key())
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }

    fn seal(&self, kind: &str, payload: &[u8]) -> Value {
        envelope(kind, payload, &self.public().id(), &self.sign(&pre_authentication_encoding(kind, payload)))
    }
}

fn envelope(kind: &str, payload: &[u8], keyid: &KeyId, signature: &[u8]) -> Value {
    json!({
        "payloadType": kind,
        "payload": STANDARD.encode(payload),
        "signatures": [{"keyid": keyid, "sig": STANDARD.encode(signature)}],
    })
}

fn keys() -> Value {
    let vector = |name: &str, algorithm: &str, key: VerifyingKey| json!({"name": name, "algorithm": algorithm, "spki": key.to_text(), "keyid": key.id()});
    json!([
        vector("platform", "p256", Platform::new(1).public()),
        vector("platform, next", "p256", Platform::new(2).public()),
        vector("proxy", "ed25519", Ed25519Signer::from_seed(&[3; 32]).verifying_key()),
        vector("another proxy", "ed25519", Ed25519Signer::from_seed(&[4; 32]).verifying_key()),
    ])
}

fn action() -> Value {
    json!({
        "request_id": "r-1", "tenant_id": "acme", "proxy_id": "proxy-1", "alert_id": "6f1d3c0e-54ab-5c52-9f0e-0c9f8f0a7d11",
        "operation": "execute", "action_type": "HOST_ISOLATION",
        "target": {"vendor": "crowdstrike", "device_id": "0123456789abcdef0123456789abcdef", "hostname": "workstation-01"},
        "approved_by": [{"id": "100000000000000001", "name": "approver"}],
        "approved_at": 1_700_000_000, "issued_at": 1_700_000_010, "expires_at": 1_700_000_310,
        "plan_digest": "ab".repeat(32), "lease_seconds": 3600, "checkpoint": {"n": 4, "hash": "cd".repeat(32)},
    })
}

fn receipt() -> Value {
    json!({
        "request_id": "r-1", "tenant_id": "acme", "proxy_id": "proxy-1", "outcome": "executed", "verification": "confirmed",
        "detail": "the host is contained", "vendor_reference": "trace-1", "finished_at": 1_700_000_015,
        "audit_head": {"seq": 17, "hash": "ef".repeat(32)},
    })
}

fn poll() -> Value {
    json!({
        "proxy_id": "proxy-1", "tenant_id": "acme", "issued_at": 1_700_000_010, "nonce": "00".repeat(16), "version": "0.1.0",
        "audit_head": {"seq": 17, "hash": "ef".repeat(32)},
    })
}

fn sealed<T: Payload>(payload: &Value, signer: &Ed25519Signer) -> Value {
    let payload: T = serde_json::from_value(payload.clone()).unwrap();
    serde_json::to_value(Envelope::seal(&payload, signer)).unwrap()
}

fn changed(envelope: &Value, change: impl FnOnce(&mut Value)) -> Value {
    let mut envelope = envelope.clone();
    change(&mut envelope);
    envelope
}

fn envelopes() -> Value {
    let (platform, next) = (Platform::new(1), Platform::new(2));
    let (proxy, other) = (Ed25519Signer::from_seed(&[3; 32]), Ed25519Signer::from_seed(&[4; 32]));
    let canonical_action = canonical::to_bytes(&action()).unwrap();
    let good = platform.seal(Action::TYPE, &canonical_action);
    let spaced = serde_json::to_vec_pretty(&action()).unwrap();
    let with = |field: &str, value: Value| {
        let payload = changed(&action(), |payload| payload[field] = value);
        platform.seal(Action::TYPE, &canonical::to_bytes(&payload).unwrap())
    };
    let mut foreign_message = canonical_action.clone();
    foreign_message[20] ^= 1;
    let raw_signature = platform.sign(&canonical_action);
    let borrowed = platform.sign(&pre_authentication_encoding(Action::TYPE, &canonical_action));
    let sealed_receipt = sealed::<Receipt>(&receipt(), &proxy);
    let both = changed(&good, |envelope| {
        let added = next.seal(Action::TYPE, &canonical_action)["signatures"][0].clone();
        envelope["signatures"].as_array_mut().unwrap().insert(0, added);
    });

    let platform_only = ["platform"].as_slice();
    let rotation = ["platform", "platform, next"].as_slice();
    let mut vectors = Vec::new();
    let mut add = |name: &str, wanted: &str, trusted: &[&str], envelope: &Value, expected: &str, payload: &Value| {
        vectors.push(json!({
            "name": name, "wanted": wanted, "trusted": trusted, "envelope": envelope, "expected": expected, "payload": payload,
        }));
    };
    let none = &Value::Null;
    add("an action", Action::TYPE, platform_only, &good, "sound", &action());
    add(
        "the payload's spelling is free",
        Action::TYPE,
        platform_only,
        &platform.seal(Action::TYPE, &spaced),
        "sound",
        &action(),
    );
    add(
        "rotation, signed by the next key",
        Action::TYPE,
        rotation,
        &next.seal(Action::TYPE, &canonical_action),
        "sound",
        &action(),
    );
    add("one of two signatures is by a trusted key", Action::TYPE, platform_only, &both, "sound", &action());
    add("a receipt", Receipt::TYPE, &["proxy"], &sealed_receipt, "sound", &receipt());
    add("a poll", Poll::TYPE, &["proxy"], &sealed::<Poll>(&poll(), &proxy), "sound", &poll());

    let unsigned = changed(&good, |envelope| envelope["signatures"] = json!([]));
    let altered = changed(&good, |envelope| envelope["payload"] = json!(STANDARD.encode(&foreign_message)));
    let retyped = changed(&good, |envelope| envelope["payloadType"] = json!(Receipt::TYPE));
    let claimed = envelope(Action::TYPE, &canonical_action, &next.public().id(), &borrowed);
    let without_type = envelope(Action::TYPE, &canonical_action, &platform.public().id(), &raw_signature);
    let by_proxy = changed(&sealed_receipt, |envelope| envelope["payloadType"] = json!(Poll::TYPE));
    let not_base64 = changed(&good, |envelope| envelope["payload"] = json!("%%%"));
    let garbled = changed(&good, |envelope| envelope["signatures"][0]["sig"] = json!("AAAA"));
    let r_and_s = p256::ecdsa::Signature::from_der(&borrowed).unwrap().to_bytes();
    let plain = envelope(Action::TYPE, &canonical_action, &platform.public().id(), &r_and_s);
    add("no signature", Action::TYPE, platform_only, &unsigned, "signature", none);
    add("a changed payload", Action::TYPE, platform_only, &altered, "signature", none);
    add("an untrusted key", Action::TYPE, &["platform, next"], &good, "signature", none);
    add("another key's id", Action::TYPE, rotation, &claimed, "signature", none);
    add("signed over the payload alone", Action::TYPE, platform_only, &without_type, "signature", none);
    add("a signature that is none", Action::TYPE, platform_only, &garbled, "signature", none);
    add("a P-256 signature of 64 bytes instead of DER", Action::TYPE, platform_only, &plain, "signature", none);
    add(
        "another proxy's receipt",
        Receipt::TYPE,
        &["proxy"],
        &sealed::<Receipt>(&receipt(), &other),
        "signature",
        none,
    );
    add("a receipt relabelled as a poll", Poll::TYPE, &["proxy"], &by_proxy, "signature", none);
    add("an action where a receipt belongs", Receipt::TYPE, platform_only, &good, "type", none);
    add("an action relabelled as a receipt", Action::TYPE, platform_only, &retyped, "type", none);
    add("a payload that is not base64", Action::TYPE, platform_only, &not_base64, "encoding", none);
    add("signed, but not JSON", Action::TYPE, platform_only, &platform.seal(Action::TYPE, b"isolate"), "payload", none);
    add("signed, with an unknown field", Action::TYPE, platform_only, &with("force", json!(true)), "payload", none);
    add(
        "signed, with an unknown action",
        Action::TYPE,
        platform_only,
        &with("action_type", json!("HOST_WIPE")),
        "payload",
        none,
    );
    add(
        "signed, with a path for a tenant",
        Action::TYPE,
        platform_only,
        &with("tenant_id", json!("../acme")),
        "payload",
        none,
    );
    add("signed, with a time of text", Action::TYPE, platform_only, &with("issued_at", json!("now")), "payload", none);
    Value::from(vectors)
}
