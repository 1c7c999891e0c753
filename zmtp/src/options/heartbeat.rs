//! How a socket finds out that a peer is gone which never said so: a frozen process, a pulled cable.

use std::time::Duration;

/// When peers are asked whether they live, and when they are given up.
///
/// Every octet that comes in is a sign of life, so that a busy peer is never suspected. While we do not read, since
/// our own queue is full, silence does not count. A connection that is given up ends with
/// [`Cause::HeartbeatTimeout`](crate::Cause::HeartbeatTimeout); one that we dialled is dialled again.
///
/// A peer that speaks ZMTP 3.0, which has no PING, gets none and is not given up: older ones take it for a message.
///
/// A peer whose own queue is full does not read, and so does not answer. Sockets of this crate that have heartbeats
/// on send PINGs even then and stay up; for others, make `timeout` longer than their users' pauses.
///
/// ```
/// use std::time::Duration;
/// use zmtp::{Heartbeat, PushSocket};
///
/// let patient = Heartbeat { timeout: Duration::from_secs(5), ..Heartbeat::every(Duration::from_secs(1)) };
/// let push = PushSocket::builder().heartbeat(patient).build();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The time between two PINGs, at least a millisecond; libzmq's `HEARTBEAT_IVL`. The first goes out after a
    /// random part of it, so that many connections do not PING in one instant. Zero is off.
    pub every: Duration,
    /// How long a PING may stay unanswered; libzmq's `HEARTBEAT_TIMEOUT`. A silent peer is found after at most
    /// `every` and `timeout` together. Zero is for ever.
    pub timeout: Duration,
    /// What our PINGs ask of the peer: to close after so long without a word from us; libzmq's `HEARTBEAT_TTL`.
    /// Rounded up to tenths of a second, at most 65.5 s, since libzmq misreads more. Zero asks for nothing. Anything
    /// shorter than `every` would have the peer close a connection that is well.
    pub ttl: Duration,
}

impl Heartbeat {
    /// libzmq's defaults for this interval: a timeout of the same length, and no ttl.
    pub const fn every(every: Duration) -> Self {
        Self { every, timeout: every, ttl: Duration::ZERO }
    }

    /// The ttl as it stands in a PING, in tenths of a second.
    pub(crate) fn ttl_tenths(&self) -> u16 {
        tenths(self.ttl).min(MAX_TTL)
    }
}

/// In tenths of a second, rounded up, or the most that a PING can say.
pub(crate) fn tenths(time: Duration) -> u16 {
    time.as_millis().div_ceil(100).try_into().unwrap_or(u16::MAX)
}

/// libzmq turns tenths into milliseconds in 16 bits.
const MAX_TTL: u16 = 655;

#[cfg(test)]
mod tests {
    use super::*;

    /// R37-HB-04.
    #[test]
    fn a_ttl_is_rounded_up_to_tenths_and_never_above_what_libzmq_understands() {
        let tenths = |ms| {
            let ttl = Duration::from_millis(ms);
            Heartbeat { ttl, ..Heartbeat::every(Duration::from_secs(1)) }.ttl_tenths()
        };
        assert_eq!([0, 1, 100, 101, 65_500, 70_000, u64::MAX].map(tenths), [0, 1, 1, 2, 655, 655, 655]);
    }
}
