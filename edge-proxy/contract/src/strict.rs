//! JSON that has one meaning. serde reads a struct from a list of its fields' values as well, an enum's word from an object,
//! and of a member that is named twice whatever the reader happens to take. Two readers can then see two things in the same
//! signed bytes, so whatever comes from outside is read here: an object is an object, a word is a word, and no object, known
//! or not, names a member twice. Text in what nobody asks for is text, too.

use serde::de::value::{CowStrDeserializer, StrDeserializer};
use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::borrow::Cow;
use std::fmt;

/// Reads a whole JSON text.
///
/// # Errors
/// Where it is not JSON, has another shape, or more than one meaning.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> serde_json::Result<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(Strict(&mut json))?;
    json.end()?;
    Ok(value)
}

/// Reads the same from a part of what was read here before.
///
/// # Errors
/// Where it has another shape.
pub fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> serde_json::Result<T> {
    T::deserialize(Strict(value))
}

/// Reads strictly from any format whose values tell what they are.
#[derive(Debug, Clone, Copy)]
pub struct Strict<T>(pub T);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Strict(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Strict(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Object(visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Name(word) = Name::deserialize(self.0)?;
        visitor.visit_enum(CowStrDeserializer::new(word))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<V::Value, E> {
        self.0.visit_bool(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<V::Value, E> {
        self.0.visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        self.0.visit_u64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        self.0.visit_f64(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.0.visit_str(value)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.0.visit_borrowed_str(value)
    }

    fn visit_string<E: Error>(self, value: String) -> Result<V::Value, E> {
        self.0.visit_string(value)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(some))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        Object(self.0).visit_map(members)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T::Value, D::Error> {
        self.0.deserialize(Strict(from))
    }
}

/// Takes an object and nothing else.
struct Object<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Object<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Members { members, names: Vec::new() })
    }
}

/// The members of an object, and at its end whether each was named once.
struct Members<'de, A> {
    members: A,
    names: Vec<Cow<'de, str>>,
}

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Members<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        if let Some(Name(name)) = self.members.next_key()? {
            let key = seed.deserialize(StrDeserializer::new(&name))?;
            self.names.push(name);
            return Ok(Some(key));
        }
        self.names.sort_unstable();
        let once = self.names.windows(2).all(|pair| pair[0] != pair[1]);
        if once { Ok(None) } else { Err(A::Error::custom("a member is named twice")) }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.members.next_value_seed(Strict(seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Outer {
        inner: Option<Inner>,
        #[serde(default)]
        list: Vec<Inner>,
        word: Option<crate::Operation>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Inner {
        n: u64,
    }

    fn read(text: &str) -> Result<Outer, String> {
        from_slice(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_is_an_object_and_a_word_is_a_word_however_deep() {
        let good =
            Outer { inner: Some(Inner { n: 1 }), list: vec![Inner { n: 2 }], word: Some(crate::Operation::Execute) };
        let text = r#"{"inner":{"n":1},"list":[{"n":2}],"word":"execute","more":[null,1.5,{"\u00e4":"\u00e4"}]}"#;
        assert_eq!(read(text).unwrap(), good);
        assert_eq!(from_value::<Outer>(serde_json::from_str(text).unwrap()).unwrap(), good);
        assert_eq!(read(r#"{"inner":null}"#).unwrap().inner, None);
        for bad in [
            r#"[null,[],null]"#,
            r#"{"inner":[1]}"#,
            r#"{"list":[[2]]}"#,
            r#"{"list":{"n":2}}"#,
            r#"{"word":{"execute":null}}"#,
            r#"{"inner":7}"#,
            "{}{}",
            r#"{"inner":[]}"#,
            r#"{"list":[{"n":2},[2]]}"#,
            r#"{"more":1e999}"#,
            "{\"more\":\"\u{1}\"}",
            r#"{"more":"\ud800"}"#,
            "{",
        ] {
            assert!(read(bad).is_err(), "{bad}");
            if let Ok(value) = serde_json::from_str::<Value>(bad) {
                assert!(from_value::<Outer>(value).is_err(), "{bad}");
            }
        }
        assert!(from_slice::<Outer>(b"{\"more\":\"\xff\"}").is_err(), "bytes that are no text");
    }

    #[test]
    fn a_member_that_is_named_twice_is_refused_wherever_it_stands_and_however_it_is_spelled() {
        for twice in [
            r#"{"inner":null,"inner":null}"#,
            r#"{"more":1,"more":1}"#,
            r#"{"inner":{"n":1,"n":1}}"#,
            r#"{"more":[{"a":{"b":1,"\u0062":2}}]}"#,
        ] {
            assert!(read(twice).is_err(), "{twice}");
            assert!(from_slice::<Value>(twice.as_bytes()).is_err_and(|error| error.is_data()), "{twice}");
        }
        let any = r#"{"a":[null,true,1,-2,0.5,"\u00e4"],"b":{"a":{}}}"#;
        assert_eq!(
            from_slice::<Value>(any.as_bytes()).unwrap(),
            json!({"a": [null, true, 1, -2, 0.5, "ä"], "b": {"a": {}}})
        );
        let deep = "[".repeat(10_000);
        assert!(from_slice::<Value>(deep.as_bytes()).is_err_and(|error| !error.is_data()), "its depth is bounded");
    }
}
