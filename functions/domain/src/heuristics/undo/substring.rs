//! Letters that are cut out of variables whose values everybody knows.

use super::quoted;
use crate::heuristics::expand::VARIABLES;
use crate::heuristics::note::{Note, Notes};
use memchr::{memchr, memchr3};

/// PowerShell's own variables that attackers index, as they usually are (case matters to nobody).
const KNOWN: &[(&str, &str)] = &[
    ("shellid", "Microsoft.PowerShell"),
    ("pshome", r"C:\Windows\System32\WindowsPowerShell\v1.0"),
    ("verbosepreference", "SilentlyContinue"),
    ("warningpreference", "Continue"),
    ("mydocuments", "MyDocuments"),
];
/// Variables that scripts cut up every day.
const EVERYDAY: &[&str] = &["date", "time", "cd", "random", "0", "1", "2"];
/// No variable in a batch file that is worth looking at has a longer name.
const LONGEST_NAME: usize = 23;
/// At most so many indices.
const MOST_INDICES: usize = 64;

/// `%comspec:~0,3%` and `$env:comspec[4,24,25]` as what they are.
pub(super) fn cut_out(text: &str, notes: &mut Notes) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let (mut from, mut at) = (0, 0);
    while let Some(next) = memchr3(b'%', b'!', b'$', &bytes[at..]) {
        at += next;
        let found = match bytes[at] {
            b'%' | b'!' => batch(&text[at..], notes),
            b'$' => indexed(&text[at + 1..]).map(|(cut, length)| (quoted(&cut), length + 1)),
            _ => None,
        };
        match found {
            Some((cut, length)) => {
                notes.add(Note::Substring);
                out.push_str(&text[from..at]);
                out.push_str(&cut);
                at += length;
                from = at;
            }
            None => at += 1,
        }
    }
    out.push_str(&text[from..]);
    (from > 0).then_some(out)
}

/// `%name:~start,length%`
fn batch(text: &str, notes: &mut Notes) -> Option<(String, usize)> {
    let delimiter = char::from(text.as_bytes()[0]);
    // Nearly all of these characters begin something else, which shows in the next few.
    let near = &text.as_bytes()[1..text.len().min(1 + LONGEST_NAME + ":~".len())];
    let name_ends = near.windows(2).position(|pair| pair == b":~")?;
    let (name, rest) = (&text[1..1 + name_ends], &text[1 + name_ends + ":~".len()..]);
    if name.contains([' ', delimiter]) {
        return None;
    }
    let (range, _) = rest.split_once(delimiter).filter(|(range, _)| range.len() < 16)?;
    let name_lower = name.to_ascii_lowercase();
    let everyday =
        EVERYDAY.contains(&name_lower.as_str()) || name_lower.contains(['~', 'd']) && name_lower.contains("date");
    let value = VARIABLES.iter().find(|(known, _)| *known == name_lower).map(|(_, value)| *value);
    let single = range.split_once(',').is_some_and(|(_, length)| length.trim() == "1");
    notes.add_if(value.is_none() && single && !everyday, Note::Substring);
    let value = value?;
    let mut numbers = range.split(',').map(|number| number.trim().parse::<i32>().ok());
    let start = from_either_end(numbers.next()??, value.len());
    let end = match numbers.next() {
        None => value.len(),
        Some(length) => match length? {
            length if length < 0 => from_either_end(length, value.len()),
            length => start.saturating_add(usize::try_from(length).unwrap_or(0)).min(value.len()),
        },
    };
    let cut = value.get(start..end.max(start)).unwrap_or_default().to_owned();
    Some((cut, 1 + name.len() + 2 + range.len() + 1))
}

fn from_either_end(at: i32, length: usize) -> usize {
    let magnitude = usize::try_from(at.unsigned_abs()).unwrap_or(length);
    if at < 0 { length.saturating_sub(magnitude) } else { magnitude.min(length) }
}

/// `env:name[1,2]`, `name[1]`, `{name}[1]`, after the dollar sign; `.ToString()` may stand before the bracket.
fn indexed(text: &str) -> Option<(String, usize)> {
    let open = memchr(b'[', &text.as_bytes()[..text.len().min(48)])?;
    let near = &text.as_bytes()[open..text.len().min(open + 256)];
    let close = open + memchr(b']', near)?;
    let written = text[..open].to_ascii_lowercase();
    let name = written.trim_matches(['{', '}', ')']).trim_end_matches(".tostring()").trim_end_matches(".tostring(");
    let value = match name.strip_prefix("env:") {
        Some(name) => VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)?,
        None => KNOWN.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)?,
    };
    let indices = text[open + 1..close].split(',').take(MOST_INDICES);
    let cut: Option<String> = indices
        .map(|index| {
            let index: i32 = index.trim().trim_matches(['\'', '"']).parse().ok()?;
            value.as_bytes().get(from_either_end(index, value.len())).map(|byte| char::from(*byte))
        })
        .collect();
    cut.map(|cut| (cut, close + 1))
}
