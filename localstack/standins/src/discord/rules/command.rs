//! Slash commands as they are registered.

use super::{At, Form, Problems};
use serde_json::Value;

/// The most commands of one application.
const MOST_COMMANDS: usize = 100;
/// The most options or choices of one command or option.
const MOST_OPTIONS: usize = 25;
/// The most characters of one command's names, descriptions and choice values together.
const MOST_CHARACTERS: usize = 8_000;
/// Subcommand.
const SUBCOMMAND: i64 = 1;
/// Group of subcommands.
const GROUP: i64 = 2;

/// The body of a bulk overwrite: everything that the application has from then on.
pub(crate) fn judge_commands(body: &Value, problems: &mut Problems) {
    let root = At::default();
    let Some(commands) = body.as_array() else {
        problems.add(&root, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
        return;
    };
    if commands.len() > MOST_COMMANDS {
        problems.add(&root, "APPLICATION_COMMANDS_LIMIT", "Maximum number of application commands reached (100).");
    }
    for (index, command) in commands.iter().enumerate() {
        let at = root.down(&index);
        let characters = judge_command(command, at.clone(), problems);
        if characters > MOST_CHARACTERS {
            problems.add(&at, "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000).");
        }
        if commands[..index].iter().any(|other| other["name"] == command["name"] && other["type"] == command["type"]) {
            problems.add(&at, "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique");
        }
    }
}

fn judge_command(command: &Value, at: At, problems: &mut Problems) -> usize {
    const KNOWN: &[&str] = &[
        "id",
        "name",
        "name_localizations",
        "description",
        "description_localizations",
        "options",
        "default_member_permissions",
        "dm_permission",
        "integration_types",
        "contexts",
        "type",
        "nsfw",
    ];
    let Some(form) = Form::of(command, at, KNOWN, problems) else { return 0 };
    form.integer("type", 1, 1, problems);
    for key in ["contexts", "integration_types"] {
        form.list(key, 1, 3, problems);
    }
    named(&form, problems) + judge_options(&form, 0, problems)
}

/// A name and a description; how many characters both have.
fn named(form: &Form<'_>, problems: &mut Problems) -> usize {
    form.required("name", problems);
    form.required("description", problems);
    let name = form.text("name", 1, 32, problems).unwrap_or_default();
    let is_lower = name.chars().all(|character| {
        matches!(character, '-' | '_' | '\'') || character.is_alphanumeric() && character.to_lowercase().eq([character])
    });
    if !is_lower {
        problems.add(&form.at("name"), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid");
    }
    let description = form.text("description", 1, 100, problems).unwrap_or_default();
    name.chars().count() + description.chars().count()
}

/// The options of a command (`depth` 0), a group (1) or a subcommand (2 and more); how many characters they have.
fn judge_options(form: &Form<'_>, depth: usize, problems: &mut Problems) -> usize {
    let options = form.list("options", 0, MOST_OPTIONS, problems);
    let nested = |option: &Value| matches!(option["type"].as_i64(), Some(SUBCOMMAND | GROUP));
    if options.iter().any(nested) && !options.iter().all(nested) {
        let message = "Sub-command and sub-command group option types are mutually exclusive to all other types";
        problems.add(&form.at("options"), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message);
    }
    let mut characters = 0;
    let mut optional_before = false;
    for (index, option) in options.iter().enumerate() {
        let at = form.at("options").down(&index);
        if options[..index].iter().any(|other| other["name"] == option["name"]) {
            problems.add(&at, "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option name is not unique");
        }
        if option["required"] == true && optional_before {
            let message = "Required options must be placed before non-required options";
            problems.add(&at, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message);
        }
        optional_before |= !nested(option) && option["required"] != true;
        characters += judge_option(option, at, depth, problems);
    }
    characters
}

fn judge_option(option: &Value, at: At, depth: usize, problems: &mut Problems) -> usize {
    const KNOWN: &[&str] = &[
        "type",
        "name",
        "name_localizations",
        "description",
        "description_localizations",
        "required",
        "choices",
        "options",
        "channel_types",
        "min_value",
        "max_value",
        "min_length",
        "max_length",
        "autocomplete",
    ];
    let Some(form) = Form::of(option, at, KNOWN, problems) else { return 0 };
    form.required("type", problems);
    let kind = form.integer("type", 1, 11, problems).unwrap_or(0);
    let misplaced = match kind {
        GROUP => depth > 0,
        SUBCOMMAND => depth > 1,
        _ => false,
    };
    if misplaced {
        problems.add(&form.at("type"), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Option type is not allowed here");
    }
    form.boolean("required", problems);
    form.boolean("autocomplete", problems);
    for key in ["min_length", "max_length"] {
        form.integer(key, 0, 6_000, problems);
    }
    let mut characters = named(&form, problems);
    for (index, choice) in form.list("choices", 0, MOST_OPTIONS, problems).iter().enumerate() {
        let at = form.at("choices").down(&index);
        let Some(choice) = Form::of(choice, at, &["name", "name_localizations", "value"], problems) else { continue };
        choice.required("name", problems);
        choice.required("value", problems);
        characters += choice.text("name", 1, 100, problems).map_or(0, |name| name.chars().count());
        if kind == 3 {
            characters += choice.text("value", 0, 100, problems).map_or(0, |value| value.chars().count());
        }
    }
    let below = if kind == GROUP { 1 } else { 2 };
    characters + judge_options(&form, below, problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn codes(body: &Value) -> Vec<&'static str> {
        let mut problems = Problems::default();
        judge_commands(body, &mut problems);
        problems.codes()
    }

    fn with(options: &Value) -> Value {
        json!([{"type": 1, "name": "vyrox", "description": "d", "options": options}])
    }

    #[test]
    fn each_rule_has_a_body_that_breaks_it() {
        let option = |kind: i64, name: &str| json!({"type": kind, "name": name, "description": "d"});
        let group = json!({"type": 2, "name": "g", "description": "d", "options": [option(1, "a")]});
        assert_eq!(codes(&with(&json!([group, option(1, "s")]))), Vec::<&str>::new());
        let long: Vec<Value> =
            (0..25).map(|n| json!({"name": format!("{n:0>100}"), "value": "v".repeat(100)})).collect();
        let large: Vec<Value> =
            ["a", "b"].map(|name| json!({"type": 3, "name": name, "description": "d", "choices": long})).to_vec();
        for (body, code) in [
            (json!({}), "LIST_TYPE_CONVERT"),
            (json!([{"name": "Vyrox", "description": "d"}]), "APPLICATION_COMMAND_INVALID_NAME"),
            (json!([{"name": "v", "description": "d".repeat(101)}]), "BASE_TYPE_BAD_LENGTH"),
            (json!([{"name": "v"}]), "BASE_TYPE_REQUIRED"),
            (json!([{"name": "v", "description": "d", "titel": 1}]), "UNKNOWN_FIELD"),
            (
                json!([{"name": "v", "description": "d"}, {"name": "v", "description": "d"}]),
                "APPLICATION_COMMANDS_DUPLICATE_NAME",
            ),
            (with(&json!([option(1, "a"), option(3, "b")])), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID"),
            (with(&json!([option(3, "a"), option(3, "a")])), "APPLICATION_COMMAND_OPTIONS_NAME_INVALID"),
            (with(&json!([option(12, "a")])), "NUMBER_TYPE_MAX"),
            (with(&json!(large)), "APPLICATION_COMMAND_TOO_LARGE"),
            (
                with(&json!([option(3, "a"), {"type": 3, "name": "b", "description": "d", "required": true}])),
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
            ),
            (
                with(&json!([{"type": 2, "name": "g", "description": "d", "options": [group]}])),
                "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            ),
        ] {
            assert_eq!(codes(&body), [code], "{body}");
        }
        let many: Vec<Value> = (0..26).map(|n| option(3, &format!("o{n}"))).collect();
        assert_eq!(codes(&with(&json!(many))), ["BASE_TYPE_BAD_LENGTH"]);
    }
}
