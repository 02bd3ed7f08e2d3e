//! What a request asks IAM for: an action on each resource that it touches.

use crate::sqs::{ACCOUNT, REGION};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// One question to IAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// Such as `dynamodb:PutItem`.
    pub(super) action: String,
    /// Its ARN; `*` where the request names none.
    pub(super) resource: String,
    /// KMS's encryption context.
    pub(super) context: BTreeMap<String, String>,
}

/// What of any request names a resource.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Named {
    table_name: Option<String>,
    index_name: Option<String>,
    request_items: BTreeMap<String, IgnoredAny>,
    transact_items: Vec<BTreeMap<String, Item>>,
    queue_url: Option<String>,
    key_id: Option<String>,
    encryption_context: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    table_name: String,
}

impl Call {
    /// All that one request asks for. What cannot be read asks for everything, so that only the operator gets an answer.
    pub(super) fn of(service: &str, operation: &str, body: &[u8]) -> Vec<Self> {
        let named: Named = serde_json::from_slice(body).unwrap_or_default();
        match service {
            "AmazonSQS" => {
                // A batch needs the permission of one.
                let operation = operation.strip_suffix("Batch").unwrap_or(operation);
                let queue = named.queue_url.as_deref().and_then(|url| url.rsplit('/').next());
                let resource = queue.map(|name| format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"));
                vec![Self::one(format!("sqs:{operation}"), resource)]
            }
            "TrentService" => {
                let resource = named.key_id.map(|key| match key.starts_with("arn:") {
                    true => key,
                    false => format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"),
                });
                vec![Self { context: named.encryption_context, ..Self::one(format!("kms:{operation}"), resource) }]
            }
            _ => of_dynamodb(operation, named),
        }
    }

    fn one(action: String, resource: Option<String>) -> Self {
        Self { action, resource: resource.unwrap_or_else(|| "*".to_owned()), context: BTreeMap::new() }
    }
}

/// A transaction needs the permission of each of its parts.
fn of_dynamodb(operation: &str, named: Named) -> Vec<Call> {
    let table = |name: &str| Some(format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"));
    if !named.transact_items.is_empty() {
        let parts = named.transact_items.iter().flatten();
        let part = |(kind, item): (&String, &Item)| {
            let operation = match kind.as_str() {
                "ConditionCheck" => "ConditionCheckItem".to_owned(),
                kind => format!("{kind}Item"),
            };
            Call::one(format!("dynamodb:{operation}"), table(&item.table_name))
        };
        return parts.map(part).collect();
    }
    let action = format!("dynamodb:{operation}");
    if !named.request_items.is_empty() {
        return named.request_items.keys().map(|name| Call::one(action.clone(), table(name))).collect();
    }
    let resource = named.table_name.as_deref().and_then(table);
    let resource = match named.index_name {
        Some(index) => resource.map(|table| format!("{table}/index/{index}")),
        None => resource,
    };
    vec![Call::one(action, resource)]
}

#[cfg(test)]
mod tests {
    use super::Call;

    fn asked(service: &str, operation: &str, body: &str) -> Vec<String> {
        let calls = Call::of(service, operation, body.as_bytes());
        calls.into_iter().map(|call| format!("{} {}", call.action, call.resource)).collect()
    }

    #[test]
    fn a_request_asks_for_each_resource_that_it_touches() {
        let table = "arn:aws:dynamodb:us-east-1:000000000000:table/t";
        assert_eq!(
            asked("DynamoDB_20120810", "GetItem", r#"{"TableName":"t"}"#),
            [format!("dynamodb:GetItem {table}")]
        );
        assert_eq!(
            asked("DynamoDB_20120810", "Query", r#"{"TableName":"t","IndexName":"lookup"}"#),
            [format!("dynamodb:Query {table}/index/lookup")]
        );
        assert_eq!(
            asked("DynamoDB_20120810", "BatchGetItem", r#"{"RequestItems":{"t":{"Keys":[]}}}"#),
            [format!("dynamodb:BatchGetItem {table}")]
        );
        let transaction = r#"{"TransactItems":[{"Put":{"TableName":"t"}},{"Update":{"TableName":"t"}},
            {"Delete":{"TableName":"t"}},{"ConditionCheck":{"TableName":"t"}},{"Get":{"TableName":"t"}}]}"#;
        assert_eq!(
            asked("DynamoDB_20120810", "TransactWriteItems", transaction),
            ["PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem", "GetItem"]
                .map(|action| format!("dynamodb:{action} {table}"))
        );
    }

    #[test]
    fn a_batch_of_messages_needs_the_permission_of_one_and_a_key_has_its_arn() {
        assert_eq!(
            asked("AmazonSQS", "SendMessageBatch", r#"{"QueueUrl":"http://127.0.0.1:1/000000000000/q"}"#),
            ["sqs:SendMessage arn:aws:sqs:us-east-1:000000000000:q"]
        );
        let key = "kms:Sign arn:aws:kms:us-east-1:000000000000:key/k";
        assert_eq!(asked("TrentService", "Sign", r#"{"KeyId":"k"}"#), [key]);
        assert_eq!(asked("TrentService", "Sign", r#"{"KeyId":"arn:aws:kms:us-east-1:000000000000:key/k"}"#), [key]);
    }

    #[test]
    fn what_names_nothing_asks_for_everything() {
        assert_eq!(asked("AmazonSQS", "ListQueues", "{}"), ["sqs:ListQueues *"]);
        assert_eq!(asked("DynamoDB_20120810", "Scan", "no JSON"), ["dynamodb:Scan *"]);
    }
}
