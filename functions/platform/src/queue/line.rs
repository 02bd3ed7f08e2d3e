//! The line in front of a queue: one request at a time, and what comes meanwhile goes together in the next.

use super::{Outgoing, SendError};
use crate::batch::chain;
use crate::line::{self, GivenUp};
use std::collections::HashMap;

/// The most messages of one request.
const MOST_TOGETHER: usize = 10;
/// The most bytes of them: SQS takes 1 MiB.
const MOST_BYTES: usize = 1_000_000;

type Waiting = line::Waiting<Outgoing, Result<(), SendError>>;

/// Who waits to send, and whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Line(line::Line<(), Outgoing, Result<(), SendError>>);

impl Line {
    /// Sends a message to the queue at a URL, together with those that are sent at the same time.
    pub(super) async fn send(&self, queue: (&aws_sdk_sqs::Client, &str), message: Outgoing) -> Result<(), SendError> {
        let given_up = |GivenUp| Err(SendError("the request that it went with was given up".into()));
        let send_those_whose_turn_it_is = async |turn| {
            send_together(queue, self.next()).await;
            turn
        };
        self.0.wait(message, send_those_whose_turn_it_is).await.unwrap_or_else(given_up)
    }

    /// Those whose turn it is: as many as one request takes.
    fn next(&self) -> Vec<Waiting> {
        let (mut count, mut bytes) = (0, 0);
        self.0.next(|message| {
            count += 1;
            bytes += message.bytes();
            count <= MOST_TOGETHER && bytes <= MOST_BYTES
        })
    }
}

/// Sends all of them in one request, and tells each what came of it.
async fn send_together(queue: (&aws_sdk_sqs::Client, &str), together: Vec<Waiting>) {
    if together.len() == 1 {
        for one in together {
            let sent = one.want.send(queue).await;
            one.tell(sent);
        }
        return;
    }
    let (client, url) = queue;
    let entries = together.iter().enumerate().map(|(id, one)| one.want.entry(id)).collect();
    let sent = client.send_message_batch().queue_url(url).set_entries(Some(entries)).send().await;
    let failed: Result<HashMap<String, String>, String> = match sent {
        Ok(output) => {
            let why = |failed: aws_sdk_sqs::types::BatchResultErrorEntry| {
                (failed.id, failed.message.map_or(failed.code.clone(), |message| format!("{}: {message}", failed.code)))
            };
            Ok(output.failed.into_iter().map(why).collect())
        }
        Err(error) => Err(chain(&error)),
    };
    for (id, one) in together.into_iter().enumerate() {
        let why = match &failed {
            Ok(failed) => failed.get(&id.to_string()),
            Err(all) => Some(all),
        };
        one.tell(why.map_or(Ok(()), |why| Err(SendError(why.clone().into()))));
    }
}
