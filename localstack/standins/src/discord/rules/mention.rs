//! `allowed_mentions`.

use super::{At, Form, Problems, judge_snowflake};
use serde_json::Value;

/// Unknown words, ids that are none, and contradictions.
pub(super) fn judge_allowed_mentions(value: &Value, at: At, problems: &mut Problems) {
    let Some(form) = Form::of(value, at, &["parse", "roles", "users", "replied_user"], problems) else { return };
    form.boolean("replied_user", problems);
    let parse = form.list("parse", 0, 3, problems);
    for (index, word) in parse.iter().enumerate() {
        if !matches!(word.as_str(), Some("users" | "roles" | "everyone")) {
            let at = form.at("parse").down(&index);
            problems.add(&at, "BASE_TYPE_CHOICES", "Value must be one of {'everyone', 'roles', 'users'}.");
        }
    }
    for kind in ["users", "roles"] {
        let ids = form.list(kind, 0, 100, problems);
        for (index, id) in ids.iter().enumerate() {
            judge_snowflake(id, &form.at(kind).down(&index), problems);
            if ids[..index].contains(id) {
                problems.add(&form.at(kind), "SET_TYPE_ALREADY_CONTAINS_VALUE", "The set already contains this value");
            }
        }
        if !ids.is_empty() && parse.iter().any(|word| word == kind) {
            let message = format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
            problems.add(&form.at, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message);
        }
    }
}
