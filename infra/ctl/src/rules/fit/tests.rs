//! Fitting on small made-up data: it learns, it holds groups together, and it gives the same bytes twice.

use super::dataset::{Class, Dataset, Label, Row, RuleInfo, Set};
use super::folds::{HeldTogether, folds};
use super::measure::{rates, threshold_at};
use super::opinion::{Channel, cross_validated};
use super::{calibration, learn, ngrams, output, weights};
use std::collections::BTreeMap;
use vyrox_domain::heuristics::{Observation, System, gram_sets};

/// Rules that fire on attacks, on everything, and never.
const SURE: usize = 0;
const NOISY: usize = 1;
const SILENT: usize = 2;

fn row(number: usize, set: Set, text: &str, group: &str, hits: &[usize]) -> Row {
    let observation = Observation { process_cmdline: Some(text), ..Observation::EMPTY };
    Row {
        label: Label {
            id: number.to_string(),
            set,
            cls: if set == Set::Malicious { Class::Strong } else { Class::Admin },
            group: group.to_owned(),
            os: "linux".to_owned(),
            technique: if set == Set::Malicious { format!("T{}", 1000 + number % 7) } else { String::new() },
            source: format!("source-{}", number % 3),
        },
        hits: hits.to_vec(),
        windows: gram_sets(&observation),
        system: System::Linux,
        seen: number.is_multiple_of(2),
        train: true,
        measured: true,
    }
}

fn dataset(rows: Vec<Row>) -> Dataset {
    let rule = |id: &str, family, prior| RuleInfo { id: id.to_owned(), family, prior };
    Dataset {
        rows,
        also: Vec::new(),
        rules: vec![rule("sure-rule", 0, 0.5), rule("noisy-rule", 1, 0.9), rule("silent-rule", 2, 0.8)],
        families: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
        digest: "00".to_owned(),
    }
}

/// Attacks say `steal the keys`, harmless lines `list the files`; the noisy rule fires on both.
fn learnable() -> Dataset {
    let mut rows = Vec::new();
    for number in 0..120 {
        let (word, other) = (number * 37 % 101, number * 53 % 89);
        let attack = number % 4 == 0;
        let group = format!("group-{}", number / 2 * 2 + usize::from(attack));
        let (set, text) = if attack {
            (Set::Malicious, format!("tool{word} steal the keys of host{other}"))
        } else {
            (Set::Benign, format!("tool{word} list the files of host{other}"))
        };
        let hits = match (attack, number % 8) {
            (true, 0) => vec![SURE],
            (_, 1 | 2 | 4) => vec![NOISY],
            _ => vec![],
        };
        rows.push(row(number, set, &text, &group, &hits));
    }
    dataset(rows)
}

/// Nothing tells attacks from harmless lines but a word that a group has to itself.
fn unlearnable() -> Dataset {
    let mut rows = Vec::new();
    for number in 0..240 {
        let group = number / 6;
        let set = if group % 2 == 0 { Set::Malicious } else { Set::Benign };
        // Words of letters alone: numbers are all alike.
        let own: String = format!("{group:04}").bytes().map(|digit| char::from(digit + 49)).collect();
        let text = format!("run own{own} here {}", ["now", "soon", "later"][number % 3]);
        rows.push(row(number, set, &text, &format!("group-{group}"), &[]));
    }
    dataset(rows)
}

/// The share of strong lines that n-grams catch at 10 % false positives.
fn caught(data: &Dataset) -> f64 {
    let opinions = cross_validated(data, HeldTogether::Group, 5, &|_| {});
    let scores: Vec<f64> = opinions.iter().map(|opinion| opinion.log_odds).collect();
    let harmless: Vec<f64> =
        data.rows.iter().zip(&scores).filter(|(row, _)| row.label.benign()).map(|(_, score)| *score).collect();
    let threshold = threshold_at(&harmless, 0.1);
    rates(data.rows.iter().zip(&scores).map(|(row, score)| (row, *score >= threshold))).strong_lines.ratio()
}

#[test]
fn rules_earn_their_weight() {
    let data = learnable();
    let fitted = weights::fit(&data, |_, _| true);
    assert!(fitted[SURE] > 0.6, "{fitted:?}");
    assert!(fitted[NOISY] < 0.45, "{fitted:?}");
    assert!((fitted[SILENT] - 0.8).abs() < 1e-3, "a silent rule keeps its author's weight: {fitted:?}");
    assert!(fitted.iter().all(|weight| (0.01..=0.93).contains(weight)));
}

#[test]
fn a_rule_that_was_always_right_is_one_reason() {
    let attack = |number: usize| row(number, Set::Malicious, "whatever is run", &format!("test-{number}"), &[SURE]);
    let fitted = weights::fit(&dataset((0..2_000).map(attack).collect()), |_, _| true);
    assert!((0.9..=0.93).contains(&fitted[SURE]), "{fitted:?}");
}

#[test]
fn ngrams_learn_what_attacks_have_in_common() {
    assert!(caught(&learnable()) > 0.9, "{}", caught(&learnable()));
}

#[test]
fn a_group_is_never_on_both_sides_of_a_split() {
    for data in [learnable(), unlearnable()] {
        for held in HeldTogether::ALL {
            let (fold_of, count) = folds(&data.rows, held, 5);
            assert!(fold_of.iter().all(|fold| *fold < count));
            let mut of_unit = BTreeMap::new();
            for (row, fold) in data.rows.iter().zip(&fold_of) {
                let unit = match held {
                    HeldTogether::Technique if row.label.malicious() => &row.label.technique,
                    HeldTogether::Source if row.label.benign() => &row.label.source,
                    _ => &row.label.group,
                };
                assert_eq!(of_unit.entry((row.label.malicious(), unit)).or_insert(fold), &fold, "{held:?}");
            }
        }
    }
}

#[test]
fn a_leaked_group_would_be_noticed() {
    let honest = unlearnable();
    let mut leaking = honest.clone();
    for (number, row) in leaking.rows.iter_mut().enumerate() {
        row.label.group = number.to_string();
    }
    let (honest, leaking) = (caught(&honest), caught(&leaking));
    assert!(leaking > 0.9, "{leaking}");
    assert!(honest < 0.4, "{honest}");
}

#[test]
fn what_is_not_to_be_learned_from_changes_nothing() {
    let data = learnable();
    let mut longer = data.clone();
    let mut extra = row(500, Set::Benign, "tool steal the keys", "group-x", &[SURE]);
    extra.train = false;
    longer.rows.push(extra);
    let train = |_: usize, row: &Row| row.train;
    assert_eq!(ngrams::fit(&data, train), ngrams::fit(&longer, train));
    assert_eq!(weights::fit(&data, train), weights::fit(&longer, train));
}

#[test]
fn what_is_only_learned_from_is_learned_in_every_split_and_never_measured() {
    let data = unlearnable();
    let mut taught = data.clone();
    // Every group's own word, once: what no split of the data can teach.
    taught.also = (0..40)
        .map(|group| {
            let mut lesson = data.rows[group * 6].clone();
            lesson.measured = false;
            lesson
        })
        .collect();
    assert!(caught(&taught) > 0.9, "{} without, {} with", caught(&data), caught(&taught));
    let opinions = cross_validated(&taught, HeldTogether::Group, 5, &|_| {});
    assert_eq!(opinions.len(), data.rows.len());
    let mut fired = data.clone();
    fired.also = (0..40).map(|number| row(number, Set::Benign, "x", "lesson", &[SILENT])).collect();
    assert!(weights::fit(&fired, |_, _| true)[SILENT] < weights::fit(&data, |_, _| true)[SILENT] / 2.0);
}

#[test]
fn the_levels_let_through_what_they_promise() {
    let data = learnable();
    let opinions = cross_validated(&data, HeldTogether::Group, 5, &|_| {});
    let curve = calibration::resemblance(&data.rows, &opinions);
    let levels = calibration::levels(&data, &opinions, &curve);
    let high = data
        .rows
        .iter()
        .zip(&opinions)
        .filter(|(row, _)| row.label.benign())
        .filter(|(_, opinion)| {
            let suspicion = opinion.suspicion(&data, &curve, Channel::Both);
            levels.of(System::Linux).weight(suspicion) >= vyrox_domain::heuristics::HIGH_FROM
        })
        .count();
    assert_eq!(high, 0, "0.75 % of 90 rows is none");
}

/// Harmless rows of one source talk like attacks. Fitted without it, they are taken for attacks, and that is where levels are
/// placed: they are not, where groups alone were held together.
#[test]
fn the_levels_are_placed_where_a_source_that_was_left_out_needs_them() {
    let mut data = learnable();
    for row in data.rows.iter_mut().filter(|row| row.label.benign() && row.label.source == "source-0") {
        let own = if row.label.group.len().is_multiple_of(2) { "even" } else { "odd" };
        let text = format!("local {own} steal the keys of our own house");
        row.windows = gram_sets(&Observation { process_cmdline: Some(&text), ..Observation::EMPTY });
    }
    let fitted = learn(&data, 5, &|_| {});
    let by = |held| cross_validated(&data, held, 5, &|_| {});
    let place = |held| calibration::levels(&data, &by(held), &fitted.resemblance);
    assert_eq!(fitted.levels, place(HeldTogether::Source));
    let not_benign = |levels: &calibration::Levels| levels.of(System::Linux).points().nth(1).unwrap().0;
    assert!(not_benign(&fitted.levels) > not_benign(&place(HeldTogether::Group)) + 0.05);
    // Without its own rows the threshold is lower, and that is what the report tells about that source.
    let opinions = by(HeldTogether::Source);
    let without = calibration::confidences_without_source(&data, &opinions, &fitted.resemblance);
    let with = super::report::confidences(&data, &opinions, &fitted.resemblance, &fitted.levels);
    let share = |confidences: &[vyrox_domain::verdict::Confidence]| {
        let rows = data.rows.iter().zip(confidences).filter(|(row, _)| row.label.benign());
        rows.filter(|(_, confidence)| **confidence > vyrox_domain::heuristics::BENIGN_AT_MOST).count()
    };
    assert!(share(&without) > share(&with), "{} {}", share(&without), share(&with));
}

#[test]
fn the_same_data_give_the_same_bytes() {
    let data = learnable();
    let written = || {
        let folder = tempfile::tempdir().unwrap();
        let fitted = learn(&data, 5, &|_| {});
        let curves = (&fitted.resemblance, &fitted.levels);
        output::write(folder.path(), &data, &fitted.weights, &fitted.ngrams, curves, "about").unwrap();
        let files = ["weights.toml", "ngrams.bin", "calibration.toml"];
        (files.map(|file| std::fs::read(folder.path().join(file)).unwrap()), fitted.report.text())
    };
    let (first, again) = (written(), written());
    assert!(first == again);
    let calibration: toml::Table = String::from_utf8(first.0[2].clone()).unwrap().parse().unwrap();
    assert!(
        calibration["calibration"]["linux"]["from"].is_array() && calibration["thresholds"]["high_from"].is_float()
    );
}
