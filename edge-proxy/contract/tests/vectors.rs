//! The vectors in `vectors/`: what this crate makes and accepts, for implementations in other languages to agree with.
//! A new case belongs into [`cases`]; `cargo test -p vyrox-contract --test vectors -- --ignored` then writes the files.

#![allow(clippy::unwrap_used, reason = "test code outside of a #[test] function")]

mod cases;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use vyrox_contract::{
    Action, Envelope, EnvelopeError, KeyId, Payload, Poll, Receipt, VerifyingKey, canonical,
    pre_authentication_encoding,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn stored(name: &str) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(folder().join(name)).unwrap()).unwrap()
}

fn bytes(vector: &Value, field: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(vector[field].as_str().unwrap()).unwrap()
}

#[test]
#[ignore = "writes the files that the other tests read"]
fn write_the_vectors() {
    for (name, vectors) in cases::files() {
        std::fs::write(folder().join(name), serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
    }
}

#[test]
fn this_crate_still_makes_the_published_vectors() {
    for (name, vectors) in cases::files() {
        assert_eq!(Value::from(stored(name)), vectors, "{name}");
    }
}

#[test]
fn canonical_json_agrees() {
    for vector in stored("canonical.json") {
        let value: Value = serde_json::from_str(vector["json"].as_str().unwrap()).unwrap();
        let canonical = canonical::to_bytes(&value).ok().map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(canonical.as_deref(), vector["canonical"].as_str(), "{}", vector["name"]);
    }
}

#[test]
fn the_pre_authentication_encoding_agrees() {
    for vector in stored("encodings.json") {
        let encoded = pre_authentication_encoding(vector["type"].as_str().unwrap(), &bytes(&vector, "payload"));
        assert_eq!(hex::encode(encoded), vector["encoded"].as_str().unwrap(), "{}", vector["name"]);
    }
}

#[test]
fn key_ids_and_algorithms_agree() {
    for vector in stored("keys.json") {
        let key = VerifyingKey::from_spki(&bytes(&vector, "spki")).unwrap();
        let algorithm = match key {
            VerifyingKey::P256(_) => "p256",
            VerifyingKey::Ed25519(_) => "ed25519",
        };
        assert_eq!(
            (key.id().as_str(), algorithm),
            (vector["keyid"].as_str().unwrap(), vector["algorithm"].as_str().unwrap())
        );
        assert_eq!(key.id(), KeyId::of_spki(&bytes(&vector, "spki")));
    }
}

/// The verdict's word, and the payload as parsed and written again.
fn verdict<T: Payload>(envelope: &Value, trusted: &[VerifyingKey]) -> (&'static str, Value) {
    let Ok(envelope) = serde_json::from_value::<Envelope>(envelope.clone()) else { return ("form", Value::Null) };
    match envelope.verify::<T>(trusted).and_then(|payload| payload.parse()) {
        Ok(payload) => ("sound", serde_json::to_value(payload).unwrap()),
        Err(EnvelopeError::Type) => ("type", Value::Null),
        Err(EnvelopeError::Encoding) => ("encoding", Value::Null),
        Err(EnvelopeError::Signature) => ("signature", Value::Null),
        Err(EnvelopeError::Payload(..)) => ("payload", Value::Null),
    }
}

#[test]
fn envelopes_are_accepted_and_refused_as_the_vectors_say() {
    let keys = stored("keys.json");
    let key = |name: &Value| {
        let vector = keys.iter().find(|vector| vector["name"] == *name).unwrap();
        VerifyingKey::from_spki(&bytes(vector, "spki")).unwrap()
    };
    for vector in stored("envelopes.json") {
        let trusted: Vec<_> = vector["trusted"].as_array().unwrap().iter().map(key).collect();
        let (found, payload) = match vector["wanted"].as_str().unwrap() {
            Action::TYPE => verdict::<Action>(&vector["envelope"], &trusted),
            Receipt::TYPE => verdict::<Receipt>(&vector["envelope"], &trusted),
            Poll::TYPE => verdict::<Poll>(&vector["envelope"], &trusted),
            other => panic!("{other}"),
        };
        assert_eq!(found, vector["expected"].as_str().unwrap(), "{}", vector["name"]);
        assert_eq!(payload, vector["payload"], "{}", vector["name"]);
    }
}

#[test]
fn the_python_check_agrees() {
    match Command::new("python3").arg(folder().join("check.py")).output() {
        Err(_) => println!("skipped: there is no python3"),
        Ok(output) => {
            let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert_eq!(output.status.code(), Some(0), "{text}");
        }
    }
}
