//! What Discord is told, and whether it will take it.

use super::table::{COMMANDS, Command, Kind, OptionSpec, ROOT};
use serde_json::{Value, json};

/// MANAGE_GUILD, as Discord's member permissions have it.
pub(super) const MANAGE_GUILD: u64 = 1 << 5;

/// The body of `PUT /applications/{application}/commands`: one command with everything below it. Only in servers, never in
/// direct messages. Hidden from nobody: who may use what is decided when it is used, since a server's administrators can
/// change who sees it.
#[must_use]
pub fn registration() -> Value {
    let mut below: Vec<Value> = Vec::new();
    for command in COMMANDS {
        let leaf = subcommand(command);
        match command.path {
            [group, _] => match below.iter_mut().find(|entry| entry["name"] == *group) {
                Some(entry) => entry["options"].as_array_mut().expect("a group holds a list").push(leaf),
                None => below.push(json!({
                    "type": 2, "name": group, "description": format!("Everything about {group}"), "options": [leaf],
                })),
            },
            _ => below.push(leaf),
        }
    }
    json!([{
        "type": 1, "name": ROOT, "description": "Vyrox: alerts, approvals, containment", "options": below,
        "contexts": [0], "integration_types": [0],
    }])
}

fn subcommand(command: &Command) -> Value {
    let options: Vec<Value> = command.options.iter().map(option).collect();
    json!({
        "type": 1, "name": command.path.last().expect("a path is never empty"), "description": command.about,
        "options": options,
    })
}

fn option(spec: &OptionSpec) -> Value {
    let mut value = json!({"name": spec.name, "description": spec.about, "required": spec.required});
    match spec.kind {
        Kind::Text { min, max } => {
            value["type"] = json!(3);
            value["min_length"] = json!(min);
            value["max_length"] = json!(max);
        }
        Kind::Whole { min, max } => {
            value["type"] = json!(4);
            value["min_value"] = json!(min);
            value["max_value"] = json!(max);
        }
        Kind::Channel => {
            value["type"] = json!(7);
            value["channel_types"] = json!([0]);
        }
        Kind::Role => value["type"] = json!(8),
        Kind::Choice(choices) => {
            value["type"] = json!(3);
            let choices = choices.iter().map(|(name, value)| json!({"name": name, "value": value}));
            value["choices"] = choices.collect();
        }
    }
    value
}

/// A limit of Discord's that a registration breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {rule}")]
pub struct BrokenLimit {
    /// The command or option, such as `vyrox proxy enrol`.
    pub at: String,
    /// The limit, in words.
    pub rule: &'static str,
}

/// The most that one command's names, descriptions and choice values may have together, in characters.
const MOST_CHARACTERS: usize = 8_000;

/// Discord's limits on commands, checked before anything is sent: names, descriptions, counts, order, and the sum of all
/// texts of one command.
///
/// # Errors
/// The first limit that is broken.
pub fn check_limits(commands: &Value) -> Result<(), BrokenLimit> {
    let broken = |at: &str, rule| Err(BrokenLimit { at: at.to_owned(), rule });
    let Some(commands) = commands.as_array() else { return broken("commands", "a list of commands") };
    if commands.len() > 100 {
        return broken("commands", "at most 100 commands");
    }
    for command in commands {
        let name = command["name"].as_str().unwrap_or_default();
        if check_entry(command, name)? > MOST_CHARACTERS {
            return broken(name, "at most 8000 characters in all its names, descriptions and values");
        }
    }
    Ok(())
}

/// Checks a command or option with everything below it; how many characters it has.
fn check_entry(entry: &Value, at: &str) -> Result<usize, BrokenLimit> {
    let broken = |rule| Err(BrokenLimit { at: at.to_owned(), rule });
    let text = |key: &str| entry[key].as_str().unwrap_or_default();
    let (name, description) = (text("name"), text("description"));
    let is_name = |character: char| {
        character.is_alphanumeric() && character.to_lowercase().eq([character]) || matches!(character, '-' | '_' | '\'')
    };
    if !(1..=32).contains(&name.chars().count()) || !name.chars().all(is_name) {
        return broken("a name of 1 to 32 lower-case letters, digits, - or _");
    }
    if !(1..=100).contains(&description.chars().count()) {
        return broken("a description of 1 to 100 characters");
    }
    let mut characters = name.chars().count() + description.chars().count();
    let choices = entry["choices"].as_array().map_or(&[][..], Vec::as_slice);
    if choices.len() > 25 {
        return broken("at most 25 choices");
    }
    for choice in choices {
        let (name, value) = (choice["name"].as_str().unwrap_or_default(), choice["value"].as_str().unwrap_or_default());
        if !(1..=100).contains(&name.chars().count()) || value.chars().count() > 100 {
            return broken("choices whose names and values have at most 100 characters");
        }
        characters += name.chars().count() + value.chars().count();
    }
    let options = entry["options"].as_array().map_or(&[][..], Vec::as_slice);
    if options.len() > 25 {
        return broken("at most 25 options");
    }
    let mut is_after_optional = false;
    for (index, option) in options.iter().enumerate() {
        let below = option["name"].as_str().unwrap_or_default();
        if options[..index].iter().any(|other| other["name"] == option["name"]) {
            return broken("no two options of one name");
        }
        if option["required"] == true && is_after_optional {
            return broken("required options before the others");
        }
        is_after_optional |= option["required"] == false;
        characters += check_entry(option, &format!("{at} {below}"))?;
    }
    Ok(characters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discord_takes_what_is_registered() {
        let commands = registration();
        assert_eq!(check_limits(&commands), Ok(()));
        let below = commands[0]["options"].as_array().unwrap();
        assert_eq!(below.iter().filter(|entry| entry["type"] == 2).count(), 4, "approvers, proxy, auto-approve, audit");
        let leaves: usize = below
            .iter()
            .map(|entry| if entry["type"] == 2 { entry["options"].as_array().unwrap().len() } else { 1 })
            .sum();
        assert_eq!(leaves, COMMANDS.len());
    }

    #[test]
    fn each_limit_is_checked() {
        let with = |change: &dyn Fn(&mut Value)| {
            let mut commands = registration();
            change(&mut commands);
            check_limits(&commands).unwrap_err().rule
        };
        let option = |index: usize| move |commands: &mut Value| commands[0]["options"][0]["options"][index].clone();
        assert!(with(&|c| c[0]["name"] = json!("Vyrox")).contains("lower-case"));
        assert!(with(&|c| c[0]["name"] = json!("v".repeat(33))).contains("1 to 32"));
        assert!(with(&|c| c[0]["description"] = json!("")).contains("1 to 100"));
        assert!(with(&|c| c[0]["options"][1]["description"] = json!("x".repeat(101))).contains("1 to 100"));
        assert!(with(&|c| c[0]["options"][1]["name"] = c[0]["options"][0]["name"].clone()).contains("no two"));
        assert!(with(&|c| c[0]["options"][0]["options"][0]["required"] = json!(false)).contains("before the others"));
        assert!(
            with(&|c| {
                let one = option(0)(c);
                c[0]["options"][0]["options"] = (0..26)
                    .map(|n| {
                        let mut o = one.clone();
                        o["name"] = json!(format!("o{n}"));
                        o
                    })
                    .collect();
            })
            .contains("25 options")
        );
        assert!(
            with(&|c| {
                let long: Vec<Value> =
                    (0..25).map(|n| json!({"name": format!("{n:0>100}"), "value": "v".repeat(100)})).collect();
                for option in 0..2 {
                    c[0]["options"][0]["options"][option]["choices"] = json!(long);
                }
            })
            .contains("8000")
        );
    }
}
