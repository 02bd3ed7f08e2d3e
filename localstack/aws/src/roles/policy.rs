//! Statements of policies, as far as the template uses them. What is not understood allows nothing.

use super::call::Call;
use serde_json::Value;

/// One statement that allows something.
#[derive(Debug)]
pub(super) struct Statement {
    actions: Vec<String>,
    resources: Vec<String>,
    /// The operator, the key that it is about, the values.
    conditions: Vec<(String, String, Vec<String>)>,
}

/// One value or a list of them, as texts.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
        value => value.as_str().map(str::to_owned).into_iter().collect(),
    }
}

impl Statement {
    /// All of a policy's document that allow something.
    pub(super) fn all(document: &Value) -> impl Iterator<Item = Self> {
        let statements = document["Statement"].as_array().into_iter().flatten();
        statements.filter(|statement| statement["Effect"] == "Allow").map(|statement| {
            let operators = statement["Condition"].as_object().into_iter().flatten();
            let conditions = operators.flat_map(|(operator, about)| {
                let about = about.as_object().into_iter().flatten();
                about.map(|(key, values)| (operator.clone(), key.clone(), texts(values)))
            });
            Self {
                actions: texts(&statement["Action"]),
                resources: texts(&statement["Resource"]),
                conditions: conditions.collect(),
            }
        })
    }

    /// Each action with each resource.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let with_each = |action| self.resources.iter().map(move |resource| (String::clone(action), resource.clone()));
        self.actions.iter().flat_map(with_each).collect()
    }

    /// Whether a role with this statement may make the call.
    pub(super) fn allows(&self, call: &Call, principal: &str) -> bool {
        self.resources.contains(&call.resource) && self.allows_here(call, principal)
    }

    /// The same where the statement stands in the policy of the resource itself.
    pub(super) fn allows_here(&self, call: &Call, principal: &str) -> bool {
        self.actions.contains(&call.action)
            && self.conditions.iter().all(|(operator, key, values)| {
                let value = match key.strip_prefix("kms:EncryptionContext:") {
                    Some(name) => call.context.get(name).map(String::as_str),
                    None if key == "aws:PrincipalArn" => Some(principal),
                    None => return false,
                };
                match operator.as_str() {
                    "Null" => values == &[value.is_none().to_string()],
                    "StringEquals" | "ArnEquals" => value.is_some_and(|value| values.iter().any(|one| one == value)),
                    _ => false,
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, Statement};
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn allows(condition: &Value, context: &[(&str, &str)]) -> bool {
        let document = json!({"Statement": [
            {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": "key", "Condition": condition},
        ]});
        let context: BTreeMap<_, _> = context.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let call = Call { action: "kms:Decrypt".to_owned(), resource: "key".to_owned(), context };
        Statement::all(&document).any(|statement| statement.allows(&call, "role/a"))
    }

    #[test]
    fn every_condition_must_hold_and_one_that_is_not_known_never_does() {
        let tenant = [("tenant_id", "acme")];
        let evidence = [("tenant_id", "acme"), ("purpose", "evidence")];
        let named =
            json!({"Null": {"kms:EncryptionContext:tenant_id": "false", "kms:EncryptionContext:purpose": "true"}});
        assert!(allows(&named, &tenant));
        assert!(!allows(&named, &evidence) && !allows(&named, &[]));
        let purpose = json!({"StringEquals": {"kms:EncryptionContext:purpose": ["evidence", "step_up"]}});
        assert!(allows(&purpose, &evidence) && !allows(&purpose, &tenant));
        assert!(allows(&json!({"ArnEquals": {"aws:PrincipalArn": ["role/a", "role/b"]}}), &[]));
        assert!(!allows(&json!({"ArnEquals": {"aws:PrincipalArn": "role/b"}}), &[]));
        assert!(!allows(&json!({"StringLike": {"aws:PrincipalArn": "role/a"}}), &[]));
        assert!(!allows(&json!({"StringEquals": {"aws:SourceIp": "role/a"}}), &[]));
    }

    #[test]
    fn what_denies_or_names_another_action_or_resource_allows_nothing() {
        let call = Call { action: "a".to_owned(), resource: "r".to_owned(), context: BTreeMap::new() };
        for (effect, action, resource, is_allowed) in [
            ("Allow", "a", "r", true),
            ("Deny", "a", "r", false),
            ("Allow", "b", "r", false),
            ("Allow", "a", "s", false),
        ] {
            let document = json!({"Statement": [{"Effect": effect, "Action": action, "Resource": [resource]}]});
            let found = Statement::all(&document).any(|statement| statement.allows(&call, "role"));
            assert_eq!(found, is_allowed, "{effect} {action} {resource}");
        }
    }
}
