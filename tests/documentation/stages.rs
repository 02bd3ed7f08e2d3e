//! The lines of `.ci/run`, which runs what a test cannot: other implementations of AWS, containers, whole builds.

use vyrox_tests::pages::root;

fn script() -> String {
    std::fs::read_to_string(root().join(".ci/run")).unwrap()
}

/// Whether a stage has this very command.
pub(crate) fn have(command: &str) -> bool {
    statements().contains(&plain(command))
}

/// A command in the one spelling in which it is compared: how much it prints does not matter, nor that it is in the background.
fn plain(command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().filter(|word| !["--quiet", "&"].contains(word)).collect();
    words.join(" ").replace("' ", "'")
}

/// Every statement of `.ci/run`; one that is quoted over several lines is one.
fn statements() -> Vec<String> {
    let script = script().replace("\\\n", " ");
    let (mut found, mut statement) = (Vec::new(), String::new());
    for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
        // What `bash -c` gets line by line is, behind the same command, also each by itself.
        if let Some((command, _)) = statement.split_once("bash -c") {
            found.push(plain(&format!("{command}{}", line.trim_end_matches('\''))));
        }
        statement = format!("{statement} {}", line.trim());
        if statement.matches('\'').count() % 2 == 0 {
            let whole = plain(&statement);
            let command = whole.strip_prefix("stage \"").and_then(|rest| rest.split_once("\" "));
            found.push(command.map_or(whole.clone(), |(_, command)| command.to_owned()));
            statement.clear();
        }
    }
    found
}

/// A function of the script that no stage calls would let its lines pass for run.
#[test]
fn every_function_of_the_script_is_a_stage() {
    let script = script();
    let functions = script.lines().filter_map(|line| line.split_once("() {").map(|(name, _)| name));
    let functions: Vec<&str> = functions.filter(|name| !["stage", "skip"].contains(name)).collect();
    assert!(functions.len() > 5, "{functions:?}");
    for name in functions {
        let is_called =
            script.lines().any(|line| line.starts_with("stage \"") && line.ends_with(&format!("\" {name}")));
        assert!(is_called, "{name} is no stage");
    }
}
