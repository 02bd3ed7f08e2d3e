//! A page's commands, run as they stand: one shell for all blocks of a page, in their order, in a folder of its own.

use crate::commands::is_elsewhere;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::process::Command;
use vyrox_tests::pages::Page;
use vyrox_tests::program_folders;

/// The pages that are run as a whole, but for the commands that `commands` names.
pub(crate) const PAGES: &[&str] = &[
    "README.md",
    "docs/adapters.md",
    "docs/adapters/field-maps.md",
    "docs/api.md",
    "docs/audit-chain.md",
    "docs/discord.md",
    "docs/evidence.md",
    "docs/limits-and-evidence.md",
    "docs/one-machine.md",
    "docs/operations.md",
    "docs/quickstart.md",
    "docs/signals.md",
    "docs/webhooks.md",
    "edge-proxy/README.md",
    "infra/ctl/README.md",
    "infra/ctl/src/evidence/guide.md",
];
/// How many seconds a page may take, on a machine that builds something else meanwhile.
const PATIENCE: &str = "420";
/// Where a program of the test's own writes whom to end with the page.
pub(crate) const PIDS: &str = "pids";
/// What the pages start or call of ours.
const PROGRAMS: [&str; 4] = ["vyrox-local", "vyroxctl", "vyrox-audit", "vyrox-edge-proxy"];

/// What stands for cargo, which would wait for the build that runs this test. What it has built is started; what would run until
/// Ctrl-C is ended once it is ready, on free ports; of a build, which takes minutes, only its packages are looked for.
const CARGO: &str = r#"
case $1 in
    build)
        # What other systems need has not been fetched by who builds for this one.
        host=$("CARGO" -vV | sed -n 's/^host: //p')
        exec "CARGO" metadata --quiet --offline --filter-platform "$host" --format-version 1 >metadata.json
        ;;
    run) shift ;;
    *) exit 64 ;;
esac
program=vyrox-local
case ${1-} in -p | --bin) program=$2; shift 2 ;; esac
[ "${1-}" != -- ] || shift
case "$program ${1-up} $*" in
    "vyrox-local --"* | "vyrox-local up "*) ;;
    *) exec "BUILT/$program" "$@" ;;
esac
case $* in *--endpoints-file*) exec "BUILT/$program" "$@" ;; esac
rm -f ready.json
"BUILT/$program" "$@" --port 0 --endpoints-file ready.json &
until [ -s ready.json ]; do kill -0 $!; sleep 0.2; done
kill $!
wait $!
"#;

/// Where a page is run.
pub(crate) struct World {
    folder: TempDir,
    environment: BTreeMap<String, String>,
    names: Vec<(String, String)>,
    before: String,
}

impl World {
    /// An empty folder, with our programs and these of others on the path; nothing, and a word about it, where one is missing.
    pub(crate) fn with(others: &[&str]) -> Option<Self> {
        let built = built();
        let ours = PROGRAMS.iter().map(|name| built.join(name)).find(|path| !path.exists());
        let is_there = |name: &str| program_folders().iter().any(|folder| folder.join(name).exists());
        let mut others = ["bash", "timeout"].iter().chain(others);
        let missing = ours
            .map(|path| format!("{} (cargo build --workspace --bins)", path.display()))
            .or_else(|| others.find(|name| !is_there(name)).map(|name| (*name).to_owned()));
        if let Some(missing) = missing {
            eprintln!("SKIPPED: there is no {missing}, so pages were NOT run");
            return None;
        }
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            environment: BTreeMap::new(),
            names: Vec::new(),
            before: String::new(),
        };
        world.program("cargo", &CARGO.replace("BUILT", &built.display().to_string()).replace("CARGO", env!("CARGO")));
        Some(world)
    }

    /// Where the page's commands begin.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in that folder.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// A program of the test's own in that folder, before all others on the path.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let path = self.folder().join("bin").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A variable that the page takes as given.
    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// What the page calls so is called otherwise here: a tenant, a place on the disk, a port.
    pub(crate) fn named(mut self, page: &str, here: impl Into<String>) -> Self {
        self.names.push((page.to_owned(), here.into()));
        self
    }

    /// What happens before the page's first command.
    pub(crate) fn before(mut self, commands: &str) -> Self {
        self.before.push_str(commands);
        self.before.push('\n');
        self
    }

    /// Runs the page and returns what it printed; each block's begins with `--- ` and its line.
    ///
    /// # Panics
    /// A command failed, or it took too long.
    pub(crate) async fn run(&self, page: &str) -> String {
        self.run_as(page, Page::read(page).text).await
    }

    /// Runs a page that is this text where it is read.
    pub(crate) async fn run_as(&self, page: &str, text: String) -> String {
        assert!(PAGES.contains(&page), "{page} is to be named in PAGES");
        let script = self.script(&Page { path: page.to_owned(), text });
        let folders = [self.folder().join("bin"), built()].into_iter().chain(program_folders());
        // With everything that the page has started.
        let output = Command::new("timeout")
            .args(["--kill-after=10", PATIENCE, "bash", "-euo", "pipefail", "-c", &script])
            .current_dir(self.folder())
            .env("PATH", std::env::join_paths(folders).unwrap())
            .env("no_proxy", "127.0.0.1")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .envs(&self.environment)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{page}: {}\n{out}\n{error}", output.status);
        out.into_owned()
    }

    fn script(&self, page: &Page) -> String {
        let mut script =
            format!("trap 'kill $(jobs -p; cat {PIDS} 2>/dev/null) 2>/dev/null || true' EXIT\n{}", self.before);
        for block in page.blocks().iter().filter(|block| block.is_commands()) {
            let commands = block.commands();
            let is_left_out = |line: usize| {
                let command = commands.iter().rfind(|(first, _)| *first <= line);
                command.is_some_and(|(_, text)| is_elsewhere(&page.path, text))
            };
            script.push_str(&format!("echo '--- {}'\n", block.line));
            let lines = block.text.lines().zip(block.line..).filter(|(_, number)| !is_left_out(*number));
            for (line, _) in lines {
                let here = self.names.iter().fold(line.to_owned(), |line, (page, here)| line.replace(page, here));
                script.push_str(&here);
                script.push('\n');
            }
        }
        script
    }
}

/// Where cargo has put this build's programs.
pub(crate) fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_owned()
}
