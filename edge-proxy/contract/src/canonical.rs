//! Canonical JSON: one value, one byte string.
//!
//! Object keys sorted by their UTF-8 bytes (the same as by code point), no white space, strings unescaped except `"`, `\`
//! and the control characters below U+0020, integers only. Floats have no canonical form and are refused.
//!
//! Python's `json.dumps(v, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` gives the same bytes.

use serde::Serialize;
use serde_json::{Map, Value};

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// A number with a fraction or an exponent, at the path given.
    #[error("a float has no canonical form (at {0})")]
    Float(String),
    /// The value could not be turned into JSON at all.
    #[error("value is not representable as JSON")]
    Json(#[from] serde_json::Error),
}

/// The canonical bytes of anything serialisable.
///
/// # Errors
/// [`CanonicalError`] for floats, non-string map keys and the like.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let value = serde_json::to_value(value)?;
    let mut out = Vec::with_capacity(256);
    write(&value, &mut out).map_err(|error| error.within("$"))?;
    Ok(out)
}

/// Appends the canonical bytes of an object to `out`. After an error `out` ends in part of them.
///
/// # Errors
/// [`CanonicalError`] for floats.
pub fn append_object(object: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    write_object(object, out).map_err(|error| error.within("$"))
}

impl CanonicalError {
    /// The same, seen from one level further out.
    fn within(self, step: &str) -> Self {
        match self {
            Self::Float(path) => Self::Float(format!("{step}{path}")),
            other @ Self::Json(_) => other,
        }
    }
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Number(number) if !(number.is_i64() || number.is_u64()) => Err(CanonicalError::Float(String::new())),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out).map_err(|error| error.within(&format!("[{index}]")))?;
            }
            out.push(b']');
            Ok(())
        }
        Value::Object(map) => write_object(map, out),
        scalar => Ok(serde_json::to_writer(out, scalar)?),
    }
}

fn write_object(map: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    // Sorted here, not by trusting the map: a feature of serde_json switched on elsewhere would change its order.
    let mut members: Vec<(&String, &Value)> = map.iter().collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    out.push(b'{');
    for (index, (key, member)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, key)?;
        out.push(b':');
        write(member, out).map_err(|error| error.within(&format!(".{key}")))?;
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::to_bytes;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn keys_are_sorted_and_text_is_left_alone() {
        let value = json!({"b": 1, "a": [true, null, "é\u{1F600}\"\\\n\u{1}"], "A": {"z": -1, "y": 18_446_744_073_709_551_615_u64}});
        assert_eq!(
            String::from_utf8(to_bytes(&value).unwrap()).unwrap(),
            "{\"A\":{\"y\":18446744073709551615,\"z\":-1},\"a\":[true,null,\"é😀\\\"\\\\\\n\\u0001\"],\"b\":1}"
        );
    }

    #[test]
    fn floats_are_refused_with_their_path() {
        let error = to_bytes(&json!({"a": [{"b": 1.5}]})).unwrap_err().to_string();
        assert!(error.contains("$.a[0].b"), "{error}");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn parsing_and_writing_again_changes_nothing(value in value()) {
            let bytes = to_bytes(&value).unwrap();
            let parsed: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&parsed, &value);
            prop_assert_eq!(to_bytes(&parsed).unwrap(), bytes);
        }
    }
}
