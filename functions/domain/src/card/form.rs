//! The form that asks for a reason or a code, in Discord's form of a modal. What it is about stands on top of it: what was
//! shown is what gets signed.

use super::joint;
use super::question::{product, what};
use crate::approval::{CODE_INPUT, FormWanted, MOST_REASON, REASON_INPUT, ReasonAsked};
use crate::custom_id::Verb;
use crate::plan::Plan;
use crate::record::AlertRecord;
use crate::storm::JointPlan;
use crate::text::Shown;
use serde::Serialize;

/// A modal's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Modal {
    custom_id: String,
    title: &'static str,
    components: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Part {
    Text {
        #[serde(rename = "type")]
        kind: u8,
        content: Shown,
    },
    Label {
        #[serde(rename = "type")]
        kind: u8,
        label: &'static str,
        description: &'static str,
        component: Input,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Input {
    #[serde(rename = "type")]
    kind: u8,
    custom_id: &'static str,
    style: u8,
    min_length: usize,
    max_length: usize,
    required: bool,
}

/// A label with a text input of one line or several.
const fn label(label: &'static str, description: &'static str, component: Input) -> Part {
    Part::Label { kind: 18, label, description, component }
}

/// Draws the form for a plan.
#[must_use]
pub fn modal(wanted: &FormWanted, plan: &Plan) -> Modal {
    about(wanted, subject(plan))
}

/// Draws the form for a plan for several hosts of a digest. `records` are their alerts, in any order.
#[must_use]
pub fn joint_modal(wanted: &FormWanted, plan: &JointPlan, records: &[AlertRecord]) -> Modal {
    about(wanted, joint::subject(plan, records))
}

fn about(wanted: &FormWanted, subject: Shown) -> Modal {
    let (title, description) = match wanted.id.verb {
        Verb::ApproveAllForm => ("Approve the plan", "Why? Everybody in the channel and the audit can read it."),
        Verb::DenyAllForm => ("Deny the plan", "Why not? Everybody in the channel and the audit can read it."),
        Verb::DenyForm => ("Deny", "Why not? Everybody in the channel and the audit can read it."),
        Verb::ReleaseForm => ("Release", "Why? Everybody in the channel and the audit can read it."),
        Verb::BreakGlassForm => {
            ("Break glass: decide alone", "Why alone, and now? All approvers are told, with this reason.")
        }
        _ => ("Approve", "Why? Everybody in the channel and the audit can read it."),
    };
    let is_required = wanted.reason == ReasonAsked::Required;
    let mut components = vec![Part::Text { kind: 10, content: subject }];
    components.push(label(
        "Reason",
        description,
        Input {
            kind: 4,
            custom_id: REASON_INPUT,
            style: 2,
            min_length: usize::from(is_required),
            max_length: MOST_REASON,
            required: is_required,
        },
    ));
    if wanted.code {
        components.push(label(
            "Code of your authenticator app",
            "Six digits; each code counts once.",
            Input { kind: 4, custom_id: CODE_INPUT, style: 1, min_length: 6, max_length: 7, required: true },
        ));
    }
    Modal { custom_id: wanted.id.to_string(), title, components }
}

fn subject(plan: &Plan) -> Shown {
    Shown::join([
        Shown::literal(what(plan)).bold(),
        Shown::literal(" "),
        Shown::span(plan.target().hostname.as_str(), 80),
        Shown::literal(" in "),
        Shown::literal(product(plan.target().vendor)),
        Shown::literal(", device "),
        Shown::span(plan.target().shown_device(), 70),
        Shown::literal(", through proxy "),
        Shown::span(plan.proxy_id().as_str(), 70),
        Shown::literal(", plan "),
        Shown::span(&plan.digest().short(), 20),
    ])
}
