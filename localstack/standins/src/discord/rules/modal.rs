//! Modals: their shape, and what a member may enter.

use super::component::{Seen, judge_select};
use super::{At, Form, Problems, units};
use serde_json::Value;

/// The data of a type 9 callback.
pub(super) fn judge_modal(data: &Value, at: At, problems: &mut Problems) {
    let Some(form) = Form::of(data, at, &["custom_id", "title", "components"], problems) else { return };
    form.required("custom_id", problems);
    form.text("custom_id", 1, 100, problems);
    form.required("title", problems);
    form.text("title", 1, 45, problems);
    form.required("components", problems);
    let mut seen = Seen::default();
    for (index, component) in form.list("components", 1, 5, problems).iter().enumerate() {
        let at = form.at("components").down(&index);
        match component["type"].as_i64() {
            Some(1) => judge_row(component, at, &mut seen, problems),
            Some(10) => judge_text(component, at, &mut seen, problems),
            Some(18) => judge_label(component, at, &mut seen, problems),
            _ => {
                let message = "Value of field \"type\" must be one of (1, 10, 18).";
                problems.add(&at.down("type"), "UNION_TYPE_CHOICES", message);
            }
        }
    }
}

/// The older form: one text input per row.
fn judge_row(row: &Value, at: At, seen: &mut Seen, problems: &mut Problems) {
    let Some(form) = Form::of(row, at, &["type", "id", "components"], problems) else { return };
    seen.number(&form, problems);
    form.required("components", problems);
    for (index, child) in form.list("components", 1, 1, problems).iter().enumerate() {
        judge_input(child, form.at("components").down(&index), true, seen, problems);
    }
}

fn judge_text(text: &Value, at: At, seen: &mut Seen, problems: &mut Problems) {
    let Some(form) = Form::of(text, at, &["type", "id", "content"], problems) else { return };
    seen.number(&form, problems);
    form.required("content", problems);
    form.text("content", 1, 4000, problems);
}

fn judge_label(label: &Value, at: At, seen: &mut Seen, problems: &mut Problems) {
    let Some(form) = Form::of(label, at, &["type", "id", "label", "description", "component"], problems) else {
        return;
    };
    seen.number(&form, problems);
    form.required("label", problems);
    form.text("label", 1, 45, problems);
    form.text("description", 0, 100, problems);
    if !form.required("component", problems) {
        return;
    }
    let (component, at) = (&label["component"], form.at("component"));
    match component["type"].as_i64() {
        Some(4) => judge_input(component, at, false, seen, problems),
        Some(kind @ (3 | 5..=8)) => judge_select(component, kind, at, seen, problems),
        _ => {
            problems.add(&at.down("type"), "STANDIN_UNSUPPORTED", "The stand-in's modals have text inputs and selects")
        }
    }
}

fn judge_input(input: &Value, at: At, own_label: bool, seen: &mut Seen, problems: &mut Problems) {
    let known =
        &["type", "id", "custom_id", "style", "label", "min_length", "max_length", "required", "value", "placeholder"];
    let Some(form) = Form::of(input, at, known, problems) else { return };
    seen.number(&form, problems);
    if form.integer("type", 4, 4, problems).is_none() {
        form.required("type", problems);
    }
    seen.custom_id(&form, problems);
    form.required("style", problems);
    form.integer("style", 1, 2, problems);
    if own_label {
        form.required("label", problems);
        form.text("label", 1, 45, problems);
    } else if form.value("label").is_some() {
        problems.add(&form.at("label"), "TEXT_INPUT_LABEL_EXCLUSIVE", "The surrounding label names the input");
    }
    let least = form.integer("min_length", 0, 4000, problems).unwrap_or(0);
    let most = form.integer("max_length", 1, 4000, problems).unwrap_or(4000);
    if least > most {
        problems.add(&form.at("min_length"), "NUMBER_TYPE_MAX", "min_length is larger than max_length");
    }
    form.boolean("required", problems);
    form.text("placeholder", 0, 100, problems);
    form.text("value", 0, usize::try_from(most).unwrap_or(4000), problems);
}

/// Every input of a modal, in order.
fn modal_inputs(modal: &Value) -> Vec<&Value> {
    let components = modal["components"].as_array().into_iter().flatten();
    components
        .flat_map(|component| match component["type"].as_i64() {
            Some(1) => component["components"].as_array().into_iter().flatten().collect(),
            Some(18) => vec![&component["component"]],
            _ => Vec::new(),
        })
        .collect()
}

/// What the client checks before it sends a modal: a sentence for the first value that does not fit.
pub(crate) fn judge_modal_values(modal: &Value, values: &[(String, String)]) -> Result<(), String> {
    let inputs = modal_inputs(modal);
    if let Some((id, _)) = values.iter().find(|(id, _)| !inputs.iter().any(|input| input["custom_id"] == id.as_str())) {
        return Err(format!("the modal has no input {id}"));
    }
    for input in inputs {
        let id = input["custom_id"].as_str().unwrap_or_default();
        let length = values.iter().find(|(given, _)| given == id).map_or(0, |(_, text)| units(text));
        if length == 0 {
            if input["required"].as_bool().unwrap_or(true) {
                return Err(format!("{id} is required"));
            }
            continue;
        }
        let bound =
            |key: &str, default: u64| usize::try_from(input[key].as_u64().unwrap_or(default)).unwrap_or(usize::MAX);
        let (least, most) = (bound("min_length", 0), bound("max_length", 4000));
        if length < least || length > most {
            return Err(format!("{id} must have between {least} and {most} characters"));
        }
    }
    Ok(())
}
