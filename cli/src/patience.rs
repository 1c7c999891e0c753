//! `--timeout`: the longest time without any message, in or out.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// How long the user is willing to wait for the next message; the clock starts again with each.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Option<Duration>,
    since: Instant,
}

/// The time is up.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) limit: Duration,
}

impl Patience {
    /// Patience for `limit`, or without end.
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self { limit, since: Instant::now() }
    }

    /// A message has moved: the time counts from now.
    pub(crate) fn renew(&mut self) {
        // Asking the clock for every message is not free.
        if self.limit.is_some() {
            self.since = Instant::now();
        }
    }

    /// What `future` yields, if that is in time.
    pub(crate) async fn wait<F: Future>(&self, future: F) -> Result<F::Output, Over> {
        match self.limit {
            None => Ok(future.await),
            Some(limit) => timeout_at(self.since + limit, future).await.map_err(|_| Over { limit }),
        }
    }
}
