//! The commands as the documentation lists them. `docs/discord.md` holds exactly this, and a test says so.

use super::table::{COMMANDS, Kind, OptionSpec};
use std::fmt::Write as _;

/// A table in Markdown: each command with its options, what it does, and who may use it.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from("| command | what it does | who |\n|---|---|---|\n");
    for command in COMMANDS {
        let options: String = command.options.iter().map(|spec| format!(" {}", usage(spec))).collect();
        writeln!(out, "| `/{}{options}` | {} | {} |", command.name(), command.about, command.audience.as_str())
            .expect("writing to a String cannot fail");
    }
    out
}

/// `name:<what>`, in brackets if it may be left out.
fn usage(spec: &OptionSpec) -> String {
    let what = match spec.kind {
        Kind::Text { .. } => "text".to_owned(),
        Kind::Whole { min, max } => format!("{min}..{max}"),
        Kind::Role => "@role".to_owned(),
        Kind::Channel => "#channel".to_owned(),
        Kind::Choice(choices) => choices.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(" or "),
    };
    let shown = format!("{}:{what}", spec.name);
    if spec.required { shown } else { format!("[{shown}]") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_documentation_lists_the_commands_as_they_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/discord.md");
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(&super::reference()), "docs/discord.md should hold:\n{}", super::reference());
    }
}
