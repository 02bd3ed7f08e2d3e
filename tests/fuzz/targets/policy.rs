#![no_main]
#[path = "../entries.rs"]
#[allow(dead_code, unreachable_pub)]
mod entries;

libfuzzer_sys::fuzz_target!(|input: &[u8]| entries::policy(input));
