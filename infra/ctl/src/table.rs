//! Text for a terminal: columns and fields. Whatever was text from outside is made visible first, so that an alert's title
//! can neither move the cursor nor reorder a line.

use std::fmt::Write as _;
use time::OffsetDateTime;
use time::macros::format_description;
use vyrox_domain::text::visible;

/// The widest cell, in characters; longer ones are cut. `--json` has all of it.
const WIDEST: usize = 60;

/// A header and rows, each column as wide as its widest cell.
pub(crate) fn columns<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = std::iter::once(header.map(str::to_owned))
        .chain(rows.iter().map(|row| row.each_ref().map(|text| cell(text))))
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut out = String::new();
    for row in &rows {
        let line: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(line.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// One `name  value` a line, with the values aligned and whole.
pub(crate) fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    fields.iter().fold(String::new(), |mut out, (name, value)| {
        let value = visible(value);
        let indented = value.replace('\n', &format!("\n{}", " ".repeat(width + 2)));
        writeln!(out, "{name:width$}  {indented}").expect("writing to a String cannot fail");
        out
    })
}

/// A time (unix seconds) as people read it, in UTC.
pub(crate) fn time(unix: i64) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let time = OffsetDateTime::from_unix_timestamp(unix).ok().and_then(|time| time.format(form).ok());
    time.unwrap_or_else(|| unix.to_string())
}

/// A value that may be absent.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn cell(text: &str) -> String {
    let line = visible(text).replace(['\n', '\t'], " ");
    if line.chars().count() <= WIDEST {
        return line;
    }
    line.chars().take(WIDEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_hostile_text_stays_in_its_cell() {
        let rows = [["a".to_owned(), "one\ntwo\u{1b}[2J".to_owned()], ["longer".to_owned(), "x".repeat(100)]];
        let text = columns(["ID", "TITLE"], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["ID      TITLE", "a       one two⟦U+001B⟧[2J"]);
        assert!(lines[2].ends_with('…') && lines[2].chars().count() == 68, "{}", lines[2]);
    }

    #[test]
    fn fields_line_up_and_are_whole() {
        let text = fields(&[("name", "x".repeat(100)), ("a", "one\ntwo".to_owned())]);
        assert_eq!(text, format!("name  {}\na     one\n      two\n", "x".repeat(100)));
    }

    #[test]
    fn a_time_is_in_utc() {
        assert_eq!(time(1_700_000_000), "2023-11-14 22:13:20 UTC");
    }
}
