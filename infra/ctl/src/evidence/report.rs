//! `report.html`: the pack told to people, as one page that needs nothing from anywhere and prints as a document.

mod alerts;
mod appendix;
mod chart;
mod cover;
mod decided;
mod page;

use super::Subject;
use super::facts::Facts;
use super::keys::Keys;
use super::pack::Listed;
use super::verification::Verification;
use page::Page;

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Material<'m> {
    pub(super) subject: &'m Subject,
    pub(super) keys: &'m Keys,
    pub(super) facts: &'m Facts,
    pub(super) found: &'m Verification,
    /// The pack's files up to here.
    pub(super) files: &'m [Listed],
}

/// Writes it.
pub(super) fn write(material: Material<'_>) -> String {
    let mut page = Page::default();
    page.markup("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.markup("<meta name=\"viewport\" content=\"width=device-width\">");
    // Nothing is loaded and nothing runs, even if a text should ever get where it must not.
    page.markup(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
    );
    page.markup("<title>Evidence of ").text(&material.subject.name).markup("</title><style>\n");
    page.markup(include_str!("report/style.css")).markup("</style></head><body>\n");
    cover::write(&mut page, material);
    alerts::write(&mut page, material.facts);
    decided::write(&mut page, material.facts);
    appendix::write(&mut page, material);
    page.markup("</body></html>\n");
    page.finish()
}
