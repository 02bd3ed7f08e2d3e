//! Whose turn it is: the oldest message of every group, then every group's second, as a fair queue of AWS does it in effect. So
//! a group that floods the queue delays itself.

use rusqlite::{Transaction, params};

/// The next `limit` messages that are visible `now` (ms), by their rows' ids. Groups are looked at only where not everything can
/// be had.
pub(super) fn next(transaction: &Transaction<'_>, queue: &str, now: i64, limit: i64) -> rusqlite::Result<Vec<i64>> {
    let mut oldest = transaction
        .prepare_cached("SELECT id FROM messages WHERE queue = ? AND visible <= ? ORDER BY visible, id LIMIT ?")?;
    let oldest = oldest.query_map(params![queue, now, limit + 1], |row| row.get(0))?;
    let oldest: Vec<i64> = oldest.collect::<rusqlite::Result<_>>()?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if oldest.len() <= limit { Ok(oldest) } else { by_turns(transaction, queue, now, limit) }
}

/// The first ones by turn and age; a group's oldest message has the first turn.
fn by_turns(transaction: &Transaction<'_>, queue: &str, now: i64, limit: usize) -> rusqlite::Result<Vec<i64>> {
    let groups = groups(transaction, queue)?;
    let mut oldest = transaction.prepare_cached(
        "SELECT visible, id FROM messages
         WHERE queue = ? AND coalesce(group_id, '') = ? AND visible <= ? ORDER BY visible, id LIMIT ?",
    )?;
    // As many turns as it takes if every group has a message for each; if not, as many as it can take.
    for turns in [limit.div_ceil(groups.len().max(1)), limit] {
        let mut found: Vec<(usize, i64, i64)> = Vec::new();
        for group in &groups {
            let rows = oldest.query_map(params![queue, group, now, turns], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for (turn, row) in rows.enumerate() {
                let (visible, id) = row?;
                found.push((turn, visible, id));
            }
        }
        if found.len() >= limit || turns == limit {
            found.sort_unstable();
            return Ok(found.into_iter().take(limit).map(|(_, _, id)| id).collect());
        }
    }
    Ok(Vec::new())
}

/// The queue's groups, found one after the other in their index.
fn groups(transaction: &Transaction<'_>, queue: &str) -> rusqlite::Result<Vec<String>> {
    let mut first = transaction.prepare_cached("SELECT min(coalesce(group_id, '')) FROM messages WHERE queue = ?")?;
    let mut after = transaction.prepare_cached(
        "SELECT min(coalesce(group_id, '')) FROM messages WHERE queue = ? AND coalesce(group_id, '') > ?",
    )?;
    let mut groups: Vec<String> = Vec::new();
    loop {
        let group: Option<String> = match groups.last() {
            None => first.query_row([queue], |row| row.get(0))?,
            Some(last) => after.query_row([queue, last], |row| row.get(0))?,
        };
        match group {
            Some(group) => groups.push(group),
            None => return Ok(groups),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::next;
    use crate::store::Store;
    use rusqlite::params;
    use std::collections::HashMap;

    /// Visible since then (ms), group.
    type Row = (i64, Option<String>);

    fn asked(rows: &[Row], now: i64, limit: i64) -> Vec<i64> {
        let store = Store::open(None).unwrap();
        store
            .transact(|transaction| {
                transaction.execute("INSERT INTO queues VALUES ('q', 0, 0, '{}'), ('other', 0, 0, '{}')", ())?;
                let mut message = transaction.prepare(
                    "INSERT INTO messages (id, queue, message_id, body, attributes, group_id, sent, visible)
                     VALUES (?, ?, '', '', '{}', ?, 0, ?)",
                )?;
                for (id, (visible, group)) in rows.iter().enumerate() {
                    message.execute(params![id + 1, "q", group, visible])?;
                    message.execute(params![id + 1_001, "other", group, visible])?;
                }
                Ok(next(transaction, "q", now, limit)?)
            })
            .unwrap()
    }

    /// The same, worked out message by message.
    fn expected(rows: &[Row], now: i64, limit: usize) -> Vec<i64> {
        let mut visible: Vec<(i64, i64, &str)> = (1..)
            .zip(rows)
            .filter(|(_, (visible, _))| *visible <= now)
            .map(|(id, (visible, group))| (*visible, id, group.as_deref().unwrap_or_default()))
            .collect();
        visible.sort_unstable();
        if visible.len() <= limit {
            return visible.into_iter().map(|(_, id, _)| id).collect();
        }
        let mut turns: HashMap<&str, usize> = HashMap::new();
        let mut order: Vec<(usize, i64, i64)> = Vec::new();
        for (since, id, group) in visible {
            let turn = turns.entry(group).or_default();
            order.push((*turn, since, id));
            *turn += 1;
        }
        order.sort_unstable();
        order.into_iter().take(limit).map(|(_, _, id)| id).collect()
    }

    #[test]
    fn turns_are_those_of_the_groups() {
        let mut seed = 1_u64;
        let mut below = |most: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % most
        };
        for round in 0..200 {
            // Few groups and many, one of them larger than the others, some messages without a group, some not visible yet.
            let (count, groups) = (below(60), below(25) + 1);
            let rows: Vec<Row> = (0..count)
                .map(|_| {
                    let group = if below(3) == 0 { 0 } else { below(groups) };
                    let visible = i64::try_from(below(40)).unwrap();
                    (visible, (group > 0 || below(2) == 0).then(|| format!("g{group}")))
                })
                .collect();
            let limit = i64::try_from(below(10) + 1).unwrap();
            assert_eq!(
                asked(&rows, 30, limit),
                expected(&rows, 30, usize::try_from(limit).unwrap()),
                "{round}: {rows:?}"
            );
        }
    }
}
