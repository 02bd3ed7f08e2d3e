//! Every line with `vyroxctl` on any page, held against the command line itself: its commands, its options, its arguments.

use super::Cli;
use clap::Parser as _;
use clap::error::ErrorKind;
use std::path::{Path, PathBuf};

/// The pages: everything in Markdown, what builds and downloads leave aside.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            pages(&path, found);
        } else if name.ends_with(".md") && name != "CHANGELOG.md" {
            found.push(path);
        }
    }
}

/// Words as a shell would take them, up to where the command ends: a pipe, a redirection, the end of a substitution, a
/// comment, or the column in which something is said about it.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, quote) {
            (_, Some(open)) if c == open => quote = None,
            (_, Some(_)) => word.push(c),
            ('\'' | '"', None) => (quote, begun) = (Some(c), true),
            ('|' | '<' | '>' | ')' | ';' | '#' | '`' | '&', None) => break,
            (' ', None) => {
                if begun || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
                if rest.peek() == Some(&' ') {
                    return words;
                }
            }
            (_, None) => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Every command on a page, and whether it stands in a block of commands, where it has to be whole.
fn commands(page: &str) -> Vec<(Vec<String>, bool)> {
    let mut found = Vec::new();
    let mut in_block = false;
    let joined = page.replace("\\\n", " ");
    for line in joined.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        for (at, name) in line.match_indices("vyroxctl ") {
            let before = line[..at].trim_end_matches("-- ").trim_end_matches("--bin ");
            let rest = line[at + name.len()..].trim_start_matches("-- ");
            let is_command = if before.ends_with("-p ") {
                false
            } else if in_block {
                before.trim().is_empty() || before.ends_with(['(', '|', ' ']) && !before.contains('#')
            } else {
                before.ends_with('`')
            };
            if is_command && rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '-') {
                found.push((words(rest), in_block));
            }
        }
    }
    found
}

#[test]
fn every_command_on_every_page_is_one_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (mut files, mut count, mut wrong) = (Vec::new(), 0, Vec::new());
    pages(&root, &mut files);
    for file in files {
        for (words, whole) in commands(&std::fs::read_to_string(&file).unwrap()) {
            count += 1;
            let Err(error) = Cli::try_parse_from(std::iter::once("vyroxctl").chain(words.iter().map(String::as_str)))
            else {
                continue;
            };
            let is_fine = match error.kind() {
                // A placeholder in a value's place (ALERT_ID, $URL).
                ErrorKind::ValueValidation | ErrorKind::DisplayHelp => true,
                // In prose a command is named without its arguments.
                ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                | ErrorKind::InvalidValue => !whole,
                _ => false,
            };
            if !is_fine {
                wrong.push(format!("{}: vyroxctl {}\n{error}", file.display(), words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 60, "only {count} commands were found");
}

#[test]
fn what_is_no_command_would_be_found() {
    let page = "```sh\nA=$(vyroxctl tenant show acme --json | jq .x)\nvyroxctl tenant destroy acme --foo\n```\n`vyroxctl dlq list` prose";
    let found: Vec<(String, bool)> =
        commands(page).into_iter().map(|(words, whole)| (words.join(" "), whole)).collect();
    let wanted = [("tenant show acme --json", true), ("tenant destroy acme --foo", true), ("dlq list", false)];
    assert_eq!(found, wanted.map(|(words, whole)| (words.to_owned(), whole)));
    let parsed = Cli::try_parse_from(["vyroxctl", "tenant", "destroy", "acme", "--foo"]);
    assert_eq!(parsed.unwrap_err().kind(), ErrorKind::InvalidSubcommand);
}
