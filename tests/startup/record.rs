//! Records which code the functions use, under `valgrind`, and writes `functions/layout.txt` by it.

use crate::layout::{self, Program};
use crate::{Subject, environment_of, invoke};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use vyrox_standins::lambda::RuntimeApi;
use vyrox_tests::{Desk, Process};

/// Of each function; the first does most for the first time.
const INVOCATIONS: usize = 4;
/// A program that is watched is fifty times as slow.
const PATIENCE: Duration = Duration::from_secs(60);

const HEADER: &str = "\
# Which code the functions use, written by `startup --record` (docs/startup.md): the linker puts it together (functions/build.rs).
# A letter for each function: s, used before it first asks for work; l, later; -, not at all. Then how the symbols' names begin.
";

/// Runs every function twice, once to its first request for work and once with invocations, and writes the file.
pub(crate) async fn record(subjects: &mut [Subject], desk: &Desk) {
    let folder = std::env::temp_dir().join(format!("vyrox-record-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut programs = Vec::new();
    for subject in subjects.iter_mut().filter(|subject| !subject.name.starts_with("empty")) {
        let program = subject.program.clone();
        let nm = std::process::Command::new("nm").arg("-S").arg("--defined-only").arg(&program).output().unwrap();
        assert!(nm.status.success(), "nm: {}", String::from_utf8_lossy(&nm.stderr));
        let nm = String::from_utf8(nm.stdout).unwrap();
        assert!(nm.lines().count() > 1_000, "{} has no symbols: take `--profile load`", program.display());
        let start = ran(subject, desk, 0, &folder).await;
        let life = ran(subject, desk, INVOCATIONS, &folder).await;
        println!("{:<14} {:>6} pieces of code at its start, {:>6} in all", subject.name, start.len(), life.len());
        programs.push((subject.name, Program::new(&nm, &start, &life)));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    programs.sort_unstable_by_key(|(name, _)| *name);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/layout.txt");
    std::fs::write(&file, format!("{HEADER}{}", layout::lines(&programs))).unwrap();
    println!("written: {}", file.display());
}

/// The names of what runs of a function until it has been invoked so often and asks for work again.
async fn ran(subject: &mut Subject, desk: &Desk, invocations: usize, folder: &Path) -> BTreeSet<String> {
    let runtime = RuntimeApi::start().await.unwrap();
    let (program, out) = (subject.program.clone(), folder.join(format!("{}.{invocations}", subject.name)));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--demangle=no"]).arg(callgrind_out(&out)).arg(&program);
    command.env_clear().envs(environment_of(subject, &runtime)).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.kill_on_drop(true).spawn().expect("valgrind is installed");
    tokio::time::timeout(PATIENCE, runtime.polled()).await.expect("the function asks for work");
    let process = Process::of(&child);
    for _ in 0..invocations {
        invoke(subject, desk, &runtime, &process).await;
    }
    // To it, valgrind writes what it has counted; the function does not hear of it.
    let id = child.id().unwrap().to_string();
    assert!(Command::new("kill").arg("-TERM").arg(id).status().await.unwrap().success());
    tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends").unwrap();
    runtime.shutdown();
    names(&std::fs::read_to_string(out).unwrap(), &program)
}

fn callgrind_out(out: &Path) -> String {
    format!("--callgrind-out-file={}", out.display())
}

/// The functions of `program` that callgrind has seen. A name is written once and then called by its number; a function that
/// calls itself has `'2` behind its name.
fn names(callgrind: &str, program: &PathBuf) -> BTreeSet<String> {
    let (mut objects, mut functions) = (BTreeMap::new(), BTreeMap::new());
    let (mut is_ours, mut names) = (false, BTreeSet::new());
    for line in callgrind.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        match key {
            "ob" => is_ours = Path::new(named(value, &mut objects)) == program,
            "cob" => _ = named(value, &mut objects),
            "cfn" => _ = named(value, &mut functions),
            "fn" => {
                let name = named(value, &mut functions);
                if is_ours {
                    names.insert(name.split('\'').next().unwrap_or(name).to_owned());
                }
            }
            _ => {}
        }
    }
    names
}

fn named<'n>(value: &'n str, known: &mut BTreeMap<&'n str, &'n str>) -> &'n str {
    match value.split_once(' ') {
        Some((number, name)) => {
            known.insert(number, name);
            name
        }
        None => known.get(value).copied().unwrap_or(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callgrind_calls_by_number_is_found_by_name() {
        let out = "\
ob=(1) /opt/notify
fl=(1) ???
fn=(1) _ZN5alpha17h0123456789abcdefE
16 20
cfn=(2) _ZN4beta17h0123456789abcdefE
calls=1 16
16 30
fn=(2)
16 30
ob=(2) /lib/libc.so.6
fn=(3) malloc
cob=(1)
cfn=(4) _ZN5gamma17h0123456789abcdefE'2
ob=(1)
fn=(4)
";
        let found = names(out, &PathBuf::from("/opt/notify"));
        let expected = ["alpha", "beta", "gamma"].map(|name| format!("_ZN{}{name}17h0123456789abcdefE", name.len()));
        assert_eq!(found, BTreeSet::from(expected));
    }
}
