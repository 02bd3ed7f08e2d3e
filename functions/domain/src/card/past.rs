//! What was seen before, for the one who investigates.

use super::field;
use super::message::Field;
use crate::history::{Decided, HostAlert, PastDecision};
use crate::text::Shown;

/// The most lines of either kind.
const MOST: usize = 5;

/// What was seen before, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    /// Earlier alerts on the same host.
    pub alerts: Vec<HostAlert>,
    /// Earlier decisions on alerts that looked the same.
    pub decisions: Vec<PastDecision>,
}

/// Two fields; or one that says that it could not be read.
pub(super) fn fields(past: Option<&Past>) -> Vec<Field> {
    let Some(past) = past else {
        let text = "It cannot be read just now, because of a fault on our side. Everything else is shown.";
        return vec![field("Before", Shown::literal(text), false)];
    };
    let alerts = past.alerts.iter().take(MOST).map(|seen| {
        let title = seen.title.as_deref().map(|title| Shown::join([Shown::literal(" "), Shown::inline(title, 60)]));
        let line = [Shown::time(seen.at, 'f'), Shown::literal(" "), Shown::literal(seen.level.as_str())];
        Shown::join(line.into_iter().chain(title))
    });
    let decisions = past.decisions.iter().take(MOST).map(|decision| {
        let what = match decision.decided {
            Decided::Approved => " approved by ",
            Decided::Denied => " denied by ",
        };
        let host = decision.host.as_deref().map(|host| Shown::join([Shown::literal(" on "), Shown::span(host, 40)]));
        let reason = decision.reason.as_deref();
        let reason = reason.map(|reason| Shown::join([Shown::literal(": "), Shown::inline(reason, 60)]));
        let line = [Shown::time(decision.at, 'f'), Shown::literal(what), Shown::user(decision.by)];
        Shown::join(line.into_iter().chain(host).chain(reason))
    });
    vec![
        field("Earlier alerts on this host", lines(alerts), false),
        field("Earlier decisions on the same", lines(decisions), false),
    ]
}

fn lines(lines: impl Iterator<Item = Shown>) -> Shown {
    let lines: Vec<Shown> = lines.collect();
    if lines.is_empty() { Shown::literal("none in 90 days") } else { Shown::lines(lines) }
}
