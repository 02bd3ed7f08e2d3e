//! What stays of one alert in the table, in bytes as DynamoDB counts them and by how long they stay, held against the table in
//! `docs/cost.md`; and whether what that page adds up is added up rightly.
//!
//! Here belongs: whatever else is paid for by its size or its number.
#![allow(clippy::unwrap_used)]

use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::{BTreeMap, HashMap};
use vyrox_checkpoint::Idle;
use vyrox_contract::Vendor;
use vyrox_platform::rate::Limits;
use vyrox_tests::pages::{Page, root};
use vyrox_tests::{Bench, Stage, message};

const WARM_UP: usize = 3;
const MEASURED: usize = 20;
const LIMITS: Limits = Limits { tenant: 60_000, source: 60_000 };
/// What is stored with each item beside its attributes, for the table's index.
const OVERHEAD: usize = 100;
/// How far a size may be from what the page says: compressed text is not always as long, and a new rule may be one more reason.
const TOLERANCE: f64 = 0.1;
const DAY: i64 = 86_400;

/// An item's size, by DynamoDB's rules.
fn size(item: &HashMap<String, AttributeValue>) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of(value)).sum()
}

fn size_of(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + size_of(value)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, value)| 1 + name.len() + size_of(value)).sum::<usize>(),
        other => panic!("{other:?} is stored nowhere"),
    }
}

/// By what an item is (the first part of its sort key) and for how many days it is kept: how many bytes, index included.
type Kept = BTreeMap<(String, Option<i64>), usize>;

async fn kept(bench: &Bench) -> Kept {
    let (mut found, mut next) = (Kept::new(), None);
    loop {
        let table = bench.provisioned.table("Table").unwrap();
        let page = bench.direct.dynamodb.scan().table_name(table).set_exclusive_start_key(next).send().await.unwrap();
        for item in page.items() {
            let kind = item["sk"].as_s().unwrap().split('#').next().unwrap().to_owned();
            let days = item
                .get("ttl")
                .map(|ttl| (ttl.as_n().unwrap().parse::<i64>().unwrap() - 1_800_000_000 + DAY / 2) / DAY);
            let copies = if item.contains_key("lookup") { 2 } else { 1 };
            *found.entry((kind, days)).or_default() += copies * (size(item) + OVERHEAD);
        }
        next = page.last_evaluated_key;
        if next.is_none() {
            return found;
        }
    }
}

/// What one more alert of this kind leaves behind, on average, once it has been shown.
async fn left_by(scenario: &str) -> BTreeMap<(String, Option<i64>), f64> {
    let bench = Bench::start().await;
    let discord = bench.discord().await;
    bench.shown_tenant("shown").await;
    let (ingest, triage, notify) = (bench.ingest(LIMITS), bench.triage(), bench.notify(&discord));
    let mut before = Kept::new();
    for number in 0..WARM_UP + MEASURED {
        if number == WARM_UP {
            before = kept(&bench).await;
        }
        let body = bench.body_of(scenario);
        assert_eq!(bench.deliver_as("shown", Vendor::Crowdstrike, &ingest, &body).await.status, 202);
        for record in bench.take("AlertsQueue").await {
            triage.handle(message(&record)).await.unwrap();
        }
        for record in bench.take("CardsQueue").await {
            // A channel takes five messages in five seconds.
            bench.clock.advance(6);
            notify.handle(message(&record)).await.unwrap();
        }
    }
    let after = kept(&bench).await;
    bench.end().await;
    let grown = after.into_iter().map(|(kind, bytes)| {
        let more = bytes as f64 - before.get(&kind).copied().unwrap_or_default() as f64;
        (kind, more / MEASURED as f64)
    });
    grown.filter(|(_, bytes)| *bytes >= 1.0).collect()
}

/// The rows of the table behind a mark on the page, each with its cells.
fn rows(mark: &str) -> Vec<Vec<String>> {
    let page = Page::read("docs/cost.md").text;
    let table = page.split(&format!("<!-- {mark} -->")).nth(1).unwrap_or_else(|| panic!("there is no {mark}"));
    let rows = table.lines().skip_while(|line| line.is_empty()).take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// A number as it stands on the page.
fn number(cell: &str) -> f64 {
    let digits: String = cell.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.parse().unwrap_or_else(|_| panic!("{cell} is no number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_leaves_behind_what_the_page_says() {
    let (quiet, shown) = (left_by("software-update").await, left_by("credential-dump").await);
    let kinds: std::collections::BTreeSet<_> = quiet.keys().chain(shown.keys()).collect();
    let found: Vec<_> = kinds
        .into_iter()
        .map(|kind| {
            let bytes = |of: &BTreeMap<_, f64>| of.get(kind).copied().unwrap_or_default();
            (
                kind.0.clone(),
                bytes(&quiet),
                bytes(&shown),
                kind.1.map_or("for good".to_owned(), |days| format!("{days} days")),
            )
        })
        .collect();
    let page = rows("kept");
    let is_so = found.len() == page.len()
        && found.iter().zip(&page).all(|((kind, quiet, shown, days), row)| {
            let is_near = |bytes: f64, cell: &str| (bytes - number(cell)).abs() <= TOLERANCE * bytes + 1.0;
            row[0] == format!("`{kind}`") && is_near(*quiet, &row[2]) && is_near(*shown, &row[3]) && row[4] == *days
        });
    let lines: Vec<String> = found
        .iter()
        .map(|(kind, quiet, shown, days)| format!("| `{kind}` | | {quiet:.0} | {shown:.0} | {days} |"))
        .collect();
    assert!(is_so, "docs/cost.md should have these:\n{}\nand has {page:#?}", lines.join("\n"));
}

/// Each row is its amount times its price, and each sum is that of its rows.
#[test]
fn what_the_page_adds_up_is_added_up_rightly() {
    for mark in ["a million", "a month of keeping", "a month of nothing"] {
        let table = rows(mark);
        let (total, lines) = table.split_last().unwrap();
        let mut sum = 0.0;
        for line in lines {
            let [amount, price, dollars] = [2, 3, 4].map(|at| number(&line[at]));
            assert!(
                (amount * price - dollars).abs() <= 0.006,
                "{mark}: {}: {amount} times {price} is not {dollars}",
                line[0]
            );
            sum += dollars;
        }
        assert!(
            (sum - number(&total[4])).abs() <= 0.011 * lines.len() as f64,
            "{mark}: the sum is {sum:.2}, not {}",
            total[4]
        );
    }
}

/// A checkpoint names every lane that moved, so its size is told by how many these are.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_takes_what_the_page_says() {
    let stage = Stage::dry_run().await;
    let alert = stage.fire("credential-dump").await;
    stage.card(alert).await;
    stage.system.checkpointer.tenant(&stage.tenant(), Idle::ByAge).await.unwrap();
    let (clients, resources) = (stage.clients(), stage.resources().await);
    let found = clients.dynamodb.query().table_name(resources.table("Table").unwrap());
    let found = found.key_condition_expression("tenant_id = :tenant and begins_with(sk, :checkpoints)");
    let found = found.expression_attribute_values(":tenant", AttributeValue::S(stage.tenant().to_string()));
    let found = found.expression_attribute_values(":checkpoints", AttributeValue::S("CHECKPOINT#".to_owned()));
    let found = found.send().await.unwrap();
    let row = &rows("a checkpoint")[0];
    let (base, for_each) = (number(&row[1]), number(&row[2]));
    assert_eq!(found.items().len(), 1);
    for item in found.items() {
        let entry: serde_json::Value = serde_json::from_str(item["body"].as_s().unwrap()).unwrap();
        let lanes = entry["detail"]["lanes"].as_array().unwrap().len();
        let (taken, said) = ((size(item) + OVERHEAD) as f64, base + for_each * lanes as f64);
        assert!(
            (taken - said).abs() <= TOLERANCE * taken,
            "{taken} bytes with {lanes} lanes, and the page says {said}"
        );
    }
    stage.end().await;
}

/// What is multiplied with a price is what was counted and measured, for one card in ten.
#[test]
fn the_amounts_of_a_million_are_those_of_one() {
    let amount = |mark: &str, line: &str| {
        let row = rows(mark).into_iter().find(|row| row[0] == line).unwrap_or_else(|| panic!("{mark} has no {line}"));
        number(&row[2])
    };
    let counted = |column: usize| {
        let each = rows("counted").into_iter().map(|row| {
            let share = if row[0].ends_with("no card") { 0.9 } else { 0.1 };
            share * number(&row[column])
        });
        each.sum::<f64>()
    };
    let bytes = |days: &str| {
        let of_kind = rows("kept").into_iter().filter(|row| row[4] == days);
        of_kind.map(|row| 0.9 * number(&row[2]) + 0.1 * number(&row[3])).sum::<f64>() / 1_000.0
    };
    let checkpoint = &rows("a checkpoint")[0];
    // Of five lanes; ten tenants have 8,640 each in a month.
    let checkpoints = 12.0 * 86_400.0 * (number(&checkpoint[1]) + 5.0 * number(&checkpoint[2])) / 1e9;
    let (alerts, audit) = (3.0 * bytes("90 days"), 12.0 * bytes("for good"));
    for (mark, line, should) in [
        ("a million", "DynamoDB, writing", counted(1)),
        ("a million", "DynamoDB, reading", counted(2)),
        ("a month of keeping", "the table, alerts", alerts),
        ("a month of keeping", "the table, audit", audit),
        ("a month of keeping", "the table, checkpoints", checkpoints),
        ("a month of keeping", "point-in-time recovery", alerts + audit + checkpoints),
    ] {
        assert!((amount(mark, line) - should).abs() <= 0.011, "{line}: {should:.3}");
    }
}

#[test]
fn the_page_counts_what_the_template_has() {
    let template = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let of_page = rows("a month of nothing");
    for (line, kind) in [
        ("KMS keys", "AWS::KMS::Key"),
        ("alarms", "AWS::CloudWatch::Alarm"),
        ("dashboard", "AWS::CloudWatch::Dashboard"),
    ] {
        let there = template.lines().filter(|line| line.trim() == format!("Type: {kind}")).count();
        let row = of_page.iter().find(|row| row[0] == line).unwrap_or_else(|| panic!("{line} is not on the page"));
        assert_eq!(number(&row[2]), there as f64, "{line}");
    }
}
