//! One DynamoDB transaction: changes and the entry that tells of them, all or nothing.

use crate::ledger::Change;
use crate::table::{SortKey, Table};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
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

/// Makes the changes and enters the entry. `now` is unix seconds.
pub(crate) async fn transact(
    table: &Table,
    tenant: &TenantId,
    changes: &[Change],
    entered: &Entered<'_>,
    now: i64,
) -> Result<(), Attempt> {
    let mut request = table.client().transact_write_items();
    for change in changes {
        request = request.transact_items(change.request(table, tenant, now));
    }
    request = request.transact_items(put(table, tenant, entered.at, entered.entry));
    for entry in entered.following {
        request = request.transact_items(put(table, tenant, &SortKey::audit(entry.chain(), entry.seq()), entry));
    }
    for change in entered.with {
        request = request.transact_items(change.request(table, tenant, now));
    }
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(classify(error.into_service_error(), changes.len())),
    }
}

/// An entry at its place, where nothing may be yet.
fn put(table: &Table, tenant: &TenantId, at: &SortKey, entry: &Entry) -> TransactWriteItem {
    let audit = Put::builder()
        .table_name(table.name())
        .set_item(Some(HashMap::from([
            ("tenant_id".to_owned(), AttributeValue::S(tenant.to_string())),
            ("sk".to_owned(), AttributeValue::S(at.as_str().to_owned())),
            ("version".to_owned(), AttributeValue::N("1".to_owned())),
            ("body".to_owned(), AttributeValue::S(entry.to_line())),
        ])))
        .condition_expression("attribute_not_exists(sk)")
        .build()
        .expect("table and item are set");
    TransactWriteItem::builder().put(audit).build()
}

fn classify(error: TransactWriteItemsError, changes: usize) -> Attempt {
    if let TransactWriteItemsError::TransactionCanceledException(cancelled) = &error {
        let reasons: Vec<&str> =
            cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect();
        if let Some(index) = reasons.iter().position(|code| *code == "ConditionalCheckFailed") {
            return if index < changes { Attempt::Conflict(index) } else { Attempt::Taken };
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
    // Refused before anything was written: an item that is too large, for example.
    if error.code() == Some("ValidationException") {
        return Attempt::Invalid;
    }
    if matches!(error, TransactWriteItemsError::TransactionInProgressException(_)) {
        return Attempt::Contention;
    }
    Attempt::Unknown(Box::new(error))
}
