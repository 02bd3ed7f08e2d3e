//! Hostile text made harmless for Discord. A raw string cannot reach a message: cards take [`Shown`], and only this file
//! makes one from outside text.
//!
//! Every value first becomes [`visible`]: what would be invisible or reorder text is shown as `⟦U+202E⟧`, because evidence
//! is shown, not dropped. Then exactly one of:
//!
//! | form | for | URLs | line breaks |
//! |---|---|---|---|
//! | [`Shown::inline`] | names, titles, sentences | defanged: `http[:]//`, each dot escaped | become spaces |
//! | [`Shown::span`] | ids, paths | no client links code | become spaces |
//! | [`Shown::fence`] | command lines, payloads | no client links code, and what is copied from it is exact | kept |
//!
//! `functions/domain/tests/hostile_text.rs` holds all of it against a Markdown parser that is not ours.

mod visible;

pub use visible::{visible, visible_line};

use sha2::{Digest as _, Sha256};
use std::fmt::{self, Write as _};
use visible::cut;

/// Text that is safe in Discord's markup: no mention, link, heading or hidden character in it is active.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Shown(String);

impl Shown {
    /// Text of ours, known when this was compiled.
    #[must_use]
    pub fn literal(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// A number.
    #[must_use]
    pub fn number(number: impl Into<i64>) -> Self {
        Self(number.into().to_string())
    }

    /// A Discord timestamp, which every reader sees in their own time zone. `style` is one of Discord's letters.
    #[must_use]
    pub fn time(unix: i64, style: char) -> Self {
        Self(format!("<t:{unix}:{style}>"))
    }

    /// An alert's id: hex digits and hyphens, safe anywhere.
    #[must_use]
    pub fn alert(id: vyrox_contract::AlertId) -> Self {
        Self(id.to_string())
    }

    /// A mention of a user whose id we were told by a signed request.
    #[must_use]
    pub fn user(id: crate::tenant::Snowflake) -> Self {
        Self(format!("<@{id}>"))
    }

    /// A mention of a role from the tenant's own settings.
    #[must_use]
    pub fn role(id: crate::tenant::Snowflake) -> Self {
        Self(format!("<@&{id}>"))
    }

    /// The address of a message, which every client shows as a link to it.
    #[must_use]
    pub fn jump(
        guild: crate::tenant::Snowflake,
        channel: crate::tenant::Snowflake,
        message: crate::tenant::Snowflake,
    ) -> Self {
        Self(format!("https://discord.com/channels/{guild}/{channel}/{message}"))
    }

    /// A name, on one line, every mark-up character escaped; at most `max` UTF-16 units.
    #[must_use]
    pub fn inline(text: &str, max: usize) -> Self {
        let mut out = String::with_capacity(text.len() + 8);
        for character in visible(text).replace('\n', " ").replace("://", "[:]//").chars() {
            if matches!(
                character,
                '\\' | '`'
                    | '*'
                    | '_'
                    | '['
                    | ']'
                    | '('
                    | ')'
                    | '<'
                    | '>'
                    | '#'
                    | '+'
                    | '-'
                    | '.'
                    | '|'
                    | '~'
                    | '@'
                    | ':'
            ) {
                out.push('\\');
            }
            out.push(character);
        }
        Self(cut(&out, max))
    }

    /// An id or a path, as code on one line; at most `max` UTF-16 units of it.
    #[must_use]
    pub fn span(text: &str, max: usize) -> Self {
        let body = cut(&visible(text).replace('\n', " ").replace('`', "\u{2cb}"), max);
        if body.trim().is_empty() { Self("`-`".to_owned()) } else { Self(format!("`{body}`")) }
    }

    /// A command line, as a code block; at most `max` UTF-16 units of it, and a digest of the whole where it was cut.
    #[must_use]
    pub fn fence(text: &str, max: usize) -> Self {
        // A thin space between any two backticks keeps a run of them from ending the block; the text stays readable.
        let mut body = visible(text);
        while body.contains("``") {
            body = body.replace("``", "`\u{200a}`");
        }
        let kept = cut(&body, max);
        let mut out = format!("```\n{}\n```", if kept.trim().is_empty() { "-" } else { &kept });
        if kept.len() < body.len() {
            let digest = hex::encode(Sha256::digest(text.as_bytes()));
            write!(out, "…of {} characters, sha256 {}", text.chars().count(), &digest[..16])
                .expect("writing to a String cannot fail");
        }
        Self(out)
    }

    /// The parts, one after the other.
    #[must_use]
    pub fn join(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect())
    }

    /// The parts, one a line.
    #[must_use]
    pub fn lines(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect::<Vec<_>>().join("\n"))
    }

    /// A channel from the tenant's own settings, as a link.
    #[must_use]
    pub fn channel(id: crate::tenant::Snowflake) -> Self {
        Self(format!("<#{id}>"))
    }

    /// In bold.
    #[must_use]
    pub fn bold(self) -> Self {
        Self(format!("**{}**", self.0))
    }

    /// How much of Discord's limits it uses, in UTF-16 units.
    #[must_use]
    pub fn units(&self) -> usize {
        self.0.encode_utf16().count()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn markup_mentions_and_links_are_inert() {
        assert_eq!(
            Shown::inline("@everyone <@1> [x](http://e.v) **b**", 200).as_str(),
            "\\@everyone \\<\\@1\\> \\[x\\]\\(http\\[\\:\\]//e\\.v\\) \\*\\*b\\*\\*"
        );
        assert_eq!(Shown::span("a`b\nc", 50).as_str(), "`a\u{2cb}b c`");
        assert_eq!(Shown::span("", 50).as_str(), "`-`");
        assert!(!Shown::fence("x ``` @everyone", 100).as_str()[4..].trim_end_matches("```").contains("```"));
    }

    #[test]
    fn what_is_cut_says_so_with_a_digest_of_the_whole() {
        let shown = Shown::fence(&"x".repeat(5_000), 900);
        assert!(shown.units() < 1_000, "{}", shown.units());
        assert!(shown.as_str().contains("of 5000 characters, sha256 "));
    }

    proptest! {
        #[test]
        fn no_text_escapes_its_wrapping(text in ".{0,200}", max in 10_usize..80) {
            let inline = Shown::inline(&text, max);
            prop_assert!(inline.units() <= max);
            prop_assert!(!inline.as_str().contains('\n'));
            let span = Shown::span(&text, max);
            prop_assert_eq!(span.as_str().matches('`').count(), 2);
            let fence = Shown::fence(&text, max);
            prop_assert_eq!(fence.as_str().matches("```").count(), 2);
        }

        #[test]
        fn no_run_of_backticks_ends_a_block(text in "[`a\n]{0,60}", max in 10_usize..80) {
            prop_assert_eq!(Shown::fence(&text, max).as_str().matches("```").count(), 2);
        }

        #[test]
        fn backslashes_never_dangle(text in "[\\\\a*]{0,60}", max in 3_usize..40) {
            let inline = Shown::inline(&text, max);
            let body = inline.as_str().trim_end_matches('…');
            let trailing = body.chars().rev().take_while(|&c| c == '\\').count();
            prop_assert_eq!(trailing % 2, 0);
        }
    }
}
