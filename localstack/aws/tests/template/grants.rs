//! Who may do what, read out of roles' policies.

use serde_json::Value;
use std::collections::BTreeMap;
use vyrox_local_aws::template::{Template, resolve};

/// One role, one action, one resource.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) role: String,
    pub(crate) action: String,
    pub(crate) resource: String,
}

/// All grants of all roles, and the statements that are not plain grants.
pub(crate) struct Grants {
    grants: Vec<Grant>,
    pub(crate) irregular: Vec<String>,
}

/// One value or a list of them.
fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => Vec::new(),
        value => vec![value],
    }
}

/// A value, or both that a condition chooses from: a grant counts whichever way it is deployed.
fn branches(value: &Value) -> Vec<&Value> {
    match &value["Fn::If"] {
        Value::Array(parts) => parts.iter().skip(1).filter(|part| *part != "${AWS::NoValue}").collect(),
        _ => vec![value],
    }
}

/// All that one value or a list of them can be, whatever conditions choose.
pub(crate) fn choices(value: &Value) -> impl Iterator<Item = &Value> {
    each(value).into_iter().flat_map(branches)
}

/// The texts among them; a function that is more than a name stays as its JSON.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    choices(value).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()
}

impl Grants {
    pub(crate) fn of(template: &Template) -> Self {
        let mut found = Self { grants: Vec::new(), irregular: Vec::new() };
        for role in template.resources_of("AWS::IAM::Role") {
            let properties = resolve(role.properties(), &BTreeMap::new());
            for policy in choices(&properties["Policies"]) {
                for statement in choices(&policy["PolicyDocument"]["Statement"]) {
                    found.add(role.logical_id, statement);
                }
            }
        }
        found
    }

    fn add(&mut self, role: &str, statement: &Value) {
        let plain = ["Effect", "Action", "Resource", "Condition", "Sid"];
        let known = statement.as_object().is_some_and(|map| map.keys().all(|key| plain.contains(&key.as_str())));
        if !known || statement["Effect"] != "Allow" {
            self.irregular.push(format!("{role} has a statement that is no plain grant: neither NotAction nor NotResource nor Deny belongs in a role"));
        }
        for action in texts(&statement["Action"]) {
            for resource in texts(&statement["Resource"]) {
                self.grants.push(Grant { role: role.to_owned(), action: action.clone(), resource });
            }
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter()
    }
}
