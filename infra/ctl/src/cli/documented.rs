//! Every line with `vyroxctl` on any page, held against the command line itself: its commands, its options, its arguments.

use super::Cli;
use clap::Parser as _;
use clap::error::ErrorKind;
use vyrox_tests::pages::Page;

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

/// Every command of ours in a line, from behind the program's name on.
fn in_line(line: &str, in_block: bool) -> impl Iterator<Item = Vec<String>> {
    line.match_indices("vyroxctl ").filter_map(move |(at, name)| {
        let before = line[..at].trim_end_matches("-- ").trim_end_matches("--bin ");
        let rest = line[at + name.len()..].trim_start_matches("-- ");
        let is_command = !before.ends_with("-p ")
            && (!in_block || before.trim().is_empty() || before.ends_with(['(', '|', ' ']) && !before.contains('#'))
            && rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '-');
        is_command.then(|| words(rest))
    })
}

/// Every command on a page, and whether it stands in a block, where it has to be whole.
fn commands(page: &Page) -> Vec<(Vec<String>, bool)> {
    let blocks = page.blocks();
    let lines = blocks.iter().map(|block| block.text.replace("\\\n", " "));
    let in_blocks = lines.flat_map(|text| text.lines().flat_map(|line| in_line(line, true)).collect::<Vec<_>>());
    let in_prose = page.spans().into_iter().filter(|span| span.starts_with("vyroxctl "));
    let in_prose = in_prose.flat_map(|span| in_line(&span, false).collect::<Vec<_>>());
    in_blocks.map(|words| (words, true)).chain(in_prose.map(|words| (words, false))).collect()
}

#[test]
fn every_command_on_every_page_is_one_that_there_is() {
    let (mut count, mut wrong) = (0, Vec::new());
    for page in Page::all() {
        for (words, whole) in commands(&page) {
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
                wrong.push(format!("{}: vyroxctl {}\n{error}", page.path, words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 60, "only {count} commands were found");
}

#[test]
fn what_is_no_command_would_be_found() {
    let text = "```sh\nA=$(vyroxctl tenant show acme --json | jq .x)\nvyroxctl tenant destroy acme --foo\n```\n`vyroxctl dlq list` prose";
    let page = Page { path: "page.md".to_owned(), text: text.to_owned() };
    let found: Vec<(String, bool)> =
        commands(&page).into_iter().map(|(words, whole)| (words.join(" "), whole)).collect();
    let wanted = [("tenant show acme --json", true), ("tenant destroy acme --foo", true), ("dlq list", false)];
    assert_eq!(found, wanted.map(|(words, whole)| (words.to_owned(), whole)));
    let parsed = Cli::try_parse_from(["vyroxctl", "tenant", "destroy", "acme", "--foo"]);
    assert_eq!(parsed.unwrap_err().kind(), ErrorKind::InvalidSubcommand);
}
