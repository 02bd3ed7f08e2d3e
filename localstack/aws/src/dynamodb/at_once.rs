//! What DynamoDB is asked for most, carried out at once.
//!
//! dynoxide's own server reads every request three times, so as to word refusals as DynamoDB does, and goes through the tokens
//! of the last ten minutes at every transaction. Here a request is read once and a token is looked up. Nothing is refused here:
//! what cannot be carried out has changed nothing, and that server is asked, which says why.

use dynoxide::actions::batch_get_item::BatchGetItemRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long DynamoDB remembers a transaction's token.
const REMEMBERED: Duration = Duration::from_secs(600);

/// The database, for those whose turn it is: it takes one request at a time, and who waits for it so keeps no thread waiting.
pub(super) struct AtOnce {
    database: Database,
    tokens: Mutex<Tokens>,
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It was carried out; the output as JSON.
    Yes(String),
    /// Its token has carried out another one.
    OtherBefore(String),
    /// Nothing was done.
    No,
}

impl AtOnce {
    pub(super) fn new(database: Database) -> Self {
        Self { database, tokens: Mutex::default() }
    }

    /// Carries out an operation, if it is one of those and nothing is wrong with it.
    pub(super) async fn handle(&self, operation: &str, body: &[u8]) -> Done {
        match operation {
            "TransactWriteItems" => self.write(body).await,
            "BatchGetItem" => {
                self.read(body, |database, request: BatchGetItemRequest| database.batch_get_item(request)).await
            }
            "GetItem" => self.read(body, |database, request: GetItemRequest| database.get_item(request)).await,
            _ => Done::No,
        }
    }

    async fn read<I: DeserializeOwned, O: Serialize>(
        &self,
        body: &[u8],
        read: impl FnOnce(&Database, I) -> dynoxide::Result<O>,
    ) -> Done {
        let Ok(input) = serde_json::from_slice(body) else { return Done::No };
        let output = {
            let _turn = self.tokens.lock().await;
            read(&self.database, input)
        };
        output.map_or(Done::No, |output| done(&output))
    }

    async fn write(&self, body: &[u8]) -> Done {
        let Ok(mut input) = serde_json::from_slice::<TransactWriteItemsRequest>(body) else { return Done::No };
        // What a repetition is told of what it has consumed is another number.
        if input.return_consumed_capacity.is_some() || input.return_item_collection_metrics.is_some() {
            return Done::No;
        }
        // Held until the transaction has ended: a repetition that comes meanwhile must not be carried out, too.
        let mut tokens = self.tokens.lock().await;
        let token = input.client_request_token.take();
        match token.as_deref().map(|token| tokens.first(token, body)) {
            Some(First::No) => return Done::Yes("{}".to_owned()),
            Some(First::Other) => {
                let why = "An error occurred (IdempotentParameterMismatchException)".to_owned();
                return Done::OtherBefore(DynoxideError::IdempotentParameterMismatchException(why).to_json());
            }
            Some(First::Yes) | None => {}
        }
        let Ok(output) = self.database.transact_write_items(input) else { return Done::No };
        if let Some(token) = token {
            tokens.remember(token, body, Instant::now());
        }
        drop(tokens);
        done(&output)
    }
}

fn done(output: &impl Serialize) -> Done {
    Done::Yes(serde_json::to_string(output).expect("outputs have string keys and no exotic numbers"))
}

/// Whether a token comes for the first time.
#[derive(Debug, PartialEq, Eq)]
enum First {
    Yes,
    /// This request was carried out under it.
    No,
    /// Another one was.
    Other,
}

/// The tokens under which transactions were carried out, with their requests' digests.
#[derive(Default)]
struct Tokens {
    known: HashMap<String, u64>,
    /// The oldest first.
    order: VecDeque<(Instant, String)>,
    digest: RandomState,
}

impl Tokens {
    fn first(&self, token: &str, body: &[u8]) -> First {
        match self.known.get(token) {
            None => First::Yes,
            Some(known) if *known == self.digest.hash_one(body) => First::No,
            Some(_) => First::Other,
        }
    }

    /// Remembers one from `now` on, and forgets those whose time is over.
    fn remember(&mut self, token: String, body: &[u8], now: Instant) {
        while let Some((_, old)) = self.order.pop_front_if(|(since, _)| now.duration_since(*since) >= REMEMBERED) {
            self.known.remove(&old);
        }
        self.known.insert(token.clone(), self.digest.hash_one(body));
        self.order.push_back((now, token));
    }
}

#[cfg(test)]
mod tests {
    use super::{AtOnce, Done, First, REMEMBERED, Tokens};
    use dynoxide::Database;
    use serde_json::{Value, json};
    use std::time::Duration;
    use tokio::time::Instant;

    async fn table() -> AtOnce {
        let database = Database::memory().unwrap();
        let table = json!({
            "TableName": "table", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        });
        database.create_table(serde_json::from_value(table).unwrap()).unwrap();
        AtOnce::new(database)
    }

    async fn ask(table: &AtOnce, operation: &str, input: Value) -> Done {
        table.handle(operation, input.to_string().as_bytes()).await
    }

    fn put(token: &str, key: &str) -> Value {
        let put = json!({
            "TableName": "table", "Item": {"k": {"S": key}}, "ConditionExpression": "attribute_not_exists(k)",
        });
        json!({"TransactItems": [{"Put": put}], "ClientRequestToken": token})
    }

    async fn holds(table: &AtOnce, key: &str) -> bool {
        let Done::Yes(output) = ask(table, "GetItem", json!({"TableName": "table", "Key": {"k": {"S": key}}})).await
        else {
            panic!("an item can be read")
        };
        output.contains(key)
    }

    #[tokio::test]
    async fn a_repeated_transaction_is_done_once_and_answered_twice() {
        let table = table().await;
        for _ in 0..2 {
            assert_eq!(ask(&table, "TransactWriteItems", put("one", "a")).await, Done::Yes("{}".to_owned()));
        }
        // Under another token it is another transaction, whose condition fails: nothing is done or said here.
        assert_eq!(ask(&table, "TransactWriteItems", put("two", "a")).await, Done::No);
        let other = ask(&table, "TransactWriteItems", put("one", "b")).await;
        assert!(matches!(&other, Done::OtherBefore(why) if why.contains("IdempotentParameterMismatch")), "{other:?}");
        assert!(!holds(&table, "b").await);
        // One that failed is not remembered.
        assert_eq!(ask(&table, "TransactWriteItems", put("two", "c")).await, Done::Yes("{}".to_owned()));
        assert!(holds(&table, "c").await);
    }

    #[tokio::test]
    async fn what_is_not_understood_is_left_to_others() {
        let table = table().await;
        for (operation, body) in [
            ("TransactWriteItems", "{"),
            ("TransactWriteItems", r#"{"TransactItems":[]}"#),
            ("BatchGetItem", r#"{"RequestItems":{"no-table":{"Keys":[{"k":{"S":"a"}}]}}}"#),
            ("GetItem", r#"{"TableName":"table","Key":{"k":{"N":"1"}}}"#),
            ("Query", "{}"),
        ] {
            assert_eq!(table.handle(operation, body.as_bytes()).await, Done::No, "{operation} {body}");
        }
    }

    #[test]
    fn tokens_are_forgotten_after_ten_minutes() {
        let (mut tokens, start) = (Tokens::default(), Instant::now());
        tokens.remember("one".to_owned(), b"a", start);
        tokens.remember("two".to_owned(), b"b", start + REMEMBERED - Duration::from_secs(1));
        assert_eq!(
            [("one", b"a"), ("one", b"b"), ("three", b"c")].map(|(token, body)| tokens.first(token, body)),
            [First::No, First::Other, First::Yes]
        );
        tokens.remember("three".to_owned(), b"c", start + REMEMBERED);
        assert_eq!(tokens.first("one", b"a"), First::Yes);
        assert_eq!([tokens.first("two", b"b"), tokens.first("three", b"c")], [First::No, First::No]);
        assert_eq!((tokens.known.len(), tokens.order.len()), (2, 2));
    }
}
