//! Compiles `rules/*.toml` with `vyrox-ruleset`: a mistake fails the build, named by file, rule id and key; all are
//! reported together. Makes the automaton that finds the words of injections.

#[path = "src/llm/injection/lexicon/words.rs"]
mod words;

use daachorse::DoubleArrayAhoCorasick;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-changed=src/llm/injection/lexicon/words.rs");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(path_from_cargo("OUT_DIR"));
    let automaton = DoubleArrayAhoCorasick::with_values(words::patterns()).expect("the words make an automaton");
    fs::write(out.join("lexicon.automaton"), automaton.serialize()).expect("OUT_DIR is writable");
    let rules = Path::new(&path_from_cargo("CARGO_MANIFEST_DIR")).join("rules");
    let checked = vyrox_ruleset::read(&rules).expect("rules/ is a folder of readable files beside build.rs");
    match vyrox_ruleset::compile(&checked) {
        Ok(compiled) => {
            fs::write(out.join("rules.table"), compiled.table).expect("OUT_DIR is writable");
            fs::write(out.join("rules.txt"), compiled.texts).expect("OUT_DIR is writable");
            fs::write(out.join("literals.finder"), compiled.finder).expect("OUT_DIR is writable");
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            for mistake in mistakes {
                println!("cargo::error={mistake}");
            }
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "cargo configures build scripts through the environment")]
fn path_from_cargo(name: &str) -> String {
    env::var(name).expect("cargo sets this for build scripts")
}
