//! What the program is made of: how many crates, which TLS, no unsafe code.
#![allow(clippy::unwrap_used, reason = "helper functions of tests are tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates that the program links, itself included, as `cargo tree` counts them on Linux. More need a reason, and this
/// number is where it is asked for.
const CRATES: usize = 188;

fn linked() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "-p", "vyrox-edge-proxy", "--edges", "normal", "--prefix", "none", "--offline", "--locked"])
        .args(["--target", "x86_64-unknown-linux-gnu", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn it_links_no_more_crates_than_it_did() {
    let linked = linked();
    assert!(linked.contains("vyrox-edge-proxy") && linked.len() > 50, "{linked:?}");
    assert!(linked.len() <= CRATES, "{} crates: {linked:?}", linked.len());
}

#[test]
fn there_is_one_tls_stack_and_it_is_rustls_over_ring() {
    let linked = linked();
    for name in ["rustls", "ring", "webpki-roots"] {
        assert!(linked.contains(name), "{name}");
    }
    let others = ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys", "boring", "schannel", "mbedtls"];
    let found: Vec<_> = others.into_iter().filter(|name| linked.contains(*name)).collect();
    assert_eq!(found, [""; 0]);
}

/// Outside the crate a private field and one for the crate look the same to a compiler; inside they do not.
#[test]
fn what_proves_a_step_can_be_made_in_the_module_of_that_step_only() {
    for (file, name) in [
        ("verify.rs", "Verified<T>"),
        ("dedup.rs", "Fresh<T>"),
        ("dedup.rs", "Claim"),
        ("policy.rs", "Permitted<T>"),
        ("policy.rs", "Refused"),
        ("record.rs", "Recorded<T>"),
        ("edr.rs", "Outcome"),
        ("lease.rs", "Lease"),
    ] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file)).unwrap();
        let (_, body) = text.split_once(&format!("pub struct {name} {{\n")).unwrap_or_else(|| panic!("{name}"));
        let fields: Vec<&str> = body.lines().take_while(|line| *line != "}").map(str::trim).collect();
        assert!(!fields.is_empty() && fields.iter().all(|field| !field.starts_with("pub")), "{name}: {fields:?}");
    }
}

/// The files below a folder, as paths from there.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let inside = |entry: std::fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => sources(&entry.path()),
        false => vec![entry.path()],
    };
    std::fs::read_dir(folder).unwrap().flat_map(|entry| inside(entry.unwrap())).collect()
}

/// Lines above a file's tests that are neither blank nor comment.
fn own_lines(file: &Path) -> usize {
    let text = std::fs::read_to_string(file).unwrap();
    let above = text.lines().map(str::trim).take_while(|line| *line != "#[cfg(test)]");
    above.filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[test]
fn the_readme_says_how_large_each_part_is_and_leaves_no_file_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let (_, table) = readme.split_once("## Size").unwrap();
    let mut files: Vec<(String, usize)> = sources(&folder.join("src"))
        .into_iter()
        .filter(|file| !file.ends_with("config/tests.rs"))
        .map(|file| (file.strip_prefix(folder.join("src")).unwrap().display().to_string(), own_lines(&file)))
        .collect();
    let all: usize = files.iter().map(|(_, lines)| lines).sum();
    let mut wrong = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| part")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, part, names, said, _] = cells[..] else { panic!("{row}") };
        let names: Vec<&str> = names.split('`').filter(|name| !name.trim().is_empty()).collect();
        let is_of = |file: &str| {
            names
                .iter()
                .any(|name| file == *name || file.starts_with(&format!("{name}/")) || file == format!("{name}.rs"))
        };
        let lines = match names.is_empty() {
            true => all,
            false => files.extract_if(.., |(file, _)| is_of(file)).map(|(_, lines)| lines).sum(),
        };
        if said.replace(',', "") != lines.to_string() {
            wrong.push(format!("{part}: {lines}"));
        }
    }
    assert!(files.is_empty(), "in no row: {files:?}");
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_crate_of_this_folder_forbids_unsafe_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut roots: Vec<PathBuf> = Vec::new();
    for part in ["", "contract", "audit", "standin"] {
        for file in ["src/lib.rs", "src/main.rs"] {
            roots.extend(Some(folder.join(part).join(file)).filter(|path| path.exists()));
        }
    }
    assert!(roots.len() >= 6, "{roots:?}");
    for root in roots {
        let text = std::fs::read_to_string(&root).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{}", root.display());
    }
}
