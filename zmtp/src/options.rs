//! Settings that every socket has, and the builder that holds them.

use std::marker::PhantomData;
use std::time::Duration;

use crate::pattern::Pattern;
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
///     .reconnect(Reconnect { first: Duration::from_millis(50), longest: Duration::from_secs(1) })
///     .build();
/// ```
#[derive(Debug, Clone)]
pub struct Builder<P> {
    pub(crate) options: Options,
    pattern: PhantomData<fn() -> P>,
}

impl<P: Pattern> Builder<P> {
    pub(crate) fn new() -> Self {
        Self { options: Options::default(), pattern: PhantomData }
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

    /// The same as [`recv_hwm`](Self::recv_hwm), counted in octets on the wire. 64 MiB unless set. Peers that have
    /// gone may leave as much behind, all of them together; beyond that their unreceived messages are discarded.
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

    /// How long a connecting socket waits before it dials again.
    #[must_use]
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.options.reconnect = reconnect;
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

    /// The socket. Nothing happens yet: no task, no port.
    pub fn build(self) -> Socket<P> {
        Socket::from_options(self.options)
    }
}

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
    fn get(self) -> usize {
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

/// When a connecting socket dials again: after a random time of at most `first`, and with each failure in a row at
/// most twice as long, up to `longest` (exponential back-off with full jitter). A finished handshake begins anew.
///
/// 100 ms and 5 s unless set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    /// The most the first wait may take.
    pub first: Duration,
    /// The most any wait may take.
    pub longest: Duration,
}

impl Reconnect {
    /// The longest wait before attempt number `failures` (counted from 0).
    pub(crate) fn ceiling(&self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.longest.max(self.first))
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(5) }
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
    pub(crate) marks: Marks,
    pub(crate) linger: Duration,
    pub(crate) reconnect: Reconnect,
    pub(crate) handshake_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) progress: Progress,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            marks: Marks::default(),
            linger: Duration::from_secs(30),
            reconnect: Reconnect::default(),
            handshake_timeout: Duration::from_secs(10),
            limits: Limits::default(),
            progress: Progress::default(),
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
}

impl Default for Marks {
    fn default() -> Self {
        Self { send: 1000, send_bytes: 64 << 20, recv: 1000, recv_bytes: 64 << 20 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_before_a_dial_doubles_up_to_the_longest() {
        let reconnect = Reconnect { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        let waits: Vec<u128> = (0..6).map(|failures| reconnect.ceiling(failures).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(reconnect.ceiling(u32::MAX), reconnect.longest);
    }

    #[test]
    fn a_mark_of_zero_is_unlimited() {
        assert_eq!(Hwm::from(0), Hwm::Unlimited);
        assert_eq!(Hwm::from(7).get(), 7);
    }
}
