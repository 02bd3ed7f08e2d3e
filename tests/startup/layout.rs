//! Which code of the functions is used, as `functions/layout.txt` says it: a line for each beginning of symbols' names.
//!
//! A name ends in a hash of everything that the compiler knows, so what a line says is where names begin; all names that
//! begin so are meant. A beginning is as short as it can be while nine tenths of what it means are used, so that code which
//! changes a little is still found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How much of what one line means must be used, by bytes.
const USED: f64 = 0.9;
/// `_ZN` and a length begin the name of almost everything.
const SHORTEST: usize = 6;

/// Of names that say which types they were compiled for, more is not looked at.
const LONGEST: usize = 160;

/// When code is used for the first time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// It was not seen to run.
    #[default]
    Never,
    /// During an invocation.
    Later,
    /// Before the function asks for work.
    Start,
}

impl Use {
    fn letter(self) -> char {
        match self {
            Self::Never => '-',
            Self::Later => 'l',
            Self::Start => 's',
        }
    }
}

/// The code of one program under one name: what is compiled for several types has the same name several times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Code {
    bytes: u64,
    used_bytes: u64,
    used: Use,
}

/// A program's code by name, without hashes.
#[derive(Debug, Default)]
pub(crate) struct Program(BTreeMap<String, Code>);

impl Program {
    /// From what `nm` lists, and the names of what ran: by the first request for work, and in all.
    pub(crate) fn new(nm: &str, start: &BTreeSet<String>, life: &BTreeSet<String>) -> Self {
        // The compiler gives functions that come to the same one place, and their section one of the names.
        let mut places: BTreeMap<u64, (u64, Vec<&str>)> = BTreeMap::new();
        for line in nm.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let [address, size, "t" | "T" | "w" | "W", name] = fields[..]
                && let (Ok(address), Ok(size)) = (u64::from_str_radix(address, 16), u64::from_str_radix(size, 16))
            {
                let place = places.entry(address).or_insert((size, Vec::new()));
                place.1.push(name);
            }
        }
        let mut program = Self::default();
        for (bytes, names) in places.into_values() {
            let ran = |set: &BTreeSet<String>| names.iter().any(|name| set.contains(*name));
            let used = match (ran(start), ran(life)) {
                (true, _) => Use::Start,
                (false, true) => Use::Later,
                (false, false) => Use::Never,
            };
            for name in names {
                let mut name = without_hashes(name);
                name.truncate(LONGEST);
                let code = program.0.entry(name).or_default();
                code.bytes += bytes;
                code.used_bytes += if used == Use::Never { 0 } else { bytes };
                code.used = code.used.max(used);
            }
        }
        program
    }
}

/// A name as far as it stays the same from one compilation to the next: in the older way of writing names the hash comes
/// last; in the newer one each crate has its own, within (`Cs...._4core`).
fn without_hashes(name: &str) -> String {
    if name.starts_with("_ZN") {
        let hash = |at: &usize| name[at + 3..].bytes().take_while(u8::is_ascii_hexdigit).count() >= 16;
        let end = name.match_indices("17h").map(|(at, _)| at).find(hash);
        return end.map_or(name, |end| &name[..end + 3]).to_owned();
    }
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let (mut kept, mut rest) = (String::new(), name);
    while let Some(at) = rest.find("Cs") {
        let hash = rest[at + 2..].bytes().take_while(u8::is_ascii_alphanumeric).count();
        let after = &rest[at + 2 + hash..];
        kept.push_str(&rest[..at + 2]);
        if hash > 0 && after.starts_with('_') {
            kept.push('*');
        } else {
            kept.push_str(&rest[at + 2..at + 2 + hash]);
        }
        rest = after;
    }
    kept + rest
}

/// One name, in every program.
struct Named<'p> {
    name: &'p str,
    code: Vec<Code>,
}

impl Named<'_> {
    /// The most that one program has of it.
    fn most(&self, of: fn(&Code) -> u64) -> u64 {
        self.code.iter().map(of).max().unwrap_or(0)
    }
}

/// The lines for these programs, the functions' names first.
pub(crate) fn lines(programs: &[(&str, Program)]) -> String {
    let names: BTreeSet<&str> = programs.iter().flat_map(|(_, program)| program.0.keys().map(String::as_str)).collect();
    let of = |name| programs.iter().map(|(_, program)| program.0.get(name).copied().unwrap_or_default()).collect();
    let (within, plain): (Vec<_>, Vec<_>) =
        names.into_iter().map(|name| Named { name, code: of(name) }).partition(|named| named.name.contains('*'));
    let mut text = String::from("functions");
    for (function, _) in programs {
        let _ = write!(text, " {function}");
    }
    text.push('\n');
    cover(&plain, &mut text);
    for named in &within {
        line(named.name, std::slice::from_ref(named), &mut text);
    }
    text
}

/// The fewest beginnings for what is used of these names, which are sorted.
fn cover(names: &[Named<'_>], text: &mut String) {
    let (Some(first), Some(last)) = (names.first(), names.last()) else { return };
    let sum = |of: fn(&Code) -> u64| names.iter().map(|named| named.most(of)).sum::<u64>();
    let (bytes, used) = (sum(|code| code.bytes), sum(|code| code.used_bytes));
    if used == 0 {
        return;
    }
    // What the first and the last of sorted names share, all share.
    let shared = first.name.bytes().zip(last.name.bytes()).take_while(|(one, other)| one == other).count();
    #[expect(clippy::cast_precision_loss, reason = "a program's size")]
    let enough = used as f64 >= USED * bytes as f64;
    if names.len() == 1 || (enough && shared >= SHORTEST) {
        return line(&first.name[..shared], names, text);
    }
    for alike in names.chunk_by(|one, other| one.name.as_bytes().get(shared) == other.name.as_bytes().get(shared)) {
        cover(alike, text);
    }
}

fn line(beginning: &str, names: &[Named<'_>], text: &mut String) {
    let functions = names.first().map_or(0, |named| named.code.len());
    let used = |function: usize| names.iter().map(|named| named.code[function].used).max().unwrap_or_default();
    let letters: String = (0..functions).map(|function| used(function).letter()).collect();
    if letters.contains(['s', 'l']) {
        let _ = writeln!(text, "{letters} {beginning}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    const NM: &str = "\
0000000000001000 0000000000000100 t _ZN5serde2de5begin17h0123456789abcdefE
0000000000001100 0000000000000100 t _ZN5serde2de3end17h0123456789abcdeaE
0000000000001200 0000000000000100 t _ZN5serde3ser4_all17h0123456789abcdebE.llvm.17
0000000000001300 0000000000000300 t _ZN5serde3ser4_all17h0123456789abcdecE
0000000000001600 0000000000000040 t _RNvNtCsgEmfK2I1SDS_4core3fmt5write
0000000000001640 0000000000000040 T main
0000000000001700                  t _ZN5local5label17h0123456789abcdedE
0000000000001800 0000000000000040 r _ZN5table17h0123456789abcdeeE
";

    #[test]
    fn the_shortest_beginnings_name_what_is_used_and_when() {
        let start = set(&["_ZN5serde2de5begin17h0123456789abcdefE", "_RNvNtCsgEmfK2I1SDS_4core3fmt5write"]);
        let life = &set(&["_ZN5serde2de3end17h0123456789abcdeaE", "main"]) | &start;
        let one = Program::new(NM, &start, &life);
        let other = Program::new(NM, &set(&[]), &set(&["_ZN5serde3ser4_all17h0123456789abcdebE.llvm.17"]));
        assert_eq!(
            lines(&[("one", one), ("other", other)]),
            "functions one other\ns- _ZN5serde2de\n-l _ZN5serde3ser4_all17h\nl- main\ns- _RNvNtCs*_4core3fmt5write\n"
        );
    }

    #[test]
    fn what_is_one_place_under_two_names_is_used_under_both() {
        let nm = "\
0000000000001000 0000000000000100 t _ZN5alpha3new17h0123456789abcdefE
0000000000001000 0000000000000100 t _ZN4beta3new17h0123456789abcdeaE
";
        let program = Program::new(nm, &set(&[]), &set(&["_ZN4beta3new17h0123456789abcdeaE"]));
        assert_eq!(
            lines(&[("one", program)]),
            "functions one\nl _ZN\n".replace("_ZN", "_ZN4beta3new17h\nl _ZN5alpha3new17h")
        );
    }
}
