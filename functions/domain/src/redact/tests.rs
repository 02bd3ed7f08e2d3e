mod examples;
mod properties;

use super::*;
use examples::{KEPT, REDACTED};
use proptest::prelude::*;
use serde_json::{Value, json};

fn kept() -> Redactor {
    Redactor::new(Personal::Kept)
}

#[test]
fn secrets_are_replaced_and_the_rest_stays_readable() {
    let wrong: Vec<String> = REDACTED
        .iter()
        .filter_map(|(text, expected)| {
            let redacted = kept().text(text);
            (redacted != *expected).then(|| format!("{text}\n   got {redacted}\n  want {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), REDACTED.len(), wrong.join("\n"));
}

#[test]
fn ports_paths_file_names_and_prose_are_evidence() {
    let wrong: Vec<String> = KEPT
        .iter()
        .filter_map(|text| {
            let redacted = kept().text(text);
            (redacted != *text).then(|| format!("{text}\n   got {redacted}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), KEPT.len(), wrong.join("\n"));
}

#[test]
fn addresses_of_people_are_taken_out_only_on_request() {
    let text = "mail from eve.adams@mail.example.org to CORP\\eve";
    assert_eq!(kept().text(text), text);
    assert_eq!(Redactor::new(Personal::Emails).text(text), "mail from [redacted:email] to CORP\\eve");
}

#[test]
fn a_document_keeps_its_shape_its_order_and_its_digits() {
    let document = concat!(
        r#"{ "pid": 18446744073709551616, "score": 0.10, "e": 1E5, "token": "abc", "cmd": "mysql -pS3cret \"x\"","#,
        "\n \"env\": [ {\"name\":\"DB_PASSWORD\",\"value\":\"hunter2\"}, {\"value\":\"y\",\"name\":\"HOME\"} ],",
        r#" "argv": ["sshpass", "-p", "hunter2", "ssh", "-p", "22", "h"], "password": 1234, "secret": null }"#,
    );
    let expected = concat!(
        r#"{ "pid": 18446744073709551616, "score": 0.10, "e": 1E5, "token": "[redacted:token]", "cmd": "mysql -p[redacted:password] \"x\"","#,
        "\n \"env\": [ {\"name\":\"DB_PASSWORD\",\"value\":\"[redacted:password]\"}, {\"value\":\"y\",\"name\":\"HOME\"} ],",
        r#" "argv": ["sshpass", "-p", "[redacted:password]", "ssh", "-p", "22", "h"], "password": "[redacted:password]", "secret": null }"#,
    );
    assert_eq!(kept().json(document).unwrap(), expected);
    assert_eq!(kept().json(expected).unwrap(), expected);
    assert_eq!(kept().json("{\"a\": tru"), Err(NotJson));
    assert_eq!(kept().json(""), Err(NotJson));
}

#[test]
fn a_key_of_a_member_is_redacted_too_and_members_do_not_collide() {
    let redacted = kept().json(r#"{"AKIAIOSFODNN7EXAMPLE":1,"AKIAIOSFODNN7EXAMPLF":2}"#).unwrap();
    let value: Value = serde_json::from_str(&redacted).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 2, "{redacted}");
    assert!(!redacted.contains("AKIA"), "{redacted}");
    assert_eq!(kept().json(&redacted).unwrap(), redacted);
}

#[test]
fn a_text_made_to_be_slow_is_not() {
    let (many, long) = (20_000, 64 * 1024);
    for unit in [
        "mysql ",
        "password=",
        "--password ",
        "net user ",
        "://a:",
        "token:'",
        "echo a",
        "-----BEGIN PRIVATE KEY-----",
        "eyJaaaaa.",
        "\"",
        "\\\"",
        "a@",
        "Authorization: ",
        "curl -u ",
        "bearer ",
    ] {
        let text: String = unit.repeat(many).chars().take(long).collect();
        let began = std::time::Instant::now();
        let _ = Redactor::new(Personal::Emails).text(&text);
        // Unoptimised, on a busy machine; what is quadratic takes minutes.
        assert!(began.elapsed().as_secs() < 60, "{unit}: {:?}", began.elapsed());
    }
}
