//! Of a body with several alerts, each alert's own part: the document with only this alert's element in the list that
//! holds them all. Found by the alert's own id, so that no adapter has to keep track, and only where there is no doubt.

use std::ops::Range;

/// How much around the list goes with each alert, in bytes.
const MOST_AROUND: usize = 4_096;
/// How deep in objects a list of alerts is looked for.
const DEEPEST: usize = 4;

/// Each alert's own part of the document, by the vendor's ids of the alerts in it. `None` if it cannot be told apart
/// without doubt: then the whole document is each one's evidence.
///
/// A list counts if every id is in exactly one of its elements, and no two ids are in the same.
#[must_use]
pub fn own_parts(document: &str, raw_ids: &[&str]) -> Option<Vec<String>> {
    if raw_ids.len() < 2 {
        return None;
    }
    let needles: Vec<[String; 2]> = raw_ids
        .iter()
        .map(|id| [serde_json::to_string(id).expect("a string is always JSON"), (*id).to_owned()])
        .collect();
    lists(document).into_iter().find_map(|elements| {
        let mut owners = Vec::with_capacity(needles.len());
        for [literal, bare] in &needles {
            let mut of_this = elements.iter().filter(|element| {
                let element = &document[(*element).clone()];
                element.contains(literal.as_str()) || is_number(bare) && has_number(element, bare)
            });
            let (Some(element), None) = (of_this.next(), of_this.next()) else { return None };
            if owners.contains(&element) {
                return None;
            }
            owners.push(element);
        }
        let (first, last) = (elements.first()?.start, elements.last()?.end);
        // What is around the list goes with each alert, unless that would multiply much.
        let (first, last) =
            if first + document.len() - last <= MOST_AROUND { (first, last) } else { (0, document.len()) };
        let part = |element: &Range<usize>| {
            format!("{}{}{}", &document[..first], &document[element.clone()], &document[last..])
        };
        Some(owners.into_iter().map(part).collect())
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the number stands there by itself.
fn has_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let is_part =
            |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b".\"_-".contains(byte));
        !is_part(text.as_bytes()[..at].last()) && !is_part(text.as_bytes().get(at + number.len()))
    })
}

/// The elements of every list of at least two that is reached through objects alone.
fn lists(document: &str) -> Vec<Vec<Range<usize>>> {
    struct Open {
        is_list: bool,
        /// Where the present element began.
        start: usize,
        elements: Vec<Range<usize>>,
    }
    let bytes = document.as_bytes();
    let mut open: Vec<Open> = Vec::new();
    let mut found = Vec::new();
    let trimmed = |start: usize, end: usize| {
        let text = &document[start..end];
        let lead = text.len() - text.trim_start().len();
        start + lead..start + lead + text.trim().len()
    };
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            bracket @ (b'{' | b'[') => {
                open.push(Open { is_list: bracket == b'[', start: at + 1, elements: Vec::new() })
            }
            b',' => {
                if let Some(inner) = open.last_mut().filter(|inner| inner.is_list) {
                    inner.elements.push(trimmed(inner.start, at));
                    inner.start = at + 1;
                }
            }
            b'}' | b']' => {
                if let Some(mut inner) = open.pop()
                    && inner.is_list
                {
                    inner.elements.push(trimmed(inner.start, at));
                    let is_reached = open.len() < DEEPEST && open.iter().all(|outer| !outer.is_list);
                    if inner.elements.len() > 1 && is_reached {
                        found.push(inner.elements);
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::own_parts;

    #[test]
    fn each_alert_has_its_own_element_with_what_is_around_all_of_them() {
        let document =
            r#"{ "tags": ["a","b"], "value": [ {"id":"a-1","n":[1,2]}, {"id":"a-2","x":"],}\""} ], "sent": 1.0 }"#;
        let parts = own_parts(document, &["a-2", "a-1"]).unwrap();
        assert_eq!(parts[0], r#"{ "tags": ["a","b"], "value": [ {"id":"a-2","x":"],}\""} ], "sent": 1.0 }"#);
        assert_eq!(parts[1], r#"{ "tags": ["a","b"], "value": [ {"id":"a-1","n":[1,2]} ], "sent": 1.0 }"#);
        let numbers = own_parts("[{\"id\":12},{\"id\":123}]", &["12", "123"]).unwrap();
        assert_eq!(numbers, ["[{\"id\":12}]", "[{\"id\":123}]"]);
    }

    #[test]
    fn much_around_them_is_not_multiplied() {
        let document = format!(r#"{{"value":[{{"id":"a"}},{{"id":"b"}}],"about":"{}"}}"#, "x".repeat(5_000));
        assert_eq!(own_parts(&document, &["a", "b"]).unwrap(), [r#"{"id":"a"}"#, r#"{"id":"b"}"#]);
    }

    #[test]
    fn where_there_is_doubt_nothing_is_taken_apart() {
        let both = r#"[{"id":"a","see":"b"},{"id":"b"}]"#;
        assert_eq!(own_parts(both, &["a", "b"]), None, "an id in two elements");
        assert_eq!(own_parts(r#"[{"ids":["a","b"]},{"id":"c"}]"#, &["a", "b"]), None, "two ids in one element");
        assert_eq!(own_parts(r#"[{"id":"a"},{"id":"c"}]"#, &["a", "b"]), None, "an id in none");
        assert_eq!(own_parts(r#"[[{"id":"a"},{"id":"b"}]]"#, &["a", "b"]), None, "a list in a list");
        assert_eq!(own_parts(r#"{"id":"a"}"#, &["a"]), None, "one alert");
        for broken in ["", "[", "]", "{\"", "[{\"id\":\"a\"},", ",,,]]"] {
            assert_eq!(own_parts(broken, &["a", "b"]), None, "{broken}");
        }
    }
}
