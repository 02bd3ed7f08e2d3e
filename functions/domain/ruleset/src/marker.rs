//! What the engine noticed about a text, as words that rules can name like literals.
//!
//! Two kinds. Some stand for a list of literals, any of which will do; they cost nothing. The others are set by the engine:
//! in the compiled form they stand between control characters, which no text from outside keeps, so they cannot be forged.
//! A marker that does not exist is a mistake and not a rule that never matches.

/// A marker and when it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// As rules write it.
    pub name: &'static str,
    /// When it is there.
    pub meaning: &'static str,
    /// The literals that it stands for; none if the engine sets it.
    pub literals: &'static [&'static str],
}

const fn set(name: &'static str, meaning: &'static str) -> Marker {
    Marker { name, meaning, literals: &[] }
}

const fn any(name: &'static str, meaning: &'static str, literals: &'static [&'static str]) -> Marker {
    Marker { name, meaning, literals }
}

/// Every marker. `obf:` is for `cmdline` and `parent_cmdline`, `path:` for these and `path`, `account:` for `user`.
pub const MARKERS: &[Marker] = &[
    set("obf:caret", "two carets or more between letters, as cmd ignores them"),
    set("obf:quote", "quotes inside a word"),
    set("obf:backtick", "backticks inside a word, as PowerShell ignores them"),
    set("obf:backslash", "backslashes inside a word, as a Unix shell ignores them"),
    set("obf:concat", "string literals joined with `+`"),
    set("obf:format", "PowerShell's -f operator puts a string together"),
    set("obf:chars", "characters written as numbers"),
    set("obf:base64", "base64 or hexadecimal that says something readable"),
    set("obf:gzip", "base64 of a compressed text"),
    set("obf:escape", "hexadecimal, octal or unicode escapes for ordinary characters"),
    set("obf:ifs", "$IFS or an empty parameter inside a command"),
    set("obf:brace", "{a,b} instead of words with spaces, as a command"),
    set("obf:substring", "letters cut out of variables"),
    set("obf:variable", "a command put together from variables that were set just before"),
    set("obf:reverse", "a text that is turned round"),
    set("obf:replace", "a string literal with parts replaced"),
    set("obf:dash", "a dash that only looks like a hyphen, in front of an option"),
    set("obf:invisible", "characters without width, that turn the direction of writing, or of full width"),
    set("obf:case", "upper and lower case at random inside a word"),
    set("obf:padding", "very long runs of white space"),
    set("obf:traversal", "a path that goes up and down again"),
    set("path:network", "a share on another machine"),
    set("path:hidden", "the program's own path has a folder or file that begins with a dot"),
    any(
        "path:temp",
        "a folder for temporary files",
        &[
            r"\appdata\local\temp\",
            r"\windows\temp\",
            r"\temp\",
            r"\tmp\",
            "%temp%",
            "%tmp%",
            "$env:temp",
            "$env:tmp",
            "/tmp/",
            "/dev/shm/",
            "/var/folders/",
        ],
    ),
    any("path:downloads", "somebody's downloads", &[r"\downloads\", "/downloads/"]),
    any(
        "path:public",
        "a folder that everybody may write to",
        &[
            r"\users\public\",
            r"\perflogs\",
            r"\windows\tasks\",
            r"\windows\tracing\",
            r"\spool\drivers\color\",
            r"\windows\debug\wia\",
            r"c:\temp\",
            "%public%",
            "$env:public",
            "/tmp/",
            "/dev/shm/",
            "/users/shared/",
        ],
    ),
    any(
        "path:user-writable",
        "a folder that an ordinary account may write to, those above included",
        &[
            r"\appdata\",
            r"\users\public\",
            r"\downloads\",
            r"\desktop\",
            r"\documents\",
            r"\programdata\",
            r"\perflogs\",
            r"\windows\tasks\",
            r"\windows\tracing\",
            r"\spool\drivers\color\",
            r"\windows\temp\",
            r"\temp\",
            r"\tmp\",
            "%temp%",
            "%tmp%",
            "%appdata%",
            "%localappdata%",
            "%userprofile%",
            "%public%",
            "$env:temp",
            "$env:tmp",
            "$env:appdata",
            "$env:localappdata",
            "$env:userprofile",
            "$env:public",
            "/tmp/",
            "/dev/shm/",
            "/var/folders/",
            "/users/",
            "/home/",
            "$home/",
        ],
    ),
    any(
        "path:web",
        "a web server's documents",
        &[r"\inetpub\", r"\wwwroot\", r"\htdocs\", r"\webapps\", "/var/www/", "/htdocs/", "/webapps/", "/nginx/html/"],
    ),
    any("path:recycle", "the recycle bin", &[r"\$recycle.bin\", r"\recycler\", "/.trash/"]),
    any(
        "account:system",
        "Windows' own accounts: SYSTEM, LOCAL SERVICE, NETWORK SERVICE",
        &["|system|", "|local service|", "|network service|", "|s-1-5-18|", "|s-1-5-19|", "|s-1-5-20|"],
    ),
    any("account:root", "root", &["|root|"]),
    any(
        "account:service",
        "an account that services run as, on any system",
        &[
            "|www-data|",
            "|apache|",
            "|nginx|",
            "|httpd|",
            "|tomcat|",
            "|nobody|",
            "|daemon|",
            "|_www|",
            "|mysql|",
            "|postgres|",
            "|redis|",
            "|jenkins|",
            r"|iis apppool\",
            r"|nt service\",
            "|mssqlserver|",
            "|svc_",
            "|svc-",
            "|sa_",
        ],
    ),
    any("account:machine", "a computer's account, which ends in $", &["$|"]),
    any("account:admin", "an account with admin in its name", &["admin"]),
];

/// The marker that rules write as `name`.
pub(crate) fn marker(name: &str) -> Option<&'static Marker> {
    MARKERS.iter().find(|marker| marker.name == name)
}

/// What the engine writes for the marker `name`, which it sets.
#[must_use]
pub fn marker_text(name: &str) -> String {
    format!("\u{1}{name}\u{1}")
}

/// Whether `literal` is meant as a marker.
pub(crate) fn looks_like_a_marker(literal: &str) -> bool {
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    ["obf:", "path:", "account:"].iter().any(|kind| literal.strip_prefix(kind).is_some_and(word))
}
