//! `/vyrox history`: the latest alerts and what became of them.

use crate::{Asked, Assist, AssistError};
use vyrox_domain::card::{self, Ephemeral, Tone};
use vyrox_domain::record::AlertRecord;
use vyrox_domain::text::Shown;

/// How many alerts are shown.
const MOST_SHOWN: usize = 10;

impl Assist {
    pub(crate) async fn history(&self, asked: &Asked, host: Option<&str>) -> Result<Ephemeral, AssistError> {
        let now = self.clock.now();
        let alerts = self.alerts(asked).await?;
        let is_wanted = |record: &&AlertRecord| {
            host.is_none_or(|host| {
                record.alert.hostname.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(host.trim()))
            })
        };
        let wanted: Vec<&AlertRecord> = alerts.records.iter().filter(is_wanted).collect();
        let count = Shown::number(i64::try_from(wanted.len()).unwrap_or(i64::MAX));
        let of = host.map(|host| Shown::join([Shown::literal(" of "), Shown::span(host, 80)]));
        let line = Shown::join([count.bold(), Shown::literal(" alerts are kept")].into_iter().chain(of));
        let text = match (wanted.is_empty(), alerts.has_more) {
            (true, _) => Shown::literal("There is none."),
            (false, true) => Shown::literal("The latest of those that could be read; there are more."),
            (false, false) => Shown::literal("The latest of them."),
        };
        let fields = wanted.into_iter().take(MOST_SHOWN).map(|record| entry(record, now));
        Ok(Ephemeral::panel(line, Tone::Neutral, "History", text, fields))
    }
}

fn entry(record: &AlertRecord, now: i64) -> (Shown, Shown) {
    let alert = &record.alert;
    let level = record.verdict.as_ref().map_or("NOT JUDGED YET", |verdict| verdict.verdict.as_str());
    let title = alert.title.as_deref().or(alert.technique.as_deref()).unwrap_or("Alert");
    let name = Shown::join([
        Shown::literal(if record.canary { "TEST · " } else { "" }),
        Shown::literal(level),
        Shown::literal(" · "),
        Shown::inline(title, 120),
    ]);
    let host =
        alert.hostname.as_deref().map_or_else(|| Shown::literal("(no host named)"), |host| Shown::span(host, 80));
    let value = Shown::join([
        Shown::time(alert.received_at, 'R'),
        Shown::literal(" on "),
        host,
        Shown::literal(" — "),
        card::state_in_words(record, now),
        Shown::literal("\n"),
        Shown::span(&alert.id.to_string(), 40),
    ]);
    (name, value)
}
