//! What an expression yields of a payload: a value, or nothing.

use super::super::fields::{account, basename, text_of};
use super::expression::{Condition, Expression, Function, Step};
use super::table::Tables;
use serde_json::Value;
use std::borrow::Cow;

impl Expression {
    /// The value; null is nothing.
    pub(super) fn value<'a>(&self, payload: &'a Value, tables: &Tables, received_at: i64) -> Option<Cow<'a, Value>> {
        let value = match self {
            Self::Path(steps) => Cow::Borrowed(walk(payload, steps)?),
            Self::Literal(text) => Cow::Owned(Value::String(text.clone())),
            Self::Received => Cow::Owned(Value::from(received_at)),
            Self::Call { function, argument, steps } => {
                let made = apply(function, &*argument.value(payload, tables, received_at)?, tables)?;
                Cow::Owned(if steps.is_empty() { made } else { walk(&made, steps)?.clone() })
            }
            Self::Account { domain, user } => {
                let text = |part: &Self| part.value(payload, tables, received_at).and_then(|value| text_of(&value));
                Cow::Owned(Value::String(account(text(domain), text(user))?))
            }
        };
        (!value.is_null()).then_some(value)
    }

    /// The value as a text, bounded and trimmed.
    pub(super) fn text(&self, payload: &Value, tables: &Tables, received_at: i64) -> Option<String> {
        text_of(&*self.value(payload, tables, received_at)?)
    }
}

impl Condition {
    /// Whether it is true of the payload.
    pub(super) fn holds(&self, payload: &Value, tables: &Tables) -> bool {
        match (&self.wanted, self.place.value(payload, tables, 0)) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(wanted), Some(value)) => text_of(&value).as_ref() == Some(wanted),
        }
    }
}

fn walk<'a>(value: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
        Step::First { path, wanted } => value.as_array()?.iter().find(|element| {
            let member = path.iter().try_fold(*element, |value, key| value.get(key));
            member.and_then(text_of).as_ref() == Some(wanted)
        }),
    })
}

fn apply(function: &Function, argument: &Value, tables: &Tables) -> Option<Value> {
    if *function == Function::Json {
        return match argument {
            Value::String(text) => serde_json::from_str(text).ok(),
            Value::Object(_) | Value::Array(_) => Some(argument.clone()),
            _ => None,
        };
    }
    let text = text_of(argument)?;
    let made = match function {
        Function::Basename => basename(&text)?,
        Function::Unescape => text.replace("\\\\", "\\").replace("\\\"", "\""),
        Function::Pair(key) => text
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(key))
            .map(|(_, value)| value.trim().to_owned())?,
        Function::Lookup(table) => tables.find(table, &text)?.to_owned(),
        Function::Json => return None,
    };
    Some(Value::String(made))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(expression: &str, payload: &Value) -> Option<String> {
        Expression::parse(expression).unwrap().text(payload, &Tables::default(), 7)
    }

    #[test]
    fn every_form_of_a_place_is_found_or_absent() {
        let payload = json!({
            "agent": {"name": "WS-042"}, "a.b": {"c d": "dotted"}, "list": [{"k": "x", "v": 1}, {"k": "y", "v": 1_719_309_930_613_520_072_u64}],
            "deep": [{"m": {"t": 3}, "v": "three"}], "hashes": "MD5=00, SHA256=ab,IMPHASH=cd", "doubled": "C:\\\\Windows\\\\cmd.exe \\\"x\\\"",
            "inner": "{\"host\":{\"id\":\"m\"},\"list\":[1,2]}", "null": null, "domain": "CORP", "user": "svc", "upn": "svc@corp.example"
        });
        for (expression, wanted) in [
            ("agent.name", Some("WS-042")),
            ("agent.none", None),
            ("agent", None),
            ("null", None),
            ("\"a.b\".\"c d\"", Some("dotted")),
            ("list[1].v", Some("1719309930613520072")),
            ("list[2].v", None),
            ("list[?k==y].v", Some("1719309930613520072")),
            ("list[?k=='y'].v", Some("1719309930613520072")),
            ("list[?k==z].v", None),
            ("deep[?m.t==3].v", Some("three")),
            ("agent[?k==y]", None),
            ("pair(hashes, sha256)", Some("ab")),
            ("pair(hashes, SHA1)", None),
            ("unescape(doubled)", Some("C:\\Windows\\cmd.exe \"x\"")),
            ("basename('C:\\Windows\\cmd.exe')", Some("cmd.exe")),
            ("json(inner).host.id", Some("m")),
            ("json(inner).list[1]", Some("2")),
            ("json(domain).host", None),
            ("account(domain, user)", Some("CORP\\svc")),
            ("account(none, user)", Some("svc")),
            ("account(domain, upn)", Some("svc@corp.example")),
            ("account(domain, none)", None),
            ("'a default'", Some("a default")),
            ("received()", Some("7")),
            (" basename( unescape( doubled ) ) ", Some("cmd.exe \"x\"")),
        ] {
            assert_eq!(text(expression, &payload).as_deref(), wanted, "{expression}");
        }
    }

    #[test]
    fn a_condition_is_about_presence_or_an_exact_value() {
        let payload = json!({"class_uid": 2004, "word": "a b", "null": null});
        for (condition, wanted) in [
            ("class_uid", true),
            ("class_uid == 2004", true),
            ("class_uid == 2005", false),
            ("word == 'a b'", true),
            ("null", false),
            ("none == 1", false),
        ] {
            assert_eq!(Condition::parse(condition).unwrap().holds(&payload, &Tables::default()), wanted, "{condition}");
        }
    }
}
