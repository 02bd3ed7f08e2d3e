//! The line in front of a queue: one request at a time, and what comes meanwhile goes together in the next.

use super::{Outgoing, SendError};
use crate::batch::chain;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex as StdMutex, PoisonError};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Mutex, oneshot};

/// The most messages of one request.
const MOST_TOGETHER: usize = 10;
/// The most bytes of them: SQS takes 1 MiB.
const MOST_BYTES: usize = 1_000_000;

#[derive(Debug)]
struct Waiting {
    message: Outgoing,
    told: oneshot::Sender<Result<(), SendError>>,
}

/// Who waits to send, and whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Line {
    turn: Mutex<()>,
    waiting: StdMutex<VecDeque<Waiting>>,
}

impl Line {
    /// Sends a message to the queue at a URL, alone if nobody else is sending.
    pub(super) async fn send(&self, queue: (&aws_sdk_sqs::Client, &str), message: Outgoing) -> Result<(), SendError> {
        if let Ok(_turn) = self.turn.try_lock() {
            return message.send(queue).await;
        }
        let (told, mut outcome) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(Waiting { message, told });
        let _turn = self.turn.lock().await;
        // Whoever had the turn before may have taken this along. If not, this takes along what has come since.
        loop {
            match outcome.try_recv() {
                Ok(outcome) => return outcome,
                Err(TryRecvError::Closed) => {
                    return Err(SendError("the request that it went with was given up".into()));
                }
                Err(TryRecvError::Empty) => send_together(queue, self.next()).await,
            }
        }
    }

    /// Those whose turn it is, in order. Who is gone has given up, and nothing is sent for them.
    fn next(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut together, mut bytes) = (Vec::new(), 0);
        while let Some(first) = waiting.front()
            && together.len() < MOST_TOGETHER
        {
            if first.told.is_closed() {
                waiting.pop_front();
                continue;
            }
            bytes += first.message.bytes();
            if !together.is_empty() && bytes > MOST_BYTES {
                break;
            }
            together.extend(waiting.pop_front());
        }
        together
    }
}

/// Sends all of them in one request, and tells each what came of it.
async fn send_together(queue: (&aws_sdk_sqs::Client, &str), mut together: Vec<Waiting>) {
    if together.len() == 1 {
        for one in together.drain(..) {
            let _gone = one.told.send(one.message.send(queue).await);
        }
        return;
    }
    let (client, url) = queue;
    let entries = together.iter().enumerate().map(|(id, one)| one.message.entry(id)).collect();
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
        let _gone = one.told.send(why.map_or(Ok(()), |why| Err(SendError(why.clone().into()))));
    }
}
