//! The parameters of PowerShell itself, which it lets one shorten.

/// What the next word of a PowerShell command line is.
#[derive(Clone, Copy)]
enum Next {
    /// Not (or no longer) an argument of PowerShell itself.
    Anything,
    /// A parameter.
    Parameter,
    /// The value of `-WindowStyle`.
    WindowStyle,
    /// The value of another parameter.
    Value,
}

/// `text` with PowerShell's parameters in full; `None` if they are.
pub(super) fn arguments(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 32);
    let mut changed = false;
    let mut next = Next::Anything;
    for word in text.split(' ') {
        if !out.is_empty() {
            out.push(' ');
        }
        let (written, following) = match (next, word.strip_prefix(['-', '/'])) {
            (Next::WindowStyle, _) => (if is_hidden(word) { "hidden" } else { word }, Next::Parameter),
            (Next::Value, _) => (word, Next::Parameter),
            (Next::Parameter, Some(parameter)) => match parameter_name(parameter) {
                Some((name, following)) => (name, following),
                None => (word, Next::Parameter),
            },
            (Next::Parameter | Next::Anything, _) => {
                (word, if is_powershell(word) { Next::Parameter } else { Next::Anything })
            }
        };
        out.push_str(written);
        changed |= written != word;
        next = following;
    }
    changed.then_some(out)
}

fn is_powershell(word: &str) -> bool {
    let name = word.rsplit(['\\', '/']).next().unwrap_or(word);
    matches!(name.strip_suffix(".exe").unwrap_or(name), "powershell" | "pwsh")
}

fn is_hidden(value: &str) -> bool {
    value == "1" || (!value.is_empty() && "hidden".starts_with(value))
}

/// PowerShell accepts any unambiguous beginning of a parameter's name, and a few fixed aliases.
fn parameter_name(written: &str) -> Option<(&'static str, Next)> {
    let begins = |name: &str, least: usize| written.len() >= least && name.starts_with(written);
    Some(match written {
        "ec" => ("-encodedcommand", Next::Anything),
        "ep" | "exec" => ("-executionpolicy", Next::Value),
        "wd" => ("-workingdirectory", Next::Value),
        "cwa" => ("-commandwithargs", Next::Anything),
        "ea" => ("-encodedarguments", Next::Value),
        "if" => ("-inputformat", Next::Value),
        "of" => ("-outputformat", Next::Value),
        _ if begins("encodedcommand", 1) => ("-encodedcommand", Next::Anything),
        _ if begins("executionpolicy", 2) => ("-executionpolicy", Next::Value),
        _ if begins("windowstyle", 1) => ("-windowstyle", Next::WindowStyle),
        _ if begins("workingdirectory", 2) => ("-workingdirectory", Next::Value),
        _ if begins("noprofile", 3) => ("-noprofile", Next::Parameter),
        _ if begins("noninteractive", 4) => ("-noninteractive", Next::Parameter),
        _ if begins("noexit", 3) => ("-noexit", Next::Parameter),
        _ if begins("nologo", 3) => ("-nologo", Next::Parameter),
        _ if begins("inputformat", 2) => ("-inputformat", Next::Value),
        _ if begins("outputformat", 1) => ("-outputformat", Next::Value),
        _ if begins("version", 1) => ("-version", Next::Value),
        _ if begins("command", 1) => ("-command", Next::Anything),
        _ if begins("file", 1) => ("-file", Next::Anything),
        _ => return None,
    })
}
