//! Reading a vendor's answer.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Value};

/// An answer, if all of it is JSON and it is an object, and an object wherever one is documented. What nobody asks for is
/// read as well: a body with bytes in it that are no text, or with half a character, is not the vendor's, and nothing else
/// that it says is believed.
///
/// # Errors
/// Where it is not JSON, or has another shape.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let body: Map<String, Value> = serde_json::from_slice(bytes)?;
    T::deserialize(Shape(Value::Object(body)))?;
    // From the bytes, where a name that comes twice is an error and not the last one.
    serde_json::from_slice(bytes)
}

/// A value that is no type of ours unless it is an object: they could be read from a list of their fields, too.
struct Shape(Value);

impl<'de> Deserializer<'de> for Shape {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Self))),
            Value::Object(members) => {
                visitor.visit_map(MapDeserializer::new(members.into_iter().map(|(name, value)| (name, Self(value)))))
            }
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.0.is_object() { self.deserialize_any(visitor) } else { Err(Error::custom(name)) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Shape {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    struct Affected {
        affected: u64,
    }

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    struct Body {
        data: Option<Affected>,
        more: Option<Vec<Affected>>,
    }

    #[test]
    fn what_is_passed_over_has_to_be_json_too() {
        assert_eq!(read::<Affected>(br#"{"affected":1,"more":"\u00e9"}"#).unwrap(), Affected { affected: 1 });
        for body in [
            &b"{\"affected\":1,\"more\":\"\xff\"}"[..],
            br#"{"affected":1,"more":"\ud800"}"#,
            br#"{"affected":1,"more":1e999}"#,
            b"[1]",
        ] {
            assert!(read::<Affected>(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn a_list_of_fields_is_no_object_however_deep_and_a_name_comes_once() {
        let one = || Some(Affected { affected: 1 });
        let whole = read::<Body>(br#"{"data":{"affected":1,"x":[[1]]},"more":[{"affected":1}]}"#).unwrap();
        assert_eq!(whole, Body { data: one(), more: Some(one().into_iter().collect()) });
        assert_eq!(read::<Body>(br#"{"data":null}"#).unwrap(), Body { data: None, more: None });
        for body in [
            r#"{"data":[1]}"#,
            r#"{"data":[]}"#,
            r#"{"more":[[1]]}"#,
            r#"{"more":[{"affected":1},[1]]}"#,
            r#"{"more":{"affected":1}}"#,
            r#"{"data":{"affected":0,"affected":1}}"#,
        ] {
            assert!(read::<Body>(body.as_bytes()).is_err(), "{body}");
        }
    }
}
