//! How long a worker stays without a server: for its first one as long as it was told to, and then for the
//! orphan timeout.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use zmtp::Event;

use super::Farewell;

/// How long a worker holds out without a server.
#[derive(Debug)]
pub(super) struct Leash {
    /// Since when there is no server, if there is none.
    alone_since: Option<Instant>,
    was_attached: bool,
    connect_timeout: Option<Duration>,
    orphan_timeout: Duration,
}

impl Leash {
    pub(super) fn new(now: Instant, connect_timeout: Option<Duration>, orphan_timeout: Duration) -> Self {
        Self { alone_since: Some(now), was_attached: false, connect_timeout, orphan_timeout }
    }

    /// What the socket tells of its only connection, all of it and in order: a server that has come and gone before
    /// we looked was there. True if there is a server again after there was none.
    pub(super) fn handle(&mut self, now: Instant, event: &Event) -> bool {
        match event {
            Event::HandshakeSucceeded { .. } => self.handle_attached(now, true),
            Event::Disconnected { .. } => self.handle_attached(now, false),
            _ => false,
        }
    }

    fn handle_attached(&mut self, now: Instant, attached: bool) -> bool {
        let again = attached && self.was_attached && self.alone_since.is_some();
        self.was_attached |= attached;
        match attached {
            true => self.alone_since = None,
            false => _ = self.alone_since.get_or_insert(now),
        }
        again
    }

    fn end(&self) -> Option<(Instant, Farewell)> {
        let since = self.alone_since?;
        match self.was_attached {
            true => Some((since + self.orphan_timeout, Farewell::Orphaned(self.orphan_timeout))),
            false => self.connect_timeout.map(|limit| (since + limit, Farewell::NoServer(limit))),
        }
    }

    pub(super) async fn snaps(&self) -> Farewell {
        match self.end() {
            Some((deadline, farewell)) => {
                sleep_until(deadline).await;
                farewell
            }
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leash_is_as_long_as_the_server_is_away() {
        let (second, now) = (Duration::from_secs(1), Instant::now());
        let mut leash = Leash::new(now, None, 10 * second);
        assert_eq!(leash.end(), None);
        assert!(!leash.handle_attached(now + second, true));
        assert_eq!(leash.end(), None);

        leash.handle_attached(now + 2 * second, false);
        leash.handle_attached(now + 3 * second, false);
        assert_eq!(leash.end(), Some((now + 12 * second, Farewell::Orphaned(10 * second))));

        assert!(leash.handle_attached(now + 4 * second, true), "this may be another server");
        assert!(!leash.handle_attached(now + 4 * second, true));
        assert_eq!(leash.end(), None);
    }
}
