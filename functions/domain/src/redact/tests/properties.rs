//! What holds for any text and any document.

use super::*;

fn pieces() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = vec![
        "password",
        "--password",
        "-p",
        "=",
        ":",
        " ",
        "  ",
        "\"",
        "'",
        "\\\"",
        "\\",
        "mysql",
        "net user",
        "net use",
        "curl",
        "-u",
        "a:b",
        "token",
        "$x",
        "[redacted:password]",
        "[redacted:token]",
        "[redacted:",
        "]",
        "://",
        "@",
        "Authorization: ",
        "Bearer ",
        "eyJaaaaaa.eyJbbbb.c",
        "hunter2",
        "ghp_aaaaaaaaaaaaaaaaaaaaaaaa",
        ";",
        "&",
        ",",
        "|",
        "\n",
        "é",
        "{",
        "}",
        "(",
        ")",
        "/p",
        "/",
        "x",
        "1",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "secret",
        "pwd",
        "api_key",
        "<",
        ">",
        "sshpass",
        "echo ",
        "chpasswd",
        "a@b.cd",
    ];
    proptest::collection::vec(proptest::sample::select(words), 0..14).prop_map(|words| words.concat())
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        pieces().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(
                prop_oneof![pieces(), Just("name".to_owned()), Just("value".to_owned())],
                inner,
                0..6
            )
            .prop_map(|members| json!(members)),
        ]
    })
}

/// Whether two documents differ in strings (and passwords that were numbers) only.
fn same_shape(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len(),
        (Value::String(_) | Value::Number(_), Value::String(_)) => true,
        (a, b) => a == b,
    }
}

#[test]
fn what_a_mark_makes_readable_is_redacted_at_once() {
    let document = json!(["Authorization: ", "\\-----BEGIN PRIVATE KEY-----"]).to_string();
    assert_eq!(kept().json(&document).unwrap(), r#"["Authorization: ","[redacted:token]"]"#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn redacting_twice_changes_nothing(text in pieces()) {
        let redactor = Redactor::new(Personal::Emails);
        let once = redactor.text(&text).into_owned();
        prop_assert_eq!(redactor.text(&once), once.as_str(), "of {:?}", text);
    }

    #[test]
    fn any_text_is_taken(text in ".{0,120}") {
        let once = kept().text(&text).into_owned();
        prop_assert_eq!(kept().text(&once), once.as_str());
    }

    #[test]
    fn a_document_stays_one_and_redacting_it_twice_changes_nothing(value in document()) {
        let text = value.to_string();
        let once = kept().json(&text).unwrap();
        let parsed: Value = serde_json::from_str(&once).unwrap();
        prop_assert!(same_shape(&value, &parsed), "{} {}", text, once);
        prop_assert_eq!(kept().json(&once).unwrap(), once.as_str(), "of {}", text);
    }

    #[test]
    fn a_string_that_is_json_itself_stays_json(value in document()) {
        let text = value.to_string();
        let redacted = kept().text(&text).into_owned();
        prop_assert!(serde_json::from_str::<Value>(&redacted).is_ok(), "{} became {}", text, redacted);
    }

    #[test]
    fn a_random_password_in_a_known_place_is_gone(password in "[A-Za-z0-9!@%^*_+~]{6,20}[0-9]") {
        for template in ["mysql -p{}", "net user svc {} /add", "curl -u bot:{} https://x", "PGPASSWORD={} psql", "x --password {}", "x /pass:{}", "Password={};x=y", "postgres://u:{}@h/d"] {
            let text = template.replace("{}", &password);
            let redacted = kept().text(&text).into_owned();
            prop_assert!(!redacted.contains(&password), "{}", redacted);
        }
    }
}
