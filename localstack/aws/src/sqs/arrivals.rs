//! Who waits at which queue: a message that arrives wakes those who wait for it, and nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// By the queue's name.
#[derive(Debug, Default)]
pub(super) struct Arrivals(Mutex<HashMap<String, Arc<Notify>>>);

/// The queue's name: the last part of its URL.
fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

impl Arrivals {
    /// What tells those who wait at the queue with this URL.
    pub(super) fn at(&self, url: &str) -> Arc<Notify> {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those where nobody waits, or who asked for a queue that there is not, are let go of.
        if queues.len() > 100 {
            queues.retain(|_, told| Arc::strong_count(told) > 1);
        }
        Arc::clone(queues.entry(name(url).to_owned()).or_default())
    }

    /// A message may have become visible in the queue with this URL.
    pub(super) fn tell(&self, url: &str) {
        if let Some(told) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name(url)) {
            told.notify_waiters();
        }
    }

    /// The same in any queue.
    pub(super) fn tell_all(&self) {
        for told in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            told.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arrivals;

    #[tokio::test]
    async fn a_message_wakes_those_who_wait_for_it_whatever_the_host_in_their_url_and_nobody_else() {
        let arrivals = Arrivals::default();
        let urls = ["http://a:1/0/one", "http://b:2/0/one", "http://a:1/0/other"];
        let queues = urls.map(|url| arrivals.at(url));
        let mut waiting: Vec<_> = queues.iter().map(|queue| Box::pin(queue.notified())).collect();
        for one in &mut waiting {
            assert!(futures::poll!(one.as_mut()).is_pending());
        }
        arrivals.tell("http://c:3/0/one");
        arrivals.tell("http://c:3/0/nowhere");
        let mut woken = Vec::new();
        for one in &mut waiting {
            woken.push(futures::poll!(one.as_mut()).is_ready());
        }
        assert_eq!(woken, [true, true, false]);
        arrivals.tell_all();
        assert!(futures::poll!(waiting[2].as_mut()).is_ready());
    }
}
