//! The texts of an observation, in every form that is matched.
//!
//! At most eight texts per command line: as written, without noise, with disguises undone, with the other option prefix; the
//! same without the last for what was hidden in base64; and the markers. Each has at most [`LONGEST`] bytes. So an observation has
//! fewer texts than a set of 32 bits can name.

use super::characters::Characters;
use super::decode::decoded;
use super::expand::{expanded, other_prefix};
use super::normalise::{TAKEN_AWAY, lowered, stripped, tidy};
use super::note::{Note, Notes};
use super::random_case::has_random_case;
use super::undo::undone;
use super::{Observation, PlatformSet};
use crate::reading::FIELD_LIMIT;
use memchr::{memchr_iter, memrchr2};
use std::cell::OnceCell;
use vyrox_ruleset::Field;

/// Writing out short forms makes a text longer, at most to this many bytes.
const LONGEST: usize = 2 * FIELD_LIMIT;

/// One form of one field.
#[derive(Debug)]
pub(super) struct Text {
    /// The field that rules name.
    pub(super) field: Field,
    /// The name in evidence: the field's, or `decoded` for text that was hidden in base64.
    pub(super) label: &'static str,
    /// Lower case.
    pub(super) content: String,
    characters: OnceCell<Characters>,
}

impl Text {
    pub(super) fn new(field: Field, label: &'static str, content: String) -> Self {
        Self { field, label, content, characters: OnceCell::new() }
    }

    /// The same, where the characters of `content` are known.
    fn with_characters(field: Field, label: &'static str, content: String, characters: Characters) -> Self {
        Self { field, label, content, characters: OnceCell::from(characters) }
    }

    /// Which ASCII characters it has, as a set of bits.
    pub(super) fn characters(&self) -> u128 {
        self.characters.get_or_init(|| Characters::of(&self.content)).bits()
    }
}

/// Every text of `observation`, which is of one of `systems`.
pub(super) fn texts(observation: &Observation<'_>, systems: PlatformSet) -> Vec<Text> {
    let mut texts = Vec::with_capacity(8);
    let first = observation.process_cmdline.and_then(first_word);
    let parent_first = observation.parent_cmdline.and_then(first_word);

    let names = names([observation.process_name, observation.process_path, first]);
    if let Some(cmdline) = observation.process_cmdline.filter(|cmdline| !cmdline.trim().is_empty()) {
        // Some sensors leave the program out of the command line; rules may rely on finding it there.
        let program = observation.process_name.or(observation.process_path).map(base_name).unwrap_or_default();
        let there = first.is_some_and(|first| begins_with(base_name(first), stem(program)));
        if there || program.is_empty() {
            push_forms(&mut texts, Field::Cmdline, cmdline, &names, systems);
        } else {
            push_forms(&mut texts, Field::Cmdline, &format!("{program} {cmdline}"), &names, systems);
        }
    }
    push_name(&mut texts, Field::Process, names);
    let path = observation
        .process_path
        .or_else(|| [observation.process_name, first].into_iter().flatten().find(|word| word.contains(['\\', '/'])));
    if let Some(path) = path {
        push_path(&mut texts, path);
    }
    let parent_names = self::names([observation.parent_process, parent_first, None]);
    if let Some(cmdline) = observation.parent_cmdline {
        push_forms(&mut texts, Field::ParentCmdline, cmdline, &parent_names, systems);
    }
    push_name(&mut texts, Field::Parent, parent_names);
    if let Some(user) = observation.username {
        let user = lowered(tidy(user, &mut Notes::default()).into_owned());
        // Between bars whole and without its domain, so that rules can name exactly one account.
        let content = format!("{user} |{user}|{}|", base_name(&user));
        texts.push(Text::new(Field::User, Field::User.label(), content));
    }
    texts
}

/// A command line in every form, and what was noticed on the way.
fn push_forms(texts: &mut Vec<Text>, field: Field, written: &str, names: &str, systems: PlatformSet) {
    let mut notes = Notes::default();
    let tidied = tidy(written, &mut notes);
    notes.add_if(has_random_case(&tidied), Note::Case);
    notes.add_if(names_a_share(&tidied), Note::Network);
    let forms = Forms::of(&tidied, systems, &mut notes);
    let hidden = forms.undone.as_deref().and_then(|undone| decoded(undone, &mut notes));
    let hidden = hidden.or_else(|| decoded(forms.stripped.as_deref().unwrap_or(&tidied), &mut notes));
    forms.push(texts, field, field.label(), Some(names), systems, &mut notes);
    if let Some(hidden) = hidden {
        let tidied = tidy(&hidden, &mut notes);
        notes.add_if(names_a_share(&tidied), Note::Network);
        Forms::of(&tidied, systems, &mut notes).push(texts, field, "decoded", None, systems, &mut notes);
    }
    if !notes.is_empty() {
        texts.push(Text::new(field, field.label(), notes.text()));
    }
}

/// A text before it is made lower case.
struct Forms {
    lower: String,
    /// What `lower` has.
    characters: Characters,
    /// Without noise.
    stripped: Option<String>,
    /// With disguises undone, and without noise.
    undone: Option<String>,
}

impl Forms {
    fn of(tidied: &str, systems: PlatformSet, notes: &mut Notes) -> Self {
        let lower = lowered(tidied.to_owned());
        let characters = Characters::of(&lower);
        let undone = undone(tidied, &lower, characters, systems, notes);
        let stripped = stripped(tidied, notes);
        let undone = undone.map(|undone| self::stripped(&undone, &mut Notes::default()).unwrap_or(undone));
        Self { lower, characters, stripped, undone }
    }

    /// The forms that differ, those that say most first.
    fn push(
        self,
        texts: &mut Vec<Text>,
        field: Field,
        label: &'static str,
        names: Option<&str>,
        systems: PlatformSet,
        notes: &mut Notes,
    ) {
        let first = texts.len();
        let mut push = |content: String, characters: Option<Characters>| {
            if !texts[first..].iter().any(|text| text.content == content) {
                texts.push(match characters {
                    Some(characters) => Text::with_characters(field, label, content, characters),
                    None => Text::new(field, label, content),
                });
            }
        };
        let mut flipped = None;
        let undone = self.undone.map(lowered);
        let undone = undone.map(|lower| (Characters::of(&lower), lower));
        // What is taken away is all of its kind.
        let stripped = self.stripped.map(|stripped| (self.characters.without(TAKEN_AWAY), lowered(stripped)));
        let forms = [undone, stripped, Some((self.characters, self.lower))];
        for (index, form) in forms.into_iter().enumerate() {
            let Some((characters, lower)) = form else { continue };
            let plain = index == 2;
            match expanded(&lower, characters, notes) {
                std::borrow::Cow::Owned(written_out) => {
                    let written_out = shortened(written_out);
                    flip(&mut flipped, &written_out, names, systems);
                    push(written_out, None);
                    if plain {
                        push(lower, Some(characters));
                    }
                }
                std::borrow::Cow::Borrowed(_) => {
                    flip(&mut flipped, &lower, names, systems);
                    push(lower, Some(characters));
                }
            }
        }
        flipped.flatten().into_iter().for_each(|flipped| push(flipped, None));
    }
}

/// The first of a text's forms with the other option prefix, on a system that has such programs.
fn flip(flipped: &mut Option<Option<String>>, lower: &str, names: Option<&str>, systems: PlatformSet) {
    if flipped.is_none() {
        let names = names.filter(|_| systems.overlaps(PlatformSet::WINDOWS));
        *flipped = Some(names.and_then(|names| {
            let shell = names.split('|').any(|name| matches!(name, "cmd" | "powershell" | "pwsh"));
            other_prefix(lower, names.split('|'), shell)
        }));
    }
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

/// Whether a text has `\\server\share` in it. Doubled backslashes inside a path, as forwarders write them, are none.
fn names_a_share(tidied: &str) -> bool {
    let bytes = tidied.as_bytes();
    // Two and two, as they stand.
    let mut free = 0;
    let pairs = memchr_iter(b'\\', bytes).filter(|at| {
        let pair = *at >= free && bytes.get(at + 1) == Some(&b'\\');
        free = if pair { at + 2 } else { free };
        pair
    });
    pairs.into_iter().any(|at| {
        let begins =
            tidied[..at].chars().next_back().is_none_or(|c| matches!(c, ' ' | '"' | '\'' | '=' | '(' | ',' | '@'));
        // Most do not, and what follows may be long.
        begins && {
            let rest = tidied[at..].trim_start_matches('\\');
            let server = rest.split('\\').next().unwrap_or_default();
            server.len() < rest.len()
                && server.starts_with(|c: char| c.is_ascii_alphanumeric())
                && server.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@' | b':'))
        }
    })
}

fn push_path(texts: &mut Vec<Text>, path: &str) {
    let label = Field::Path.label();
    let mut notes = Notes::default();
    let lower = lowered(tidy(path, &mut notes).into_owned());
    notes.add_if(names_a_share(&lower), Note::Network);
    let hidden =
        lower.match_indices("/.").any(|(at, _)| lower.as_bytes().get(at + 2).is_some_and(u8::is_ascii_alphanumeric));
    notes.add_if(hidden, Note::Hidden);
    let plain = if lower.contains(r"\\") { lower.replace(r"\\", r"\") } else { lower };
    if let std::borrow::Cow::Owned(written_out) = expanded(&plain, Characters::of(&plain), &mut notes)
        && written_out != plain
    {
        texts.push(Text::new(Field::Path, label, shortened(written_out)));
    }
    texts.push(Text::new(Field::Path, label, plain));
    if !notes.is_empty() {
        texts.push(Text::new(Field::Path, label, notes.text()));
    }
}

/// Names as rules' `process` and `parent` lists match them: whole, between bars, with and without `.exe`.
fn names(words: [Option<&str>; 3]) -> String {
    let mut names = String::with_capacity(48);
    for word in words.into_iter().flatten() {
        let before = names.len();
        if before == 0 {
            names.push('|');
        }
        let start = names.len();
        let noise = |byte: &u8| matches!(byte, b'^' | b'"' | b'\'' | b'`');
        let name = base_name(word.trim());
        if name.as_bytes().iter().any(noise) {
            name.split(['^', '"', '\'', '`']).for_each(|part| names.push_str(part));
        } else {
            names.push_str(name);
        }
        names[start..].make_ascii_lowercase();
        let (known, name) = names.split_at(start);
        if name.is_empty() || is_between_bars(known, name) {
            names.truncate(before);
            continue;
        }
        names.push('|');
        if names[start..].ends_with(".exe|") {
            let stem = start..names.len() - ".exe|".len();
            let stem = names[stem].to_owned();
            names.push_str(&stem);
            names.push('|');
        }
    }
    names
}

/// Whether `name` is in `known`, where bars stand around every name.
fn is_between_bars(known: &str, name: &str) -> bool {
    let mut bars = memchr_iter(b'|', known.as_bytes());
    bars.any(|bar| known[bar + 1..].strip_prefix(name).is_some_and(|rest| rest.starts_with('|')))
}

fn push_name(texts: &mut Vec<Text>, field: Field, content: String) {
    if !content.is_empty() {
        texts.push(Text::new(field, field.label(), content));
    }
}

/// A program's name without its suffix.
fn stem(program: &str) -> &str {
    let length = program.len().saturating_sub(".exe".len());
    match program.split_at_checked(length) {
        Some((stem, suffix)) if suffix.eq_ignore_ascii_case(".exe") => stem,
        _ => program,
    }
}

/// Whether `text` begins with `start`, whatever the case.
fn begins_with(text: &str, start: &str) -> bool {
    text.as_bytes().get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start.as_bytes()))
}

fn base_name(path: &str) -> &str {
    let is_slash = |byte: &u8| matches!(byte, b'\\' | b'/');
    let end = path.as_bytes().iter().rposition(|byte| !is_slash(byte)).map_or(0, |last| last + 1);
    let folder = memrchr2(b'\\', b'/', &path.as_bytes()[..end]);
    &path[folder.map_or(0, |slash| slash + 1)..end]
}

/// The program of a command line: up to the closing quote, or up to white space.
fn first_word(cmdline: &str) -> Option<&str> {
    let cmdline = cmdline.trim_start();
    let word = match cmdline.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => cmdline.split_whitespace().next(),
    };
    word.filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(observation: &Observation<'_>, field: Field) -> Vec<String> {
        texts(observation, PlatformSet::infer(observation))
            .into_iter()
            .filter(|text| text.field == field)
            .map(|text| text.content)
            .collect()
    }

    #[test]
    fn the_program_is_put_back_where_a_sensor_left_it_out() {
        let observation = Observation {
            process_name: Some("RUNDLL32.EXE"),
            process_cmdline: Some("evil.dll,Run"),
            ..Observation::EMPTY
        };
        assert_eq!(contents(&observation, Field::Cmdline), ["rundll32.exe evil.dll,run"]);
    }

    #[test]
    fn a_command_line_has_a_bounded_number_of_forms_and_markers_of_its_own() {
        let written = r#"c^m^d /c "set a=certutil& set b=/f& call %a% %b% -urlcache \\srv\share\x""#;
        let forms = contents(&Observation { process_cmdline: Some(written), ..Observation::EMPTY }, Field::Cmdline);
        assert!(forms.iter().any(|form| form.contains("call certutil /f -urlcache")), "{forms:#?}");
        assert!(forms.iter().any(|form| form.contains("call certutil -f /urlcache")), "{forms:#?}");
        assert_eq!(forms.last().unwrap(), "\u{1}obf:caret\u{1}\u{1}obf:variable\u{1}\u{1}path:network\u{1}");
        assert!(forms.len() <= 8, "{forms:#?}");
    }

    #[test]
    fn nobody_can_write_a_marker() {
        let forged = "ls \u{1}obf:caret\u{1}";
        let forms = contents(&Observation { process_cmdline: Some(forged), ..Observation::EMPTY }, Field::Cmdline);
        assert_eq!(forms, ["ls obf:caret"]);
    }

    #[test]
    fn accounts_stand_between_bars_with_and_without_their_domain() {
        let observation = Observation { username: Some(r"NT AUTHORITY\SYSTEM"), ..Observation::EMPTY };
        assert_eq!(contents(&observation, Field::User), [r"nt authority\system |nt authority\system|system|"]);
    }

    #[test]
    fn shares_are_told_from_doubled_backslashes() {
        for share in [r"copy \\srv\c$\x .", r"\\10.0.0.1\share", r"dir \\\\srv\\share"] {
            assert!(names_a_share(share), "{share}");
        }
        for other in [r"C:\\Windows\\x.exe", r"\\?\C:\x", r"\\.\pipe\x", r"grep a\\b", "http://a/b"] {
            assert!(!names_a_share(other), "{other}");
        }
    }

    #[test]
    fn names_are_whole_words_with_and_without_their_suffix() {
        let observation = Observation {
            process_cmdline: Some(r#""C:\Program Files\App\Tool.exe" -x"#),
            parent_process: Some("/usr/sbin/sshd"),
            ..Observation::EMPTY
        };
        assert_eq!(contents(&observation, Field::Process), ["|tool.exe|tool|"]);
        assert_eq!(contents(&observation, Field::Parent), ["|sshd|"]);
        assert_eq!(contents(&observation, Field::Path), [r"c:\program files\app\tool.exe"]);
    }
}
