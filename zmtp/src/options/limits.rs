//! The builder's settings of what peers may cost.

use std::time::Duration;

use super::Builder;
use crate::pattern::Pattern;

impl<P: Pattern> Builder<P> {
    /// How much a peer may ask of us in a second.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.options.budget = budget;
        self
    }

    /// The shortest time that the ttl of a peer's PING can stand for: a smaller one counts as this. 100 ms unless set,
    /// the smallest that a PING can name. Rounded up to tenths of a second.
    #[must_use]
    pub fn least_ttl(mut self, ttl: Duration) -> Self {
        self.options.least_ttl = ttl;
        self
    }

    /// Disconnects a peer that takes nothing for so long while messages for it are being written: a subscriber that
    /// hangs, say, and misses everything meanwhile. It is noticed within twice this time. No limit unless set: then a
    /// peer may be as slow as it likes, at the price of its own queue.
    #[must_use]
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.options.stall_timeout = Some(timeout);
        self
    }
}

/// How much a peer may ask of us in a second, beside messages that are received. As much may come at once.
///
/// A peer that asks for more is disconnected: [`Cause::Flood`](crate::Cause::Flood). 0 allows none; `u32::MAX` is more
/// than anybody can send. Sockets of the same process that meet over `inproc://` have no budget.
///
/// ```
/// use zmtp::{Budget, PubSocket};
///
/// let strict = Budget { subscriptions: 1000, ..Budget::default() };
/// let publisher = PubSocket::builder().budget(strict).build();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// PINGs, PONGs and commands that nobody knows. 10,000 unless set: PINGs and answers to ours, once a millisecond
    /// each, five times over.
    pub commands: u32,
    /// Subscriptions and their ends. 200,000 unless set: twice as many as a peer may have.
    pub subscriptions: u32,
    /// What is sent to a PUSH, or to a PUB without being a subscription, and is thrown away. Each message counts, and
    /// each KiB. 10,000 unless set.
    pub unwanted: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { commands: 10_000, subscriptions: 200_000, unwanted: 10_000 }
    }
}
