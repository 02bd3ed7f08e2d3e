//! Changing state, always together with an audit entry: one DynamoDB transaction holds the changes and the entry, so
//! "every state change is in the audit before the response goes back" cannot be forgotten, and neither can one land
//! without the other.
//!
//! Each ledger (one per execution environment) writes a **lane** of its own per tenant: a hash chain with no other writer,
//! so there is no contention between instances. If a transaction's fate is unknown (a timeout), its lane may or may not
//! have grown; the ledger then leaves that lane as it is and starts a new one. Both verify.

use crate::clock::Clock;
use crate::random;
use crate::table::{Item, Lookup, SortKey, Table, encode};
use crate::{Class, Classified};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use vyrox_audit::{Chain, Draft, Entry};
use vyrox_contract::{AuditHead, TenantId};

/// How often a transaction is tried again when another one was touching the same items at that moment.
const CONTENTION_RETRIES: u32 = 6;

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
    Put { body: AttributeValue, ttl: Option<i64>, lookup: Option<Lookup> },
    Delete,
}

impl Change {
    /// Writes an item.
    #[must_use]
    pub fn put<T: Serialize>(key: SortKey, value: &T, expect: Expect) -> Self {
        Self { key, expect, write: Write::Put { body: encode(value), ttl: None, lookup: None } }
    }

    /// Writes an item of bytes, whatever is there.
    #[must_use]
    pub fn put_bytes(key: SortKey, bytes: Vec<u8>) -> Self {
        let body = AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(bytes));
        Self { key, expect: Expect::Anything, write: Write::Put { body, ttl: None, lookup: None } }
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
}

/// Nothing was changed, and nothing was audited.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The change with this index met an item other than expected. Read again and decide again.
    #[error("item {0} of the transaction has changed meanwhile")]
    Conflict(usize),
    /// DynamoDB did not answer, or not well; whether the transaction happened is unknown. Reading tells.
    #[error("the table cannot be written")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Too many others were touching the same items. Nothing was written.
    #[error("too much contention on the same items")]
    Contended,
    /// DynamoDB does not take such an item, for its size for example.
    #[error("the table does not take such an item")]
    Invalid,
    /// The entry has no canonical form: a mistake of ours.
    #[error("audit entry cannot be sealed")]
    Seal(#[from] vyrox_audit::SealError),
}

impl Classified for CommitError {
    fn class(&self) -> Class {
        match self {
            Self::Conflict(_) | Self::Unavailable(_) | Self::Contended => Class::Retry,
            Self::Invalid | Self::Seal(_) => Class::Poison,
        }
    }
}

/// Writes one tenant's items, each time with an audit entry.
#[derive(Debug, Clone)]
pub struct Ledger {
    table: Table,
    clock: Arc<dyn Clock>,
    writer: &'static str,
    lanes: Arc<Mutex<HashMap<TenantId, Arc<Mutex<Chain>>>>>,
}

/// How one attempt at a transaction failed.
enum Attempt {
    Conflict(usize),
    LaneTaken,
    Contention,
    Invalid,
    Unknown(Box<dyn std::error::Error + Send + Sync>),
}

impl Ledger {
    /// A ledger for `table`. `writer` is the function's name; it begins its lanes' ids.
    #[must_use]
    pub fn new(table: Table, writer: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock, writer, lanes: Arc::default() }
    }

    /// Makes the changes and enters the audit entry, all or nothing, and returns the lane's new head.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn commit(&self, tenant: &TenantId, changes: &[Change], event: &Draft) -> Result<AuditHead, CommitError> {
        debug_assert_eq!(event.tenant_id, tenant.as_str(), "an event is entered under its own tenant");
        let lane = self.lane(tenant).await;
        let mut chain = lane.lock().await;
        let mut contention = 0;
        loop {
            let entry = chain.seal(event)?;
            match self.transact(tenant, changes, &entry).await {
                Ok(()) => {
                    chain.advance(&entry);
                    return Ok(chain.head().expect("an entry was just added"));
                }
                Err(Attempt::Conflict(index)) => return Err(CommitError::Conflict(index)),
                // An earlier attempt of unknown fate did land: that lane ends there.
                Err(Attempt::LaneTaken) => *chain = self.new_chain(),
                Err(Attempt::Contention) if contention < CONTENTION_RETRIES => {
                    contention += 1;
                    let jitter = u64::from(random::bytes::<1>()[0]) / 8;
                    tokio::time::sleep(std::time::Duration::from_millis(5 * (1 << contention) + jitter)).await;
                }
                Err(Attempt::Contention) => return Err(CommitError::Contended),
                Err(Attempt::Invalid) => return Err(CommitError::Invalid),
                Err(Attempt::Unknown(error)) => {
                    *chain = self.new_chain();
                    return Err(CommitError::Unavailable(error));
                }
            }
        }
    }

    async fn lane(&self, tenant: &TenantId) -> Arc<Mutex<Chain>> {
        let mut lanes = self.lanes.lock().await;
        Arc::clone(lanes.entry(tenant.clone()).or_insert_with(|| Arc::new(Mutex::new(self.new_chain()))))
    }

    fn new_chain(&self) -> Chain {
        Chain::genesis(&format!("{}-{}", self.writer, random::ulid(&*self.clock)))
    }

    async fn transact(&self, tenant: &TenantId, changes: &[Change], entry: &Entry) -> Result<(), Attempt> {
        let audit = Put::builder()
            .table_name(self.table.name())
            .set_item(Some(HashMap::from([
                ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
                ("sk".to_owned(), AttributeValue::S(SortKey::audit(entry.chain(), entry.seq()).as_str().to_owned())),
                ("version".to_owned(), AttributeValue::N("1".to_owned())),
                ("body".to_owned(), AttributeValue::S(entry.to_line())),
            ])))
            .condition_expression("attribute_not_exists(sk)")
            .build()
            .expect("table and item are set");
        let mut request = self.table.client().transact_write_items();
        for change in changes {
            request = request.transact_items(self.item(tenant, change));
        }
        request = request.transact_items(TransactWriteItem::builder().put(audit).build());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(classify(error.into_service_error(), changes.len())),
        }
    }

    fn item(&self, tenant: &TenantId, change: &Change) -> TransactWriteItem {
        let tenant = AttributeValue::S(tenant.to_string());
        let sk = AttributeValue::S(change.key.as_str().to_owned());
        let (body, ttl, lookup) = match &change.write {
            Write::Delete => {
                let delete = Delete::builder().table_name(self.table.name()).key("tenant_id", tenant).key("sk", sk);
                return TransactWriteItem::builder().delete(delete.build().expect("table and key are set")).build();
            }
            Write::Put { body, ttl, lookup } => (body, ttl, lookup),
        };
        let version = match change.expect {
            Expect::Version(version) => version + 1,
            Expect::Absent | Expect::Anything => 1,
        };
        let mut item: Item = HashMap::from([
            ("tenant_id".to_owned(), tenant),
            ("sk".to_owned(), sk),
            ("version".to_owned(), AttributeValue::N(version.to_string())),
            ("body".to_owned(), body.clone()),
        ]);
        if let Some(ttl) = ttl {
            item.insert("ttl".to_owned(), AttributeValue::N(ttl.to_string()));
        }
        if let Some(lookup) = lookup {
            item.insert("lookup".to_owned(), AttributeValue::S(lookup.as_str().to_owned()));
        }
        let put = Put::builder().table_name(self.table.name()).set_item(Some(item));
        let put = match change.expect {
            Expect::Absent => put
                .condition_expression("attribute_not_exists(sk) OR #ttl <= :now")
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":now", AttributeValue::N(self.clock.now().to_string())),
            Expect::Version(version) => put
                .condition_expression("version = :version")
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
            Expect::Anything => put,
        };
        TransactWriteItem::builder().put(put.build().expect("table and item are set")).build()
    }
}

fn classify(error: TransactWriteItemsError, changes: usize) -> Attempt {
    if let TransactWriteItemsError::TransactionCanceledException(cancelled) = &error {
        let reasons: Vec<&str> =
            cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect();
        if let Some(index) = reasons.iter().position(|code| *code == "ConditionalCheckFailed") {
            return if index < changes { Attempt::Conflict(index) } else { Attempt::LaneTaken };
        }
        if reasons
            .iter()
            .any(|code| matches!(*code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"))
        {
            return Attempt::Contention;
        }
        if reasons.iter().any(|code| matches!(*code, "ValidationError" | "ItemCollectionSizeLimitExceeded")) {
            return Attempt::Invalid;
        }
    }
    if matches!(error, TransactWriteItemsError::TransactionInProgressException(_)) {
        return Attempt::Contention;
    }
    Attempt::Unknown(Box::new(error))
}
