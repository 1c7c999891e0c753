//! When a connecting socket dials again, and when it does not.

use std::time::Duration;

/// When a connecting socket dials again: after a random time of at most `first`, and with each failure in a row at
/// most twice as long, up to `longest` (exponential back-off with full jitter). A finished handshake begins anew.
///
/// 100 ms and 5 s unless set. libzmq's waits differ: between one and two intervals, or doubling without jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    /// The most the first wait may take.
    pub first: Duration,
    /// The most any wait may take.
    pub longest: Duration,
    /// What ends the dialling for good. The endpoint then counts as disconnected, and what was queued for it is
    /// discarded and reported.
    pub stop: ReconnectStop,
}

/// What ends the dialling of an endpoint for good. Nothing of this unless set; a peer that cannot be talked to ends it
/// always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReconnectStop {
    /// Anything: an attempt that failed, a connection that ended. See [`Reconnect::never`].
    pub always: bool,
    /// Nobody listens at the endpoint. libzmq's `ZMQ_RECONNECT_STOP_CONN_REFUSED`.
    pub refused: bool,
    /// The connection broke or took too long before the handshake was done. libzmq's
    /// `ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED`.
    pub handshake_failed: bool,
    /// Nobody listens at the endpoint, and the socket was disconnected from some endpoint before. libzmq's
    /// `ZMQ_RECONNECT_STOP_AFTER_DISCONNECT`, which it has for `ipc://` only.
    pub after_disconnect: bool,
}

impl Reconnect {
    /// Waits between these two, and goes on for ever.
    pub const fn between(first: Duration, longest: Duration) -> Self {
        let stop =
            ReconnectStop { always: false, refused: false, handshake_failed: false, after_disconnect: false };
        Self { first, longest, stop }
    }

    /// One connection and no more: neither a failed attempt nor a lost connection is followed by another. libzmq's
    /// `ZMQ_RECONNECT_IVL` of -1.
    pub fn never() -> Self {
        Self { stop: ReconnectStop { always: true, ..ReconnectStop::default() }, ..Self::default() }
    }

    /// The longest wait before attempt number `failures` (counted from 0).
    pub(crate) fn ceiling(&self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.longest.max(self.first))
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self::between(Duration::from_millis(100), Duration::from_secs(5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_before_a_dial_doubles_up_to_the_longest() {
        let reconnect = Reconnect::between(Duration::from_millis(100), Duration::from_secs(1));
        let waits: Vec<u128> = (0..6).map(|failures| reconnect.ceiling(failures).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(reconnect.ceiling(u32::MAX), reconnect.longest);
    }
}
