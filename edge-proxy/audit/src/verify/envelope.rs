//! A signed envelope as an entry holds it: an action as the platform signed it, a receipt as the proxy did.

use super::{PublicKey, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// An envelope (DSSE) whose payload was read. That it could be read says nothing about its signature.
#[derive(Debug, Clone)]
pub struct Opened {
    payload_type: String,
    bytes: Vec<u8>,
    payload: Value,
    key_id: String,
    signature: String,
}

impl Opened {
    /// Reads an envelope; `None` if it is none, or its payload is no JSON.
    #[must_use]
    pub fn of(envelope: &Value) -> Option<Self> {
        let bytes = STANDARD.decode(envelope["payload"].as_str()?).ok()?;
        let signature = &envelope["signatures"][0];
        Some(Self {
            payload_type: envelope["payloadType"].as_str()?.to_owned(),
            payload: json::any(&bytes)?,
            bytes,
            key_id: signature["keyid"].as_str()?.to_owned(),
            signature: signature["sig"].as_str()?.to_owned(),
        })
    }

    /// What was signed.
    #[must_use]
    pub const fn payload(&self) -> &Value {
        &self.payload
    }

    /// The name of the key that is said to have signed it.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Whether one of these keys, named in the envelope, has signed exactly these bytes as this type.
    #[must_use]
    pub fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        let mut named = keys.iter().filter(|key| key.id() == self.key_id);
        named.any(|key| key.has_signed(&self.payload_type, &self.bytes, &self.signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_payload_that_names_a_member_twice_is_none() {
        let opened = |payload: &str| {
            let signatures = json!([{"keyid": "k", "sig": "s"}]);
            Opened::of(&json!({"payloadType": "t", "payload": STANDARD.encode(payload), "signatures": signatures}))
        };
        assert_eq!(opened(r#"{"a":{"b":1}}"#).unwrap().payload(), &json!({"a": {"b": 1}}));
        assert!(opened(r#"{"a":{"b":1,"b":2}}"#).is_none());
    }
}
