//! Counters, as Prometheus text.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use vyrox_contract::Outcome;

const OUTCOMES: [Outcome; 7] = [
    Outcome::Executed,
    Outcome::Already,
    Outcome::DryRun,
    Outcome::Refused,
    Outcome::Failed,
    Outcome::Ambiguous,
    Outcome::RolledBack,
];

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    outcomes: [AtomicU64; OUTCOMES.len()],
    rejected: AtomicU64,
    audit_failures: AtomicU64,
    polls: AtomicU64,
    poll_failures: AtomicU64,
}

impl Metrics {
    pub(crate) fn ended(&self, outcome: Outcome) {
        if let Some(index) = OUTCOMES.iter().position(|known| *known == outcome) {
            self.outcomes[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn audit_failed(&self) {
        self.audit_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn polled(&self, worked: bool) {
        let counter = if worked { &self.polls } else { &self.poll_failures };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The text. `audit` are the log's writes and entries, `gauges` what is so now.
    pub fn render(&self, audit: (u64, u64), gauges: &[(&str, usize)]) -> String {
        let mut text = String::from("# TYPE vyrox_proxy_actions_total counter\n");
        for (outcome, count) in OUTCOMES.iter().zip(&self.outcomes) {
            let count = count.load(Ordering::Relaxed);
            let _ = writeln!(text, "vyrox_proxy_actions_total{{outcome=\"{}\"}} {count}", outcome.as_str());
        }
        for (name, count) in [
            ("vyrox_proxy_rejected_total", self.rejected.load(Ordering::Relaxed)),
            ("vyrox_proxy_audit_failures_total", self.audit_failures.load(Ordering::Relaxed)),
            ("vyrox_proxy_polls_total", self.polls.load(Ordering::Relaxed)),
            ("vyrox_proxy_poll_failures_total", self.poll_failures.load(Ordering::Relaxed)),
            ("vyrox_proxy_audit_writes_total", audit.0),
            ("vyrox_proxy_audit_entries_total", audit.1),
        ] {
            let _ = writeln!(text, "# TYPE {name} counter\n{name} {count}");
        }
        for (name, value) in gauges {
            let _ = writeln!(text, "# TYPE {name} gauge\n{name} {value}");
        }
        text
    }
}
