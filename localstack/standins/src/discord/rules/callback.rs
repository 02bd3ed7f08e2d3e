//! Callbacks: which types an interaction allows, and what each may carry.

use super::message::{MessageForm, is_empty_message, judge_message_at};
use super::modal::judge_modal;
use super::{At, Form, Problems};
use serde_json::Value;

/// What a callback answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A PING.
    Ping,
    /// A button or a select on a message.
    Component,
    /// A modal that a component opened.
    ModalFromComponent,
    /// A slash command, or a modal that one opened.
    Command {
        /// Whether a modal was sent.
        modal: bool,
    },
}

impl Origin {
    fn allowed(self) -> &'static [i64] {
        match self {
            Self::Ping => &[1],
            Self::Component => &[4, 5, 6, 7, 9],
            Self::ModalFromComponent => &[4, 5, 6, 7],
            Self::Command { modal: false } => &[4, 5, 9],
            Self::Command { modal: true } => &[4, 5],
        }
    }
}

/// The whole callback body, `{type, data}`.
pub(crate) fn judge_callback(body: &Value, origin: Origin, problems: &mut Problems) {
    let Some(form) = Form::of(body, At::default(), &["type", "data"], problems) else { return };
    if !form.required("type", problems) {
        return;
    }
    let Some(kind) = form.integer("type", 1, 12, problems) else { return };
    if !origin.allowed().contains(&kind) {
        let message = format!("Value must be one of {:?} for this interaction.", origin.allowed());
        problems.add(&form.at("type"), "INTERACTION_CALLBACK_TYPE_INVALID", message);
        return;
    }
    let (data, at) = (form.value("data"), form.at("data"));
    match (kind, data) {
        (4 | 7 | 9, None) => {
            form.required("data", problems);
        }
        (4, Some(data)) => {
            judge_message_at(data, at.clone(), MessageForm::Reply, problems);
            if is_empty_message(data) {
                problems.add(&at, "MESSAGE_EMPTY", "Cannot send an empty message");
            }
        }
        (5, Some(data)) => {
            let Some(data) = Form::of(data, at, &["flags"], problems) else { return };
            if !matches!(data.integer("flags", 0, i64::MAX, problems), None | Some(0 | 64)) {
                problems.add(&data.at("flags"), "MESSAGE_FLAGS_INVALID", "Only EPHEMERAL can be set here");
            }
        }
        (7, Some(data)) => judge_message_at(data, at, MessageForm::Update, problems),
        (9, Some(data)) => judge_modal(data, at, problems),
        (_, Some(_)) => problems.add(&at, "UNKNOWN_FIELD", "This callback type has no data"),
        (_, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn codes(body: &Value, origin: Origin) -> Vec<&'static str> {
        let mut problems = Problems::default();
        judge_callback(body, origin, &mut problems);
        problems.codes()
    }

    fn modal(component: &Value) -> Value {
        json!({"type": 9, "data": {"custom_id": "m", "title": "t", "components": [component]}})
    }

    fn label(input: &Value) -> Value {
        modal(&json!({"type": 18, "label": "l", "component": input}))
    }

    #[test]
    fn each_interaction_allows_its_own_types() {
        let reply = json!({"type": 4, "data": {"content": "x", "flags": 64}});
        let update = json!({"type": 7, "data": {"content": "x", "components": []}});
        let form = label(&json!({"type": 4, "custom_id": "a", "style": 1}));
        let command = Origin::Command { modal: false };
        for (body, origins) in [
            (json!({"type": 1}), vec![Origin::Ping]),
            (reply, vec![Origin::Component, Origin::ModalFromComponent, command]),
            (json!({"type": 5, "data": {"flags": 64}}), vec![Origin::Component, Origin::ModalFromComponent, command]),
            (json!({"type": 6}), vec![Origin::Component, Origin::ModalFromComponent]),
            (update, vec![Origin::Component, Origin::ModalFromComponent]),
            (form, vec![Origin::Component, command]),
            (json!({"type": 8, "data": {"choices": []}}), vec![]),
        ] {
            for origin in [Origin::Ping, Origin::Component, Origin::ModalFromComponent, command] {
                let expected =
                    if origins.contains(&origin) { vec![] } else { vec!["INTERACTION_CALLBACK_TYPE_INVALID"] };
                assert_eq!(codes(&body, origin), expected, "{body} {origin:?}");
            }
        }
    }

    #[test]
    fn each_type_carries_its_own_data() {
        for (body, code) in [
            (json!({}), "BASE_TYPE_REQUIRED"),
            (json!({"type": 4}), "BASE_TYPE_REQUIRED"),
            (json!({"type": 4, "data": {"flags": 64}}), "MESSAGE_EMPTY"),
            (json!({"type": 4, "data": {"content": "x", "flags": 128}}), "MESSAGE_FLAGS_INVALID"),
            (json!({"type": 4, "data": {"content": "x", "ephemeral": true}}), "UNKNOWN_FIELD"),
            (json!({"type": 4, "content": "x", "data": {"content": "x"}}), "UNKNOWN_FIELD"),
            (json!({"type": 5, "data": {"flags": 4}}), "MESSAGE_FLAGS_INVALID"),
            (json!({"type": 5, "data": {"content": "x"}}), "UNKNOWN_FIELD"),
            (json!({"type": 6, "data": {"content": "x"}}), "UNKNOWN_FIELD"),
            (json!({"type": 7}), "BASE_TYPE_REQUIRED"),
            (json!({"type": 7, "data": {"content": "x", "flags": 64}}), "MESSAGE_FLAGS_INVALID"),
            (json!({"type": "4", "data": {"content": "x"}}), "NUMBER_TYPE_COERCE"),
        ] {
            assert_eq!(codes(&body, Origin::Component), [code], "{body}");
        }
    }

    #[test]
    fn a_modal_has_its_own_shape() {
        let input = json!({"type": 4, "custom_id": "a", "style": 1, "max_length": 100, "placeholder": "p"});
        let with = |key: &str, value: Value| {
            let mut changed = input.clone();
            changed[key] = value;
            changed
        };
        let labelled = with("label", "l".into());
        for good in [
            label(&input),
            modal(&json!({"type": 1, "components": [labelled]})),
            label(&json!({"type": 3, "custom_id": "s", "options": [{"label": "l", "value": "v"}]})),
        ] {
            assert_eq!(codes(&good, Origin::Component), Vec::<&str>::new(), "{good}");
        }
        let long = |key: &str, length: usize| {
            let mut body = label(&input);
            body["data"][key] = "x".repeat(length).into();
            body
        };
        for (bad, code) in [
            (long("title", 46), "BASE_TYPE_BAD_LENGTH"),
            (long("custom_id", 101), "BASE_TYPE_BAD_LENGTH"),
            (json!({"type": 9, "data": {"custom_id": "m", "title": "t", "components": []}}), "BASE_TYPE_BAD_LENGTH"),
            (modal(&input), "UNION_TYPE_CHOICES"),
            (modal(&json!({"type": 1, "components": [input]})), "BASE_TYPE_REQUIRED"),
            (label(&labelled), "TEXT_INPUT_LABEL_EXCLUSIVE"),
            (label(&with("style", 3.into())), "NUMBER_TYPE_MAX"),
            (label(&with("min_length", 101.into())), "NUMBER_TYPE_MAX"),
            (label(&with("placeholder", "x".repeat(101).into())), "BASE_TYPE_MAX_LENGTH"),
            (label(&with("value", "x".repeat(101).into())), "BASE_TYPE_MAX_LENGTH"),
            (label(&with("maxlength", 5.into())), "UNKNOWN_FIELD"),
            (modal(&json!({"type": 18, "label": "x".repeat(46), "component": input})), "BASE_TYPE_BAD_LENGTH"),
            (modal(&json!({"type": 18, "label": "l"})), "BASE_TYPE_REQUIRED"),
            (label(&json!({"type": 3, "custom_id": "s"})), "BASE_TYPE_REQUIRED"),
        ] {
            assert_eq!(codes(&bad, Origin::Component), [code], "{bad}");
        }
    }
}
