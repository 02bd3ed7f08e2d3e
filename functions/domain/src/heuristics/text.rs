//! The texts of an observation, in every form that is matched.

use super::Observation;
use super::decode::decoded;
use super::normalise::{expanded, lowered, stripped, tidy};
use super::rule::Field;

/// One form of one field.
#[derive(Debug)]
pub(super) struct Text {
    /// The field that rules name.
    pub(super) field: Field,
    /// The name in evidence: the field's, or `decoded` for text that was hidden in base64.
    pub(super) label: &'static str,
    /// Lower case.
    pub(super) content: String,
}

/// Every text of `observation`.
pub(super) fn texts(observation: &Observation<'_>) -> Vec<Text> {
    let mut texts = Vec::with_capacity(8);
    let first = observation.process_cmdline.and_then(first_word);
    let parent_first = observation.parent_cmdline.and_then(first_word);

    let names = names([observation.process_name, observation.process_path, first]);
    if let Some(cmdline) = observation.process_cmdline.filter(|cmdline| !cmdline.trim().is_empty()) {
        // Some sensors leave the program out of the command line; rules may rely on finding it there.
        let program = observation.process_name.or(observation.process_path).map(base_name).unwrap_or_default();
        let there = first.is_some_and(|first| base_name(first).to_ascii_lowercase().starts_with(&stem(program)));
        if there || program.is_empty() {
            push_forms(&mut texts, Field::Cmdline, cmdline);
        } else {
            push_forms(&mut texts, Field::Cmdline, &format!("{program} {cmdline}"));
        }
    }
    push_name(&mut texts, Field::Process, names);
    let path = observation
        .process_path
        .or_else(|| [observation.process_name, first].into_iter().flatten().find(|word| word.contains(['\\', '/'])));
    if let Some(path) = path {
        texts.push(Text {
            field: Field::Path,
            label: "process_path",
            content: lowered(tidy(path)).replace(r"\\", r"\"),
        });
    }
    push_name(&mut texts, Field::Parent, self::names([observation.parent_process, parent_first, None]));
    if let Some(cmdline) = observation.parent_cmdline {
        push_forms(&mut texts, Field::ParentCmdline, cmdline);
    }
    if let Some(user) = observation.username {
        texts.push(Text { field: Field::User, label: "username", content: lowered(tidy(user)) });
    }
    texts
}

fn push_forms(texts: &mut Vec<Text>, field: Field, written: &str) {
    let tidy = tidy(written);
    let stripped = stripped(&tidy);
    let hidden = decoded(stripped.as_deref().unwrap_or(&tidy));
    push_undone(texts, field, field.label(), tidy, stripped);
    if let Some(hidden) = hidden {
        let tidy = self::tidy(&hidden);
        let stripped = self::stripped(&tidy);
        push_undone(texts, field, "decoded", tidy, stripped);
    }
}

fn push_undone(texts: &mut Vec<Text>, field: Field, label: &'static str, tidy: String, stripped: Option<String>) {
    let plain = lowered(tidy);
    let undone = match stripped {
        Some(stripped) => Some(expanded(&lowered(stripped)).into_owned()),
        None => match expanded(&plain) {
            std::borrow::Cow::Owned(undone) => Some(undone),
            std::borrow::Cow::Borrowed(_) => None,
        },
    };
    if let Some(undone) = undone.filter(|undone| *undone != plain) {
        texts.push(Text { field, label, content: undone });
    }
    texts.push(Text { field, label, content: plain });
}

/// Names as rules' `process` and `parent` lists match them: whole, between bars, with and without `.exe`.
fn names(words: [Option<&str>; 3]) -> String {
    let mut names = String::new();
    for word in words.into_iter().flatten() {
        let name = base_name(word.trim()).to_ascii_lowercase();
        if name.is_empty() || names.contains(&format!("|{name}|")) {
            continue;
        }
        if names.is_empty() {
            names.push('|');
        }
        names.push_str(&name);
        names.push('|');
        if let Some(stem) = name.strip_suffix(".exe") {
            names.push_str(stem);
            names.push('|');
        }
    }
    names
}

fn push_name(texts: &mut Vec<Text>, field: Field, content: String) {
    if !content.is_empty() {
        texts.push(Text { field, label: field.label(), content });
    }
}

fn stem(program: &str) -> String {
    let lower = program.to_ascii_lowercase();
    lower.strip_suffix(".exe").map(str::to_owned).unwrap_or(lower)
}

fn base_name(path: &str) -> &str {
    path.trim_end_matches(['\\', '/']).rsplit(['\\', '/']).next().unwrap_or(path)
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
        texts(observation).into_iter().filter(|text| text.field == field).map(|text| text.content).collect()
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
