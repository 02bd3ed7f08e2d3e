//! Items of counters: numbers that are added to in one step.

use super::{Item, SortKey, Table, TableError, number};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use std::collections::HashMap;
use vyrox_contract::TenantId;

impl Table {
    /// The numbers of an item of counters, read consistently; none if there is no such item.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) async fn counters(&self, tenant: &TenantId, key: &SortKey) -> Result<HashMap<String, i64>, TableError> {
        Ok(numbers(&self.item(tenant, key).await?.unwrap_or_default()))
    }

    /// Adds to the numbers of an item of counters in one step, and tells what they are then. No audit entry: a count is no
    /// decision, and is forgotten at `ttl` (unix seconds).
    ///
    /// # Errors
    /// [`TableError`]; whether it was added is unknown then.
    pub(crate) async fn add(
        &self,
        tenant: &TenantId,
        key: &SortKey,
        amounts: &[(String, i64)],
        ttl: i64,
    ) -> Result<HashMap<String, i64>, TableError> {
        let mut request = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("tenant_id", AttributeValue::S(tenant.to_string()))
            .key("sk", AttributeValue::S(key.as_str().to_owned()))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", AttributeValue::N(ttl.to_string()))
            .return_values(ReturnValue::AllNew);
        let mut terms = Vec::new();
        for (index, (name, amount)) in amounts.iter().enumerate() {
            terms.push(format!("#n{index} :n{index}"));
            request = request
                .expression_attribute_names(format!("#n{index}"), name)
                .expression_attribute_values(format!(":n{index}"), AttributeValue::N(amount.to_string()));
        }
        let request = request.update_expression(format!("ADD {} SET #ttl = :ttl", terms.join(", ")));
        let output = request.send().await.map_err(|error| TableError::Unavailable(error.into()))?;
        Ok(numbers(&output.attributes.unwrap_or_default()))
    }
}

/// All whole numbers of an item, by their names.
fn numbers(item: &Item) -> HashMap<String, i64> {
    item.keys().filter_map(|name| Some((name.clone(), number(item, name)?))).collect()
}
