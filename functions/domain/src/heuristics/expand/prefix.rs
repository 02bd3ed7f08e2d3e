//! Options that may be written with either of two prefixes.

use memchr::memchr_iter;

/// `lower` with the other prefix in front of each option, if one of the programs `names` takes either, or if `lower` is for
/// a shell and one that is called in it does.
///
/// Attackers write whichever a rule does not.
pub(in crate::heuristics) fn other_prefix<'n>(
    lower: &str,
    names: impl IntoIterator<Item = &'n str>,
    for_shell: bool,
) -> Option<String> {
    let takes_either = names.into_iter().any(takes_either) || for_shell && calls_one(lower);
    if !takes_either {
        return None;
    }
    let bytes = lower.as_bytes();
    let mut flipped: Option<Vec<u8>> = None;
    for space in memchr_iter(b' ', bytes) {
        let other = match bytes.get(space + 1..space + 3) {
            Some([b'-', next]) if next.is_ascii_alphabetic() => b'/',
            Some([b'/', next]) if next.is_ascii_alphabetic() => b'-',
            _ => continue,
        };
        flipped.get_or_insert_with(|| bytes.to_vec())[space + 1] = other;
    }
    flipped.and_then(|flipped| String::from_utf8(flipped).ok())
}

/// Whether the last part of a path in `text`, or a word without slashes, is a program that takes an option with either.
fn calls_one(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Most words are too long or no names, which shows before they are compared.
    let is_one = |start: usize, end: usize| {
        (SHORTEST..=LONGEST).contains(&end.saturating_sub(start))
            && bytes[start].is_ascii_lowercase()
            && takes_either(&text[start..end])
    };
    let (mut start, mut at) = (0, 0);
    while let Some(length) = bytes[at..].iter().position(|byte| ENDS[usize::from(*byte)]) {
        let end = at + length;
        let byte = &bytes[end];
        at = end + 1;
        // Slashes at the end of a word belong to what is before them.
        while *byte != b' ' && matches!(bytes.get(at), Some(b'\\' | b'/')) {
            at += 1;
        }
        let word_ends = *byte == b' ' || matches!(bytes.get(at), None | Some(b' '));
        if word_ends && is_one(start, end) {
            return true;
        }
        start = at;
    }
    is_one(start, bytes.len())
}

/// What ends a part of a path, or a word.
const ENDS: [bool; 256] = {
    let mut ends = [false; 256];
    ends[b' ' as usize] = true;
    ends[b'\\' as usize] = true;
    ends[b'/' as usize] = true;
    ends
};
const SHORTEST: usize = "sc".len();
const LONGEST: usize = "installutil.exe".len();

/// Whether `name` is a program of Windows that takes an option with `-` as well as with `/`.
fn takes_either(name: &str) -> bool {
    name.len() <= LONGEST
        && matches!(
            name.strip_suffix(".exe").unwrap_or(name),
            "attrib"
                | "auditpol"
                | "bcdedit"
                | "bitsadmin"
                | "certutil"
                | "cipher"
                | "cmstp"
                | "diskshadow"
                | "esentutl"
                | "expand"
                | "extrac32"
                | "findstr"
                | "fltmc"
                | "forfiles"
                | "gpresult"
                | "icacls"
                | "ieexec"
                | "installutil"
                | "ipconfig"
                | "makecab"
                | "msbuild"
                | "mshta"
                | "msiexec"
                | "nbtstat"
                | "net"
                | "net1"
                | "netstat"
                | "nltest"
                | "odbcconf"
                | "reg"
                | "regasm"
                | "regsvcs"
                | "regsvr32"
                | "rundll32"
                | "sc"
                | "schtasks"
                | "shutdown"
                | "systeminfo"
                | "taskkill"
                | "tasklist"
                | "vssadmin"
                | "wbadmin"
                | "wevtutil"
                | "whoami"
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_program_is_called_where_a_word_ends_in_its_name(text in "([ /\\\\]|net|reg[.]exe|x|-c|\u{e9}){0,9}") {
            let name = |word: &str| {
                let word = word.trim_end_matches(['\\', '/']);
                takes_either(word.rsplit(['\\', '/']).next().unwrap_or_default())
            };
            prop_assert_eq!(calls_one(&text), text.split(' ').any(name), "{}", text);
        }
    }
}
