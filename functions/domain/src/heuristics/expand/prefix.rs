//! Options that may be written with either of two prefixes.

/// `lower` with the other prefix in front of each option, if one of its programs takes either.
///
/// Attackers write whichever a rule does not.
pub(in crate::heuristics) fn other_prefix<'n>(lower: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    if !names.into_iter().any(takes_either) {
        return None;
    }
    let mut bytes = lower.as_bytes().to_vec();
    let mut changed = false;
    for at in 1..bytes.len() {
        let option = bytes[at - 1] == b' ' && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
        if option && matches!(bytes[at], b'-' | b'/') {
            bytes[at] = if bytes[at] == b'-' { b'/' } else { b'-' };
            changed = true;
        }
    }
    changed.then(|| String::from_utf8(bytes).ok()).flatten()
}

/// Whether `name` is a program of Windows that takes an option with `-` as well as with `/`.
fn takes_either(name: &str) -> bool {
    const LONGEST: usize = "installutil.exe".len();
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
