//! What happens to a socket's connections, as a stream of typed events.
//!
//! The names are libzmq's. A monitor that is not read never holds the socket up: beyond 10,000 events the
//! newest are dropped and counted.

mod libzmq;
#[cfg(feature = "metrics")]
pub(crate) mod meter;
#[cfg(feature = "tracing")]
pub(crate) mod trace;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc as Shared;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;

use crate::endpoint::Endpoint;
use crate::peer::PeerInfo;
use crate::sync::{Arc, Mutex, lock};
use crate::wire;

/// Something that happened to a connection or a listener.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The socket is bound here.
    Listening {
        /// With the real port.
        endpoint: Endpoint,
    },
    /// The system refused to bind.
    BindFailed {
        /// The one that was to be bound.
        endpoint: Endpoint,
        /// What the system said.
        error: Shared<io::Error>,
    },
    /// A connection came in; its handshake begins.
    Accepted {
        /// Ours.
        endpoint: Endpoint,
        /// The peer's, as far as the system knows.
        address: String,
    },
    /// A connection was not let in by [`IpcOptions`](crate::IpcOptions) or [`TcpOptions`](crate::TcpOptions), or the
    /// system refused to accept, in which case it is tried again after a pause.
    AcceptFailed {
        /// Ours.
        endpoint: Endpoint,
        /// What the system said.
        error: Shared<io::Error>,
    },
    /// Dialling begins.
    ConnectDelayed {
        /// The one that is dialled.
        endpoint: Endpoint,
    },
    /// The transport is connected; its handshake begins.
    Connected {
        /// The one that was dialled.
        endpoint: Endpoint,
    },
    /// An attempt to connect failed. libzmq says `CLOSED`.
    ConnectFailed {
        /// The one that was dialled.
        endpoint: Endpoint,
        /// What the system said.
        error: Shared<io::Error>,
    },
    /// Dialling failed, or a connection ended; the next attempt comes after a pause.
    ConnectRetried {
        /// The one that is dialled.
        endpoint: Endpoint,
        /// The pause.
        after: Duration,
        /// What the system said, when dialling failed.
        error: Option<Shared<io::Error>>,
    },
    /// PLAIN is spoken with another host over `tcp://`, and everybody on the way can read the password and all
    /// messages. Told once for each endpoint; [`deny_plaintext_remote`](crate::Builder::deny_plaintext_remote) refuses
    /// such peers.
    PlaintextRemote {
        /// Ours, or the one that was dialled.
        endpoint: Endpoint,
        /// The peer's.
        address: String,
    },
    /// Both sides are ready; messages may flow.
    HandshakeSucceeded {
        /// Ours, or the one that was dialled.
        endpoint: Endpoint,
        /// Who it is.
        peer: PeerInfo,
    },
    /// The handshake did not come to its end; the connection is closed.
    HandshakeFailed {
        /// Ours, or the one that was dialled.
        endpoint: Endpoint,
        /// The peer's network address, where there is one.
        address: Option<String>,
        /// Why.
        cause: Cause,
        /// Whether it is dialled again. Always false for a connection that came in.
        retry: bool,
    },
    /// A connection that had been up has ended.
    Disconnected {
        /// Ours, or the one that was dialled.
        endpoint: Endpoint,
        /// Who it was.
        peer: PeerInfo,
        /// Why.
        cause: Cause,
        /// Messages that are gone with this peer: those queued for it, if it was accepted (R30-PUSH-09; a dialled
        /// one's are kept), and its own unreceived ones beyond what peers who have gone may leave behind.
        discarded: usize,
    },
    /// Messages that were queued for a dialled peer are gone: it turned out to be one we cannot talk to, or
    /// `disconnect` or `close` ran out of linger time.
    Discarded {
        /// The one that was dialled.
        endpoint: Endpoint,
        /// How many.
        messages: usize,
    },
    /// A listener has stopped.
    Closed {
        /// Ours.
        endpoint: Endpoint,
    },
}

impl Event {
    /// The event's name, as in `handshake-succeeded`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Listening { .. } => "listening",
            Self::BindFailed { .. } => "bind-failed",
            Self::Accepted { .. } => "accepted",
            Self::AcceptFailed { .. } => "accept-failed",
            Self::ConnectDelayed { .. } => "connect-delayed",
            Self::Connected { .. } => "connected",
            Self::ConnectFailed { .. } => "connect-failed",
            Self::ConnectRetried { .. } => "connect-retried",
            Self::PlaintextRemote { .. } => "plaintext-remote",
            Self::HandshakeSucceeded { .. } => "handshake-succeeded",
            Self::HandshakeFailed { .. } => "handshake-failed",
            Self::Disconnected { .. } => "disconnected",
            Self::Discarded { .. } => "discarded",
            Self::Closed { .. } => "closed",
        }
    }

    /// The endpoint of ours that it is about.
    pub fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Listening { endpoint }
            | Self::BindFailed { endpoint, .. }
            | Self::Accepted { endpoint, .. }
            | Self::AcceptFailed { endpoint, .. }
            | Self::ConnectDelayed { endpoint }
            | Self::Connected { endpoint }
            | Self::ConnectFailed { endpoint, .. }
            | Self::ConnectRetried { endpoint, .. }
            | Self::PlaintextRemote { endpoint, .. }
            | Self::HandshakeSucceeded { endpoint, .. }
            | Self::HandshakeFailed { endpoint, .. }
            | Self::Disconnected { endpoint, .. }
            | Self::Discarded { endpoint, .. }
            | Self::Closed { endpoint } => endpoint,
        }
    }
}

/// One line: name, endpoint, and what there is to say.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.endpoint())?;
        match self {
            Self::Accepted { address, .. } => write!(f, " from {address}"),
            Self::BindFailed { error, .. }
            | Self::AcceptFailed { error, .. }
            | Self::ConnectFailed { error, .. } => write!(f, ": {error}"),
            Self::ConnectRetried { after, error, .. } => {
                write!(f, " in {} ms", after.as_millis())?;
                error.as_ref().map_or(Ok(()), |error| write!(f, ": {error}"))
            }
            Self::PlaintextRemote { address, .. } => {
                write!(f, " with {address}: everybody on the way can read the password; use CURVE")
            }
            Self::HandshakeSucceeded { peer, .. } => {
                if let Some(socket_type) = peer.socket_type {
                    write!(f, " with a {socket_type}")?;
                }
                peer.address.as_ref().map_or(Ok(()), |address| write!(f, " at {address}"))
            }
            Self::HandshakeFailed { address, cause, retry, .. } => {
                address.as_ref().map_or(Ok(()), |address| write!(f, " with {address}"))?;
                write!(f, ": {cause}")?;
                if *retry { f.write_str("; will retry") } else { Ok(()) }
            }
            Self::Disconnected { peer, cause, discarded, .. } => {
                peer.address.as_ref().map_or(Ok(()), |address| write!(f, " from {address}"))?;
                write!(f, ": {cause}")?;
                if *discarded > 0 { write!(f, "; {discarded} queued messages discarded") } else { Ok(()) }
            }
            Self::Discarded { messages, .. } => write!(f, ": {messages} messages"),
            Self::Listening { .. }
            | Self::ConnectDelayed { .. }
            | Self::Connected { .. }
            | Self::Closed { .. } => Ok(()),
        }
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The peer closed it.
    #[error("the peer closed the connection")]
    PeerClosed,
    /// We closed it: `close`, `unbind` or `disconnect`.
    #[error("closed from this side")]
    Closed,
    /// What the peer sent was wrong.
    #[error(transparent)]
    Wire(#[from] wire::Error),
    /// The system reported an error.
    #[error("{0}")]
    Io(Shared<io::Error>),
    /// The handshake took longer than it may.
    #[error("the handshake was not finished within {} ms", .0.as_millis())]
    HandshakeTimeout(Duration),
    /// The peer is on another host, the mechanism is PLAIN, and
    /// [`deny_plaintext_remote`](crate::Builder::deny_plaintext_remote) is set. No password was said or heard.
    #[error("PLAIN with another host is denied: everybody on the way could read the password; use CURVE")]
    PlaintextRemote,
    /// The socket had no place for the peer.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A message trickled in more slowly than [`Progress`](crate::Progress) allows.
    #[error("a message came in more slowly than the socket's progress setting allows")]
    TooSlow,
    /// The peer took nothing of what was written to it in so long:
    /// [`stall_timeout`](crate::Builder::stall_timeout).
    #[error("the peer took nothing for {} ms", .0.as_millis())]
    Stalled(Duration),
    /// Nothing came within this time after a PING of ours ([`Heartbeat::timeout`](crate::Heartbeat::timeout)).
    #[error("the peer did not answer a PING within {} ms", .0.as_millis())]
    HeartbeatTimeout(Duration),
    /// After a PING the peer said nothing for the time that it had named itself.
    #[error("the peer said nothing for the {} ms that its PING allows", .0.as_millis())]
    TtlExpired(Duration),
    /// The peer asked more of us in a second than the socket's [`budget`](crate::Builder::budget) has.
    #[error("too much in a second: {0}")]
    Flood(#[from] Flood),
}

impl Cause {
    /// A word for it, as in `handshake-timeout`. What a peer sent wrong is sorted by blame, as in [`wire::Error`].
    pub fn name(&self) -> &'static str {
        match self {
            Self::PeerClosed => "peer-closed",
            Self::Closed => "closed",
            Self::Wire(error) => error.blame(),
            Self::Io(_) => "io",
            Self::HandshakeTimeout(_) => "handshake-timeout",
            Self::PlaintextRemote => "plaintext-remote",
            Self::Refused(Refusal::RoutingIdTaken) => "routing-id-taken",
            Self::Refused(Refusal::RoutingIdOfAnotherUser) => "routing-id-of-another-user",
            Self::Refused(Refusal::PairTaken) => "pair-taken",
            Self::Refused(Refusal::AddressCrowded) => "address-crowded",
            Self::Refused(Refusal::Crowded) => "crowded",
            Self::TooSlow => "too-slow",
            Self::Stalled(_) => "stalled",
            Self::HeartbeatTimeout(_) => "heartbeat-timeout",
            Self::TtlExpired(_) => "ttl-expired",
            Self::Flood(_) => "flood",
        }
    }

    /// Whether the peer is honest but of another version, mechanism or socket type.
    pub fn is_incompatible(&self) -> bool {
        matches!(self, Self::Wire(error) if error.is_incompatible())
    }

    /// Whether dialling again cannot help.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Wire(error) => error.is_final(),
            Self::PlaintextRemote => true,
            _ => false,
        }
    }
}

/// Why a socket has no place for a peer who did nothing wrong. It may have one later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Another peer of this ROUTER has that routing id, and [`handover`](crate::Builder::handover) is not set.
    #[error("another peer has the same routing id")]
    RoutingIdTaken,
    /// Another peer of this ROUTER has that routing id and was let in as another user, so that
    /// [`handover`](crate::Builder::handover) does not take it away.
    #[error("a peer of another user has the same routing id")]
    RoutingIdOfAnotherUser,
    /// This PAIR has a peer already.
    #[error("this PAIR has another peer already")]
    PairTaken,
    /// Its address has as many connections in their handshake as one may have: see
    /// [`pending_handshakes`](crate::Builder::pending_handshakes).
    #[error("too many handshakes with this address are pending")]
    AddressCrowded,
    /// All places for pending handshakes were taken, and its own, the oldest, was needed for another connection.
    #[error("too many handshakes are pending, and this was the oldest")]
    Crowded,
}

/// What there was too much of: see [`Budget`](crate::Budget).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flood {
    /// PINGs, PONGs and commands that nobody knows.
    #[error("PINGs, PONGs and unknown commands")]
    Commands,
    /// Subscriptions and their ends.
    #[error("subscriptions and their ends")]
    Subscriptions,
    /// Messages that this type of socket throws away.
    #[error("messages that nobody wants")]
    Unwanted,
}

/// A peer that resets a connection has closed it.
impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
                Self::PeerClosed
            }
            _ => Self::Io(Shared::new(error)),
        }
    }
}

/// A socket's events from the moment [`monitor`](crate::Socket::monitor) was called. Ends with the socket.
#[derive(Debug)]
pub struct Monitor {
    queue: Arc<Mutex<Queue>>,
}

impl Monitor {
    /// The next event, or `None` when the socket is gone.
    ///
    /// # Cancel safety
    /// If you drop the future, no event was taken.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    /// How many events were dropped because nobody read them in time.
    pub fn missed(&self) -> u64 {
        lock(&self.queue).missed
    }

    fn poll_event(&self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let mut queue = lock(&self.queue);
        match queue.events.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if queue.ended => Poll::Ready(None),
            None => {
                queue.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Stream for Monitor {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

/// The monitors of one socket.
#[derive(Debug, Default)]
pub(crate) struct Monitors {
    queues: Vec<Arc<Mutex<Queue>>>,
}

impl Monitors {
    pub(crate) fn watch(&mut self) -> Monitor {
        let queue = Arc::new(Mutex::new(Queue::default()));
        self.queues.push(Arc::clone(&queue));
        Monitor { queue }
    }

    /// Tells every monitor, and returns the tasks to wake.
    pub(crate) fn report(&mut self, event: &Event) -> Vec<Waker> {
        // A queue that only we still hold has lost its reader.
        self.queues.retain(|queue| Arc::strong_count(queue) > 1);
        self.queues.iter().filter_map(|queue| lock(queue).push(event)).collect()
    }

    /// Ends all monitors, and returns the tasks to wake.
    pub(crate) fn end(&mut self) -> Vec<Waker> {
        let end = |queue: Arc<Mutex<Queue>>| {
            let mut queue = lock(&queue);
            queue.ended = true;
            queue.reader.take()
        };
        self.queues.drain(..).filter_map(end).collect()
    }
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Event>,
    missed: u64,
    ended: bool,
    reader: Option<Waker>,
}

impl Queue {
    fn push(&mut self, event: &Event) -> Option<Waker> {
        if self.events.len() >= CAPACITY {
            self.missed += 1;
            return None;
        }
        self.events.push_back(event.clone());
        self.reader.take()
    }
}

/// Events kept for a monitor that is not read.
pub(crate) const CAPACITY: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monitor_that_nobody_reads_drops_and_counts() {
        let mut monitors = Monitors::default();
        let monitor = monitors.watch();
        let event = Event::Closed { endpoint: "inproc://x".parse().unwrap() };
        for _ in 0..CAPACITY + 3 {
            monitors.report(&event);
        }
        assert_eq!(monitor.missed(), 3);
        drop(monitor);
        monitors.report(&event);
        assert!(monitors.queues.is_empty());
    }
}
