//! How detection rules are written, checked and compiled.
//!
//! ```text
//! rules/*.toml, rules/fitted/weights.toml --Sources::read--> WrittenRules --compile--> Compiled { table, texts, finder }
//!                                              \--> Mistakes: file, rule, key, reason
//! ```
//!
//! A build script compiles the rules that ship; the operator's command line compiles a folder at run time, with the same
//! code. It is not an engine: what the compiled form means for an alert is `vyrox-domain`'s.

mod check;
mod compile;
mod finder;
mod marker;
mod mistake;
mod pattern;
mod pool;
mod program;
mod record;
mod required;
mod sections;
mod seen;
mod source;
mod table;
mod usual;
mod written;

pub use compile::{Compiled, compile};
pub use finder::Finder;
pub use marker::{MARKERS, Marker, marker_text};
pub use mistake::{Mistake, Severity};
pub use pattern::{PatternError, pattern};
pub use pool::{Literals, Numbers, Spans};
pub use program::{Machine, Program, Programs, TooManySteps};
pub use record::{Condition, Conditions, Record, Records, Rule, Rules, Way, Ways};
pub use sections::Malformed;
pub use seen::{Question, Questions, Seen};
pub use source::{CheckedRules, WEIGHTS_FILE, read};
pub use table::{Field, LINUX, MACOS, Span, Table, WINDOWS};
pub use written::{Example, OneOrMore, WrittenCondition, WrittenRule};
