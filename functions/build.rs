//! How the functions are linked, for all of them (`build` in their `Cargo.toml`): at a fixed address, and with the code that
//! they use in one place. What is deployed is static as well (`infra/lambda`).
//!
//! A program that may lie anywhere has every pointer in its tables, 40,000 here, put right by the dynamic linker at every
//! start: three quarters of a millisecond, and a MiB and a half of memory. What a random address protects is a program
//! with memory errors; ours forbids unsafe code, and stack, heap and libraries keep their random addresses.
//!
//! Of a program's code a function uses a quarter, strewn over all of it, and each piece that it touches brings the 64 KiB
//! around it. `layout.txt` says what was seen to be used; the linker puts that first, and a name that it does not find it
//! passes over.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

/// Beside this file.
const LAYOUT: &str = "../layout.txt";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=CARGO_CFG_TARGET_ENV");
    println!("cargo::rerun-if-changed={LAYOUT}");
    if !is("CARGO_CFG_TARGET_OS", "linux") {
        return Ok(());
    }
    // For musl, which is linked statically, `infra/lambda` says so to the compiler, which chooses by it what it links.
    if is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
    // Where nothing is optimised, nearly every name is another one.
    if !is("OPT_LEVEL", "0") {
        let function = variable("CARGO_PKG_NAME")?.trim_start_matches("vyrox-").to_owned();
        let script = PathBuf::from(variable("OUT_DIR")?).join("layout.ld");
        fs::write(
            &script,
            linker_script(&fs::read_to_string(LAYOUT)?, &function).ok_or("layout.txt lacks this function")?,
        )?;
        println!("cargo::rustc-link-arg-bins=-T");
        println!("cargo::rustc-link-arg-bins={}", script.display());
    }
    Ok(())
}

/// What `lld`, `ld` and `zig cc` all take: one more section of code before the others, first what a start uses.
fn linker_script(layout: &str, function: &str) -> Option<String> {
    let mut lines = layout.lines().filter(|line| !line.starts_with('#'));
    let column = lines.next()?.split(' ').skip(1).position(|name| name == function)?;
    let used: Vec<(&str, &str)> = lines
        .filter_map(|line| line.split_once(' '))
        .map(|(letters, name)| (&letters[column..=column], name))
        .collect();
    let mut script = String::from("SECTIONS\n{\n  .text.used :\n  {\n");
    for when in ["s", "l"] {
        let names: Vec<&str> = used.iter().filter(|(letter, _)| *letter == when).map(|(_, name)| *name).collect();
        if !names.is_empty() {
            // What the compiler holds for unlikely has a section of that name.
            let sections = names.iter().map(|name| format!("      .text.{name}* .text.unlikely.{name}*\n"));
            script.extend(["    *(\n".to_owned()].into_iter().chain(sections).chain(["    )\n".to_owned()]));
        }
    }
    script.push_str("  }\n}\nINSERT BEFORE .text;\n");
    Some(script)
}

fn is(name: &str, value: &str) -> bool {
    variable(name).is_ok_and(|found| found == value)
}

#[expect(clippy::disallowed_methods, reason = "cargo configures build scripts through the environment")]
fn variable(name: &str) -> Result<String, env::VarError> {
    env::var(name)
}
