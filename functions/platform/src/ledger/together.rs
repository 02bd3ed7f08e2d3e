//! Transactions that go in one request: a batch's alerts are of several tenants, whose lanes have nothing to do with each other,
//! but a request costs as much time whatever is in it. Each is told its own outcome, as if it had gone alone; one that fails
//! takes none of the others with it.

use super::transaction::{Attempt, Transaction};
use crate::batch::chain;
use crate::line::{self, GivenUp};
use crate::table::Table;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use std::collections::HashSet;

/// The most items of one request.
const MOST_ITEMS: usize = 100;
/// The most bytes of them; DynamoDB takes 4 MB.
const MOST_BYTES: usize = 2_000_000;

type Outcome = Result<(), Attempt>;
type Waiting = line::Waiting<Transaction, Outcome>;

/// How a request failed.
enum Failure {
    /// These failed, by their indices, and the others did not happen because of them.
    Of(Vec<(usize, Attempt)>),
    /// It is not known whose fault it was, but nothing was written.
    Nobodys(Attempt),
    /// Whether it happened is unknown.
    Unknown(Box<dyn std::error::Error + Send + Sync>),
}

/// The transactions of one process that wait, and whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Together(line::Line<(), Transaction, Outcome>);

impl Together {
    /// Commits a transaction, in one request with those that come at the same time.
    pub(super) async fn commit(&self, table: &Table, transaction: Transaction) -> Outcome {
        let given_up = |GivenUp| Err(Attempt::Unknown("the request that it went with was given up".into()));
        let send_those_whose_turn_it_is = async |turn| {
            // In a task of its own: who gives up (a sender who hangs up) must not leave others without an answer.
            let (client, together) = (table.client().clone(), self.next());
            let sent = tokio::spawn(async move { send_all(&client, together).await }).await;
            if let Err(error) = sent {
                tracing::error!(%error, "transactions were given up");
            }
            turn
        };
        self.0.wait(transaction, send_those_whose_turn_it_is).await.unwrap_or_else(given_up)
    }

    /// Those whose turn it is: as many as one request takes, which takes no item twice.
    fn next(&self) -> Vec<Waiting> {
        let (mut places, mut count, mut bytes) = (HashSet::new(), 0, 0);
        self.0.next(|transaction| {
            count += transaction.items.len();
            bytes += transaction.bytes;
            let is_another = transaction.places.iter().all(|place| places.insert(place.clone()));
            is_another && count <= MOST_ITEMS && bytes <= MOST_BYTES
        })
    }
}

/// Commits all of them, and tells each what came of it. Those at fault are told so and the others go without them; if it is not
/// known whose fault it was, each goes alone.
async fn send_all(client: &aws_sdk_dynamodb::Client, together: Vec<Waiting>) {
    let mut requests = vec![together];
    while let Some(mut together) = requests.pop() {
        match send(client, &together).await {
            Ok(()) => together.into_iter().for_each(|one| one.tell(Ok(()))),
            Err(Failure::Of(faults)) => {
                // From the last on, so that the indices of those before stay what they are.
                for (index, attempt) in faults.into_iter().rev() {
                    together.remove(index).tell(Err(attempt));
                }
                requests.extend((!together.is_empty()).then_some(together));
            }
            Err(Failure::Nobodys(attempt)) if together.len() == 1 => together.remove(0).tell(Err(attempt)),
            Err(Failure::Nobodys(_)) => requests.extend(together.into_iter().rev().map(|one| vec![one])),
            Err(Failure::Unknown(error)) => {
                let cause = chain(&*error);
                together.into_iter().for_each(|one| one.tell(Err(Attempt::Unknown(cause.clone().into()))));
            }
        }
    }
}

/// One request for all of them.
async fn send(client: &aws_sdk_dynamodb::Client, together: &[Waiting]) -> Result<(), Failure> {
    let items = together.iter().flat_map(|one| one.want.items.iter().cloned()).collect();
    match client.transact_write_items().set_transact_items(Some(items)).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(whose(error.into_service_error(), together.iter().map(|one| &one.want))),
    }
}

/// Whose fault it was.
fn whose<'t>(error: TransactWriteItemsError, together: impl Iterator<Item = &'t Transaction>) -> Failure {
    if let TransactWriteItemsError::TransactionCanceledException(cancelled) = &error {
        let mut reasons = cancelled.cancellation_reasons();
        let mut faults = Vec::new();
        for (index, transaction) in together.enumerate() {
            let (own, others) = reasons.split_at(transaction.items.len().min(reasons.len()));
            faults.extend(transaction.fault(own).map(|attempt| (index, attempt)));
            reasons = others;
        }
        if !faults.is_empty() {
            return Failure::Of(faults);
        }
    }
    // Refused before anything was written: an item that is too large, for example.
    if error.code() == Some("ValidationException") {
        return Failure::Nobodys(Attempt::Invalid);
    }
    if matches!(error, TransactWriteItemsError::TransactionInProgressException(_)) {
        return Failure::Nobodys(Attempt::Contention);
    }
    Failure::Unknown(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::{Failure, whose};
    use crate::ledger::transaction::{Attempt, Transaction};
    use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;
    use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};

    /// So many items, of which all but the last are changes.
    fn transaction(items: usize) -> Transaction {
        let items = vec![TransactWriteItem::builder().build(); items];
        Transaction { changes: items.len() - 1, items, places: Vec::new(), bytes: 0 }
    }

    fn faults(codes: &[&str], sizes: &[usize]) -> Option<Vec<(usize, String)>> {
        let reasons = codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect();
        let cancelled = TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons)).build();
        let together: Vec<Transaction> = sizes.iter().map(|items| transaction(*items)).collect();
        match whose(TransactWriteItemsError::TransactionCanceledException(cancelled), together.iter()) {
            Failure::Of(faults) => Some(faults.into_iter().map(|(at, fault)| (at, format!("{fault:?}"))).collect()),
            Failure::Nobodys(Attempt::Invalid | Attempt::Contention) => None,
            Failure::Nobodys(other) => panic!("{other:?}"),
            Failure::Unknown(_) => None,
        }
    }

    #[test]
    fn a_transactions_fault_is_its_own() {
        let told =
            |of: &[(usize, &str)]| Some(of.iter().map(|(at, fault)| (*at, (*fault).to_owned())).collect::<Vec<_>>());
        let (none, failed, busy) = ("None", "ConditionalCheckFailed", "TransactionConflict");
        assert_eq!(faults(&[none, none, none, failed, none], &[2, 3]), told(&[(1, "Conflict(1)")]));
        assert_eq!(faults(&[none, failed, none, none, none], &[2, 3]), told(&[(0, "Taken")]));
        assert_eq!(
            faults(&[busy, none, failed, none, none, "ValidationError"], &[2, 2, 2]),
            told(&[(0, "Contention"), (1, "Conflict(0)"), (2, "Invalid")])
        );
        assert_eq!(faults(&[none, none, none, none], &[2, 2]), None, "nobody knows whose");
        assert_eq!(faults(&[], &[2, 2]), None);
    }
}
