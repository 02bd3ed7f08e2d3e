//! What 10,000 hostile strings become in Discord, as judged by a Markdown parser that is not ours: npm
//! `discord-markdown-parser`, installed at first use into the user's cache. A new way of hiding markup in text goes into
//! `corpus.rs`; a new place where text from outside is shown, into [`shown`].
//!
//! An **active** node is anything that the parser makes of a text beside text, code and pictures of characters that are
//! there. The raw strings must give thousands of them, of many kinds, or the test has proven nothing.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod corpus;

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use vyrox_domain::alert::NormalizedAlert;
use vyrox_domain::card::{self, Past, RawPayload};
use vyrox_domain::history::HostAlert;
use vyrox_domain::plan::Plan;
use vyrox_domain::record::{AlertRecord, Offer};
use vyrox_domain::tenant::Tenant;
use vyrox_domain::text::Shown;
use vyrox_domain::verdict::{Verdict, VerdictLevel};

/// How many strings are tried.
const STRINGS: usize = 10_000;
const NOW: i64 = 1_700_000_000;
const PARSER: &str = "discord-markdown-parser@1.3.1";

/// Reads `{"<group>": [text, ...]}`; prints for each group the active nodes by kind, how many texts have any, and the first.
const JUDGE: &str = r#"
const { parse } = require(process.argv[1] + "/node_modules/discord-markdown-parser");
const passive = new Set(["text", "br", "newline", "codeBlock", "inlineCode", "emoticon", "twemoji", "escape"]);
function walk(nodes, found) {
  for (const node of nodes) {
    if (!passive.has(node.type)) found.push(node.type);
    if (node.type === "codeBlock" && node.lang) found.push("language tag");
    if (Array.isArray(node.content)) walk(node.content, found);
  }
  return found;
}
const groups = JSON.parse(require("fs").readFileSync(0, "utf8"));
const report = {};
for (const [group, texts] of Object.entries(groups)) {
  const kinds = {}; let active = 0, first = null;
  for (const text of texts) {
    const found = walk(parse(text, "extended"), []);
    for (const kind of found) kinds[kind] = (kinds[kind] || 0) + 1;
    if (found.length) { active += 1; first ??= text; }
  }
  report[group] = { texts: texts.length, active, kinds, first };
}
console.log(JSON.stringify(report));
"#;

#[derive(Debug, Deserialize)]
struct Judged {
    texts: usize,
    /// How many of the texts have an active node.
    active: usize,
    /// How many active nodes of each kind there are in all.
    kinds: BTreeMap<String, usize>,
    /// The first text with one.
    first: Option<String>,
}

/// Where the parser is, or why it cannot be had.
fn parser() -> Result<String, String> {
    let script = r#"
        home=${XDG_CACHE_HOME:-$HOME/.cache}/vyrox/$PARSER
        mkdir -p "$home"
        exec 9>"$home.lock"
        if command -v flock >/dev/null; then flock 9; fi
        node --version >/dev/null
        if ! node -e 'require(process.argv[1] + "/node_modules/discord-markdown-parser")' "$home" 2>/dev/null; then
            npm install --prefix "$home" --silent --no-audit --no-fund --ignore-scripts --no-save "$PARSER" >&2
        fi
        echo "$home"
    "#;
    let output = Command::new("sh").args(["-eu", "-c", script]).env("PARSER", PARSER).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

fn judge(parser: &str, groups: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, Judged> {
    let mut node = Command::new("node")
        .args(["-e", JUDGE, parser])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node was there a moment ago");
    let mut stdin = node.stdin.take().unwrap();
    stdin.write_all(&serde_json::to_vec(groups).unwrap()).unwrap();
    drop(stdin);
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success(), "the parser failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A record whose every text is this one.
fn record(text: &str) -> AlertRecord {
    let mut alert: NormalizedAlert = serde_json::from_value(json!({
        "tenant_id": "acme", "id": "00000000-0000-5000-8000-000000000001", "source": "crowdstrike", "raw_id": "ldt:1",
        "timestamp": NOW, "vendor_severity": "CRITICAL", "device_id": "3f1c0a5b7d9e42a68c1b0d2e4f607182",
        "hostname": "WS-042", "received_at": NOW, "revision": 0,
    }))
    .unwrap();
    let verdict: Verdict = serde_json::from_value(json!({
        "verdict": "CRITICAL", "confidence": 0.97, "decided_by": "llm", "ruleset": text, "suggested_action": "quarantine",
        "evidence": [{"rule_id": text, "title": text, "family": "f", "weight": 0.9, "field": text, "matched": text}],
        "techniques": [text, text], "reasoning": text,
    }))
    .unwrap();
    let plan = Plan::draft(&alert, &verdict, &tenant(), NOW).expect("this alert can be contained");
    for field in [
        &mut alert.hostname,
        &mut alert.username,
        &mut alert.process_name,
        &mut alert.process_cmdline,
        &mut alert.tactic,
        &mut alert.technique,
        &mut alert.process_path,
        &mut alert.parent_process,
        &mut alert.parent_cmdline,
        &mut alert.title,
    ] {
        *field = Some(text.to_owned());
    }
    alert.raw_id = text.to_owned();
    let mut record = AlertRecord::received(alert);
    record.verdict = Some(verdict);
    record.offer = Some(Offer::Containment(plan));
    record
}

fn tenant() -> Tenant {
    serde_json::from_value(json!({
        "id": "acme", "name": "Acme", "status": "active", "guild_id": "600", "channel_id": "700", "approver_roles": ["801"],
        "on_call_role": "802", "quorum": 1, "proxy_id": "edge-1", "llm": "opted_out",
    }))
    .unwrap()
}

/// Every text of a message, by its place.
fn texts(message: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = vec![("content".to_owned(), text(&message["content"]))];
    for embed in message["embeds"].as_array().into_iter().flatten() {
        found.push(("title".to_owned(), text(&embed["title"])));
        found.push(("description".to_owned(), text(&embed["description"])));
        found.push(("footer".to_owned(), text(&embed["footer"]["text"])));
        for field in embed["fields"].as_array().into_iter().flatten() {
            found.push(("field name".to_owned(), text(&field["name"])));
            found.push(("field".to_owned(), text(&field["value"])));
        }
    }
    found
}

/// The string in every place where Vyrox shows text from outside: by form, and in whole messages.
fn shown(text: &str) -> Vec<(String, String)> {
    let mut found = vec![
        ("inline".to_owned(), Shown::inline(text, 300).to_string()),
        ("inline, cut".to_owned(), Shown::inline(text, 17).to_string()),
        ("span".to_owned(), Shown::span(text, 300).to_string()),
        ("span, cut".to_owned(), Shown::span(text, 17).to_string()),
        ("fence".to_owned(), Shown::fence(text, 900).to_string()),
        ("fence, cut".to_owned(), Shown::fence(text, 17).to_string()),
    ];
    let (record, tenant) = (record(text), tenant());
    let card = serde_json::to_value(card::render(&record, &tenant, NOW).unwrap()).unwrap();
    found.extend(texts(&card).into_iter().map(|(place, text)| (format!("card {place}"), text)));
    let raw = RawPayload::Opened { text, bytes: text.len() };
    let seen =
        HostAlert { alert_id: record.alert.id, at: NOW, level: VerdictLevel::High, title: Some(text.to_owned()) };
    let past = Past { alerts: vec![seen], decisions: Vec::new() };
    let answer = serde_json::to_value(card::investigation(&record, raw, Some(&past), NOW)).unwrap();
    found.extend(texts(&answer).into_iter().map(|(place, text)| (format!("investigation {place}"), text)));
    found
}

#[test]
fn ten_thousand_hostile_strings_have_no_active_node_for_an_independent_parser() {
    let parser = match parser() {
        Ok(parser) => parser,
        Err(why) => {
            eprintln!("SKIPPED: npm cannot install {PARSER}, so NO string was judged by an independent parser: {why}");
            return;
        }
    };
    let strings = corpus::strings(STRINGS);
    assert_eq!(strings.iter().collect::<BTreeSet<_>>().len(), STRINGS, "every string is another one");

    // What our own templates make active (bold words of ours, the on-call role, times) with a harmless string, once for
    // each string: no more, no fewer and no others may there be with the hostile ones.
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for string in &strings {
        groups.entry("raw".to_owned()).or_default().push(string.clone());
        for (place, text) in shown(string) {
            groups.entry(place).or_default().push(text);
        }
    }
    let mut harmless: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (place, text) in shown("rundll32") {
        harmless.entry(place).or_default().push(text);
    }
    let (judged, template) = (judge(&parser, &groups), judge(&parser, &harmless));

    let raw = &judged["raw"];
    eprintln!("raw: {} of {} strings are active: {:?}", raw.active, raw.texts, raw.kinds);
    assert!(raw.active > STRINGS / 2, "the raw strings prove nothing: {raw:?}");
    for kind in [
        "user",
        "role",
        "channel",
        "everyone",
        "here",
        "emoji",
        "timestamp",
        "link",
        "url",
        "autolink",
        "heading",
        "subtext",
        "spoiler",
        "strong",
        "em",
        "underline",
        "strikethrough",
        "blockQuote",
        "slashCommand",
        "language tag",
    ] {
        assert!(raw.kinds.contains_key(kind), "no raw string makes a {kind}: {:?}", raw.kinds);
    }
    for (place, found) in judged.iter().filter(|(place, _)| *place != "raw") {
        let ours = &template[place];
        let expected: BTreeMap<String, usize> =
            ours.kinds.iter().map(|(kind, count)| (kind.clone(), count * STRINGS)).collect();
        assert_eq!(found.texts, ours.texts * STRINGS, "{place}: not every text is there");
        assert_eq!(found.kinds, expected, "{place}: {:?}", found.first);
        eprintln!("{place}: {} texts, none but our own {:?}", found.texts, ours.kinds);
    }
}
