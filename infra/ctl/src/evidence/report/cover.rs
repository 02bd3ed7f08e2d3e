//! The cover: whose evidence, of when, and whether it verifies; and behind it what was verified, and how.

use super::Material;
use super::page::Page;
use crate::evidence::facts::{Facts, Plan};
use crate::evidence::signed::Count;
use crate::table;

/// Whether something that was checked is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Holds,
    Fails,
    /// It could not be checked with what is in the pack.
    Open,
}

pub(super) fn write(page: &mut Page, material: Material<'_>) {
    let Material { subject, found, facts, .. } = material;
    page.markup("<section class=\"cover\"><p class=\"brand\">Vyrox · Evidence pack</p><h1>Audit evidence</h1><p class=\"whose\">");
    page.text(&subject.name).markup(", ").name(&subject.period.first()).markup(" to ").name(&subject.period.last());
    page.markup("</p>");
    if found.holds() {
        page.markup("<div class=\"seal good\"><strong>Verified</strong><p>Every hash, link and checkpoint of the audit was \
            recomputed from the files in this pack, and every signature whose key is in it was checked. Nothing is wrong.</p></div>");
    } else {
        page.markup("<div class=\"seal bad\"><strong>Does not verify</strong><ul>");
        for problem in found.problems() {
            page.markup("<li>").text(&problem).markup("</li>");
        }
        page.markup("</ul><p>This report tells only of entries that were found sound before that.</p></div>");
    }
    page.markup("<dl><dt>Tenant</dt><dd>")
        .text(&subject.name)
        .markup(" (<span class=\"name\">")
        .name(subject.tenant.as_str());
    page.markup("</span>)</dd><dt>Period</dt><dd>").name(&subject.period.first()).markup(" to ");
    page.name(&subject.period.last())
        .markup(", both included, UTC</dd><dt>Made</dt><dd>")
        .text(&table::time(subject.made_at));
    if let Some(operator) = &subject.operator {
        page.markup(", by ").text(operator);
    }
    page.markup("</dd><dt>With</dt><dd>vyroxctl ").name(env!("CARGO_PKG_VERSION"));
    page.markup("</dd><dt>Audit in the pack</dt><dd>");
    match &found.cloud {
        Ok(report) => {
            page.count(report.entries).markup(" entries in ").count(report.chains.len() as u64).markup(" chains, ");
            page.count(facts.entries()).markup(" of them in the period");
        }
        Err(_) => {
            page.markup("not whole: see above");
        }
    }
    page.markup("</dd></dl>");
    figures(page, facts);
    page.markup("<p class=\"soft\">This report was made from the files beside it and proves nothing by itself. \
        <span class=\"name\">README.md</span> says how to verify them without trusting whoever made it.</p></section>\n");
    verification(page, material);
}

fn figures(page: &mut Page, facts: &Facts) {
    let contained = facts.actions.values().filter(|action| action.has_contained()).count() as u64;
    let released = facts.actions.values().filter(|action| action.has_released()).count() as u64;
    let figures = [
        (facts.accepted().count() as u64, "alerts taken in"),
        (facts.count(&["APPROVED", "APPROVED_BY_BREAK_GLASS", "APPROVED_BY_OPT_IN"]), "approved"),
        (facts.count(&["DENIED"]), "denied"),
        (contained, "contained"),
        (released, "released"),
        (facts.count(&["CLICK_REFUSED", "CODE_REFUSED"]), "clicks refused"),
    ];
    page.markup("<div class=\"figures\">");
    for (count, name) in figures {
        page.markup("<div><b>").count(count).markup("</b><span>").markup(name).markup("</span></div>");
    }
    page.markup("</div>");
}

fn verification(page: &mut Page, material: Material<'_>) {
    let Material { found, facts, subject, keys, .. } = material;
    page.markup(
        "<h2>What was verified, and how</h2><table><thead><tr><th></th><th>Checked</th><th>Found</th></tr></thead>\n",
    );
    let (mark, what) = match &found.cloud {
        Ok(report) => {
            (Mark::Holds, format!("{} entries in {} chains, each from its first", report.entries, report.chains.len()))
        }
        Err(failure) => (Mark::Fails, failure.to_string()),
    };
    checked(page, mark, "Every entry's hash, number and link to the one before it", &what);
    if let Ok(report) = &found.cloud {
        let mark = if report.checkpoints > 0 { Mark::Holds } else { Mark::Open };
        let key = keys.checkpoints().first().map(|key| key.id().get(..16).unwrap_or_default().to_owned());
        let what = format!("{} checkpoints, by the key {}…", report.checkpoints, key.unwrap_or_default());
        checked(page, mark, "Every checkpoint's signature, and every head that it notes", &what);
        let behind: u64 = report
            .chains
            .iter()
            .filter(|chain| !chain.chain.starts_with("checkpoints-"))
            .map(|chain| chain.covered.map_or(chain.entries, |covered| chain.last_seq.saturating_sub(covered)))
            .sum();
        let mark = if behind == 0 { Mark::Holds } else { Mark::Open };
        let what = format!("{behind} entries are behind the last checkpoint: for them only the chain itself speaks");
        checked(page, mark, "Every entry is covered by a checkpoint", &what);
    }
    signatures(page, "The platform's signature on every action", found.signed.actions);
    signatures(page, "The proxy's signature on every receipt", found.signed.receipts);
    let count = |wanted: Plan| facts.actions.keys().filter(|id| facts.plan(id) == wanted).count();
    let (same, other, open) = (count(Plan::AsApproved), count(Plan::Other), count(Plan::Unknown));
    let mark = if other > 0 {
        Mark::Fails
    } else if open > 0 {
        Mark::Open
    } else {
        Mark::Holds
    };
    let what =
        format!("{same} of the period as approved, {other} otherwise, {open} without both entries in the period");
    checked(page, mark, "What was signed is the plan that a person approved", &what);
    let (mark, what) = match &found.crosscheck {
        None => (Mark::Open, "no proxy's log is in the pack".to_owned()),
        Some(Ok(compared)) if compared.findings.is_empty() => (
            Mark::Holds,
            format!(
                "{} heads of {} and {} checkpoints are as the other side noted them",
                compared.proxy_heads,
                logs(subject.logs.len()),
                compared.checkpoints
            ),
        ),
        Some(Ok(compared)) => {
            (Mark::Fails, compared.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        }
        Some(Err(failure)) => (Mark::Fails, failure.to_string()),
    };
    checked(page, mark, "The proxy's log and the cloud's audit against each other", &what);
    page.markup("</table><p>A chain shows that what was recorded was not changed afterwards, and by whom it was signed; it \
        does not show that what was recorded is true, or that nothing happened beside it. Keys are copied into this pack: \
        compare their ids, listed at the end, with those known from elsewhere.</p>\n");
}

fn logs(count: usize) -> String {
    if count == 1 { "the proxy".to_owned() } else { format!("{count} proxies") }
}

fn signatures(page: &mut Page, what: &'static str, count: Count) {
    let Count { valid, invalid, unknown_key } = count;
    let mark = match (valid, invalid, unknown_key) {
        (_, 1.., _) => Mark::Fails,
        (_, _, 1..) => Mark::Open,
        _ => Mark::Holds,
    };
    checked(
        page,
        mark,
        what,
        &format!("{valid} valid, {invalid} invalid, {unknown_key} by keys that are not in the pack"),
    );
}

fn checked(page: &mut Page, mark: Mark, what: &'static str, found: &str) {
    page.markup(match mark {
        Mark::Holds => "<tr><td class=\"mark good\">✓ yes</td><td>",
        Mark::Fails => "<tr><td class=\"mark bad\">✗ NO</td><td>",
        Mark::Open => "<tr><td class=\"mark open\">– open</td><td>",
    });
    page.markup(what).markup("</td><td>").text(found).markup("</td></tr>\n");
}
