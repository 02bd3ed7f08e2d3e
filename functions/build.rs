//! How the functions are linked, for all of them (`build` in their `Cargo.toml`): at a fixed address.
//!
//! A program that may lie anywhere has every pointer in its tables, 40,000 here, put right by the dynamic linker at every
//! start: three quarters of a millisecond, and a MiB and a half of memory. What a random address protects is a program
//! with memory errors; ours forbids unsafe code, and stack, heap and libraries keep their random addresses.

use std::env;

fn main() {
    println!("cargo::rerun-if-env-changed=CARGO_CFG_TARGET_ENV");
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

#[expect(clippy::disallowed_methods, reason = "cargo configures build scripts through the environment")]
fn is(name: &str, value: &str) -> bool {
    env::var(name).is_ok_and(|found| found == value)
}
