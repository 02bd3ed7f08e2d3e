//! What happened one after the other, which controls it supports, and what the pack holds.

use super::Material;
use super::page::{Cell, Page};
use crate::evidence::controls::{self, FRAMEWORKS};
use crate::evidence::facts::Facts;
use crate::table;

pub(super) fn write(page: &mut Page, material: Material<'_>) {
    chronology(page, material.facts);
    mapping(page, material.facts);
    contents(page, material);
}

fn chronology(page: &mut Page, facts: &Facts) {
    page.markup("<h2>Chronology</h2><p>Decisions and the alerts that led to them, actions, changes of the configuration, \
        refusals and findings. What comes with every alert, or by itself, is counted in the table of controls. Times are \
        those of the entries, in UTC.</p><table><thead><tr><th>When</th><th>What</th><th>Host</th><th>In words</th>\
        <th>Entry</th></tr></thead>\n");
    let (moments, left_out) = facts.chronology();
    for moment in moments {
        page.markup("<tr><td class=\"time\">").text(&table::time(moment.at)).markup("</td><td class=\"kind\">");
        page.name(&moment.kind).markup("</td><td>").text(&moment.host).markup("</td><td>").text(&moment.says);
        page.markup("</td><td class=\"name\">")
            .name(&moment.entry.0)
            .markup(":")
            .count(moment.entry.1)
            .markup("</td></tr>\n");
    }
    page.markup("</table>");
    if left_out > 0 {
        page.markup("<p><b>")
            .count(left_out)
            .markup("</b> further moments are in the audit and not in this table.</p>\n");
    }
}

fn mapping(page: &mut Page, facts: &Facts) {
    page.markup("<section class=\"controls\"><h2>Controls that the entries support</h2><p>").markup(controls::LIMITS);
    page.markup("</p><table><thead><tr><th>What the entries show</th><th>In the period</th>");
    for framework in FRAMEWORKS {
        page.markup("<th>").markup(framework).markup("</th>");
    }
    page.markup("</tr></thead>\n");
    let rows = controls::rows();
    for row in &rows {
        let counted: Vec<String> = row.counted(&facts.kinds).map(|(kind, count)| format!("{kind} {count}")).collect();
        page.markup("<tr><td>").text(row.shows()).markup("</td><td class=\"entry\">");
        page.text(&if counted.is_empty() { "none".to_owned() } else { counted.join(", ") });
        for controls in row.controls() {
            page.markup("</td><td>").text(&controls.join(", "));
        }
        page.markup("</td></tr>\n");
    }
    page.markup("</table>");
    let unknown = controls::unmapped(&rows, &facts.kinds);
    if !unknown.is_empty() {
        page.markup("<p>Not in this table: ").text(&unknown.join(", ")).markup(".</p>");
    }
    page.markup("</section>\n");
}

fn contents(page: &mut Page, material: Material<'_>) {
    let Material { keys, files, found, subject, .. } = material;
    page.markup(
        "<h2>Keys and files</h2><h3>Public keys</h3><table><thead><tr><th>File</th><th>Signs</th>\
        <th>Id: SHA-256 of the key in DER</th></tr></thead>\n",
    );
    for key in keys.iter() {
        page.row(&[
            Cell::Name(key.file.as_str().into()),
            Cell::Text(key.signs().into()),
            Cell::Name(key.public.id().into()),
        ]);
    }
    page.markup("</table><h3>Files</h3><table><thead><tr><th>File</th><th>Bytes</th><th>SHA-256</th></tr></thead>\n");
    for file in files {
        page.row(&[
            Cell::Name(file.name.as_str().into()),
            Cell::Count(file.bytes),
            Cell::Name(file.sha256.as_str().into()),
        ]);
    }
    page.markup("</table>");
    if let Ok(report) = &found.cloud {
        page.markup("<h3>Chains</h3><table><thead><tr><th>Chain</th><th>Entries</th><th>Head</th></tr></thead>\n");
        for chain in &report.chains {
            let head = format!("{}:{}", chain.last_seq, chain.head);
            page.row(&[Cell::Name(chain.chain.as_str().into()), Cell::Count(chain.entries), Cell::Name(head.into())]);
        }
        page.markup("</table>");
    }
    page.markup("<h3>To verify it yourself</h3><pre>vyrox-audit verify audit/cloud.jsonl --checkpoint-key keys/checkpoint.pem --as-of ");
    page.name(&subject.made_at.to_string());
    page.markup("\npython3 verifier/verify.py --key keys/checkpoint.pem audit/cloud.jsonl\nsha256sum --check SHA256SUMS</pre>\
        <p>Texts in this report that people or products wrote were searched for secrets, which are replaced by marks, and \
        long ones are cut. The audit in the pack is byte for byte as it was recorded, because otherwise it could not be \
        verified. Neither holds an alert's payload.</p>\n");
}
