//! The architecture's rules, over cargo's own metadata and the sources as text. A new test goes here if a rule must hold
//! for code that is not written yet. Each check is tried on a breach of its rule at the bottom of this file.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A member of the workspace.
struct Crate {
    name: String,
    /// Its folder, relative to the workspace.
    folder: String,
    /// Members that it depends on; for tests only where the kind says `dev`.
    depends_on: BTreeSet<(String, bool)>,
}

impl Crate {
    /// Members that it links into what is shipped.
    fn links(&self) -> BTreeSet<&str> {
        self.depends_on.iter().filter(|(_, dev)| !dev).map(|(name, _)| name.as_str()).collect()
    }
}

fn members() -> BTreeMap<String, Crate> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter().map(|package| {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap().strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let own =
            package["dependencies"].as_array().unwrap().iter().filter(|dependency| dependency["path"].is_string());
        let depends_on = own.map(|dependency| {
            (dependency["name"].as_str().unwrap().to_owned(), dependency["kind"].as_str() == Some("dev"))
        });
        let name = package["name"].as_str().unwrap().to_owned();
        (name.clone(), Crate { name, folder, depends_on: depends_on.collect() })
    });
    packages.collect()
}

/// One of our source files.
struct Source {
    /// Relative to the workspace.
    path: String,
    text: String,
}

impl Source {
    fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }

    /// Whether it is only built for tests.
    fn is_test(&self) -> bool {
        let mut folders = self.path.split('/');
        folders.any(|folder| folder == "tests" || folder == "benches")
            || self.file_name().ends_with("tests.rs")
            || self.path.contains("/examples/")
    }

    /// Its lines without the unit tests at its bottom, without comments, numbered from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let unit_tests =
            self.text.find("#[cfg(test)]\nmod ").or_else(|| self.text.find("#[cfg(test)]\npub(crate) mod "));
        let text = &self.text[..unit_tests.unwrap_or(self.text.len())];
        text.lines().enumerate().map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
    }
}

/// Every Rust file of ours, `target` folders aside.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type().unwrap().is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), text });
            }
        }
    }
    assert!(found.len() > 150, "the sources are not where they were: {}", found.len());
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

const FUNCTIONS: [&str; 9] = [
    "vyrox-ingest",
    "vyrox-triage",
    "vyrox-notify",
    "vyrox-interactions",
    "vyrox-assist",
    "vyrox-dispatch",
    "vyrox-checkpoint",
    "vyrox-relay",
    "vyrox-api",
];

#[test]
fn what_a_customer_audits_depends_on_nothing_outside_its_folder() {
    let members = members();
    let inside = |name: &str| members[name].folder.starts_with("edge-proxy");
    let audited: Vec<&Crate> = members.values().filter(|member| inside(&member.name)).collect();
    assert_eq!(audited.len(), 4);
    for member in audited {
        for (dependency, _) in &member.depends_on {
            assert!(inside(dependency), "{} depends on {dependency}", member.name);
        }
    }
}

#[test]
fn the_domain_depends_on_the_contract_and_its_rules_alone() {
    assert_eq!(members()["vyrox-domain"].links(), BTreeSet::from(["vyrox-contract", "vyrox-ruleset"]));
    assert_eq!(members()["vyrox-ruleset"].links(), BTreeSet::new());
    assert_eq!(members()["vyrox-contract"].links(), BTreeSet::new());
    assert_eq!(members()["vyrox-audit"].links(), BTreeSet::from(["vyrox-contract"]));
    let manifest = std::fs::read_to_string(root().join("functions/domain/Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let names: Vec<&String> = manifest["dependencies"].as_table().unwrap().keys().collect();
    for name in names {
        let outside = ["tokio", "reqwest", "axum", "hyper", "lambda_runtime", "getrandom"];
        assert!(
            !outside.contains(&name.as_str()) && !name.starts_with("aws"),
            "the domain is pure, and depends on {name}"
        );
    }
}

/// cargo-lambda adds `panic="abort"` to a release that says nothing about it: one message would then end its whole batch.
#[test]
fn functions_are_linked_alike_and_outlive_a_panic() {
    let read = |path: &Path| -> toml::Table { toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() };
    assert_eq!(read(&root().join("Cargo.toml"))["profile"]["release"]["panic"].as_str(), Some("unwind"));
    let members = members();
    for name in FUNCTIONS {
        let manifest = read(&root().join(&members[name].folder).join("Cargo.toml"));
        assert_eq!(manifest["package"]["build"].as_str(), Some("../build.rs"), "{name}");
    }
}

#[test]
fn functions_depend_on_no_other_function_and_on_no_stand_in() {
    let members = members();
    for name in FUNCTIONS {
        let allowed = BTreeSet::from(["vyrox-contract", "vyrox-domain", "vyrox-audit", "vyrox-platform"]);
        let links = members[name].links();
        assert!(links.is_subset(&allowed), "{name} depends on {:?}", links.difference(&allowed));
    }
    let platform = members["vyrox-platform"].links();
    assert_eq!(platform, BTreeSet::from(["vyrox-contract", "vyrox-domain", "vyrox-audit"]));
}

#[test]
fn nothing_that_ships_links_the_local_runner_or_a_stand_in() {
    let local = ["vyrox-local", "vyrox-local-aws", "vyrox-standins", "vyrox-edr-standin", "vyrox-tests"];
    for member in members().values().filter(|member| !local.contains(&member.name.as_str())) {
        for name in member.links() {
            assert!(!local.contains(&name), "{} links {name}", member.name);
        }
    }
}

/// Lines of code in these folders that contain any of the words.
fn lines_with<'a>(sources: &'a [Source], folders: &[&str], words: &[&str]) -> Vec<(&'a str, usize, &'a str)> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| folders.iter().any(|folder| source.path.starts_with(folder))) {
        for (number, line) in source.code() {
            if words.iter().any(|word| line.contains(word)) {
                found.push((source.path.as_str(), number, line));
            }
        }
    }
    found
}

#[test]
fn functions_that_read_alerts_or_draw_cards_can_neither_sign_nor_queue_an_action() {
    let sources = sources();
    let folders = ["functions/ingest/", "functions/notify/", "functions/assist/", "functions/api/"];
    let words =
        ["Signer", "SignedAction", "ActionApproved", "ApprovedAction", "ACTIONS_QUEUE", "actions_queue", "kms.sign"];
    assert_eq!(lines_with(&sources, &folders, &words), []);
    // triage cannot sign, and queues only what a proven opt-in approves.
    assert_eq!(lines_with(&sources, &["functions/triage/"], &["Signer", "SignedAction", "kms.sign"]), []);
}

/// The ways in which an approval comes into being, outside the tests.
#[test]
fn nothing_but_a_click_or_a_proven_opt_in_makes_an_approved_action() {
    let sources = sources();
    let files = |words: &[&str]| -> BTreeSet<String> {
        let found = lines_with(&sources, &["functions/"], words);
        let found = found.iter().filter(|(path, ..)| !path.contains("/tests/") && !path.ends_with("tests.rs"));
        found.map(|(path, ..)| (*path).to_owned()).collect()
    };
    // An approval is given in the module that rules on clicks, and nowhere else; it calls `contain` for the three ways there are.
    assert_eq!(files(&["Approval::given("]), BTreeSet::from(["functions/domain/src/approval.rs".to_owned()]));
    let ways =
        ["approval.rs", "approval/joint.rs", "approval/opt_in.rs"].map(|name| format!("functions/domain/src/{name}"));
    assert_eq!(files(&[" contain("]), BTreeSet::from(ways));
    // An opt-in in force is made by proving it, in one place, and asked for by triage and at delivery.
    let proving: BTreeSet<String> = files(&[".in_force("]);
    let expected = ["functions/domain/src/approval/approved.rs", "functions/triage/src/in_advance.rs"];
    assert_eq!(proving, BTreeSet::from(expected.map(str::to_owned)));
    let made = lines_with(&sources, &["functions/"], &["InForce(self)"]);
    assert_eq!(made.len(), 1, "{made:?}");
}

#[test]
fn only_interactions_and_what_was_allowed_in_advance_send_to_the_actions_queue() {
    let sources = sources();
    let holders: BTreeSet<&str> = sources
        .iter()
        .filter(|source| !source.is_test() && source.code().any(|(_, line)| line.contains("Queue<ActionApproved>")))
        .map(|source| source.path.as_str())
        .collect();
    let senders = BTreeSet::from(["functions/interactions/src/lib.rs", "functions/triage/src/lib.rs"]);
    assert_eq!(holders, senders);
    let sent = lines_with(&sources, &["functions/triage/"], &["actions.send"]);
    assert!(sent.iter().all(|(path, ..)| *path == "functions/triage/src/in_advance.rs"), "{sent:?}");
    let urls = lines_with(&sources, &["functions/", "infra/ctl/src"], &["actions_queue_url"]);
    let files: BTreeSet<&str> = urls.iter().map(|(path, ..)| *path).collect();
    let config = BTreeSet::from(["functions/platform/src/config.rs"]);
    assert_eq!(files, senders.union(&config).copied().collect());
}

#[test]
fn only_delivery_signs_and_only_dispatch_and_relay_deliver() {
    let sources = sources();
    let files = |words: &[&str]| -> BTreeSet<String> {
        let found = lines_with(&sources, &["functions/"], words);
        // A type's own method of that name is not KMS's.
        let found = found.iter().filter(|(_, _, line)| !line.contains("self.sign("));
        found.filter(|(path, ..)| !path.contains("/tests/")).map(|(path, ..)| (*path).to_owned()).collect()
    };
    assert_eq!(
        files(&[".sign("]),
        BTreeSet::from(
            ["checkpoint/key.rs", "delivery/hand_over.rs", "kms_key.rs", "signer.rs"]
                .map(|name| format!("functions/platform/src/{name}"))
        )
    );
    // The checkpoint's key is another one, and its type signs nothing but a checkpoint's entry.
    assert_eq!(
        files(&["KmsKey::connect("]),
        BTreeSet::from(["checkpoint/key.rs", "signer.rs"].map(|name| format!("functions/platform/src/{name}")))
    );
    assert_eq!(lines_with(&sources, &["functions/checkpoint/", "functions/platform/src/checkpoint"], &["Signer"]), []);
    let holders = files(&["Signer::connect("]);
    assert_eq!(
        holders,
        BTreeSet::from(["functions/dispatch/src/lib.rs", "functions/relay/src/lib.rs"].map(str::to_owned))
    );
}

/// Reads of the system's clock: the wall clock, and the monotonic one unless it is tokio's, which tests can stop.
fn reads_a_clock(line: &str) -> bool {
    line.contains("SystemTime::now") || (line.contains("Instant") && line.contains("std::time"))
}

#[test]
fn only_files_named_clock_read_the_clock() {
    for source in sources().iter().filter(|source| !source.is_test() && source.file_name() != "clock.rs") {
        for (number, line) in source.code() {
            assert!(!reads_a_clock(line), "{}:{number}: {line}", source.path);
        }
    }
}

#[test]
fn only_files_named_config_read_the_environment() {
    for source in sources().iter().filter(|source| !source.is_test()) {
        if ["config.rs", "build.rs"].contains(&source.file_name()) {
            continue;
        }
        for (number, line) in source.code() {
            assert!(!line.contains("env::var"), "{}:{number}: {line}", source.path);
        }
    }
}

#[test]
fn every_crate_says_what_it_is_in_a_readme_and_in_its_first_line() {
    let root = root();
    let mut missing = Vec::new();
    for member in members().values() {
        if !root.join(&member.folder).join("README.md").is_file() {
            missing.push(format!("{}/README.md", member.folder));
        }
    }
    for source in sources().iter().filter(|source| ["lib.rs", "main.rs"].contains(&source.file_name())) {
        if !source.text.starts_with("//!") {
            missing.push(format!("{}: //! in its first line", source.path));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn there_is_one_tls_stack() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let lock: toml::Table = toml::from_str(&lock).unwrap();
    let packages = lock["package"].as_array().unwrap();
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for foreign in ["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls", "boring"] {
        assert!(!names.contains(&foreign), "{foreign} is in Cargo.lock");
    }
    for ours in ["rustls", "ring"] {
        assert_eq!(names.iter().filter(|name| **name == ours).count(), 1, "{ours}");
    }
}

/// `unsafe` as a word of the language, not in a sentence or a name.
fn is_unsafe(line: &str) -> bool {
    let mut words =
        line.split(|character: char| !character.is_alphanumeric() && character != '_').filter(|word| !word.is_empty());
    let follows = ["fn", "impl", "trait", "extern"];
    line.contains("unsafe {")
        || words.any(|word| word == "unsafe") && follows.iter().any(|next| line.contains(&format!("unsafe {next}")))
}

#[test]
fn there_is_no_unsafe_code() {
    for source in sources() {
        if source.path == "tests/architecture.rs" {
            continue;
        }
        for (number, line) in source.text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
            assert!(!is_unsafe(line), "{}:{number}: {line}", source.path);
        }
    }
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for member in members().values() {
        let manifest = std::fs::read_to_string(root().join(&member.folder).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&manifest).unwrap();
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{} takes the workspace's lints", member.name);
    }
}

#[test]
fn no_file_is_named_after_nothing() {
    for source in sources() {
        for part in source.path.trim_end_matches(".rs").split('/') {
            let nothing = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"];
            assert!(!nothing.contains(&part), "{}", source.path);
        }
    }
}

/// The public functions of a file with their whole parameter lists.
fn public_async_functions(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in text.split("pub async fn ").skip(1) {
        let (Some(name), Some(end)) = (part.split(['(', '<']).next(), part.find(" {")) else { continue };
        found.push((name.to_owned(), part[..end].split_whitespace().collect::<Vec<_>>().join(" ")));
    }
    found
}

/// Functions of the table that could look across tenants.
fn without_a_tenant(text: &str) -> Vec<String> {
    let takes_none = |(name, signature): (String, String)| (!signature.contains("tenant: &TenantId")).then_some(name);
    public_async_functions(text).into_iter().filter_map(takes_none).collect()
}

#[test]
fn no_query_can_be_written_without_a_tenant() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let mut parts: Vec<Source> =
        sources().into_iter().filter(|source| source.path.starts_with("functions/platform/src/table")).collect();
    parts.sort_by(|one, other| one.path.cmp(&other.path));
    let table: String = parts.into_iter().map(|part| part.text).collect();
    assert!(public_async_functions(&table).len() >= 5);
    // Warming reads nothing, and an outside name leads to whose it is and to nothing else.
    let whose = |(name, signature): (String, String)| signature.contains("name: &Lookup").then_some((name, signature));
    let whose: Vec<(String, String)> = public_async_functions(&table).into_iter().filter_map(whose).collect();
    assert!(
        !whose.is_empty() && whose.iter().all(|(_, signature)| signature.contains("(TenantId, SortKey)>")),
        "{whose:?}"
    );
    let mut allowed = vec!["warm".to_owned()];
    allowed.extend(whose.into_iter().map(|(name, _)| name));
    assert_eq!(without_a_tenant(&table), allowed);
    assert_eq!(without_a_tenant(&read("functions/platform/src/ledger.rs")), ["close"]);
    assert_eq!(without_a_tenant(&read("functions/platform/src/audit_export.rs")), [""; 0]);
    assert_eq!(without_a_tenant(&read("functions/platform/src/volatile.rs")), [""; 0]);
    assert_eq!(without_a_tenant(&read("functions/platform/src/ledger/lane.rs")), [""; 0]);
    assert_eq!(without_a_tenant(&read("functions/platform/src/table/together.rs")), [""; 0]);
    assert_eq!(without_a_tenant(&read("functions/platform/src/table/line.rs")), [""; 0]);
    // Moving everything begins with who there is; that tells nothing else.
    let transfer = read("functions/platform/src/transfer.rs");
    assert_eq!(without_a_tenant(&transfer), ["tenants"]);
    let tenants = public_async_functions(&transfer).into_iter().find(|(name, _)| name == "tenants").unwrap();
    assert!(tenants.1.contains("Result<Vec<TenantId>"), "{tenants:?}");
    for name in ["checkpoint.rs", "checkpoint/publication.rs", "checkpoint/retention.rs"] {
        let found = without_a_tenant(&read(&format!("functions/platform/src/{name}")));
        assert_eq!(found, [""; 0], "{name}");
    }
    // And nobody goes around them: requests to DynamoDB are built in these files only.
    let sources = sources();
    let words = [
        ".get_item()",
        ".put_item()",
        ".query()",
        ".scan()",
        ".update_item()",
        ".delete_item()",
        ".transact_write_items()",
        ".batch_write_item()",
        ".batch_get_item()",
        ".transact_get_items()",
    ];
    let requests = lines_with(&sources, &["functions/"], &words);
    let files: BTreeSet<&str> = requests.iter().map(|(path, ..)| *path).collect();
    let these = [
        "checkpoint/publication.rs",
        "checkpoint/retention.rs",
        "ledger/together.rs",
        "table.rs",
        "table/counters.rs",
        "table/line.rs",
        "table/owner.rs",
        "transfer.rs",
        "volatile.rs",
    ]
    .map(|name| format!("functions/platform/src/{name}"));
    assert_eq!(files, these.iter().map(String::as_str).collect());
}

#[test]
fn the_checks_above_find_a_breach() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let breach = [source("functions/triage/src/lib.rs", "struct Triage {\n    signer: Signer, // really\n}\n")];
    assert_eq!(lines_with(&breach, &["functions/triage/"], &["Signer"]).len(), 1);
    let words_only =
        [source("functions/triage/src/lib.rs", "//! It holds no Signer.\n#[cfg(test)]\nmod tests { Signer }\n")];
    assert_eq!(lines_with(&words_only, &["functions/triage/"], &["Signer"]).len(), 0);

    assert!(reads_a_clock("let now = std::time::SystemTime::now();"));
    assert!(reads_a_clock("use std::time::{Duration, Instant};"));
    assert!(!reads_a_clock("let now = tokio::time::Instant::now();") && !reads_a_clock("use std::time::Duration;"));

    assert!(is_unsafe("    unsafe { *pointer }") && is_unsafe("unsafe impl Send for X {}"));
    assert!(!is_unsafe("/// What would make it unsafe or useless.") && !is_unsafe("unsafe_code = \"forbid\""));

    let open = "impl Table {\n    pub async fn all(\n        &self,\n        key: &SortKey,\n    ) -> X {\n    }\n";
    assert_eq!(without_a_tenant(open), ["all"]);
    assert!(without_a_tenant(&open.replace("key: &SortKey", "tenant: &TenantId, key: &SortKey")).is_empty());
    assert!(source("tests/x.rs", "").is_test() && source("a/src/rule_tests.rs", "").is_test());
    assert!(!source("functions/triage/src/lib.rs", "").is_test());
}
