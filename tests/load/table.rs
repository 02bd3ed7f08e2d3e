//! What was measured, for people and for programs.

use crate::run::{Row, Times};
use serde_json::{Value, json};
use std::time::Duration;

/// One line a run.
pub(crate) fn text(rows: &[Row]) -> String {
    let mut lines = vec![
        "tenants  offered/s  carried/s  webhook->202 p50/p99  webhook->card p50/p99/max  cpu ms    MiB  refused  lost  doubled"
            .to_owned(),
    ];
    for row in rows {
        lines.push(format!(
            "{:>7}  {:>9}  {:>9.0}  {:>20}  {:>25}  {:>6.1}  {:>5}  {:>7}  {:>4}  {:>7}",
            row.plan.tenants,
            row.plan.rate,
            row.sustained,
            format!("{} / {}", ms(row.acknowledged.p50), ms(row.acknowledged.p99)),
            format!("{} / {} / {}", ms(row.card.p50), ms(row.card.p99), ms(row.card.most)),
            row.processor.as_secs_f64() * 1_000.0,
            row.peak_mib,
            row.refused,
            row.reckoning.lost.len() + row.given_up,
            row.reckoning.doubled.len(),
        ));
        if let Some(flooding) = row.flooding {
            let Times { p50, p99, most } = flooding;
            lines.push(format!("         the flooding tenant's own: {} / {} / {}", ms(p50), ms(p99), ms(most)));
        }
    }
    lines.push("Times in ms; cpu: processor time for each alert, all sides together; card: the alert's own, or the one or the digest that counts it.".to_owned());
    lines.join("\n")
}

/// One object a run; times in milliseconds.
pub(crate) fn json(rows: &[Row]) -> Value {
    let times = |times: Times| json!({"p50_ms": ms(times.p50), "p99_ms": ms(times.p99), "max_ms": ms(times.most)});
    rows.iter()
        .map(|row| {
            json!({
                "tenants": row.plan.tenants,
                "offered_per_second": row.plan.rate,
                "flood": row.plan.flood,
                "each_a_card": row.plan.is_each_a_card,
                "on_disk": row.plan.data.is_some(),
                "carried_per_second": row.sustained.round(),
                "webhook_to_card": times(row.card),
                "flooding_tenant": row.flooding.map(times),
                "webhook_to_acknowledgement": times(row.acknowledged),
                "processor_ms_per_alert": row.processor.as_secs_f64() * 1_000.0,
                "peak_mib": row.peak_mib,
                "refused": row.refused,
                "alerts": row.reckoning.alerts,
                "own_card": row.reckoning.own_card,
                "counted": row.reckoning.counted,
                "in_digest": row.reckoning.in_digest,
                "not_shown": row.reckoning.not_shown.len(),
                "lost": row.reckoning.lost.len() + row.given_up,
                "doubled": row.reckoning.doubled.len(),
            })
        })
        .collect()
}

fn ms(time: Duration) -> u128 {
    time.as_millis()
}
