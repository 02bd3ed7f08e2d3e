//! What was noticed while a text was made plain: the markers that the engine sets.

use vyrox_ruleset::{MARKERS, marker_text};

/// One thing to notice. `vyrox_ruleset::MARKERS` says when each is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    Caret,
    Quote,
    Backtick,
    Backslash,
    Concat,
    Format,
    Chars,
    Base64,
    Gzip,
    Escape,
    Ifs,
    Brace,
    Substring,
    Variable,
    Reverse,
    Replace,
    Dash,
    Invisible,
    Case,
    Padding,
    Traversal,
    Network,
    Hidden,
}

impl Note {
    const ALL: [Self; 23] = [
        Self::Caret,
        Self::Quote,
        Self::Backtick,
        Self::Backslash,
        Self::Concat,
        Self::Format,
        Self::Chars,
        Self::Base64,
        Self::Gzip,
        Self::Escape,
        Self::Ifs,
        Self::Brace,
        Self::Substring,
        Self::Variable,
        Self::Reverse,
        Self::Replace,
        Self::Dash,
        Self::Invisible,
        Self::Case,
        Self::Padding,
        Self::Traversal,
        Self::Network,
        Self::Hidden,
    ];

    /// As rules write it.
    const fn name(self) -> &'static str {
        match self {
            Self::Caret => "obf:caret",
            Self::Quote => "obf:quote",
            Self::Backtick => "obf:backtick",
            Self::Backslash => "obf:backslash",
            Self::Concat => "obf:concat",
            Self::Format => "obf:format",
            Self::Chars => "obf:chars",
            Self::Base64 => "obf:base64",
            Self::Gzip => "obf:gzip",
            Self::Escape => "obf:escape",
            Self::Ifs => "obf:ifs",
            Self::Brace => "obf:brace",
            Self::Substring => "obf:substring",
            Self::Variable => "obf:variable",
            Self::Reverse => "obf:reverse",
            Self::Replace => "obf:replace",
            Self::Dash => "obf:dash",
            Self::Invisible => "obf:invisible",
            Self::Case => "obf:case",
            Self::Padding => "obf:padding",
            Self::Traversal => "obf:traversal",
            Self::Network => "path:network",
            Self::Hidden => "path:hidden",
        }
    }
}

/// A set of notes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Notes(u32);

impl Notes {
    pub(super) fn add(&mut self, note: Note) {
        self.0 |= 1 << note as u32;
    }

    pub(super) fn add_if(&mut self, holds: bool, note: Note) {
        if holds {
            self.add(note);
        }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn has(self, note: Note) -> bool {
        self.0 & (1 << note as u32) != 0
    }

    /// The markers as they stand in a text.
    pub(super) fn text(self) -> String {
        debug_assert!(MARKERS.len() >= Note::ALL.len(), "every note is a marker");
        Note::ALL.into_iter().filter(|note| self.has(*note)).map(|note| marker_text(note.name())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_and_the_markers_that_the_engine_sets_are_the_same() {
        let set: Vec<&str> =
            MARKERS.iter().filter(|marker| marker.literals.is_empty()).map(|marker| marker.name).collect();
        assert_eq!(Note::ALL.map(Note::name).to_vec(), set);
        assert!(Note::ALL.iter().enumerate().all(|(index, note)| *note as usize == index));
    }

    #[test]
    fn a_text_has_the_notes_that_were_added() {
        let mut notes = Notes::default();
        assert!(notes.is_empty() && notes.text().is_empty());
        notes.add(Note::Format);
        notes.add_if(false, Note::Caret);
        assert_eq!(notes.text(), "\u{1}obf:format\u{1}");
    }
}
