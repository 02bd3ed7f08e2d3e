use super::*;
use crate::action::ActionState;
use crate::history::{Decided, HostAlert, PastDecision};
use crate::record::{ActionSummary, AlertRecord, Offer, Posted, SecondWanted};
use crate::stage::{self, NOW};
use crate::verdict::VerdictLevel;
use proptest::prelude::*;
use serde_json::Value;
use vyrox_contract::Verification;

fn record() -> AlertRecord {
    let mut record = AlertRecord::received(stage::alert());
    let verdict = stage::verdict();
    record.offer = Some(Offer::Containment(Plan::draft(&record.alert, &verdict, &stage::tenant(), NOW).unwrap()));
    record.verdict = Some(verdict);
    record
}

fn drawn(record: &AlertRecord) -> Value {
    serde_json::to_value(render(record, &stage::tenant(), NOW).unwrap()).unwrap()
}

fn labels(card: &Value) -> Vec<String> {
    let rows = card["components"].as_array().unwrap();
    let buttons = rows.iter().flat_map(|row| row["components"].as_array().unwrap());
    buttons.map(|button| button["label"].as_str().unwrap().to_owned()).collect()
}

/// The open card, to the byte. After a wanted change: print `drawn(..)` and put it into the file.
#[test]
fn the_open_card_is_the_golden_one() {
    let drawn = serde_json::to_string_pretty(&drawn(&record())).unwrap();
    assert_eq!(drawn.trim(), include_str!("../../tests/golden/open_card.json").trim());
}

#[test]
fn each_state_offers_the_buttons_that_work_in_it() {
    let open = record();
    assert_eq!(labels(&drawn(&open)), ["Approve", "Deny", "Investigate"]);
    let late = render(&open, &stage::tenant(), open.plan().unwrap().expires_at()).unwrap();
    assert_eq!(labels(&serde_json::to_value(late).unwrap()), ["Investigate"]);
    let mut medium = record();
    medium.verdict.as_mut().unwrap().verdict = VerdictLevel::Medium;
    medium.offer = Some(Offer::Nothing(crate::plan::NoPlan::NotWarranted));
    assert_eq!(labels(&drawn(&medium)), ["Investigate"]);
}

#[test]
fn low_and_benign_have_no_card_but_one_that_was_posted_is_kept_true() {
    let mut record = record();
    for level in [VerdictLevel::Low, VerdictLevel::Benign] {
        record.verdict.as_mut().unwrap().verdict = level;
        assert!(render(&record, &stage::tenant(), NOW).is_none());
    }
    let (channel_id, message_id) = ("700".parse().unwrap(), "800".parse().unwrap());
    record.posted = Some(Posted { channel_id, message_id, digest: String::new(), open_until: None });
    assert!(render(&record, &stage::tenant(), NOW).is_some());
}

#[test]
fn only_an_open_critical_card_pings_and_only_the_on_call_role() {
    let mentions = |record: &AlertRecord| drawn(record)["allowed_mentions"].to_string();
    assert_eq!(mentions(&record()), r#"{"parse":[],"roles":["802"]}"#);
    let mut high = record();
    high.verdict.as_mut().unwrap().verdict = VerdictLevel::High;
    assert_eq!(mentions(&high), r#"{"parse":[]}"#);
}

/// Discord's limits, in UTF-16 units.
fn assert_fits(message: &Value) {
    let units = |value: &Value| value.as_str().unwrap_or_default().encode_utf16().count();
    assert!(units(&message["content"]) <= 2_000);
    let mut total = 0;
    for embed in message["embeds"].as_array().unwrap() {
        assert!(units(&embed["title"]) <= 256 && units(&embed["description"]) <= 4_096);
        assert!(units(&embed["footer"]["text"]) <= 2_048);
        let fields = embed["fields"].as_array().unwrap();
        assert!(fields.len() <= 25);
        total += units(&embed["title"]) + units(&embed["description"]) + units(&embed["footer"]["text"]);
        for field in fields {
            assert!((1..=256).contains(&units(&field["name"])), "{field}");
            assert!((1..=1_024).contains(&units(&field["value"])), "{} {field}", units(&field["value"]));
            total += units(&field["name"]) + units(&field["value"]);
        }
    }
    assert!(total <= 5_500, "{total}");
}

/// As much of the past as is looked up.
fn past(text: &str) -> Past {
    let id = record().alert.id;
    let seen = HostAlert { alert_id: id, at: NOW, level: VerdictLevel::Critical, title: Some(text.to_owned()) };
    let decision = PastDecision {
        alert_id: id,
        host: Some(text.to_owned()),
        at: NOW,
        decided: Decided::Approved,
        by: "41".parse().unwrap(),
        reason: Some(text.to_owned()),
    };
    Past { alerts: vec![seen; 6], decisions: vec![decision; 6] }
}

/// Everything that can have happened to an alert, with reasons and reports of this text.
fn decided(mut record: AlertRecord, text: &str) -> AlertRecord {
    let id = |number: u64| (u64::MAX - number).to_string().parse().unwrap();
    let vote = |user| Vote {
        user_id: id(user),
        name: text.to_owned(),
        at: NOW,
        interaction_id: id(9),
        reason: Some(text.to_owned()),
    };
    record.votes = vec![vote(1), vote(2)];
    record.release_votes = vec![vote(1), vote(2)];
    record.decision = Some(Decision::Approved { at: NOW, manner: Manner::BreakGlass });
    let summary = ActionSummary {
        request_id: "r".parse().unwrap(),
        state: ActionState::Ambiguous,
        verification: Some(Verification::Contradicted),
        detail: Some(text.to_owned()),
        vendor_reference: Some(text.to_owned()),
        at: NOW,
        lease_until: None,
        contradictions: Vec::new(),
        requested_by: Some(vote(1)),
    };
    record.containment = Some(summary.clone());
    record.release = Some(summary);
    record
}

#[test]
fn who_decided_is_in_the_line_and_why_is_in_the_embed() {
    let card = serde_json::to_value(render(&decided(record(), "seen it"), &stage::tenant(), NOW).unwrap()).unwrap();
    assert!(card["content"].as_str().unwrap().contains("decided by <@"), "{card}");
    let text = card.to_string();
    assert!(text.contains("BREAK-GLASS") && text.contains("seen it"), "{text}");
}

#[test]
fn a_question_that_takes_two_says_so_and_why() {
    let mut tenant = stage::tenant();
    tenant.quorum = 2;
    let text = serde_json::to_string(&render(&record(), &tenant, NOW).unwrap()).unwrap();
    assert!(text.contains("takes two approvers: this tenant always asks for two"), "{text}");
    let mut counted = record();
    counted.votes = decided(record(), "").votes[..1].to_vec();
    counted.second_wanted = Some(SecondWanted::HostCap);
    let text = serde_json::to_string(&render(&counted, &stage::tenant(), NOW).unwrap()).unwrap();
    assert!(text.contains("1 of 2") && text.contains("many hosts were contained"), "{text}");
}

proptest! {
    // Each of them draws ten messages out of a dozen long texts.
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn hostile_text_of_any_length_fits(piece in "[*`@\\\\a\u{202e}😀\n]{1,8}", times in 1_usize..2_000, reasons in 0_usize..20) {
        let text = piece.repeat(times);
        let mut record = record();
        let alert = &mut record.alert;
        for field in [
            &mut alert.hostname, &mut alert.username, &mut alert.process_name, &mut alert.process_cmdline,
            &mut alert.tactic, &mut alert.technique, &mut alert.process_path, &mut alert.parent_process,
            &mut alert.parent_cmdline, &mut alert.title,
        ] {
            *field = Some(text.clone());
        }
        alert.raw_id.clone_from(&text);
        let verdict = record.verdict.as_mut().unwrap();
        let mut evidence = verdict.evidence[0].clone();
        evidence.matched.clone_from(&text);
        verdict.evidence = vec![evidence; reasons];
        verdict.reasoning = Some(text.clone());
        assert_fits(&serde_json::to_value(render(&record, &stage::tenant(), NOW).unwrap()).unwrap());
        for raw in [RawPayload::Opened { text: &text, bytes: text.len() + 9 }, RawPayload::Unavailable, RawPayload::Absent] {
            for past in [None, Some(&past(&text))] {
                assert_fits(&serde_json::to_value(investigation(&record, raw, past, NOW)).unwrap());
            }
        }
        let decided = decided(record, &text);
        assert_fits(&serde_json::to_value(render(&decided, &stage::tenant(), NOW).unwrap()).unwrap());
        let shown = investigation(&decided, RawPayload::Absent, Some(&past(&text)), NOW);
        assert_fits(&serde_json::to_value(shown).unwrap());
        let notice = serde_json::to_value(break_glass(&decided, &stage::tenant()).unwrap()).unwrap();
        assert_fits(&notice);
    }
}
