//! The sparse index: which tenant and item an outside name belongs to. The only way to a tenant without its id.

use super::{Item, LOOKUP_INDEX, Lookup, SortKey, Table, TableError, text};
use aws_sdk_dynamodb::types::AttributeValue;
use vyrox_contract::TenantId;

impl Table {
    /// The item that an outside name belongs to: its tenant and key, to be read consistently by whoever relies on what it
    /// says. The index itself is eventually consistent, so nothing else is taken from it.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn owner(&self, name: &Lookup) -> Result<Option<(TenantId, SortKey)>, TableError> {
        // A name that two claim belongs to neither.
        match <[_; 1]>::try_from(self.owners(name).await?) {
            Ok([owner]) => Ok(Some(owner)),
            Err(_) => Ok(None),
        }
    }

    /// Every item that claims an outside name, one page at most.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn owners(&self, name: &Lookup) -> Result<Vec<(TenantId, SortKey)>, TableError> {
        self.owners_after(name, None).await
    }

    /// The same after one of them, page by page until a page is empty.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn owners_after(
        &self,
        name: &Lookup,
        after: Option<&(TenantId, SortKey)>,
    ) -> Result<Vec<(TenantId, SortKey)>, TableError> {
        let start = after.map(|(tenant, key)| {
            let texts = [("lookup", name.as_str()), ("tenant_id", tenant.as_str()), ("sk", key.as_str())];
            texts.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))).into()
        });
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(LOOKUP_INDEX)
            .key_condition_expression("lookup = :name")
            .expression_attribute_values(":name", AttributeValue::S(name.as_str().to_owned()))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| TableError::Unavailable(error.into()))?;
        let owner = |item: &Item| {
            let tenant = text(item, "tenant_id")?;
            let tenant = tenant.parse().map_err(|error| TableError::Corrupt("lookup", Box::new(error)))?;
            Ok((tenant, SortKey::stored(text(item, "sk")?)))
        };
        output.items.unwrap_or_default().iter().map(owner).collect()
    }
}
