//! What a member does in the client: enter a slash command that is registered, with the options that it takes.

use super::click::{ClickError, ClickOutcome, endpoint, member};
use super::deliver::{Ticket, deliver};
use super::options::{DiscordOptions, Role};
use super::payload;
use super::shared::{Invoked, Shared};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Enter `/name` with Discord's option array.
pub(super) async fn run(
    shared: &Arc<Shared>,
    member_id: &str,
    name: &str,
    options: Value,
) -> Result<ClickOutcome, ClickError> {
    let member = member(shared, member_id)?;
    let command = shared.read(|state| state.commands.iter().find(|command| command["name"] == name).cloned());
    let command = command.ok_or_else(|| ClickError::UnknownCommand(name.into()))?;
    check(&command["options"], &options).map_err(ClickError::Values)?;
    let url = endpoint(shared).await?;
    let invoked = Invoked { line: line(name, &options), user: payload::user(member) };
    let ticket = Ticket::issue_command(shared, member_id, invoked);
    let resolved = resolved(&shared.options, &options);
    let body = shared.edit(|state| {
        let mut body = payload::interaction(&shared.options, state, member, 2, &ticket.id, &ticket.token);
        body["data"] = json!({"id": command["id"], "name": name, "type": 1, "options": options});
        if !resolved.is_empty() {
            body["data"]["resolved"] = resolved.into();
        }
        body
    });
    Ok(deliver(shared, &url, &ticket, &body).await)
}

/// As the channel shows who used what: `vyrox approvers add`.
fn line(name: &str, options: &Value) -> String {
    let mut words = vec![name.to_owned()];
    let mut level = options;
    while let Some(first) = level.as_array().and_then(|list| list.first()).filter(|first| is_nested(first)) {
        words.extend(first["name"].as_str().map(str::to_owned));
        level = &first["options"];
    }
    words.join(" ")
}

fn is_nested(option: &Value) -> bool {
    matches!(option["type"].as_u64(), Some(1 | 2))
}

/// What the client would not have let through.
fn check(specs: &Value, given: &Value) -> Result<(), String> {
    let given = given.as_array().map_or(&[][..], Vec::as_slice);
    let specs = specs.as_array().map_or(&[][..], Vec::as_slice);
    let has_nested = specs.iter().any(is_nested);
    if has_nested && given.len() != 1 {
        return Err("one subcommand is needed".into());
    }
    for option in given {
        let name = option["name"].as_str().unwrap_or_default();
        let spec =
            specs.iter().find(|spec| spec["name"] == name).ok_or_else(|| format!("there is no option {name}"))?;
        if spec["type"] != option["type"] {
            return Err(format!("{name} is of another type"));
        }
        if is_nested(spec) {
            check(&spec["options"], &option["options"])?
        } else {
            check_value(spec, &option["value"])?
        }
    }
    let missing =
        specs.iter().find(|spec| spec["required"] == true && !given.iter().any(|one| one["name"] == spec["name"]));
    match missing {
        Some(spec) => Err(format!("{} is required", spec["name"].as_str().unwrap_or_default())),
        None => Ok(()),
    }
}

fn check_value(spec: &Value, value: &Value) -> Result<(), String> {
    let name = spec["name"].as_str().unwrap_or_default();
    let bounds = |least: &str, most: &str, number: i64| {
        let within = spec[least].as_i64().is_none_or(|least| least <= number)
            && spec[most].as_i64().is_none_or(|most| number <= most);
        if within { Ok(()) } else { Err(format!("{name} must be between {} and {}", spec[least], spec[most])) }
    };
    if let Some(choices) = spec["choices"].as_array().filter(|choices| !choices.is_empty()) {
        let known = choices.iter().any(|choice| choice["value"] == *value);
        return if known { Ok(()) } else { Err(format!("{name} is none of its choices")) };
    }
    match (spec["type"].as_u64(), value) {
        (Some(3), Value::String(text)) => {
            let length = i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX);
            bounds("min_length", "max_length", length)
        }
        (Some(4), Value::Number(number)) => match number.as_i64() {
            Some(number) => bounds("min_value", "max_value", number),
            None => Err(format!("{name} is no whole number")),
        },
        (Some(5), Value::Bool(_)) => Ok(()),
        (Some(6..=9), Value::String(id)) if id.parse::<u64>().is_ok() => Ok(()),
        _ => Err(format!("{name} has a value of another type")),
    }
}

/// What Discord says about the roles and channels that are named.
fn resolved(options: &DiscordOptions, given: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    let mut levels = vec![given];
    while let Some(level) = levels.pop() {
        for option in level.as_array().into_iter().flatten() {
            levels.push(&option["options"]);
            let id = option["value"].as_str().unwrap_or_default();
            let entry = match option["type"].as_u64() {
                Some(8) => ("roles", role(options, id)),
                Some(7) if id == options.channel_id => ("channels", Some(channel(options))),
                _ => continue,
            };
            if let (kind, Some(value)) = entry {
                let of_kind = found.entry(kind).or_insert_with(|| json!({}));
                of_kind[id] = value;
            }
        }
    }
    found
}

fn role(options: &DiscordOptions, id: &str) -> Option<Value> {
    if id == options.guild_id {
        return Some(payload::everyone(options));
    }
    let index = options.roles.iter().position(|role: &Role| role.id == id)?;
    Some(payload::role(&options.roles[index], index + 1))
}

fn channel(options: &DiscordOptions) -> Value {
    json!({"id": options.channel_id, "type": 0, "name": options.channel_name, "permissions": "309237730304", "parent_id": null,
        "flags": 0, "guild_id": options.guild_id})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_lets_only_fitting_options_through() {
        let specs = json!([{"type": 1, "name": "stats", "options": [
            {"type": 4, "name": "days", "min_value": 1, "max_value": 90},
            {"type": 3, "name": "kind", "required": true, "choices": [{"name": "A", "value": "a"}]},
            {"type": 3, "name": "text", "min_length": 2, "max_length": 3},
        ]}]);
        let with = |options: Value| check(&specs, &json!([{"name": "stats", "type": 1, "options": options}]));
        let kind = json!({"name": "kind", "type": 3, "value": "a"});
        assert_eq!(with(json!([kind])), Ok(()));
        assert_eq!(with(json!([])), Err("kind is required".into()));
        for bad in [
            json!({"name": "days", "type": 4, "value": 91}),
            json!({"name": "days", "type": 4, "value": "1"}),
            json!({"name": "days", "type": 3, "value": 1}),
            json!({"name": "text", "type": 3, "value": "a"}),
            json!({"name": "nothing", "type": 3, "value": "a"}),
        ] {
            assert!(with(json!([kind, bad])).is_err(), "{bad}");
        }
        assert!(with(json!([{"name": "kind", "type": 3, "value": "b"}])).is_err());
        assert!(check(&specs, &json!([])).is_err());
        assert_eq!(
            line("vyrox", &json!([{"name": "proxy", "type": 2, "options": [{"name": "enrol", "type": 1}]}])),
            "vyrox proxy enrol"
        );
    }
}
