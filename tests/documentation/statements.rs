//! Links lead somewhere, every page is in the table of contents, every alarm in the runbook, every test that the threat model
//! names exists, every slash command in the table of all of them.

use std::collections::BTreeSet;
use std::path::Path;
use vyrox_tests::pages::{Page, files, root};

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_relative_link_leads_to_a_file() {
    let mut checked = 0;
    for file in files(".md") {
        let text = Page::read(&file).prose();
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

/// The table of `docs/discord.md` is held to the code by `functions/domain`; every other mention to that table, here.
#[test]
fn every_slash_command_that_a_page_names_is_in_the_table() {
    fn words(command: &str) -> Vec<&str> {
        command.split(' ').take_while(|word| !word.contains([':', '[', '…'])).collect()
    }
    let is_command = |span: &&String| span.starts_with("/vyrox ");
    let table = Page::read("docs/discord.md").spans();
    let listed = read("docs/discord.md");
    let is_row = |span: &&String| is_command(span) && listed.contains(&format!("\n| `{span}` |"));
    let known: Vec<Vec<&str>> = table.iter().filter(is_row).map(|span| words(span)).collect();
    assert!(known.len() > 10, "{known:?}");
    for page in Page::all() {
        for span in page.spans().iter().filter(is_command) {
            let named = words(span);
            let is_there = known.iter().any(|command| command.starts_with(&named) || named.starts_with(command));
            assert!(is_there, "{} names {span}, which is no command", page.path);
        }
    }
}
