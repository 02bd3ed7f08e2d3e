//! The cases of which the vectors are made.

pub(crate) mod checkpoints;

use serde_json::{Value, json};
use vyrox_audit::{Chain, Draft, Entry, Phase};

pub(crate) enum Expected {
    /// Entries, and each chain's head as `chain=seq:hash`.
    Sound { entries: u64, heads: Vec<String> },
    Broken {
        /// 0 if the whole is wrong, not a line.
        line: u64,
        problem: &'static str,
    },
}

pub(crate) struct Case {
    pub name: &'static str,
    pub about: &'static str,
    pub partial: bool,
    /// Whether checkpoints' signatures are to be checked with `checkpoint-key.pem`.
    pub signed: bool,
    pub bytes: Vec<u8>,
    pub expected: Expected,
}

impl Case {
    pub(crate) fn file(&self) -> String {
        format!("{}.jsonl", self.name)
    }
}

/// A chain of an action's life: an event, an intent, an outcome, an event.
fn chain(id: &str) -> Vec<Entry> {
    let intent = Draft {
        host: "workstation-01".into(),
        approved_by: "approver".into(),
        dry_run: true,
        phase: Phase::Intent,
        request_id: Some("r-1".into()),
        alert_id: Some("6f1d3c0e-54ab-5c52-9f0e-0c9f8f0a7d11".into()),
        ..Draft::event(1_700_000_001, "acme", "HOST_ISOLATION")
    };
    let mut outcome =
        Draft { phase: Phase::Outcome, outcome: Some("dry_run".into()), timestamp: 1_700_000_002, ..intent.clone() };
    outcome.detail.insert("verification".into(), json!("none"));
    seal(
        id,
        &[
            Draft::event(1_700_000_000, "acme", "STARTED"),
            intent,
            outcome,
            Draft::event(1_700_000_003, "acme", "STOPPED"),
        ],
    )
}

fn seal(id: &str, drafts: &[Draft]) -> Vec<Entry> {
    let mut chain = Chain::genesis(id);
    let seal_next = |draft| {
        let entry = chain.seal(draft).unwrap();
        chain.advance(&entry);
        entry
    };
    drafts.iter().map(seal_next).collect()
}

fn detail(value: Value) -> Draft {
    let Value::Object(detail) = value else { panic!("not an object") };
    Draft { detail, ..Draft::event(1_700_000_000, "acme", "EVENT") }
}

fn line(entry: &Entry) -> String {
    entry.to_line() + "\n"
}

fn lines(entries: &[Entry]) -> String {
    entries.iter().map(line).collect()
}

fn head(entries: &[Entry]) -> String {
    let last = entries.last().unwrap();
    format!("{}={}:{}", last.chain(), last.seq(), last.hash())
}

/// The published format: eight fields, in the published proxy's order. The hashes were computed by the published
/// procedure, outside this crate.
const PUBLISHED: [&str; 2] = [
    concat!(
        r#"{"timestamp":1700000000,"tenant_id":"acme","action_type":"HOST_ISOLATION","host":"workstation-01","approved_by":"approver","dry_run":false,"#,
        r#""previous_hash":"0000000000000000000000000000000000000000000000000000000000000000","hash":"1665f5b7ea951dd9eda641b64b7d68f859cb07f5e361aade789151117f5d977b"}"#
    ),
    concat!(
        r#"{"timestamp":1700000060,"tenant_id":"acme","action_type":"PROCESS_KILL","host":"wörkstation-02","approved_by":"approver","dry_run":true,"#,
        r#""previous_hash":"1665f5b7ea951dd9eda641b64b7d68f859cb07f5e361aade789151117f5d977b","hash":"4d7fec009b48a7de76f1d27dfaffd1714724ed2c41af959e37f814cc1b7d3981"}"#
    ),
];

fn sound(name: &'static str, about: &'static str, log: String, entries: u64, heads: Vec<String>) -> Case {
    Case {
        name,
        about,
        partial: false,
        signed: false,
        bytes: log.into_bytes(),
        expected: Expected::Sound { entries, heads },
    }
}

fn broken(name: &'static str, about: &'static str, log: impl Into<Vec<u8>>, line: u64, problem: &'static str) -> Case {
    Case { name, about, partial: false, signed: false, bytes: log.into(), expected: Expected::Broken { line, problem } }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = sound_cases();
    cases.extend(broken_lines());
    cases.extend(broken_chains());
    cases.extend(checkpoints::cases());
    cases
}

fn sound_cases() -> Vec<Case> {
    let main = chain("proxy-1");
    let other = chain("lane-a7");
    let text = seal(
        "proxy-1",
        &[detail(json!({
            "plain": "é 漢 \u{1F600} \u{7f} / <>&", "escaped": "\" \\ \u{8}\t\n\u{c}\r\u{0}\u{1f}", "separators": "\u{85} \u{2028} \u{2029}",
        }))],
    );
    let keys = seal(
        "proxy-1",
        &[detail(json!({"b": 1, "B": 2, "é": 3, "\u{FFFF}": 4, "\u{10000}": 5, "": 6, "a": {"z": [], "y": {}}}))],
    );
    let integers = seal(
        "proxy-1",
        &[detail(json!({"least": i64::MIN, "most": u64::MAX, "list": [0, -1, 9_007_199_254_740_993_u64]}))],
    );
    let interleaved = [&main[0], &other[0], &other[1], &main[1], &main[2], &other[2]].map(line).concat();
    let published = PUBLISHED.join("\n") + "\n";
    let published_head = format!("=1:{}", PUBLISHED[1].rsplit('"').nth(1).unwrap());
    vec![
        sound("sound", "an action's life", lines(&main), 4, vec![head(&main)]),
        sound("sound-first-entry", "a chain of one entry", line(&main[0]), 1, vec![head(&main[..1])]),
        sound("sound-text", "text that must not be escaped, and text that must", lines(&text), 1, vec![head(&text)]),
        sound("sound-keys", "keys sort by code point, not by UTF-16 unit", lines(&keys), 1, vec![head(&keys)]),
        sound("sound-integers", "integers beyond 2^53 stay exact", lines(&integers), 1, vec![head(&integers)]),
        sound(
            "sound-interleaved",
            "two chains in one stream",
            interleaved,
            6,
            vec![head(&other[..3]), head(&main[..3])],
        ),
        sound(
            "sound-concatenated",
            "one chain after another",
            lines(&main) + &lines(&other),
            8,
            vec![head(&other), head(&main)],
        ),
        sound("sound-published", "the published format, version 1", published.clone(), 2, vec![published_head.clone()]),
        sound(
            "sound-published-and-new",
            "version 1 and version 2 in one stream are two chains",
            published + &lines(&main),
            6,
            vec![published_head, head(&main)],
        ),
        Case {
            partial: true,
            ..sound("sound-part", "a part of a chain, asked for as such", lines(&main[2..]), 2, vec![head(&main)])
        },
    ]
}

/// Lines that are wrong by themselves.
fn broken_lines() -> Vec<Case> {
    let main = chain("proxy-1");
    let all = lines(&main);
    let first = line(&main[0]);
    let published = PUBLISHED.join("\n") + "\n";
    let text = lines(&seal("proxy-1", &[Draft { host: "wörkstation".into(), ..detail(json!({})) }]));
    let mut not_utf8 = text.clone().into_bytes();
    let umlaut = not_utf8.iter().position(|byte| *byte >= 0x80).unwrap();
    not_utf8[umlaut] = 0xff;
    vec![
        broken(
            "broken-altered-field",
            "a host was changed",
            all.replacen("workstation-01", "workstation-02", 1),
            2,
            "hash_mismatch",
        ),
        broken(
            "broken-altered-outcome",
            "an outcome was changed",
            all.replace("\"dry_run\",\"phase", "\"executed\",\"phase"),
            3,
            "hash_mismatch",
        ),
        broken(
            "broken-altered-hash",
            "a hash was changed",
            all.replace(&main[1].hash()[..63], &main[0].hash()[..63]),
            2,
            "hash_mismatch",
        ),
        broken(
            "broken-published-altered",
            "an entry of version 1 was changed",
            published.replace("dry_run\":true", "dry_run\":false"),
            2,
            "hash_mismatch",
        ),
        broken(
            "broken-field-missing",
            "a field was removed",
            first.replace("\"dry_run\":false,", ""),
            1,
            "missing_field",
        ),
        broken(
            "broken-field-type",
            "a field has another type",
            first.replace("\"dry_run\":false,", "\"dry_run\":0,"),
            1,
            "missing_field",
        ),
        broken(
            "broken-chain-missing",
            "a chain's name was removed",
            first.replace("\"chain\":\"proxy-1\",", ""),
            1,
            "missing_field",
        ),
        broken(
            "broken-schema",
            "a version from the future",
            first.replace("\"schema_version\":2", "\"schema_version\":3"),
            1,
            "unknown_schema",
        ),
        broken(
            "broken-float",
            "a number with a fraction",
            first.replace("\"detail\":{}", "\"detail\":{\"x\":1.0}"),
            1,
            "float",
        ),
        broken("broken-exponent", "a number with an exponent", first.replace(":1700000000}", ":17e8}"), 1, "float"),
        broken(
            "broken-huge-integer",
            "an integer of more than 64 bits",
            first.replace("\"detail\":{}", "\"detail\":{\"x\":18446744073709551616}"),
            1,
            "float",
        ),
        broken(
            "broken-space",
            "white space was added",
            first.replace("\"detail\":{}", "\"detail\": {}"),
            1,
            "not_canonical",
        ),
        broken("broken-escape", "a letter was spelled as an escape", text.replace('ö', "\\u00f6"), 1, "not_canonical"),
        broken(
            "broken-order",
            "fields were reordered",
            first.replace("\"dry_run\":false,", "").replacen('{', "{\"dry_run\":false,", 1),
            1,
            "not_canonical",
        ),
        broken(
            "broken-duplicate-key",
            "a field occurs twice",
            first.replacen('{', "{\"host\":\"other\",", 1),
            1,
            "duplicate_key",
        ),
        broken(
            "broken-published-duplicate-key",
            "a field of version 1 occurs twice",
            published.replacen("\"host\"", "\"host\":\"other\",\"host\"", 1),
            1,
            "duplicate_key",
        ),
        broken("broken-surrogate", "half of a surrogate pair", text.replace('ö', "\\ud800"), 1, "not_json"),
        broken("broken-utf8", "a byte that is not UTF-8", not_utf8, 1, "not_json"),
        broken("broken-byte-order-mark", "a byte order mark", format!("\u{feff}{first}"), 1, "not_json"),
        broken("broken-blank-line", "an empty line", all.replacen('\n', "\n\n", 1), 2, "not_json"),
        broken("broken-not-an-object", "JSON, but not an object", format!("{first}[]\n"), 2, "not_json"),
        broken(
            "broken-constant",
            "NaN is not JSON",
            first.replace("\"detail\":{}", "\"detail\":{\"x\":NaN}"),
            1,
            "not_json",
        ),
    ]
}

/// Lines that are sound by themselves and do not follow on each other.
fn broken_chains() -> Vec<Case> {
    let main = chain("proxy-1");
    let other = chain("lane-a7");
    let forged =
        Chain::resume("proxy-1", 0, main[0].hash()).seal(&Draft::event(1_700_000_001, "acme", "FORGED")).unwrap();
    let published: Vec<String> = PUBLISHED.iter().map(|line| format!("{line}\n")).collect();
    let pick = |entries: &[&Entry]| entries.iter().map(|entry| line(entry)).collect::<String>();
    let torn = |log: String, cut: usize| log[..log.len() - cut].to_owned();
    vec![
        broken("broken-first-removed", "the first line was removed", lines(&main[1..]), 1, "sequence_gap"),
        broken("broken-removed", "a line was removed", pick(&[&main[0], &main[2], &main[3]]), 2, "sequence_gap"),
        broken(
            "broken-repeated",
            "a line was repeated",
            pick(&[&main[0], &main[1], &main[1], &main[2]]),
            3,
            "sequence_gap",
        ),
        broken(
            "broken-swapped",
            "two lines were swapped",
            pick(&[&main[0], &main[2], &main[1], &main[3]]),
            2,
            "sequence_gap",
        ),
        broken(
            "broken-replaced",
            "a line was replaced by a sound one; seen at the next",
            pick(&[&main[0], &forged, &main[2]]),
            3,
            "broken_link",
        ),
        broken(
            "broken-published-removed",
            "the first line of version 1 was removed",
            published[1].clone(),
            1,
            "broken_link",
        ),
        broken(
            "broken-second-chain",
            "one of two chains lacks a line",
            pick(&[&main[0], &other[0], &main[1], &other[2]]),
            4,
            "sequence_gap",
        ),
        broken("broken-torn", "the last line is torn", torn(lines(&main), 30), 4, "torn_line"),
        broken("broken-no-newline", "only the last newline is missing", torn(lines(&main), 1), 4, "torn_line"),
        broken(
            "broken-cut-inside",
            "the middle was cut out",
            torn(lines(&main[..2]), 30) + &lines(&main[2..]),
            2,
            "not_json",
        ),
    ]
}
