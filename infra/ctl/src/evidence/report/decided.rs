//! Who decided what, what was done, and what the endpoint products said of it.

use super::page::Page;
use crate::evidence::facts::{Action, Decision, Facts, Plan};
use crate::evidence::signed::Signature;
use crate::table;

pub(super) fn write(page: &mut Page, facts: &Facts) {
    page.markup(
        "<h2>Decisions</h2><p>Each by a named person, on what was shown to them: the plan's digest binds the click \
        to exactly this action on this host, and the card's digest is of the message with the question.</p>",
    );
    if facts.decisions.is_empty() {
        page.markup("<p class=\"soft\">Nobody decided anything in the period.</p>\n");
    } else {
        page.markup(
            "<table><thead><tr><th>When</th><th>Decision</th><th>Who</th><th>Host</th><th>Reason given</th>\
            <th>What was shown</th></tr></thead>\n",
        );
        facts.decisions.values().for_each(|decision| decided(page, facts, decision));
        page.markup("</table>\n");
    }
    for (title, operation, none) in [
        ("<h2>Containments</h2>\n", "execute", "<p class=\"soft\">None in the period.</p>\n"),
        ("<h2>Releases</h2>\n", "rollback", "<p class=\"soft\">None in the period.</p>\n"),
    ] {
        page.markup(title);
        let of = facts.actions.iter().filter(|(_, action)| action.operation == operation);
        if of.clone().next().is_none() {
            page.markup(none);
        }
        of.for_each(|(id, action)| case(page, facts, id, action));
    }
}

fn decided(page: &mut Page, facts: &Facts, decision: &Decision) {
    page.markup("<tr><td class=\"time\">").text(&table::time(decision.moment.at)).markup("</td><td class=\"kind\">");
    page.name(&decision.moment.kind).markup("</td><td>").text(&decision.by).markup("<br><span class=\"entry\">");
    page.name(&decision.user_id);
    if let Some(factor) = &decision.factor {
        page.markup(", with ").text(factor);
    }
    page.markup("</span></td><td>").text(&decision.moment.host).markup("</td><td>");
    page.text(decision.reason.as_deref().unwrap_or("none asked for")).markup("</td><td class=\"name\">plan ");
    page.name(short(&decision.plan));
    if let Some(card) = facts.alerts.get(&decision.alert_id).and_then(|alert| alert.card_at(decision.moment.at)) {
        page.markup("<br>card ").name(short(card));
    }
    page.markup("</td></tr>\n");
}

/// One action: asked, signed, done, read back.
fn case(page: &mut Page, facts: &Facts, id: &str, action: &Action) {
    page.markup("<div class=\"case\"><h3>")
        .text(&action.host)
        .markup(" · ")
        .name(&action.action)
        .markup("</h3><dl><dt>Approved by</dt><dd>");
    page.text(if action.approved_by.is_empty() { "nobody that the entry names" } else { &action.approved_by });
    page.markup("</dd><dt>Plan</dt><dd class=\"name\">")
        .name(&action.plan)
        .markup("</dd><dt>Approved and signed</dt><dd>");
    page.markup(match facts.plan(id) {
        Plan::AsApproved => "<span class=\"good\">the same plan</span>",
        Plan::Other => "<span class=\"bad\">NOT the same plan</span>",
        Plan::ByTerm => "ended by its own term, as it was approved",
        Plan::Unknown => "the approval or the signed action is not in the period",
    });
    page.markup("</dd>");
    if let Some((at, signature, _)) = &action.signed {
        page.markup("<dt>Signed and handed over</dt><dd>").text(&table::time(*at)).markup(", to ").name(&action.proxy);
        page.markup("; signature ").markup(signature.as_str()).markup("</dd>");
    }
    for receipt in &action.receipts {
        page.markup("<dt>Receipt</dt><dd><b>")
            .text(&receipt.outcome)
            .markup("</b> ")
            .text(&table::time(receipt.finished_at));
        page.markup("; signature ").markup(receipt.signature.map_or("not in the entry", Signature::as_str));
        page.markup(" <span class=\"entry\">").name(&receipt.kind).markup(" ").name(&receipt.entry.0).markup(":");
        page.count(receipt.entry.1)
            .markup("</span></dd><dt>Read back from the EDR</dt><dd><b>")
            .text(&receipt.read_back);
        page.markup("</b>");
        if !receipt.text.is_empty() {
            page.markup(" · ").text(&receipt.text);
        }
        if let Some(reference) = &receipt.reference {
            page.markup(" · reference ").text(reference);
        }
        page.markup("</dd>");
    }
    if action.receipts.is_empty() {
        page.markup("<dt>Receipt</dt><dd>none in the period</dd>");
    }
    page.markup("<dt>Request</dt><dd class=\"name\">").name(id).markup("</dd></dl></div>\n");
}

/// The beginning of a digest; the whole one is in the audit.
fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}
