//! Did Discord sign these bytes just now?

use axum::body::Body;
use axum::http::Request;
use ed25519_dalek::{Signer as _, SigningKey};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt as _;
use vyrox_interactions::{Interactions, router};
use vyrox_platform::aws::Clients;
use vyrox_platform::clock::ManualClock;
use vyrox_platform::config::{self, Aws};

const NOW: i64 = 1_800_000_000;
const PING: &[u8] = br#"{"id":"1","application_id":"1","type":1,"version":1,"token":"t"}"#;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn sign(key: &SigningKey, timestamp: &str, body: &[u8]) -> String {
    hex::encode(key.sign(&[timestamp.as_bytes(), body].concat()).to_bytes())
}

/// Posts to a function that can reach nothing: port 9 of loopback, where nobody listens. So nothing was looked up.
async fn post(headers: &[(&str, &str)], body: &[u8]) -> (u16, Vec<u8>) {
    let aws = Aws::local("http://127.0.0.1:9");
    let config = config::Interactions {
        table: "none".to_owned(),
        secrets_key_id: "none".to_owned(),
        cards_queue_url: "http://127.0.0.1:9/cards".to_owned(),
        commands_queue_url: "http://127.0.0.1:9/commands".to_owned(),
        actions_queue_url: "http://127.0.0.1:9/actions".to_owned(),
        application_id: "1".parse().unwrap(),
        public_keys: vec![SigningKey::from_bytes(&[4; 32]).verifying_key(), key().verifying_key()],
        aws: aws.clone(),
    };
    let function = Interactions::new(&Clients::new(&aws), &config, Arc::new(ManualClock::at(NOW)));
    let mut request = Request::post("/interactions");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_vec())).unwrap();
    let response = router(Arc::new(function)).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
}

async fn signed(timestamp: &str, signature: &str, body: &[u8]) -> (u16, Vec<u8>) {
    post(&[("x-signature-ed25519", signature), ("x-signature-timestamp", timestamp)], body).await
}

/// 401 with an empty body.
const REFUSED: (u16, Vec<u8>) = (401, Vec::new());

#[tokio::test]
async fn ping_is_answered_with_the_table_down() {
    let now = NOW.to_string();
    assert_eq!(signed(&now, &sign(&key(), &now, PING), PING).await, (200, br#"{"type":1}"#.to_vec()));
}

#[tokio::test]
async fn either_of_two_keys_signs_during_a_rotation() {
    let now = NOW.to_string();
    let other = SigningKey::from_bytes(&[4; 32]);
    assert_eq!(signed(&now, &sign(&other, &now, PING), PING).await.0, 200);
}

#[tokio::test]
async fn upper_case_hex_is_taken() {
    let now = NOW.to_string();
    assert_eq!(signed(&now, &sign(&key(), &now, PING).to_uppercase(), PING).await.0, 200);
}

#[tokio::test]
async fn a_missing_signature_is_401() {
    assert_eq!(post(&[("x-signature-timestamp", "1800000000")], PING).await, REFUSED);
}

#[tokio::test]
async fn a_missing_timestamp_is_401() {
    let signature = sign(&key(), &NOW.to_string(), PING);
    assert_eq!(post(&[("x-signature-ed25519", &signature)], PING).await, REFUSED);
}

#[tokio::test]
async fn a_signature_given_twice_is_401() {
    let now = NOW.to_string();
    let signature = sign(&key(), &now, PING);
    let twice = [
        ("x-signature-ed25519", signature.as_str()),
        ("x-signature-ed25519", &signature),
        ("x-signature-timestamp", &now),
    ];
    assert_eq!(post(&twice, PING).await, REFUSED);
}

#[tokio::test]
async fn a_timestamp_given_twice_is_401() {
    let now = NOW.to_string();
    let signature = sign(&key(), &now, PING);
    let twice =
        [("x-signature-ed25519", signature.as_str()), ("x-signature-timestamp", &now), ("x-signature-timestamp", &now)];
    assert_eq!(post(&twice, PING).await, REFUSED);
}

#[tokio::test]
async fn a_short_signature_is_401() {
    let now = NOW.to_string();
    assert_eq!(signed(&now, &sign(&key(), &now, PING)[..126], PING).await, REFUSED);
}

#[tokio::test]
async fn a_signature_of_odd_length_is_401() {
    let now = NOW.to_string();
    assert_eq!(signed(&now, &sign(&key(), &now, PING)[..127], PING).await, REFUSED);
}

#[tokio::test]
async fn a_long_signature_is_401() {
    let now = NOW.to_string();
    assert_eq!(signed(&now, &format!("{}00", sign(&key(), &now, PING)), PING).await, REFUSED);
}

#[tokio::test]
async fn a_signature_with_a_space_is_401() {
    let now = NOW.to_string();
    let signature = sign(&key(), &now, PING);
    assert_eq!(signed(&now, &format!("{} {}", &signature[..64], &signature[64..]), PING).await, REFUSED);
}

#[tokio::test]
async fn a_signature_that_is_no_hex_is_401() {
    assert_eq!(signed(&NOW.to_string(), &"zz".repeat(64), PING).await, REFUSED);
}

#[tokio::test]
async fn a_flipped_bit_of_the_signature_is_401() {
    let now = NOW.to_string();
    let good = key().sign(&[now.as_bytes(), PING].concat()).to_bytes();
    for bit in [0, 100, 255, 256, 400, 511] {
        let mut bytes = good;
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(signed(&now, &hex::encode(bytes), PING).await, REFUSED, "bit {bit}");
    }
}

#[tokio::test]
async fn a_flipped_bit_of_the_body_is_401() {
    let now = NOW.to_string();
    let signature = sign(&key(), &now, PING);
    let mut body = PING.to_vec();
    body[10] ^= 1;
    assert_eq!(signed(&now, &signature, &body).await, REFUSED);
}

#[tokio::test]
async fn a_body_with_one_byte_more_is_401() {
    let now = NOW.to_string();
    let signature = sign(&key(), &now, PING);
    assert_eq!(signed(&now, &signature, &[PING, b" "].concat()).await, REFUSED);
}

#[tokio::test]
async fn the_same_json_written_otherwise_is_401() {
    let now = NOW.to_string();
    let signature = sign(&key(), &now, PING);
    let value: Value = serde_json::from_slice(PING).unwrap();
    let again = serde_json::to_vec_pretty(&value).unwrap();
    assert_eq!(signed(&now, &signature, &again).await, REFUSED);
}

#[tokio::test]
async fn a_timestamp_five_minutes_and_a_second_off_is_401() {
    for (offset, status) in [(-301, 401), (-300, 200), (300, 200), (301, 401)] {
        let timestamp = (NOW + offset).to_string();
        assert_eq!(signed(&timestamp, &sign(&key(), &timestamp, PING), PING).await.0, status, "{offset} s");
    }
}

#[tokio::test]
async fn another_timestamp_than_the_signed_one_is_401() {
    let signature = sign(&key(), &NOW.to_string(), PING);
    assert_eq!(signed(&(NOW + 1).to_string(), &signature, PING).await, REFUSED);
}

#[tokio::test]
async fn a_timestamp_that_is_no_number_is_401() {
    for timestamp in ["", "soon", "-9223372036854775808", "99999999999999999999"] {
        assert_eq!(signed(timestamp, &sign(&key(), timestamp, PING), PING).await, REFUSED, "{timestamp}");
    }
}

#[tokio::test]
async fn another_key_is_401() {
    let now = NOW.to_string();
    assert_eq!(signed(&now, &sign(&SigningKey::from_bytes(&[5; 32]), &now, PING), PING).await, REFUSED);
}

#[tokio::test]
async fn a_body_over_256_kib_is_401() {
    let now = NOW.to_string();
    let body = vec![b' '; 256 * 1024 + 1];
    assert_eq!(signed(&now, &sign(&key(), &now, &body), &body).await, REFUSED);
}

#[tokio::test]
async fn signed_bytes_that_are_no_interaction_are_answered_with_200() {
    let now = NOW.to_string();
    for body in [&b"no json"[..], b"{}", br#"{"type":"3"}"#, br#"{"type":3}"#] {
        let (status, answer) = signed(&now, &sign(&key(), &now, body), body).await;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((status, &answer["type"]), (200, &json!(4)), "{}", String::from_utf8_lossy(body));
    }
}

#[tokio::test]
async fn an_interaction_of_an_unknown_type_is_answered_with_200() {
    let now = NOW.to_string();
    let body = br#"{"id":"2","application_id":"1","type":77,"token":"t","guild_id":"3","channel_id":"4"}"#;
    let (status, answer) = signed(&now, &sign(&key(), &now, body), body).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, &answer["type"], &answer["data"]["flags"]), (200, &json!(4), &json!(64)));
}

/// The event of an HTTP API whose body is base64: the bytes are those that were signed.
#[tokio::test]
async fn a_body_in_base64_is_the_body() {
    use base64::Engine as _;
    let now = NOW.to_string();
    let template = include_str!("../../events/lambda/interactions.json");
    let mut event: Value = serde_json::from_str(template).unwrap();
    event["body"] = json!(base64::engine::general_purpose::STANDARD.encode(PING));
    event["isBase64Encoded"] = json!(true);
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    let body = request.body().to_vec();
    assert_eq!(body, PING);
    assert_eq!(signed(&now, &sign(&key(), &now, &body), &body).await.0, 200);
}
