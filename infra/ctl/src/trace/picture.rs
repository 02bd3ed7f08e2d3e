//! An alert's way for a terminal: the stages with a bar each, then every step.

use super::journey::Journey;
use crate::table;
use vyrox_domain::record::AlertRecord;
use vyrox_domain::trace::TraceId;

/// How wide the way from the first step to the last is drawn, in characters.
const WIDTH: i64 = 32;

/// `standing` is where the alert stands now, in words.
pub(super) fn draw(record: &AlertRecord, standing: String, trace: TraceId, journey: &Journey) -> String {
    let alert = &record.alert;
    let title = alert.title.as_deref().unwrap_or("(no title)");
    let host = alert.hostname.as_ref().map(|host| format!(" on {host}")).unwrap_or_default();
    let mut fields = vec![
        ("alert", alert.id.to_string()),
        ("what", format!("{title}{host}, from {}", alert.source)),
        ("stands", standing),
        ("trace", trace.to_string()),
    ];
    let Some(began) = journey.began_at_ms else {
        fields.push(("steps", "none in the audit of that time: --whole reads on up to now, and lanes are removed at the end of their retention"
                .to_owned()));
        return table::fields(&fields);
    };
    fields.extend([("began", moment(began)), ("took", span(journey.took_ms))]);
    let mut text = table::fields(&fields);
    let rows: Vec<[String; 4]> = journey
        .stages
        .iter()
        .map(|stage| {
            [
                stage.name.to_owned(),
                format!("+{}", span(stage.began_ms)),
                span(stage.took_ms),
                bar(stage.began_ms, stage.took_ms, journey.took_ms),
            ]
        })
        .collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table::columns(["STAGE", "FROM", "TOOK", ""], &rows));
    }
    let rows: Vec<[String; 5]> = journey
        .steps
        .iter()
        .map(|step| {
            [
                format!("+{}", span(step.offset_ms)),
                span(step.took_ms),
                step.function.clone(),
                step.event.clone(),
                step.note.clone(),
            ]
        })
        .collect();
    text.push('\n');
    text.push_str(&table::columns(["WHEN", "AFTER", "WHO", "WHAT", ""], &rows));
    text
}

/// The part of the whole that lies between two steps: at least one mark, however short.
fn bar(began: i64, took: i64, whole: i64) -> String {
    let at = |millis: i64| (millis.saturating_mul(WIDTH) / whole.max(1)).clamp(0, WIDTH);
    let from = at(began).min(WIDTH - 1);
    let marks = (at(began.saturating_add(took)) - from).max(1);
    let repeat = |mark: &str, times: i64| mark.repeat(usize::try_from(times).unwrap_or(0));
    format!("{}{}", repeat("·", from), repeat("█", marks))
}

/// A time in the unit that people would say it in.
fn span(millis: i64) -> String {
    match millis {
        ..10_000 => format!("{millis} ms"),
        10_000..600_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        600_000..36_000_000 => format!("{} min", millis / 60_000),
        _ => format!("{} h", millis / 3_600_000),
    }
}

/// A time with its milliseconds.
fn moment(millis: i64) -> String {
    let whole = table::time(millis.div_euclid(1_000));
    whole.replace(" UTC", &format!(".{:03} UTC", millis.rem_euclid(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_lies_within_the_whole_and_is_never_empty() {
        assert_eq!(bar(0, 100, 100), "█".repeat(32));
        assert_eq!(bar(50, 50, 100), format!("{}{}", "·".repeat(16), "█".repeat(16)));
        assert_eq!(bar(100, 0, 100).chars().count(), 32);
        assert_eq!(bar(0, 0, 0), "█");
        assert_eq!(bar(1, 1, 1_000_000), "█");
    }

    #[test]
    fn a_time_is_said_in_its_unit() {
        let said: Vec<String> = [7, 9_999, 12_340, 599_999, 600_000, 86_400_000].map(span).to_vec();
        assert_eq!(said, ["7 ms", "9999 ms", "12.3 s", "599.9 s", "10 min", "24 h"]);
        assert_eq!(moment(1_700_000_000_042), "2023-11-14 22:13:20.042 UTC");
    }
}
