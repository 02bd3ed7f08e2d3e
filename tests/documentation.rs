//! Is what the documents say still so? Links lead somewhere, every alarm has its page in the runbook, every test that the
//! threat model names exists, every page is in the table of contents, and the commands of the quickstart run as they stand.
#![allow(clippy::unwrap_used)]
#![allow(clippy::print_stderr, reason = "a test that is skipped must say so")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files of the repository with this ending, by their paths from its root.
fn files(ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" && name != "book" {
                folders.push(path);
            } else if name.ends_with(ending) {
                found.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// Text without its code blocks.
fn prose(markdown: &str) -> String {
    let mut is_code = false;
    let lines = markdown.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_relative_link_leads_to_a_file() {
    let mut checked = 0;
    for file in files(".md") {
        let text = prose(&read(&file));
        let folder = Path::new(&file).parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with('#') || link.starts_with("mailto:") {
                continue;
            }
            let path = link.split('#').next().unwrap();
            assert!(root().join(folder).join(path).exists(), "{file} links to {link}, which is not there");
            checked += 1;
        }
    }
    assert!(checked > 40, "only {checked} links were found");
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let summary = read("docs/SUMMARY.md");
    let pages = files(".md").into_iter().filter_map(|file| file.strip_prefix("docs/").map(str::to_owned));
    for page in pages.filter(|page| page != "SUMMARY.md") {
        assert_eq!(summary.matches(&format!("]({page})")).count(), 1, "docs/{page} in docs/SUMMARY.md");
    }
}

#[test]
fn every_alarm_has_its_page_in_the_runbook_and_no_page_is_about_nothing() {
    let alarms: BTreeSet<String> = read("infra/template.yaml")
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix("Alarm:").filter(|name| !name.starts_with(' ')))
        .map(|name| format!("{name}Alarm"))
        .collect();
    let pages: BTreeSet<String> = read("docs/operations.md")
        .lines()
        .filter_map(|line| line.strip_prefix("### ").filter(|name| name.ends_with("Alarm")))
        .map(str::to_owned)
        .collect();
    assert!(alarms.len() > 10, "{alarms:?}");
    assert_eq!(pages, alarms);
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let model = read("docs/threat-model.md");
    let sources: Vec<String> = files(".rs").iter().map(|file| read(file)).collect();
    let named = model.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.rsplit('|').nth(1));
    let mut count = 0;
    for test in named.flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
        let definition = format!("fn {test}(");
        assert!(sources.iter().any(|source| source.contains(&definition)), "there is no test {test}");
        count += 1;
    }
    assert!(count > 20, "only {count} tests are named");
}

/// The `sh` blocks of a page, one script.
fn script(page: &str) -> String {
    let text = read(page);
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.collect::<Vec<_>>().join("\n")
}

/// The programs that the page's commands start, built before, where a test is run from cargo.
fn program(name: &str) -> Option<PathBuf> {
    let folder = std::env::current_exe().unwrap().parent()?.parent()?.to_owned();
    Some(folder.join(name)).filter(|path| path.exists())
}

#[test]
fn the_commands_of_the_quickstart_run_as_they_stand() {
    let names = ["vyrox-local", "vyroxctl", "vyrox-audit"];
    if let Some(missing) = names.into_iter().find(|name| program(name).is_none()) {
        eprintln!("SKIPPED: {missing} is not built (cargo build --workspace), so docs/quickstart.md was NOT run");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // `cargo run` would wait for the build that runs this test; this one starts what that build has made.
    let shim = format!(
        "#!/bin/sh\n[ \"$1\" = run ] && shift || exit 64\nprogram=vyrox-local\n\
         [ \"$1\" = --bin ] && program=$2 && shift 2\n[ \"$1\" = -- ] && shift\nexec \"{}/$program\" \"$@\"\n",
        program("vyroxctl").unwrap().parent().unwrap().display()
    );
    let cargo = folder.path().join("cargo");
    std::fs::write(&cargo, shim).unwrap();
    std::fs::set_permissions(&cargo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let first = folder.path().display();
    let script =
        format!("PATH={first}:$PATH\ntrap 'kill $(jobs -p) 2>/dev/null' EXIT\n{}", script("docs/quickstart.md"));
    let output = Command::new("bash")
        .args(["-eu", "-c", &script])
        .current_dir(folder.path())
        .env("no_proxy", "127.0.0.1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{error}");
    assert_eq!(out.matches("All of it happened, and both audit chains verify.").count(), 2, "{out}");
    assert!(out.contains("OK  "), "the export verifies: {out}");
}
