//! Components of messages: rows of buttons and selects, and the newer layout components.

use super::{At, Form, Problems};
use serde_json::Value;
use std::collections::HashSet;

/// The most components that a message may hold in total.
const TOTAL_MAX: usize = 40;

/// What must not occur twice in one message.
#[derive(Default)]
pub(super) struct Seen {
    custom_ids: HashSet<String>,
    ids: HashSet<i64>,
    total: usize,
}

impl Seen {
    /// A `custom_id` of 1 to 100 units, not used before.
    pub(super) fn custom_id(&mut self, form: &Form<'_>, problems: &mut Problems) {
        if form.required("custom_id", problems)
            && let Some(id) = form.text("custom_id", 1, 100, problems)
            && !self.custom_ids.insert(id.to_owned())
        {
            let message = "Component custom id cannot be duplicated";
            problems.add(&form.at("custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message);
        }
    }

    /// The optional number of a component, not used before; 0 means "number it for me".
    pub(super) fn number(&mut self, form: &Form<'_>, problems: &mut Problems) {
        self.total += 1;
        if let Some(id) = form.integer("id", 0, i64::from(i32::MAX), problems)
            && id != 0
            && !self.ids.insert(id)
        {
            problems.add(&form.at("id"), "COMPONENT_ID_DUPLICATED", "Component id cannot be duplicated");
        }
    }
}

/// The top level of a message's components.
pub(super) fn judge_message_components(components: &[Value], at: &At, v2: bool, problems: &mut Problems) {
    let mut seen = Seen::default();
    for (index, component) in components.iter().enumerate() {
        let at = at.down(&index);
        match component["type"].as_i64() {
            Some(1) => judge_row(component, at, &mut seen, problems),
            Some(9 | 10 | 12 | 13 | 14 | 17) if v2 => judge_layout(component, at, &mut seen, problems),
            Some(9 | 10 | 12 | 13 | 14 | 17) => {
                let message = "This component needs the IS_COMPONENTS_V2 flag";
                problems.add(&at.down("type"), "UNION_TYPE_CHOICES", message);
            }
            _ => problems.add(&at.down("type"), "UNION_TYPE_CHOICES", "Value of field \"type\" must be one of (1,)."),
        }
    }
    if seen.total > TOTAL_MAX {
        let message = format!("The total number of components must be {TOTAL_MAX} or fewer");
        problems.add(at, "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", message);
    }
}

fn judge_row(row: &Value, at: At, seen: &mut Seen, problems: &mut Problems) {
    let Some(form) = Form::of(row, at, &["type", "id", "components"], problems) else { return };
    seen.number(&form, problems);
    form.required("components", problems);
    let children = form.list("components", 1, 5, problems);
    let at = form.at("components");
    for (index, child) in children.iter().enumerate() {
        match child["type"].as_i64() {
            Some(2) => judge_button(child, at.down(&index), seen, problems),
            Some(kind @ (3 | 5..=8)) => {
                judge_select(child, kind, at.down(&index), seen, problems);
                if children.len() > 1 {
                    let message = "The specified component exceeds the maximum width";
                    problems.add(&at, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", message);
                }
            }
            _ => {
                let message = "Value of field \"type\" must be one of (2, 3, 5, 6, 7, 8).";
                problems.add(&at.down(&index).down("type"), "UNION_TYPE_CHOICES", message);
            }
        }
    }
}

fn judge_button(button: &Value, at: At, seen: &mut Seen, problems: &mut Problems) {
    let known = &["type", "id", "style", "label", "emoji", "custom_id", "sku_id", "url", "disabled"];
    let Some(form) = Form::of(button, at, known, problems) else { return };
    seen.number(&form, problems);
    form.required("style", problems);
    let style = form.integer("style", 1, 6, problems);
    form.text("label", 0, 80, problems);
    form.boolean("disabled", problems);
    if let Some(emoji) = form.value("emoji") {
        Form::of(emoji, form.at("emoji"), &["id", "name", "animated"], problems);
    }
    let bare = form.value("label").and_then(Value::as_str).is_none_or(str::is_empty) && form.value("emoji").is_none();
    match style {
        Some(5) => {
            form.required("url", problems);
            form.url("url", 512, problems);
            if form.value("custom_id").is_some() {
                let message = "A custom id and url cannot both be specified";
                problems.add(&form.at, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message);
            }
        }
        Some(6) => problems.add(&form.at("style"), "STANDIN_UNSUPPORTED", "The stand-in has no premium buttons"),
        _ => {
            if form.value("url").is_some() {
                let message = "A custom id and url cannot both be specified";
                problems.add(&form.at, "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", message);
            }
            seen.custom_id(&form, problems);
        }
    }
    if bare && style != Some(6) {
        problems.add(&form.at, "BUTTON_COMPONENT_INVALID_FORM", "A label or an emoji is required");
    }
}

/// A select menu, in a message's row or in a modal's label.
pub(super) fn judge_select(select: &Value, kind: i64, at: At, seen: &mut Seen, problems: &mut Problems) {
    let known = &[
        "type",
        "id",
        "custom_id",
        "options",
        "channel_types",
        "placeholder",
        "default_values",
        "min_values",
        "max_values",
        "required",
        "disabled",
    ];
    let Some(form) = Form::of(select, at, known, problems) else { return };
    seen.number(&form, problems);
    seen.custom_id(&form, problems);
    form.text("placeholder", 0, 150, problems);
    let least = form.integer("min_values", 0, 25, problems).unwrap_or(1);
    let most = form.integer("max_values", 1, 25, problems).unwrap_or(1);
    if least > most.max(1) {
        problems.add(&form.at("min_values"), "NUMBER_TYPE_MAX", "min_values is larger than max_values");
    }
    form.boolean("required", problems);
    form.boolean("disabled", problems);
    if kind == 3 {
        form.required("options", problems);
        let mut values = HashSet::new();
        for (index, option) in form.list("options", 1, 25, problems).iter().enumerate() {
            let at = form.at("options").down(&index);
            let known = &["label", "value", "description", "emoji", "default"];
            let Some(option) = Form::of(option, at, known, problems) else { continue };
            option.required("label", problems);
            option.text("label", 1, 100, problems);
            option.required("value", problems);
            option.text("description", 0, 100, problems);
            if let Some(value) = option.text("value", 1, 100, problems)
                && !values.insert(value)
            {
                let message = "The specified option value is already used";
                problems.add(&option.at("value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", message);
            }
        }
    }
}

/// Sections, texts, containers and the like: their fields, their children, and the buttons among them.
fn judge_layout(component: &Value, at: At, seen: &mut Seen, problems: &mut Problems) {
    let kind = component["type"].as_i64().unwrap_or(0);
    let known: &[&str] = match kind {
        9 => &["type", "id", "components", "accessory"],
        10 => &["type", "id", "content"],
        11 => &["type", "id", "media", "description", "spoiler"],
        12 => &["type", "id", "items"],
        13 => &["type", "id", "file", "spoiler"],
        14 => &["type", "id", "divider", "spacing"],
        17 => &["type", "id", "components", "accent_color", "spoiler"],
        _ => {
            problems.add(&at.down("type"), "UNION_TYPE_CHOICES", "This component cannot stand here");
            return;
        }
    };
    let Some(form) = Form::of(component, at, known, problems) else { return };
    seen.number(&form, problems);
    form.integer("accent_color", 0, 0xFF_FFFF, problems);
    form.integer("spacing", 1, 2, problems);
    if kind == 10 {
        form.required("content", problems);
        form.text("content", 1, 4000, problems);
    }
    if matches!(kind, 9 | 17) {
        form.required("components", problems);
    }
    for (index, child) in form.list("components", 1, if kind == 9 { 3 } else { TOTAL_MAX }, problems).iter().enumerate()
    {
        let at = form.at("components").down(&index);
        match (kind, child["type"].as_i64()) {
            (17, Some(1)) => judge_row(child, at, seen, problems),
            (17, Some(9 | 10 | 12 | 13 | 14)) | (9, Some(10)) => judge_layout(child, at, seen, problems),
            _ => problems.add(&at.down("type"), "UNION_TYPE_CHOICES", "This component cannot stand here"),
        }
    }
    if let Some(accessory) = form.value("accessory") {
        match accessory["type"].as_i64() {
            Some(2) => judge_button(accessory, form.at("accessory"), seen, problems),
            _ => judge_layout(accessory, form.at("accessory"), seen, problems),
        }
    } else if kind == 9 {
        form.required("accessory", problems);
    }
}

/// Every component with a `custom_id` below `components`, in order: (`custom_id`, the component).
pub(crate) fn custom_ids(components: &Value) -> Vec<(&str, &Value)> {
    let mut found = Vec::new();
    for component in components.as_array().into_iter().flatten() {
        if let Some(id) = component["custom_id"].as_str() {
            found.push((id, component));
        }
        found.extend(custom_ids(&component["components"]));
        if let Some(id) = component["accessory"]["custom_id"].as_str() {
            found.push((id, &component["accessory"]));
        }
    }
    found
}
