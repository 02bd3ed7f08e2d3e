//! One tenant's transaction: changes and the entry that tells of them, all or nothing. Those that come at the same time, of
//! whichever tenants, go in one request (see `together.rs` beside this).

use crate::ledger::Change;
use crate::table::{SortKey, Table};
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, TransactWriteItem};
use std::collections::HashMap;
use vyrox_audit::Entry;
use vyrox_contract::TenantId;

/// How one attempt at a transaction failed.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// The change with this index met an item other than expected.
    Conflict(usize),
    /// The entry's place is taken, or its lane is known already.
    Taken,
    /// Others are touching the same items at this moment.
    Contention,
    /// DynamoDB does not take such an item.
    Invalid,
    /// Whether it happened is unknown.
    Unknown(Box<dyn std::error::Error + Send + Sync>),
}

/// An entry with its place.
pub(crate) struct Entered<'a> {
    /// Where it is stored; nothing may be there.
    pub(crate) at: &'a SortKey,
    /// The entry.
    pub(crate) entry: &'a Entry,
    /// Those that follow it in its lane, where one transaction is told of in several.
    pub(crate) following: &'a [Entry],
    /// What else is written with it; a condition that fails there counts as [`Attempt::Taken`].
    pub(crate) with: &'a [Change],
}

/// A transaction as DynamoDB takes it.
#[derive(Debug, Clone)]
pub(super) struct Transaction {
    pub(super) items: Vec<TransactWriteItem>,
    /// Which items it touches: whose, and their sort keys.
    pub(super) places: Vec<(TenantId, String)>,
    /// How many of the items, from the first on, are changes.
    pub(super) changes: usize,
    /// How large it is, about.
    pub(super) bytes: usize,
}

/// Makes the changes and enters the entry. `now` is unix seconds.
pub(crate) async fn transact(
    table: &Table,
    tenant: &TenantId,
    changes: impl ExactSizeIterator<Item = &Change>,
    entered: &Entered<'_>,
    now: i64,
) -> Result<(), Attempt> {
    let mut transaction = Transaction { items: Vec::new(), places: Vec::new(), changes: changes.len(), bytes: 0 };
    for change in changes {
        transaction.change(table, tenant, change, now);
    }
    transaction.put(table, tenant, entered.at, entered.entry);
    for entry in entered.following {
        transaction.put(table, tenant, &SortKey::audit(entry.chain(), entry.seq()), entry);
    }
    for change in entered.with {
        transaction.change(table, tenant, change, now);
    }
    table.writes().commit(table, transaction).await
}

impl Transaction {
    fn change(&mut self, table: &Table, tenant: &TenantId, change: &Change, now: i64) {
        self.bytes += change.bytes();
        self.places.push((tenant.clone(), change.key().as_str().to_owned()));
        self.items.push(change.request(table, tenant, now));
    }

    /// An entry at its place, where nothing may be yet.
    fn put(&mut self, table: &Table, tenant: &TenantId, at: &SortKey, entry: &Entry) {
        let line = entry.to_line();
        self.bytes += line.len();
        self.places.push((tenant.clone(), at.as_str().to_owned()));
        let audit = Put::builder()
            .table_name(table.name())
            .set_item(Some(HashMap::from([
                ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
                ("sk".to_owned(), AttributeValue::S(at.as_str().to_owned())),
                ("version".to_owned(), AttributeValue::N("1".to_owned())),
                ("body".to_owned(), AttributeValue::S(line)),
            ])))
            .condition_expression("attribute_not_exists(sk)")
            .build()
            .expect("table and item are set");
        self.items.push(TransactWriteItem::builder().put(audit).build());
    }

    /// What was wrong with it, by what DynamoDB says of each of its items; nothing, if it was not its own fault.
    pub(super) fn fault(&self, reasons: &[CancellationReason]) -> Option<Attempt> {
        let codes: Vec<&str> = reasons.iter().map(|reason| reason.code().unwrap_or("None")).collect();
        if let Some(index) = codes.iter().position(|code| *code == "ConditionalCheckFailed") {
            return Some(if index < self.changes { Attempt::Conflict(index) } else { Attempt::Taken });
        }
        let has_one_of = |wanted: &[&str]| codes.iter().any(|code| wanted.contains(code));
        if has_one_of(&["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]) {
            return Some(Attempt::Contention);
        }
        has_one_of(&["ValidationError", "ItemCollectionSizeLimitExceeded"]).then_some(Attempt::Invalid)
    }
}
