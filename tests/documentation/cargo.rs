//! What the documents' cargo commands name: packages, tests, benches, programs, examples, and the tests' own settings.

use std::path::Path;
use vyrox_tests::pages::{Page, files, root};

/// Whether a command runs some of the tests, as the whole workspace's run does, perhaps with a setting of theirs.
pub(crate) fn is_of_the_tests(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().skip_while(|word| is_setting(word)).collect();
    let is_usual = !["--ignored", "--release", "--profile"].iter().any(|option| words.contains(option));
    words.starts_with(&["cargo", "test"]) && is_usual && unknown(command).is_empty()
}

/// Whether a word sets a variable that something of ours reads.
fn is_setting(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name).filter(|name| name.starts_with("VYROX_"));
    name.is_some_and(|name| files(".rs").iter().any(|path| text_of(path).contains(&format!("\"{name}\""))))
}

fn text_of(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// What a cargo command names and there is not: packages, programs, tests, benches, examples.
fn unknown(command: &str) -> Vec<String> {
    let mut words = command.split_whitespace().skip_while(|word| *word != "cargo").take_while(|word| *word != "--");
    let (mut package, mut named) = (None, Vec::new());
    while let Some(word) = words.next() {
        match word {
            "-p" => package = words.next(),
            "--test" | "--bench" | "--bin" | "--example" => named.extend(words.next().map(|name| (word, name))),
            _ => {}
        }
    }
    let manifests = files("Cargo.toml");
    let manifests = manifests.iter().map(|path| (path, text_of(path)));
    let of: Vec<(&Path, String)> = manifests
        .filter(|(_, text)| package.is_none_or(|package| text.contains(&format!("name = \"{package}\""))))
        .map(|(path, text)| (Path::new(path).parent().unwrap(), text))
        .collect();
    let is_there = |kind: &str, name: &str| {
        of.iter().any(|(folder, manifest)| {
            let section = format!("[[{}]]\nname = \"{name}\"", kind.trim_start_matches('-'));
            let own = match kind {
                "--test" => vec![format!("tests/{name}.rs"), format!("tests/{name}/main.rs")],
                "--bench" => vec![format!("benches/{name}.rs")],
                "--example" => vec![format!("examples/{name}.rs")],
                _ => vec![format!("src/bin/{name}.rs")],
            };
            let is_main = kind == "--bin"
                && manifest.contains(&format!("name = \"{name}\""))
                && root().join(folder).join("src/main.rs").exists();
            manifest.contains(&section) || is_main || own.iter().any(|path| root().join(folder).join(path).exists())
        })
    };
    let mut missing: Vec<String> = package.filter(|_| of.is_empty()).map(str::to_owned).into_iter().collect();
    missing.extend(named.into_iter().filter(|(kind, name)| !is_there(kind, name)).map(|(_, name)| name.to_owned()));
    missing
}

#[test]
fn every_cargo_command_names_packages_tests_and_programs_that_there_are() {
    let (mut count, mut wrong) = (0, Vec::new());
    for page in Page::all() {
        let in_blocks = page.blocks();
        let in_blocks = in_blocks.iter().flat_map(|block| block.commands()).map(|(_, command)| command);
        for command in in_blocks.chain(page.spans()).filter(|command| command.contains("cargo ")) {
            for part in command.split("&&").filter(|part| part.contains("cargo ")) {
                count += 1;
                wrong.extend(unknown(part).iter().map(|name| format!("{}: {part}: there is no {name}", page.path)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 50, "only {count} cargo commands were found");
}
