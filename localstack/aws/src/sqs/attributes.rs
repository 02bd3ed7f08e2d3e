//! Message attributes: their limits, and the MD5 sum over them that clients compare.

use super::invalid_parameter;
use crate::wire::OperationError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The attributes of one message, by name.
pub(super) type MessageAttributes = BTreeMap<String, MessageAttribute>;

/// One attribute, as it travels: text, or bytes in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MessageAttribute {
    data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) string_value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    binary_value: Option<String>,
}

impl MessageAttribute {
    /// How its value is marked in the sum, and its bytes.
    fn value(&self) -> Result<(u8, Vec<u8>), OperationError> {
        let kind = self.data_type.split('.').next().unwrap_or_default();
        let value = match (kind, &self.string_value, &self.binary_value) {
            ("String" | "Number", Some(text), None) => Some((1, text.as_bytes().to_vec())),
            ("Binary", None, Some(encoded)) => STANDARD.decode(encoded).ok().map(|bytes| (2, bytes)),
            _ => None,
        };
        value.filter(|(_, bytes)| !bytes.is_empty()).ok_or_else(|| {
            invalid_parameter("A message attribute needs a type of String, Number or Binary and a value of that type.")
        })
    }
}

/// Checks number, names, types and values; how many bytes they add to the message.
pub(super) fn check(attributes: &MessageAttributes) -> Result<usize, OperationError> {
    if attributes.len() > 10 {
        return Err(invalid_parameter(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [10].",
            attributes.len()
        )));
    }
    attributes.iter().try_fold(0, |total, (name, attribute)| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 256 || !name.chars().all(allowed) {
            return Err(invalid_parameter("The message attribute name can contain A-Z, a-z, 0-9, _, - and period."));
        }
        Ok(total + name.len() + attribute.data_type.len() + attribute.value()?.1.len())
    })
}

/// The sum over attributes in the order of their names, hex; none for no attributes.
pub(super) fn md5_of(attributes: &MessageAttributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut input = Vec::new();
    for (name, attribute) in attributes {
        let (mark, value) = attribute.value().ok()?;
        append(&mut input, name.as_bytes());
        append(&mut input, attribute.data_type.as_bytes());
        input.push(mark);
        append(&mut input, &value);
    }
    Some(format!("{:x}", md5::compute(&input)))
}

/// The length in four bytes, then the bytes.
fn append(input: &mut Vec<u8>, bytes: &[u8]) {
    input.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    input.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::{MessageAttributes, check, md5_of};
    use serde_json::json;

    fn attributes(value: serde_json::Value) -> MessageAttributes {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_sum_is_the_documented_one() {
        // hashlib.md5 over the documented encoding, written out by hand in Python.
        let two = attributes(json!({
            "trace": {"DataType": "String", "StringValue": "abc"},
            "blob": {"DataType": "Binary.raw", "BinaryValue": "AAEC"},
        }));
        assert_eq!(md5_of(&two).unwrap(), "e085c84c71aa70cba6ac04a54d5df5c7");
        assert_eq!(md5_of(&attributes(json!({}))), None);
    }

    #[test]
    fn a_value_must_be_of_its_type() {
        for bad in [
            json!({"a": {"DataType": "String", "BinaryValue": "AAEC"}}),
            json!({"a": {"DataType": "String", "StringValue": ""}}),
            json!({"a": {"DataType": "Binary", "BinaryValue": "not base64!"}}),
            json!({"a b": {"DataType": "String", "StringValue": "x"}}),
        ] {
            assert!(check(&attributes(bad.clone())).is_err(), "{bad}");
        }
        assert_eq!(check(&attributes(json!({"ab": {"DataType": "Number", "StringValue": "12"}}))).unwrap(), 2 + 6 + 2);
    }
}
