//! How an engine sees the socket it serves.

use std::fmt::Debug;
use std::task::Context;
use std::time::Duration;

use super::{Batch, Origin};
use crate::monitor::{Cause, Event};
use crate::peer::PeerId;
use crate::wire::{self, Chunk, Remote, Subscription};

/// The socket, as its engines know it. Each call takes the socket's lock once and is made per batch, never per
/// message. Engines are compiled once for all patterns.
pub(crate) trait Port: Debug + Send + Sync {
    /// A peer has finished its handshake. Without an `id` it came in through a listener and gets a pipe now; until
    /// this moment the socket did not know of it. The peer must be `wanted`, which is asked under the socket's lock.
    fn join(
        &self,
        id: Option<PeerId>,
        origin: &Origin,
        remote: &Remote,
        address: Option<String>,
        wanted: &dyn Fn() -> bool,
    ) -> Join;

    /// Moves outgoing messages into the empty `batch`: a batchful, and at most `limit` messages. Without any,
    /// registers to be woken.
    fn take(&self, id: PeerId, batch: &mut Batch, limit: usize, cx: &Context<'_>) -> Taken;

    /// Whether the pipe must end at once; else registers to be woken when that changes.
    fn must_end(&self, id: PeerId, cx: &Context<'_>) -> bool;

    /// Whether nothing is left to be done: the pipe is ending and empty, or must end at once. Else registers.
    fn is_over(&self, id: PeerId, cx: &Context<'_>) -> bool;

    /// How many incoming messages there is room for. Without any, registers to be woken.
    fn room(&self, id: PeerId, cx: &Context<'_>) -> usize;

    /// Hands over what has come, no more messages than there was room for, and says how much room is left and what it
    /// cost.
    ///
    /// # Errors
    /// The peer has broken a rule of the pattern.
    fn deliver(&self, id: PeerId, delivery: Delivery) -> Result<Delivered, wire::Error>;

    /// The peer has not taken anything for a while: patient senders may now fill its pipe to the high-water mark.
    fn stalled(&self, id: PeerId);

    /// A connection that was up has ended. What `batch` holds goes back to the pipe. If the peer `comes_back`, the
    /// pipe waits for its next connection, else it goes with this one.
    fn part(&self, id: PeerId, batch: Batch, cause: Cause, comes_back: bool);

    /// Nobody serves the pipe any more: what it holds is discarded and counted.
    fn remove(&self, id: PeerId);

    /// Something took so long.
    fn took(&self, what: Timed, time: Duration);

    /// Tells the monitors.
    fn report(&self, event: Event);
}

/// What came from a peer.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// Whole messages.
    Messages(Chunk),
    /// A SUBSCRIBE or CANCEL command.
    Subscription(Subscription),
}

/// What has become of a [`Delivery`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// How many messages there is room for.
    pub(crate) room: usize,
    pub(crate) toll: Toll,
}

/// What a peer has asked of us beside messages that are received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Toll {
    /// Subscriptions, and ends of some.
    pub(crate) subscriptions: u32,
    /// Messages that were thrown away, and KiB of them.
    pub(crate) unwanted: u32,
}

impl Toll {
    /// For messages of so many octets together.
    pub(crate) fn unwanted(messages: usize, octets: usize) -> Self {
        let unwanted = messages.saturating_add(octets / 1024);
        Self { subscriptions: 0, unwanted: unwanted.try_into().unwrap_or(u32::MAX) }
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.subscriptions = self.subscriptions.saturating_add(more.subscriptions);
        self.unwanted = self.unwanted.saturating_add(more.unwanted);
    }
}

/// What is timed of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timed {
    /// From its first moment to both READYs.
    Handshake,
    /// From a PING to its PONG.
    RoundTrip,
}

/// Whether a peer may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    /// This is its pipe.
    Yes(PeerId),
    /// The pattern has no place for it now, and has said so to the monitors. It may be dialled again.
    NotNow,
    /// The pipe or the socket is closing.
    Over,
}

/// What [`Port::take`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The batch has something.
    Some,
    /// There is nothing to write.
    Nothing,
    /// There is nothing to write and never will be: say goodbye.
    Over,
    /// End at once, whatever is queued.
    EndNow,
}
