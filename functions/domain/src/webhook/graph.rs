//! Microsoft Graph's change notifications: each item of the body's `value` repeats the `clientState` that was given when
//! its subscription was made. The secret stands in the body, so it is looked for in the raw bytes, and only after every
//! item has proved itself is anything parsed.
//!
//! A `clientState` proves who knows it and nothing about the rest of the body.

use super::scan::Cursor;
use super::{Slots, mac};

/// The longest `clientState` that Graph takes, in characters.
pub const MAX_CLIENT_STATE: usize = 128;
/// The most items of one body. Graph sends far fewer.
const MAX_ITEMS: usize = 1_000;
/// The longest validation token, in bytes. Real ones have about 150.
const MAX_TOKEN: usize = 2_048;

/// Whether the body is a batch of notifications of which each has one of the secrets.
pub(super) fn verifies<S: AsRef<[u8]>>(secrets: &Slots<S>, body: &[u8]) -> bool {
    let states = client_states(body).unwrap_or_default();
    let [current, previous] = secrets.keys();
    let mut proven = !states.is_empty();
    for state in &states {
        proven &= mac::same(current, Some(state)) | mac::same(previous, Some(state));
    }
    if states.is_empty() {
        // A body without any costs what a body with one does.
        std::hint::black_box(mac::same(current, None) | mac::same(previous, None));
    }
    proven
}

/// The `clientState` of every item in `value`. `None` if an item has none, or two, or one that is escaped or too long, if
/// there are two `value`s, or if this is no JSON object. Where a parser could see a key that this does not, because the
/// key has escapes, it is `None` too.
fn client_states(body: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found: Option<Vec<&[u8]>> = None;
    let mut cursor = Cursor::new(body);
    cursor.members(|key, cursor| {
        match plain(key)? {
            b"value" if found.is_some() => return None,
            b"value" => {
                let mut states = Vec::new();
                cursor.items(|cursor| {
                    states.push(client_state(cursor)?);
                    (states.len() <= MAX_ITEMS).then_some(())
                })?;
                found = Some(states);
            }
            _ => cursor.skip_value()?,
        }
        Some(())
    })?;
    found.filter(|_| cursor.is_done())
}

fn client_state<'a>(item: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let mut found = None;
    item.members(|key, item| {
        match plain(key)? {
            b"clientState" if found.is_some() => return None,
            b"clientState" => {
                let state = plain(item.string()?)?;
                found = Some(state).filter(|state| (1..=MAX_CLIENT_STATE).contains(&state.len()));
                found?;
            }
            _ => item.skip_value()?,
        }
        Some(())
    })?;
    found
}

/// A string without escapes.
fn plain(string: &[u8]) -> Option<&[u8]> {
    (!string.contains(&b'\\')).then_some(string)
}

/// The answer to the request by which Graph checks a new subscription's address: the decoded `validationToken`, as it came,
/// if it is visible ASCII (and spaces) and no longer than any real one.
#[must_use]
pub fn validation_answer(token: &str) -> Option<&str> {
    let is_token = (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    is_token.then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const STATE: &str = "4c1d2a7be0f94c55a1c7";

    fn verify(body: &str) -> bool {
        let secrets = Slots { current: Some(STATE), previous: Some("the-one-before-it") };
        verifies(&secrets, body.as_bytes())
    }

    #[test]
    fn every_item_must_prove_itself_with_either_secret() {
        let item =
            |state: &str| format!(r#"{{"subscriptionId":"1","clientState":"{state}","resourceData":{{"id":"x"}}}}"#);
        let body = |items: &[String]| format!(r#"{{ "value" : [{}], "validationTokens": ["a"] }}"#, items.join(" , "));
        assert!(verify(&body(&[item(STATE)])));
        assert!(verify(&body(&[item(STATE), item("the-one-before-it")])));
        assert!(!verify(&body(&[item(STATE), item("guessed")])));
        assert!(!verify(&body(&[item(STATE), r#"{"subscriptionId":"2"}"#.to_owned()])));
        assert!(!verify(&body(&[item(STATE), "1".to_owned()])));
        assert!(!verify(&body(&[])));
        assert!(!verify(&body(&[item(&STATE[1..])])));
    }

    #[test]
    fn what_a_parser_could_read_otherwise_is_refused() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"value":{}}"#,
            &format!(r#"{{"value":[{{"clientState":"{STATE}"}}]"#),
            &format!(r#"{{"value":[{{"clientState":"{STATE}"}}]}} x"#),
            &format!(r#"[{{"value":[{{"clientState":"{STATE}"}}]}}]"#),
            &format!(r#"{{"clientState":"{STATE}"}}"#),
            &format!(r#"{{"value":[{{"nested":{{"clientState":"{STATE}"}}}}]}}"#),
            &format!(r#"{{"value":[{{"text":"\"clientState\":\"{STATE}\""}}]}}"#),
            &format!(r#"{{"value":[{{"clientState":"{STATE}"}}],"value":[{{"id":"forged"}}]}}"#),
            &format!(r#"{{"value":[{{"clientState":"{STATE}"}}],"v\u0061lue":[{{"id":"forged"}}]}}"#),
            &format!(r#"{{"value":[{{"clientState":"x","clientState":"{STATE}"}}]}}"#),
            &format!(r#"{{"value":[{{"clientState":"{STATE}","client\u0053tate":"x"}}]}}"#),
            &format!(r#"{{"value":[{{"clientState":"\u0034{}"}}]}}"#, &STATE[1..]),
            &format!(r#"{{"value":[{{"clientState":["{STATE}"]}}]}}"#),
            r#"{"value":[{"clientState":""}]}"#,
            r#"{"value":[{"clientState":null}]}"#,
        ] {
            assert!(!verify(body), "{body}");
        }
        let nobody = Slots::<&str>::default();
        assert!(!verifies(&nobody, br#"{"value":[{"clientState":""}]}"#));
        let item = format!(r#"{{"clientState":"{STATE}"}},"#).repeat(MAX_ITEMS);
        assert!(verify(&format!(r#"{{"value":[{}]}}"#, item.trim_end_matches(','))));
        assert!(!verify(&format!(r#"{{"value":[{item}{{"clientState":"{STATE}"}}]}}"#)));
    }

    #[test]
    fn a_validation_token_comes_back_as_it_is_or_not_at_all() {
        let token = "Validation: Testing client application reachability for subscription Request-Id: 0a1b-2c";
        assert_eq!(validation_answer(token), Some(token));
        assert!(validation_answer(&"x".repeat(MAX_TOKEN)).is_some());
        for bad in ["", "a\r\nX-Injected: 1", "caf\u{e9}", "\0", &"x".repeat(MAX_TOKEN + 1)] {
            assert_eq!(validation_answer(bad), None, "{bad:?}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let word = prop::sample::select(vec!["value", "clientState", STATE, "id", "x\"y", "\\", "é"]);
        let leaf =
            prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), word.clone().prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec((word.clone(), inner), 0..4)
                    .prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        /// Over documents without repeated keys the scanner and a parser agree.
        #[test]
        fn the_scanner_sees_what_a_parser_sees(document in any_json(), items in prop::collection::vec(any_json(), 0..3)) {
            for document in [document, json!({ "value": items })] {
                let state = |item: &Value| item["clientState"].as_str().map(str::to_owned);
                let escaped = |key: &str| key.contains(['"', '\\']);
                let scannable = document.as_object().is_some_and(|document| {
                    document.keys().all(|key| !escaped(key))
                        && document.get("value").and_then(Value::as_array).is_some_and(|items| {
                            items.iter().all(|item| item.as_object().is_some_and(|item| item.keys().all(|key| !escaped(key))))
                        })
                });
                let parsed: Option<Vec<String>> = document["value"].as_array().map(Vec::as_slice).unwrap_or_default()
                    .iter().map(state).collect();
                let parsed = parsed.filter(|states| scannable && states.iter().all(|state| !escaped(state)));
                let text = document.to_string();
                let scanned: Option<Vec<String>> = client_states(text.as_bytes())
                    .map(|states| states.iter().map(|state| String::from_utf8_lossy(state).into_owned()).collect());
                prop_assert_eq!(scanned, parsed, "{}", text);
            }
        }

        #[test]
        fn any_bytes_are_scanned_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = client_states(&body);
        }
    }
}
