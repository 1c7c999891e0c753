//! Settings that every socket has, and the builder that holds them.

mod heartbeat;
mod ipc;
mod limits;
mod net;
mod reconnect;
mod tcp;

use std::time::Duration;

use bytes::Bytes;

pub use self::heartbeat::Heartbeat;
#[cfg(feature = "tokio")]
pub(crate) use self::heartbeat::tenths;
pub use self::ipc::IpcOptions;
pub use self::limits::Budget;
pub use self::reconnect::{Reconnect, ReconnectStop};
pub use self::tcp::{Keepalive, SocksProxy, TcpOptions};
use crate::pattern::{Conflates, Identified, Pattern};
use crate::routing_id::RoutingId;
use crate::security::Security;
use crate::socket::Socket;
use crate::wire::Limits;

/// Sets a socket up. Every setting has a default that is safe with strangers; wide open is spelled out.
///
/// ```
/// use std::time::Duration;
/// use zmtp::{Hwm, PushSocket, Reconnect};
///
/// let push = PushSocket::builder()
///     .send_hwm(100)
///     .linger(Duration::from_secs(2))
///     .reconnect(Reconnect::between(Duration::from_millis(50), Duration::from_secs(1)))
///     .build();
/// ```
#[derive(Debug)]
pub struct Builder<P: Pattern> {
    pub(crate) options: Options,
    /// What only this type has.
    pub(crate) own: P::Options,
}

impl<P: Pattern> Clone for Builder<P> {
    fn clone(&self) -> Self {
        Self { options: self.options.clone(), own: self.own.clone() }
    }
}

impl<P: Pattern> Builder<P> {
    pub(crate) fn new() -> Self {
        Self { options: Options::default(), own: P::Options::default() }
    }

    /// How many messages wait for one peer before it counts as full. 1,000 unless set; 0 is unlimited, as in libzmq.
    #[must_use]
    pub fn send_hwm(mut self, messages: impl Into<Hwm>) -> Self {
        self.options.marks.send = messages.into().get();
        self
    }

    /// How many messages of one peer wait to be received before reading from it stops. 1,000 unless set; 0 is
    /// unlimited. Those that the receiving task has begun to work off no longer count, so that up to twice as many
    /// may be in memory; octets count until they are worked off.
    #[must_use]
    pub fn recv_hwm(mut self, messages: impl Into<Hwm>) -> Self {
        self.options.marks.recv = messages.into().get();
        self
    }

    /// The same as [`send_hwm`](Self::send_hwm), counted in octets on the wire. A peer is full when either mark is
    /// reached; a message that begins below the mark fits whole. 64 MiB unless set.
    #[must_use]
    pub fn send_hwm_bytes(mut self, octets: impl Into<Hwm>) -> Self {
        self.options.marks.send_bytes = octets.into().get();
        self
    }

    /// The same as [`recv_hwm`](Self::recv_hwm), counted in octets on the wire. 64 MiB unless set. Small messages that
    /// come one by one count as 256 octets each. Peers that have gone may leave as much behind, all of them together;
    /// beyond that their unreceived messages are discarded.
    #[must_use]
    pub fn recv_hwm_bytes(mut self, octets: impl Into<Hwm>) -> Self {
        self.options.marks.recv_bytes = octets.into().get();
        self
    }

    /// How long a closed socket goes on sending what is queued. 30 s unless set; zero discards at once.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.options.linger = linger;
        self
    }

    /// How long a peer may take from the connection's first moment to its READY. One deadline for all of it. 10 s
    /// unless set.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.options.handshake_timeout = timeout;
        self
    }

    /// The largest message that is accepted, in octets, all frames together. A peer that announces more is
    /// disconnected before its message is read. 64 MiB unless set.
    #[must_use]
    pub fn max_message_size(mut self, octets: u64) -> Self {
        self.options.limits.max_message = octets;
        self
    }

    /// The most frames that one message may have. 65,536 unless set.
    #[must_use]
    pub fn max_frames(mut self, frames: usize) -> Self {
        self.options.limits.max_frames = frames;
        self
    }

    /// How slowly a message may trickle in.
    #[must_use]
    pub fn progress(mut self, progress: Progress) -> Self {
        self.options.progress = progress;
        self
    }

    /// Asks peers whether they live, and closes connections whose peer says nothing. Off unless set, as in libzmq;
    /// PINGs of peers are answered and their ttl is kept either way.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Heartbeat) -> Self {
        self.options.heartbeat = Some(heartbeat);
        self
    }

    /// How peers prove who they are, and who is let in. [`Security::Null`] unless set: everybody is.
    #[must_use]
    pub fn security(mut self, security: impl Into<Security>) -> Self {
        self.options.security = security.into();
        self
    }

    /// Refuses to speak PLAIN with another host over `tcp://`, where everybody on the way can read the password. Off
    /// unless set: then [`Event::PlaintextRemote`](crate::Event::PlaintextRemote) says so once for each endpoint. What
    /// comes through [`attach`](Socket::attach) counts as protected.
    #[must_use]
    pub fn deny_plaintext_remote(mut self, on: bool) -> Self {
        self.options.denies_plaintext_remote = on;
        self
    }

    /// What this socket is called in metrics and traces, and nowhere else: peers do not learn it. Empty unless set.
    /// Sockets of the same type and name are told as one in metrics.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.options.name = name.into();
        self
    }

    /// The socket. Nothing happens yet: no task, no port.
    pub fn build(self) -> Socket<P> {
        Socket::from_options(self.options, &self.own)
    }

    /// Whether messages wait only for peers whose connection is up, and go with it. Off unless set: then a peer that
    /// is dialled has a queue from the moment of `connect`, and keeps it while it is away.
    #[must_use]
    pub fn immediate(mut self, on: bool) -> Self {
        self.options.immediate = on;
        self
    }

    /// Adds a property to what this socket says of itself in each handshake; peers see it in their metadata.
    ///
    /// # Errors
    /// [`InvalidProperty`] unless the name begins with `X-` (R37-META-08), has at most 255 octets, all of them
    /// letters, digits and `-_.+`, and the value has at least one octet.
    pub fn property(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidProperty> {
        let value = Bytes::copy_from_slice(value.as_ref());
        let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.+".contains(&octet);
        if !name.starts_with("X-") || name.len() > 255 || !name.bytes().all(is_allowed) {
            return Err(InvalidProperty::Name);
        }
        if value.is_empty() || name.len() + value.len() > MAX_PROPERTY {
            return Err(InvalidProperty::Value);
        }
        self.options.properties.push((name.to_owned(), value));
        Ok(self)
    }
}

impl<P: Identified> Builder<P> {
    /// The name of this socket towards ROUTER peers. Without one they make one up.
    #[must_use]
    pub fn routing_id(mut self, id: RoutingId) -> Self {
        self.options.routing_id = Some(id);
        self
    }
}

impl<P: Conflates> Builder<P> {
    /// Keeps only the newest message for each peer, or of each peer; high-water marks do not count. Off unless set.
    #[must_use]
    pub fn conflate(mut self, on: bool) -> Self {
        self.options.marks.conflate = on;
        self
    }
}

/// A property that cannot be announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidProperty {
    /// Its name.
    #[error("a property's name begins with `X-` and has at most 255 letters, digits and `-_.+`")]
    Name,
    /// Its value.
    #[error("a property's value has between 1 and 4096 octets, its name included")]
    Value,
}

/// Peers refuse a READY of more than 8 KiB.
const MAX_PROPERTY: usize = 4096;

/// A high-water mark: how much may wait in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hwm {
    /// At most this.
    Limit(std::num::NonZeroUsize),
    /// As much as there is memory.
    Unlimited,
}

impl Hwm {
    pub(crate) fn get(self) -> usize {
        match self {
            Self::Limit(limit) => limit.get(),
            Self::Unlimited => usize::MAX,
        }
    }
}

/// Zero is unlimited, as in libzmq.
impl From<usize> for Hwm {
    fn from(limit: usize) -> Self {
        std::num::NonZeroUsize::new(limit).map_or(Self::Unlimited, Self::Limit)
    }
}

/// The least that a peer must send of a message it has begun: `bytes` in each stretch of `every`, or its end.
///
/// 1 KiB in 60 s unless set. Time in which we do not read, since our own queue is full, does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Octets.
    pub bytes: u64,
    /// The stretch of time.
    pub every: Duration,
}

impl Default for Progress {
    fn default() -> Self {
        Self { bytes: 1024, every: Duration::from_secs(60) }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) name: String,
    pub(crate) marks: Marks,
    pub(crate) linger: Duration,
    pub(crate) reconnect: Reconnect,
    /// As long as the handshake may take, if it is not set.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) backlog: u32,
    pub(crate) tcp: TcpOptions,
    pub(crate) ipc: IpcOptions,
    pub(crate) handshake_timeout: Duration,
    pub(crate) pending_handshakes: usize,
    pub(crate) limits: Limits,
    pub(crate) progress: Progress,
    pub(crate) immediate: bool,
    pub(crate) routing_id: Option<RoutingId>,
    pub(crate) properties: Vec<(String, Bytes)>,
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) budget: Budget,
    pub(crate) least_ttl: Duration,
    pub(crate) stall_timeout: Option<Duration>,
    pub(crate) security: Security,
    pub(crate) denies_plaintext_remote: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: String::new(),
            marks: Marks::default(),
            linger: Duration::from_secs(30),
            reconnect: Reconnect::default(),
            connect_timeout: None,
            backlog: 4096,
            tcp: TcpOptions::default(),
            ipc: IpcOptions::default(),
            handshake_timeout: Duration::from_secs(10),
            pending_handshakes: 1024,
            limits: Limits::default(),
            progress: Progress::default(),
            immediate: false,
            routing_id: None,
            properties: Vec::new(),
            heartbeat: None,
            budget: Budget::default(),
            least_ttl: Duration::from_millis(100),
            stall_timeout: None,
            security: Security::default(),
            denies_plaintext_remote: false,
        }
    }
}

/// The high-water marks of a socket's pipes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) send: usize,
    pub(crate) send_bytes: usize,
    pub(crate) recv: usize,
    pub(crate) recv_bytes: usize,
    /// Each pipe keeps its newest message alone.
    pub(crate) conflate: bool,
}

impl Default for Marks {
    fn default() -> Self {
        Self { send: 1000, send_bytes: 64 << 20, recv: 1000, recv_bytes: 64 << 20, conflate: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_of_zero_is_unlimited() {
        assert_eq!(Hwm::from(0), Hwm::Unlimited);
        assert_eq!(Hwm::from(7).get(), 7);
    }
}
