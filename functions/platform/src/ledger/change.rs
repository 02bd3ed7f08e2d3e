//! One change to one item, and what must be true of the item for it to happen.

use crate::table::{Item, Lookup, SortKey, Table, encode};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use serde::Serialize;
use std::collections::HashMap;
use vyrox_contract::TenantId;
use vyrox_domain::tenant::Tenant;

/// What must be true of an item for a change to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// There is none. One that has expired counts as none, though the table may not have removed it yet.
    Absent,
    /// It has this version.
    Version(u64),
    /// Anything.
    Anything,
}

/// One change to one item.
#[derive(Debug, Clone)]
pub struct Change {
    key: SortKey,
    expect: Expect,
    write: Write,
}

#[derive(Debug, Clone)]
enum Write {
    Put {
        body: AttributeValue,
        ttl: Option<i64>,
        lookup: Option<Lookup>,
    },
    /// An item as it was stored elsewhere, with its version.
    Whole(Item),
    Delete,
}

impl Change {
    /// Writes an item.
    #[must_use]
    pub fn put<T: Serialize>(key: SortKey, value: &T, expect: Expect) -> Self {
        Self { key, expect, write: Write::Put { body: encode(value), ttl: None, lookup: None } }
    }

    /// Writes a tenant's profile, under the guild that clicks and commands are resolved by.
    #[must_use]
    pub fn profile(tenant: &Tenant, expect: Expect) -> Self {
        let change = Self::put(SortKey::profile(), tenant, expect);
        match tenant.guild_id {
            Some(guild) => change.known_as(Lookup::guild(guild)),
            None => change,
        }
    }

    /// Writes an item of bytes, whatever is there.
    #[must_use]
    pub fn put_bytes(key: SortKey, bytes: Vec<u8>) -> Self {
        let body = AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(bytes));
        Self { key, expect: Expect::Anything, write: Write::Put { body, ttl: None, lookup: None } }
    }

    /// Writes an item with these attributes, to which tenant and sort key come, where there is none.
    pub(crate) const fn whole(key: SortKey, attributes: Item) -> Self {
        Self { key, expect: Expect::Absent, write: Write::Whole(attributes) }
    }

    /// Removes an item; one that is not there is fine.
    #[must_use]
    pub const fn delete(key: SortKey) -> Self {
        Self { key, expect: Expect::Anything, write: Write::Delete }
    }

    /// Lets the item expire at this time (unix seconds).
    #[must_use]
    pub const fn expiring(mut self, at: i64) -> Self {
        if let Write::Put { ttl, .. } = &mut self.write {
            *ttl = Some(at);
        }
        self
    }

    /// Enters the item in the index of outside names.
    #[must_use]
    pub fn known_as(mut self, name: Lookup) -> Self {
        if let Write::Put { lookup, .. } = &mut self.write {
            *lookup = Some(name);
        }
        self
    }

    /// Which item it is about.
    pub(super) const fn key(&self) -> &SortKey {
        &self.key
    }

    /// How large what it writes is, about.
    pub(super) fn bytes(&self) -> usize {
        match &self.write {
            Write::Put { body: AttributeValue::S(text), .. } => text.len(),
            Write::Put { body: AttributeValue::B(bytes), .. } => bytes.as_ref().len(),
            Write::Whole(item) => item.values().map(|value| value.as_s().map_or(0, String::len)).sum(),
            Write::Put { .. } | Write::Delete => 0,
        }
    }

    /// The change as DynamoDB takes it. `now` (unix seconds) tells which items have expired.
    pub(crate) fn request(&self, table: &Table, tenant: &TenantId, now: i64) -> TransactWriteItem {
        let tenant = AttributeValue::S(tenant.to_string());
        let sk = AttributeValue::S(self.key.as_str().to_owned());
        let mut item: Item = match &self.write {
            Write::Delete => {
                let delete = Delete::builder().table_name(table.name()).key("tenant_id", tenant).key("sk", sk);
                return TransactWriteItem::builder().delete(delete.build().expect("table and key are set")).build();
            }
            Write::Put { body, ttl, lookup } => self.attributes(body, *ttl, lookup.as_ref()),
            Write::Whole(item) => item.clone(),
        };
        item.extend([("tenant_id".to_owned(), tenant), ("sk".to_owned(), sk)]);
        let put = Put::builder().table_name(table.name()).set_item(Some(item));
        let put = match self.expect {
            Expect::Absent => put
                .condition_expression("attribute_not_exists(sk) OR #ttl <= :now")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":now", AttributeValue::N(now.to_string())),
            Expect::Version(version) => put
                .condition_expression("version = :version")
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
            Expect::Anything => put,
        };
        TransactWriteItem::builder().put(put.build().expect("table and item are set")).build()
    }

    /// The attributes of an item that is put, but for its key.
    fn attributes(&self, body: &AttributeValue, ttl: Option<i64>, lookup: Option<&Lookup>) -> Item {
        let version = match self.expect {
            Expect::Version(version) => version + 1,
            Expect::Absent | Expect::Anything => 1,
        };
        let mut item: Item = HashMap::from([
            ("version".to_owned(), AttributeValue::N(version.to_string())),
            ("body".to_owned(), body.clone()),
        ]);
        item.extend(ttl.map(|ttl| ("ttl".to_owned(), AttributeValue::N(ttl.to_string()))));
        item.extend(lookup.map(|name| ("lookup".to_owned(), AttributeValue::S(name.as_str().to_owned()))));
        item
    }
}
