//! What counts as a P-256 signature: the same with `ring` (whenever the proxy is built with this crate) and without.

#![allow(clippy::unwrap_used, reason = "test code outside of a #[test] function")]

use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey};
use proptest::prelude::*;
use vyrox_contract::VerifyingKey;

/// The order of the curve's group.
const N: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn signer() -> SigningKey {
    SigningKey::from_slice(&[5; 32]).unwrap()
}

fn key() -> VerifyingKey {
    VerifyingKey::P256(*signer().verifying_key())
}

fn signature(message: &[u8]) -> Signature {
    signer().sign(message)
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag, u8::try_from(content.len()).unwrap()];
    out.extend_from_slice(content);
    out
}

/// The shortest form of a number that is not negative.
fn shortest(number: &[u8]) -> Vec<u8> {
    let digits = &number[number.iter().position(|byte| *byte != 0).unwrap_or(number.len() - 1)..];
    if digits[0] >= 0x80 { [&[0], digits].concat() } else { digits.to_vec() }
}

fn of_integers(r: &[u8], s: &[u8]) -> Vec<u8> {
    der(0x30, &[der(2, r), der(2, s)].concat())
}

fn parts(signature: &Signature) -> (Vec<u8>, Vec<u8>) {
    let bytes = signature.to_bytes();
    (bytes[..32].to_vec(), bytes[32..].to_vec())
}

#[test]
fn a_signature_counts_with_its_s_high_or_low() {
    let message = b"sample";
    let low = signature(message).normalize_s();
    let high = Signature::from_scalars(low.r(), -*low.s().as_ref()).unwrap();
    assert_ne!(low, high);
    for signature in [low, high] {
        let (r, s) = parts(&signature);
        let encoded = of_integers(&shortest(&r), &shortest(&s));
        assert_eq!(encoded, signature.to_der().as_bytes());
        assert!(key().verifies(message, &encoded));
        assert!(!key().verifies(b"simple", &encoded));
    }
}

#[test]
fn another_encoding_of_a_good_signature_is_none() {
    // One whose first number needs a zero in front, and whose second does not.
    let (message, r, s) = (0_u32..)
        .map(|number| number.to_be_bytes())
        .map(|message| (message, parts(&signature(&message))))
        .find(|(_, (r, s))| r[0] >= 0x80 && (1..0x80).contains(&s[0]))
        .map(|(message, (r, s))| (message, r, s))
        .unwrap();
    let good = of_integers(&shortest(&r), &shortest(&s));
    assert!(key().verifies(&message, &good));
    let padded = |number: &[u8]| [&[0], number].concat();
    let body = &good[2..];
    for (name, encoded) in [
        ("nothing", Vec::new()),
        ("the two numbers without a structure", [r.clone(), s.clone()].concat()),
        ("a byte behind it", [&good[..], &[0]].concat()),
        ("a byte too few", good[..good.len() - 1].to_vec()),
        ("a third number", der(0x30, &[body, &[2, 1, 1]].concat())),
        ("a byte behind the numbers", der(0x30, &[body, &[0]].concat())),
        ("a length in the long form", [&[0x30, 0x81, good[1]], body].concat()),
        ("a length without end", [&[0x30, 0x80], body, &[0, 0]].concat()),
        ("a set", der(0x31, body)),
        ("a first number that is negative", of_integers(&r, &s)),
        ("a zero too many before the first", of_integers(&padded(&padded(&r)), &s)),
        ("a zero too many before the second", of_integers(&padded(&r), &padded(&s))),
        ("a number of no bytes", of_integers(&[], &s)),
    ] {
        assert!(!key().verifies(&message, &encoded), "{name}");
    }
}

#[test]
fn numbers_outside_the_group_are_no_signature() {
    let message = b"sample";
    let (r, s) = parts(&signature(message));
    let order = hex::decode(N).unwrap();
    let above = |number: &[u8]| [&[1], number].concat();
    for (name, first, second) in [
        ("r is 0", vec![0], s.clone()),
        ("s is 0", r.clone(), vec![0]),
        ("r is the order", order.clone(), s.clone()),
        ("s is the order", r.clone(), order),
        ("all ones", vec![0xff; 32], vec![0xff; 32]),
        ("33 bytes", above(&r), s.clone()),
        ("33 bytes", r.clone(), above(&s)),
    ] {
        assert!(!key().verifies(message, &of_integers(&shortest(&first), &shortest(&second))), "{name}");
    }
}

proptest! {
    /// The judge is the crate that this one checked with before there was a choice.
    #[test]
    fn every_altered_signature_is_judged_as_the_pure_rust_crate_judges_it(
        message in prop::collection::vec(any::<u8>(), 0..200),
        at in 0_usize..72,
        flip in 0_u8..=255,
        length in 60_usize..80,
    ) {
        let mut encoded = signature(&message).to_der().as_bytes().to_vec();
        if let Some(byte) = encoded.get_mut(at) {
            *byte ^= flip;
        }
        if flip.is_multiple_of(7) {
            encoded.resize(length, 0);
        }
        let judged = Signature::from_der(&encoded).is_ok_and(|read| signer().verifying_key().verify(&message, &read).is_ok());
        prop_assert_eq!(key().verifies(&message, &encoded), judged);
    }
}
