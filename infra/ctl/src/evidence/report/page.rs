//! Markup that no text from outside can be part of: markup is written in this program, and whatever else is written is
//! searched for secrets, made visible and escaped.

use std::borrow::Cow;
use vyrox_domain::redact::{Personal, Redactor};
use vyrox_domain::text::visible;

/// The longest text, in characters; a longer one is cut, and is whole in the audit.
const LONGEST: usize = 600;

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// Markup of this program's own.
    pub(super) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// A text that a person or a product wrote: without secrets, on one line.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let redacted = Redactor::new(Personal::Kept).text(text);
        let line = visible(&redacted).replace(['\n', '\t'], " ");
        let cut: Cow<'_, str> = match line.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &line[..end]).into(),
            None => line.into(),
        };
        self.escaped(&cut)
    }

    /// A name that a program made (a digest, an id, a kind, a file), which is not a secret though it may look like one.
    /// Anything that has not such a name's form is a text.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':'));
        if is_name { self.escaped(name) } else { self.text(name) }
    }

    /// A number as it is.
    pub(super) fn count(&mut self, count: u64) -> &mut Self {
        self.0.push_str(&count.to_string());
        self
    }

    /// A length or a place in a drawing, to a tenth.
    pub(super) fn place(&mut self, place: f64) -> &mut Self {
        self.0.push_str(&format!("{place:.1}"));
        self
    }

    /// A row of a table: a cell for each part.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) -> &mut Self {
        self.markup("<tr>");
        for cell in cells {
            match cell {
                Cell::Text(text) => self.markup("<td>").text(text),
                Cell::Name(name) => self.markup("<td class=\"name\">").name(name),
                Cell::Count(count) => self.markup("<td class=\"count\">").count(*count),
            };
            self.markup("</td>");
        }
        self.markup("</tr>\n")
    }

    /// The whole page.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn escaped(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }
}

/// What is in a table's cell.
#[derive(Debug, Clone)]
pub(super) enum Cell<'a> {
    Text(Cow<'a, str>),
    Name(Cow<'a, str>),
    Count(u64),
}

#[cfg(test)]
mod tests {
    use super::{Cell, Page};

    #[test]
    fn no_text_becomes_markup_and_no_secret_is_shown() {
        let mut page = Page::default();
        let key = ["AKIA", "IOSFODNN7", "EXAMPLE"].concat();
        let hostile = format!("<script>alert(1)</script> \u{202e}password=hunter2secret {key}");
        page.row(&[Cell::Text(hostile.into()), Cell::Name("\"><b>".into()), Cell::Name("ab12-cd".into())]);
        let page = page.finish();
        assert!(!page.contains("<script") && !page.contains("<b>") && page.contains("&lt;script&gt;"), "{page}");
        assert!(!page.contains("hunter2") && !page.contains(&key) && !page.contains('\u{202e}'), "{page}");
        assert!(page.contains("<td class=\"name\">ab12-cd</td>"), "{page}");
    }

    #[test]
    fn a_text_that_goes_on_and_on_is_cut() {
        let mut page = Page::default();
        page.text(&"a b ".repeat(1_000));
        assert!(page.finish().chars().count() <= 601);
    }
}
