//! Which kinds of entries support which controls: the table `controls.toml`, with how many entries there are.

use serde::Deserialize;
use std::collections::BTreeMap;

const TABLE: &str = include_str!("controls.toml");
/// What such a table is worth, said wherever it is shown.
pub(super) const LIMITS: &str = "A row says that entries of these kinds support the named controls: that somebody who tests \
    a control can use them as evidence. It does not say that a control is met, and it certifies nothing. Which controls are \
    in scope, and whether what is recorded is enough, is the auditor's judgement. The numbers are entries in the period.";
/// The columns, as people know them.
pub(super) const FRAMEWORKS: [&str; 4] =
    ["SOC 2 (TSC 2017)", "ISO/IEC 27001:2022 Annex A", "NIST CSF 2.0", "PCI DSS 4.0"];

/// A row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    kinds: Vec<String>,
    shows: String,
    soc2: Vec<String>,
    iso27001: Vec<String>,
    nist_csf: Vec<String>,
    pci_dss: Vec<String>,
}

#[derive(Deserialize)]
struct Rows {
    entry: Vec<Row>,
}

impl Row {
    /// What entries of these kinds show.
    pub(super) fn shows(&self) -> &str {
        &self.shows
    }

    /// The controls that they support, in the order of [`FRAMEWORKS`].
    pub(super) fn controls(&self) -> [&[String]; 4] {
        [&self.soc2, &self.iso27001, &self.nist_csf, &self.pci_dss]
    }

    /// Those of its kinds that there are, with their numbers.
    pub(super) fn counted<'a>(&'a self, kinds: &'a BTreeMap<String, u64>) -> impl Iterator<Item = (&'a str, u64)> {
        self.kinds.iter().filter_map(|kind| kinds.get(kind).map(|count| (kind.as_str(), *count)))
    }
}

/// The whole table.
pub(super) fn rows() -> Vec<Row> {
    let rows: Rows = toml::from_str(TABLE).expect("the table is part of the program, and a test reads it");
    rows.entry
}

/// Kinds in the audit that the table does not know: of a newer version than this program, or of a stranger.
pub(super) fn unmapped(rows: &[Row], kinds: &BTreeMap<String, u64>) -> Vec<String> {
    let known = |kind: &String| rows.iter().any(|row| row.kinds.contains(kind));
    kinds.keys().filter(|kind| !known(kind)).cloned().collect()
}

/// The table with the numbers, a line for each kind.
pub(super) fn csv(kinds: &BTreeMap<String, u64>) -> String {
    let rows = rows();
    let mut lines = vec![line(["entry", "in_period", "shows"].into_iter().chain(FRAMEWORKS))];
    for row in &rows {
        let controls = row.controls().map(|controls| controls.join(" "));
        for kind in &row.kinds {
            let count = kinds.get(kind).copied().unwrap_or(0).to_string();
            let fields = [kind, &count, &row.shows].into_iter().chain(&controls);
            lines.push(line(fields.map(String::as_str)));
        }
    }
    for kind in unmapped(&rows, kinds) {
        lines.push(line([kind.as_str(), &kinds[&kind].to_string(), "not in the table", "", "", "", ""]));
    }
    lines.concat()
}

/// Every field in quotes, so that no text can end it; and none that a spreadsheet would take for a formula.
fn line<'a>(fields: impl IntoIterator<Item = &'a str>) -> String {
    let quoted = |field: &str| {
        let guard = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
        format!("\"{guard}{}\"", field.replace('"', "\"\""))
    };
    let fields: Vec<String> = fields.into_iter().map(quoted).collect();
    format!("{}\r\n", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::{csv, line, rows};
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn every_row_names_controls_of_every_framework_and_no_kind_is_in_two() {
        let rows = rows();
        let mut seen = BTreeSet::new();
        for row in &rows {
            assert!(!row.shows.is_empty() && !row.kinds.is_empty());
            assert!(row.kinds.iter().all(|kind| seen.insert(kind.clone())), "{:?}", row.kinds);
            let forms: [fn(&str) -> bool; 4] = [
                |id| id.starts_with("CC"),
                |id| id.starts_with("A."),
                |id| id.len() == 8 && id.contains(".") && id.contains("-"),
                |id| id.starts_with(|digit: char| digit.is_ascii_digit()) && id.contains('.'),
            ];
            for (controls, form) in row.controls().into_iter().zip(forms) {
                assert!(!controls.is_empty() && controls.iter().all(|id| form(id)), "{controls:?}");
            }
        }
    }

    #[test]
    fn the_file_has_a_line_for_every_kind_and_shows_what_it_does_not_know() {
        let kinds = BTreeMap::from([("APPROVED".to_owned(), 3), ("FUTURE".to_owned(), 1)]);
        let file = csv(&kinds);
        assert!(file.contains("\"APPROVED\",\"3\",") && file.contains("\"DENIED\",\"0\","), "{file}");
        assert!(file.contains("\"FUTURE\",\"1\",\"not in the table\""), "{file}");
        assert!(!file.to_lowercase().contains("compliant"));
    }

    #[test]
    fn no_field_ends_early_or_is_a_formula() {
        assert_eq!(line(["a\"b", "=1+1"]), "\"a\"\"b\",\"'=1+1\"\r\n");
    }
}
