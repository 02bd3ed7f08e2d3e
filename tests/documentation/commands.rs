//! Who runs which command: every command of every page is run with its page, or by a stage of `.ci/run`, or is one of the
//! tests, or is here with the reason why it cannot be run. One that is none of these fails.

use crate::running::PAGES;
use crate::{cargo, stages};
use vyrox_tests::pages::{Page, root};

/// Why a command is not run by a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// It takes an AWS account. The template that it deploys is linted by `infra/check` and deployed on an emulator.
    Account,
    /// It measures, or tries more of the same for longer: minutes of an optimised build, or of tests. The program, bench or test
    /// that it names exists.
    Long,
    /// It reads data that is not in the repository.
    Data,
    /// It needs cargo-lambda, and runs until it is stopped. `infra/invoke`, a stage, does so for every function, and holds the
    /// answers against those of the page.
    CargoLambda,
    /// It is what runs everything.
    Everything,
}

/// What no test runs: the page, how the command begins, why.
const NOT_RUN: &[(&str, &str, Reason)] = &[
    ("CONTRIBUTING.md", ".ci/run", Reason::Everything),
    ("README.md", "cargo test --workspace", Reason::Everything),
    ("CONTRIBUTING.md", "cargo test --workspace", Reason::Everything),
    ("docs/deployment.md", "infra/lambda build --release", Reason::Long),
    ("docs/deployment.md", "sam deploy", Reason::Account),
    ("infra/README.md", "sam deploy", Reason::Account),
    ("docs/operations.md", "aws kms", Reason::Account),
    ("docs/detection.md", "functions/domain/rules/fitted/refit.sh", Reason::Data),
    ("functions/domain/examples/README.md", "cargo run -p vyrox-domain --example injection", Reason::Data),
    ("docs/load.md", "cargo run --profile load", Reason::Long),
    ("docs/one-machine.md", "cargo build --release", Reason::Long),
    ("edge-proxy/benches/README.md", "cargo bench", Reason::Long),
    ("infra/README.md", "infra/lambda build --release", Reason::Long),
    ("tests/README.md", "VYROX_RACES=100 cargo test --release", Reason::Long),
    ("tests/README.md", "cargo build --release", Reason::Long),
    ("tests/README.md", "infra/lambda build --release", Reason::Long),
    ("tests/README.md", "target/release/startup", Reason::Long),
    ("tests/README.md", "cargo run --profile load", Reason::Long),
    ("tests/README.md", "cargo test --profile load", Reason::Long),
    ("tests/README.md", "VYROX_PYTHON=venv/bin/python target/release/cost", Reason::Long),
    ("tests/fuzz/README.md", "tests/fuzz/run", Reason::Long),
    ("events/README.md", "cargo run -- up", Reason::CargoLambda),
    ("events/README.md", "cargo lambda", Reason::CargoLambda),
];

/// What runs a command.
#[derive(Debug, PartialEq, Eq)]
enum Runner {
    /// A stage of `.ci/run` has this very line.
    Stage,
    /// It is some of the tests, all of which are run by the stage `tests`.
    Tests,
    /// Nothing.
    Nothing(Reason),
}

/// Whether a command of a page that is run is left out, because something else runs it, or nothing can.
pub(crate) fn is_elsewhere(page: &str, command: &str) -> bool {
    matches!(runner(page, command), Some(Runner::Nothing(_) | Runner::Tests))
}

/// What runs this command of a page that is not run as a whole.
fn runner(page: &str, command: &str) -> Option<Runner> {
    let reason = NOT_RUN.iter().find(|(of, begins, _)| *of == page && command.starts_with(begins));
    if let Some((_, _, reason)) = reason {
        return Some(Runner::Nothing(*reason));
    }
    if stages::have(command) {
        return Some(Runner::Stage);
    }
    cargo::is_of_the_tests(command).then_some(Runner::Tests)
}

#[test]
fn every_command_of_every_page_is_run_or_on_the_list_of_those_that_cannot_be() {
    let (mut nobody, mut unused) = (Vec::new(), NOT_RUN.to_vec());
    for page in Page::all() {
        let is_run = PAGES.contains(&page.path.as_str());
        for (line, command) in
            page.blocks().iter().filter(|block| block.is_commands()).flat_map(|block| block.commands())
        {
            unused.retain(|(of, begins, _)| *of != page.path || !command.starts_with(begins));
            if !is_run && runner(&page.path, &command).is_none() {
                nobody.push(format!("{}:{line}: {command}", page.path));
            }
        }
    }
    assert!(nobody.is_empty(), "nothing runs these:\n{}", nobody.join("\n"));
    assert!(unused.is_empty(), "these are on the list, and on no page: {unused:#?}");
}

/// Also of those that nothing runs.
#[test]
fn every_command_is_one_to_a_shell() {
    let pages = Page::all();
    let blocks = pages.iter().flat_map(Page::blocks).filter(|block| block.is_commands()).map(|block| block.text);
    let script = blocks.collect::<Vec<_>>().join("\n");
    let output = std::process::Command::new("bash").args(["-n", "-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_page_that_is_said_to_be_run_is_run() {
    let tests = [include_str!("living.rs"), include_str!("machines.rs")].concat();
    for page in PAGES {
        assert!(tests.contains(&format!("\"{page}\"")), "{page} is run nowhere");
        let has_commands = Page::read(page).blocks().iter().any(|block| block.is_commands());
        assert!(has_commands, "{page} has no commands");
    }
}

/// A block whose fence says nothing, or that it is text, must not hide commands; neither must an indented one.
#[test]
fn commands_stand_in_blocks_that_say_so() {
    const PROGRAMS: [&str; 15] = [
        "aws",
        "$",
        "cargo",
        "vyroxctl",
        "vyrox-audit",
        "vyrox-edge-proxy",
        "vyrox-local",
        "curl",
        "sam",
        "export",
        "env",
        "python3",
        "cp",
        "cd",
        "openssl",
    ];
    let is_command = |line: &str| {
        let word = line.split_whitespace().find(|word| !word.contains('=')).unwrap_or_default();
        PROGRAMS.contains(&word) || word.contains('/') && root().join(word).is_file()
    };
    let mut hidden = Vec::new();
    for page in Page::all() {
        for block in page.blocks().iter().filter(|block| !block.is_commands()) {
            assert!(!block.language.is_empty(), "{}:{}: a block without a language", page.path, block.line);
            let commands = block.text.lines().filter(|line| is_command(line));
            hidden.extend(commands.map(|line| format!("{}:{}: {line}", page.path, block.line)));
        }
        let indented = page.prose();
        let indented = indented.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| is_command(line));
        hidden.extend(indented.map(|line| format!("{}: {line}", page.path)));
    }
    assert!(hidden.is_empty(), "commands in blocks that are not marked sh:\n{}", hidden.join("\n"));
}

#[test]
fn a_command_that_nothing_runs_is_found() {
    let page = "docs/new.md";
    assert_eq!(runner(page, "vyroxctl tenant list"), None);
    assert_eq!(runner(page, "cargo run"), None);
    assert_eq!(runner(page, "cargo test -p vyrox-tests --test no_such_test"), None);
    assert_eq!(runner(page, "cargo test -p vyrox-nothing"), None);
    assert_eq!(runner(page, "cargo test --release -p vyrox-tests --test refusals"), None);
    assert_eq!(runner(page, "cargo test -p vyrox-tests --test refusals"), Some(Runner::Tests));
    assert_eq!(runner(page, "cargo run -- demo --live"), Some(Runner::Stage));
    assert_eq!(runner(page, "infra/check"), Some(Runner::Stage));
    assert_eq!(runner("docs/deployment.md", "sam deploy --guided"), Some(Runner::Nothing(Reason::Account)));
}
