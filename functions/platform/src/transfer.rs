//! Moving tenants from one table to another: items as they are stored, attribute by attribute, so that what was hashed
//! keeps its bytes. For the operator alone (`export`, `import`, `tenant list`); no function does this.
//!
//! What is read or written here passes by the ledger, since it brings the tenant's own audit along. Whoever moves enters
//! in both tables' audits that it was done.

use crate::ledger::Change;
use crate::table::{Item, Lookup, MOST_A_PAGE, SortKey, Table, TableError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use vyrox_contract::TenantId;

/// Items under these keys answer to an outside name that only one tenant may have.
const NAMED: [&str; 4] = ["PROFILE", "SOURCE#", "APIKEY#", "PROXY#"];

/// One item with all its attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    key: SortKey,
    /// All but tenant and sort key.
    attributes: Item,
}

/// Not an item as [`Stored::to_json`] writes it.
#[derive(Debug, thiserror::Error)]
#[error("not an item: {0}")]
pub struct BadItem(&'static str);

impl Stored {
    /// Its sort key.
    #[must_use]
    pub const fn key(&self) -> &SortKey {
        &self.key
    }

    /// Its body, if that is text.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.attributes.get("body")?.as_s().ok().map(String::as_str)
    }

    /// Its body, if that is bytes.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        self.attributes.get("body")?.as_b().ok().map(AsRef::as_ref)
    }

    /// Whether it has expired at `now`, unix seconds; the table may not have removed it yet.
    #[must_use]
    pub fn is_expired(&self, now: i64) -> bool {
        let ttl = self.attributes.get("ttl").and_then(|ttl| ttl.as_n().ok()?.parse::<i64>().ok());
        ttl.is_some_and(|ttl| ttl <= now)
    }

    /// The same with another body.
    #[must_use]
    pub fn with_body(mut self, body: String) -> Self {
        self.attributes.insert("body".to_owned(), AttributeValue::S(body));
        self
    }

    /// The same with a body of bytes.
    #[must_use]
    pub fn with_bytes(mut self, body: Vec<u8>) -> Self {
        self.attributes.insert("body".to_owned(), AttributeValue::B(Blob::new(body)));
        self
    }

    /// The outside name that it answers to, if only one tenant may have that.
    fn name(&self) -> Option<Lookup> {
        let is_named = NAMED.iter().any(|prefix| self.key.as_str().starts_with(prefix));
        let name = self.attributes.get("lookup").filter(|_| is_named)?.as_s().ok()?;
        Some(Lookup::stored(name))
    }

    /// `{"sk", "item": {name: {"S"|"N"|"B": text}}}`, as DynamoDB's own JSON has it.
    ///
    /// # Errors
    /// [`BadItem`] for an attribute of a kind that Vyrox does not write.
    pub fn to_json(&self) -> Result<Value, BadItem> {
        let mut item = Map::new();
        for (name, value) in &self.attributes {
            let value = match value {
                AttributeValue::S(text) => json!({"S": text}),
                AttributeValue::N(number) => json!({"N": number}),
                AttributeValue::B(bytes) => json!({"B": STANDARD.encode(bytes.as_ref())}),
                _ => return Err(BadItem("an attribute is neither text, number nor bytes")),
            };
            item.insert(name.clone(), value);
        }
        Ok(json!({"sk": self.key.as_str(), "item": item}))
    }

    /// Reads what [`Stored::to_json`] has written.
    ///
    /// # Errors
    /// [`BadItem`].
    pub fn from_json(json: &Value) -> Result<Self, BadItem> {
        let key = json["sk"].as_str().filter(|key| !key.is_empty()).ok_or(BadItem("it has no sk"))?;
        let mut attributes = Item::new();
        for (name, value) in json["item"].as_object().ok_or(BadItem("it has no attributes"))? {
            if ["tenant_id", "sk"].contains(&name.as_str()) {
                return Err(BadItem("its key is among its attributes"));
            }
            let kinds = value.as_object().filter(|kinds| kinds.len() == 1).and_then(|kinds| kinds.iter().next());
            let value = match kinds.map(|(kind, text)| (kind.as_str(), text.as_str())) {
                Some(("S", Some(text))) => AttributeValue::S(text.to_owned()),
                Some(("N", Some(number))) => AttributeValue::N(number.to_owned()),
                Some(("B", Some(text))) => {
                    let bytes = STANDARD.decode(text).map_err(|_| BadItem("bytes are not base64"))?;
                    AttributeValue::B(Blob::new(bytes))
                }
                _ => return Err(BadItem("an attribute is neither text, number nor bytes")),
            };
            attributes.insert(name.clone(), value);
        }
        Ok(Self { key: SortKey::stored(key), attributes })
    }

    /// The change that writes it where there is none, to be made together with others.
    #[must_use]
    pub fn as_change(&self) -> Change {
        Change::whole(self.key.clone(), self.attributes.clone())
    }

    fn of(mut item: Item) -> Result<Self, TableError> {
        item.remove("tenant_id");
        match item.remove("sk") {
            Some(AttributeValue::S(key)) => Ok(Self { key: SortKey::stored(&key), attributes: item }),
            _ => Err(TableError::Corrupt("sk", "attribute is missing".into())),
        }
    }
}

/// Reads and writes whole items.
#[derive(Debug, Clone)]
pub struct Transfer {
    table: Table,
}

impl Transfer {
    /// Of this table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// All tenants with a profile, in no order; the whole table is read. This is the one place that reads across tenants, and
    /// it tells nothing but that they are there.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn tenants(&self) -> Result<Vec<TenantId>, TableError> {
        let mut tenants = Vec::new();
        let mut start = None;
        loop {
            let page = self.table.client().scan().table_name(self.table.name()).set_exclusive_start_key(start);
            let page = page
                .filter_expression("sk = :profile")
                .projection_expression("tenant_id")
                .limit(MOST_A_PAGE)
                .expression_attribute_values(":profile", AttributeValue::S(SortKey::profile().as_str().to_owned()))
                .send()
                .await
                .map_err(|error| TableError::Unavailable(error.into()))?;
            for item in page.items.unwrap_or_default() {
                let id = item.get("tenant_id").and_then(|id| id.as_s().ok());
                let id = id.ok_or_else(|| TableError::Corrupt("tenant_id", "attribute is missing".into()))?;
                tenants.push(id.parse().map_err(|error| TableError::Corrupt("tenant_id", Box::new(error)))?);
            }
            match page.last_evaluated_key {
                Some(key) => start = Some(key),
                None => return Ok(tenants),
            }
        }
    }

    /// One page of a tenant's items in the order of their keys, expired ones included, and where the next page begins.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn page(
        &self,
        tenant: &TenantId,
        after: Option<SortKey>,
    ) -> Result<(Vec<Stored>, Option<SortKey>), TableError> {
        let start = after.map(|key| self.place(tenant, &key));
        let page = self
            .table
            .client()
            .query()
            .table_name(self.table.name())
            .key_condition_expression("tenant_id = :tenant")
            .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .limit(MOST_A_PAGE)
            .send()
            .await
            .map_err(|error| TableError::Unavailable(error.into()))?;
        let next = page.last_evaluated_key.and_then(|key| key.get("sk")?.as_s().ok().map(|key| SortKey::stored(key)));
        let items = page.items.unwrap_or_default().into_iter().map(Stored::of).collect::<Result<_, _>>()?;
        Ok((items, next))
    }

    /// What is stored under the item's key.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn find(&self, tenant: &TenantId, key: &SortKey) -> Result<Option<Stored>, TableError> {
        let found = self
            .table
            .client()
            .get_item()
            .table_name(self.table.name())
            .set_key(Some(self.place(tenant, key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| TableError::Unavailable(error.into()))?;
        found.item.map(Stored::of).transpose()
    }

    /// Whether another tenant answers to the outside name of this item.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn is_taken(&self, tenant: &TenantId, item: &Stored) -> Result<bool, TableError> {
        let Some(name) = item.name() else { return Ok(false) };
        Ok(self.table.owners(&name).await?.iter().any(|(owner, _)| owner != tenant))
    }

    /// Writes an item where there is none; whether it was written.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn put_if_absent(&self, tenant: &TenantId, item: &Stored) -> Result<bool, TableError> {
        let mut attributes = item.attributes.clone();
        attributes.extend(self.place(tenant, &item.key));
        let put = self.table.client().put_item().table_name(self.table.name()).set_item(Some(attributes));
        match put.condition_expression("attribute_not_exists(sk)").send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.into_service_error() {
                PutItemError::ConditionalCheckFailedException(_) => Ok(false),
                error => Err(TableError::Unavailable(error.into())),
            },
        }
    }

    fn place(&self, tenant: &TenantId, key: &SortKey) -> Item {
        [("tenant_id", tenant.as_str()), ("sk", key.as_str())]
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned())))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_the_same_after_its_way_through_text() {
        let json = json!({"sk": "ALERT#1", "item": {
            "version": {"N": "3"}, "body": {"S": "{\"a\":1}"}, "raw": {"B": "AAEC/w=="}, "ttl": {"N": "100"},
        }});
        let item = Stored::from_json(&json).unwrap();
        assert_eq!(item.to_json().unwrap(), json);
        assert_eq!((item.body(), item.is_expired(99), item.is_expired(100)), (Some("{\"a\":1}"), false, true));
    }

    #[test]
    fn what_is_no_item_is_refused() {
        for (json, why) in [
            (json!({"item": {}}), "no sk"),
            (json!({"sk": "", "item": {}}), "no sk"),
            (json!({"sk": "A"}), "no attributes"),
            (json!({"sk": "A", "item": {"tenant_id": {"S": "other"}}}), "its key"),
            (json!({"sk": "A", "item": {"sk": {"S": "B"}}}), "its key"),
            (json!({"sk": "A", "item": {"body": {"S": 1}}}), "neither"),
            (json!({"sk": "A", "item": {"body": {"S": "a", "N": "1"}}}), "neither"),
            (json!({"sk": "A", "item": {"body": {"B": "?"}}}), "base64"),
        ] {
            let error = Stored::from_json(&json).unwrap_err().to_string();
            assert!(error.contains(why), "{json}: {error}");
        }
    }

    #[test]
    fn only_names_that_one_tenant_may_have_are_held_against_others() {
        let named = |key: &str| {
            let json = json!({"sk": key, "item": {"lookup": {"S": "x"}}});
            Stored::from_json(&json).unwrap().name().is_some()
        };
        assert!(named("PROFILE") && named("SOURCE#crowdstrike#default") && named("APIKEY#abc"));
        assert!(!named("LANE#ctl-1"), "every tenant's open lanes share a name");
    }
}
