//! What can be wrong with a handshake or a MESSAGE.

use std::fmt;

use super::random::NoRandomness;

/// Why a CURVE connection has to be closed.
///
/// No error is answered, not even with ERROR (R26-HELLO-11, R26-INIT-14, R26-MSG-10): a stranger learns nothing but
/// that the connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command of the wrong size (R26-HELLO-02, R26-WELCOME-02, R26-INIT-03, R26-READY-02, R26-MSG-03), or above
    /// 8 KiB before READY.
    #[error("{step} of {size} octets, where {} are due: the peer does not speak CURVE 1.0", .step.due())]
    Size {
        /// Which command.
        step: Step,
        /// Its octets.
        size: usize,
    },
    /// Another command than the one whose turn it is (R26-GRAM-01).
    #[error("a command that is not {0} came when {0} was due: the peer does not keep to the order of CURVE")]
    Name(Step),
    /// A version other than 1.0 (R26-HELLO-03).
    #[error("HELLO asks for CURVE {major}.{minor}, and this side speaks 1.0: the peer needs another version")]
    Version {
        /// The first octet.
        major: u8,
        /// The second one.
        minor: u8,
    },
    /// The 72 octets against amplification, or the 64 in the box, are not all zero (R26-HELLO-04, 09).
    #[error("HELLO with octets set that have to be zero: the peer's CURVE is broken")]
    Padding,
    /// A box that does not open (R26-KEY-02): it was made with other keys, or altered.
    #[error("the box of {} does not open: {}", .0, .0.advice())]
    Box(Step),
    /// A cookie that this connection did not bake (R26-WELCOME-07, R26-INIT-01).
    #[error(
        "INITIATE with a cookie that is not of this connection: the peer repeats an old handshake, or alters it"
    )]
    Cookie,
    /// A vouch that does not open with the key it vouches for (R26-INIT-08).
    #[error(
        "INITIATE with a vouch that does not open: the client does not have the secret key of its public key"
    )]
    Vouch,
    /// A vouch for another transient key (R26-INIT-08).
    #[error(
        "INITIATE with a vouch for another connection's key C': somebody passes on what a client said elsewhere"
    )]
    VouchTransient,
    /// A vouch meant for another server (R26-INIT-08).
    #[error(
        "INITIATE with a vouch for another server's key S: somebody passes on what a client said elsewhere"
    )]
    VouchServer,
    /// The peer's public key is of low order, or not in canonical form: no secret can be agreed on with it.
    #[error(
        "the public key in {0} is a point of low order or not canonical: no honest peer sends such a key"
    )]
    Point(Step),
    /// The server key that the client was given is such a point.
    #[error("the server key given to this client is no public key: copy it again from the server")]
    ServerKey,
    /// A counter that is not above the one before, or the last one there is (R26-HELLO-17, R26-READY-11).
    #[error(
        "{step} with the counter {counter} after {last}: it was repeated or overtaken, so somebody interferes"
    )]
    Counter {
        /// Which command.
        step: Step,
        /// Its counter.
        counter: u64,
        /// The latest one before.
        last: u64,
    },
    /// All of our own counters are used up (R26-HELLO-16, R26-READY-10).
    #[error("all 2^64 counters of this connection are used up: connect anew to send more")]
    Exhausted,
    /// Flags in a MESSAGE that mean nothing, or MORE with COMMAND (R26-MSG-06).
    #[error("MESSAGE with the flags {0:#04x}: only 0, 1 (more) and 2 (command) have a meaning")]
    Flags(u8),
    /// A command when the handshake does not wait for it, after an error for instance.
    #[error("{0} is not due now: the handshake is over, or has not come so far")]
    OutOfTurn(Step),
    /// There is no randomness to make keys from.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// One of the five commands of CURVE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The client's first word.
    Hello,
    /// The server's answer to it.
    Welcome,
    /// The client says who it is.
    Initiate,
    /// The server is content.
    Ready,
    /// One frame of traffic.
    Message,
}

impl Step {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hello => "HELLO",
            Self::Welcome => "WELCOME",
            Self::Initiate => "INITIATE",
            Self::Ready => "READY",
            Self::Message => "MESSAGE",
        }
    }

    fn due(self) -> &'static str {
        match self {
            Self::Hello => "exactly 200",
            Self::Welcome => "exactly 168",
            Self::Initiate => "257 to 8192",
            Self::Ready => "30 to 8192",
            Self::Message => "33 or more",
        }
    }

    /// Where to look when a box does not open.
    fn advice(self) -> &'static str {
        match self {
            Self::Hello => "the client was most likely given another server key than ours",
            Self::Welcome => "check the server key that this client was given",
            Self::Initiate | Self::Ready => "the handshake was altered on its way",
            Self::Message => "it was altered on its way",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
