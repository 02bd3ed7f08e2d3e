//! What prose calls by its name: subcommands and options of our programs, asked of the programs themselves. (`vyroxctl`'s are
//! held by its own crate, which parses them whole.)

use crate::running::built;
use std::process::{Command, Stdio};
use vyrox_tests::pages::Page;

const PROGRAMS: [&str; 3] = ["vyrox-audit", "vyrox-edge-proxy", "vyrox-local"];

/// What a program says about itself, or about a subcommand; nothing if it knows none of this name.
fn help(program: &str, subcommand: Option<&str>) -> Option<String> {
    let mut command = Command::new(built().join(program));
    let output = command.args(subcommand).arg("--help").stdin(Stdio::null()).output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn every_subcommand_and_option_that_prose_names_is_there() {
    if let Some(missing) = PROGRAMS.iter().find(|name| !built().join(name).exists()) {
        eprintln!(
            "SKIPPED: {missing} is not built (cargo build --workspace --bins), so what pages say of it was NOT checked"
        );
        return;
    }
    let (mut count, mut wrong) = (0, Vec::new());
    for page in Page::all() {
        for span in page.spans() {
            let mut words = span.split_whitespace();
            let Some(program) = words.next().filter(|word| PROGRAMS.contains(word)) else { continue };
            let words: Vec<&str> = words.collect();
            let subcommand = words.first().copied().filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
            count += 1;
            let Some(help) = help(program, subcommand) else {
                wrong.push(format!("{}: `{span}`: there is no such subcommand", page.path));
                continue;
            };
            let options = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
            let missing = options.filter(|option| !help.contains(**option));
            wrong.extend(missing.map(|option| format!("{}: `{span}`: there is no {option}", page.path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 15, "only {count} mentions were found");
}
