//! JSON inside a text, with objects that stand elsewhere in it: `{"$id":"2",...}` is the object, `{"$ref":"2"}` means it.

use super::super::fields::text_of;
use serde_json::Value;
use std::collections::HashMap;

/// An embedded document with its links.
#[derive(Debug)]
pub(super) struct Linked {
    document: Value,
}

impl Linked {
    /// The document in `value`: a text that holds one, or one already. Anything else is an empty one.
    pub(super) fn parse(value: Option<&Value>) -> Self {
        let document = match value {
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
            Some(value @ (Value::Object(_) | Value::Array(_))) => value.clone(),
            _ => Value::Null,
        };
        Self { document }
    }

    /// The text at a path of keys, following a link at every step.
    pub(super) fn text(&self, path: &[&str]) -> Option<String> {
        let mut targets = HashMap::new();
        collect(&self.document, &mut targets);
        let found = path.iter().try_fold(&self.document, |value, key| resolve(value, &targets).get(key))?;
        text_of(resolve(found, &targets))
    }

    /// The first text of a document that is a list.
    pub(super) fn first(&self) -> Option<String> {
        self.document.as_array()?.iter().find_map(text_of)
    }
}

fn collect<'a>(value: &'a Value, targets: &mut HashMap<&'a str, &'a Value>) {
    match value {
        Value::Object(object) => {
            if let Some(id) = object.get("$id").and_then(Value::as_str) {
                targets.insert(id, value);
            }
            object.values().for_each(|value| collect(value, targets));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, targets)),
        _ => {}
    }
}

/// What a link means; a link to a link is followed once, so two that mean each other end.
fn resolve<'a>(value: &'a Value, targets: &HashMap<&'a str, &'a Value>) -> &'a Value {
    value.get("$ref").and_then(Value::as_str).and_then(|id| targets.get(id).copied()).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_link_is_followed_wherever_its_object_stands() {
        let text = r#"{"$id":"1","ImageFile":{"$id":"2","Host":{"$ref":"3"}},"Host":{"$id":"3","MachineId":"m","HostName":"WS-042"}}"#;
        let linked = Linked::parse(Some(&json!(text)));
        assert_eq!(linked.text(&["ImageFile", "Host", "MachineId"]).as_deref(), Some("m"));
        assert_eq!(linked.text(&["Host", "HostName"]).as_deref(), Some("WS-042"));
    }

    #[test]
    fn circles_dangling_links_and_other_texts_are_absent() {
        let circle = json!(r#"{"A":{"$id":"1","$ref":"2"},"B":{"$id":"2","$ref":"1"}}"#);
        assert_eq!(Linked::parse(Some(&circle)).text(&["A", "B", "C"]), None);
        assert_eq!(Linked::parse(Some(&json!(r#"{"A":{"$ref":"9"}}"#))).text(&["A", "B"]), None);
        for value in [json!("not json"), json!(5), json!(null)] {
            assert_eq!(Linked::parse(Some(&value)).text(&["A"]), None);
        }
        assert_eq!(Linked::parse(None).first(), None);
        assert_eq!(Linked::parse(Some(&json!(r#"["a","b"]"#))).first().as_deref(), Some("a"));
    }
}
