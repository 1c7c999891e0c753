//! `--timeout`: the longest time without any message, in or out.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// How long the user is willing to wait for the next message; the clock starts again with each. The parts of a
/// verb that send and receive at the same time share one.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Option<Duration>,
    since: Cell<Instant>,
    /// How many parts of the verb wait for something that is no message.
    holds: Cell<usize>,
}

/// The time is up.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) limit: Duration,
}

impl Patience {
    /// Patience for `limit`, or without end.
    pub(crate) fn new(limit: Option<Duration>) -> Self {
        Self { limit, since: Cell::new(Instant::now()), holds: Cell::new(0) }
    }

    /// A message has moved: the time counts from now.
    pub(crate) fn renew(&self) {
        // Asking the clock for every message is not free.
        if self.limit.is_some() {
            self.since.set(Instant::now());
        }
    }

    /// What `future` yields, if that is in time. Cancel-safe when `future` is.
    pub(crate) async fn wait<F: Future>(&self, future: F) -> Result<F::Output, Over> {
        let Some(limit) = self.limit else { return Ok(future.await) };
        let mut future = pin!(future);
        loop {
            let since = self.since.get();
            if let Ok(output) = timeout_at(since + limit, &mut future).await {
                return Ok(output);
            }
            if self.holds.get() > 0 {
                self.renew();
            } else if self.since.get() == since {
                return Err(Over { limit });
            }
        }
    }

    /// Lets the clock stand still until `future` is done: it is a pause that was asked for, or somebody else's
    /// slowness.
    pub(crate) async fn hold<F: Future>(&self, future: F) -> F::Output {
        struct Hold<'a>(&'a Patience);
        impl Drop for Hold<'_> {
            fn drop(&mut self) {
                self.0.holds.update(|holds| holds - 1);
                self.0.renew();
            }
        }
        self.holds.update(|holds| holds + 1);
        let _hold = Hold(self);
        future.await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::sleep;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_message_that_moves_elsewhere_renews_the_patience_of_all() {
        let (patience, begun) = (Patience::new(Some(LIMIT)), Instant::now());
        let moves = async {
            sleep(LIMIT / 2).await;
            patience.renew();
            pending::<()>().await
        };
        tokio::select! {
            over = patience.wait(pending::<()>()) => assert_eq!(over.unwrap_err().limit, LIMIT),
            () = moves => {}
        }
        assert_eq!(begun.elapsed(), LIMIT + LIMIT / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_was_asked_for_does_not_count() {
        let (patience, begun) = (Patience::new(Some(LIMIT)), Instant::now());
        let pause = async {
            patience.hold(sleep(LIMIT * 3)).await;
            pending::<()>().await
        };
        tokio::select! {
            over = patience.wait(pending::<()>()) => assert!(over.is_err()),
            () = pause => {}
        }
        assert_eq!(begun.elapsed(), LIMIT * 4);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_there_is_no_end_to_it() {
        let patience = Patience::new(None);
        assert!(patience.wait(sleep(LIMIT * 1_000)).await.is_ok());
    }
}
