//! What libzmq's monitor says for the same: event bits and protocol error codes, as in `zmq.h`.

use super::{Cause, Event};
use crate::wire::{self, Denial, Incompatible, Malformed, Misbehaved};

impl Event {
    /// The bit of libzmq's event: `ZMQ_EVENT_CONNECTED` is 1. `None` for what libzmq does not tell.
    ///
    /// Two things are told otherwise. A handshake that failed ends its connection: libzmq says `HANDSHAKE_FAILED_*`
    /// and then `DISCONNECTED`, we say one event for both; where libzmq only says `DISCONNECTED`, so does this. And
    /// libzmq's monitors end with `MONITOR_STOPPED`, ours with `None`.
    pub fn libzmq(&self) -> Option<u16> {
        Some(match self {
            Self::Connected { .. } => 0x0001,
            Self::ConnectDelayed { .. } => 0x0002,
            Self::ConnectRetried { .. } => 0x0004,
            Self::Listening { .. } => 0x0008,
            Self::BindFailed { .. } => 0x0010,
            Self::Accepted { .. } => 0x0020,
            Self::AcceptFailed { .. } => 0x0040,
            Self::Closed { .. } | Self::ConnectFailed { .. } => 0x0080,
            Self::Disconnected { .. } => DISCONNECTED,
            Self::HandshakeSucceeded { .. } => 0x1000,
            Self::HandshakeFailed { cause, .. } => match (cause, cause.libzmq_code()) {
                (Cause::Wire(wire::Error::Denied(_) | wire::Error::Refused(_)), Some(_)) => 0x4000,
                // With NULL libzmq says nothing more of it.
                (Cause::Wire(_), Some(INVALID_METADATA)) => DISCONNECTED,
                (Cause::Wire(_), Some(_)) => 0x2000,
                // libzmq lets such a peer in first.
                (Cause::Wire(_) | Cause::Refused(_), None) => DISCONNECTED,
                _ => 0x0800,
            },
            Self::PlaintextRemote { .. } | Self::Discarded { .. } => return None,
        })
    }
}

impl Cause {
    /// What libzmq tells with `HANDSHAKE_FAILED_PROTOCOL` (`ZMQ_PROTOCOL_ERROR_*`) or `HANDSHAKE_FAILED_AUTH` (300,
    /// 400 or 500). `None` where it has no number, or does not say it.
    ///
    /// Bad metadata has a number for PLAIN and CURVE; with NULL libzmq only disconnects.
    pub fn libzmq_code(&self) -> Option<u32> {
        use wire::Error as E;
        let Self::Wire(error) = self else { return None };
        Some(match error {
            E::Denied(denied) => match denied.reason.as_str() {
                "300" => 300,
                "400" => 400,
                "500" => 500,
                _ => return None,
            },
            E::Refused(Denial::ForNow) => 300,
            E::Refused(Denial::Denied) => 400,
            E::Refused(Denial::Failed) => 500,
            #[cfg(feature = "curve")]
            E::Curve(error) => curve(error),
            E::Incompatible(Incompatible::Mechanism { .. }) => 0x1100_0002,
            E::Misbehaved(Misbehaved::UnexpectedCommand(_) | Misbehaved::MessageBeforeReady) => 0x1000_0001,
            E::Malformed(Malformed::Command(name)) => match *name {
                "HELLO" => 0x1000_0013,
                "INITIATE" => 0x1000_0014,
                "ERROR" => 0x1000_0015,
                "READY" => 0x1000_0016,
                "WELCOME" => 0x1000_0017,
                _ => 0x1000_0011,
            },
            E::Malformed(Malformed::CommandName) => 0x1000_0011,
            E::Malformed(Malformed::PropertyName | Malformed::PropertyValue)
            | E::Misbehaved(
                Misbehaved::TooManyProperties { .. }
                | Misbehaved::DuplicateProperty(_)
                | Misbehaved::Identity,
            ) => INVALID_METADATA,
            _ => return None,
        })
    }
}

#[cfg(feature = "curve")]
fn curve(error: &crate::curve::Error) -> u32 {
    use crate::curve::{Error, Step};
    match error {
        Error::Counter { step: Step::Message, .. } => 0x1000_0002,
        Error::VouchTransient | Error::VouchServer => 0x1000_0003,
        Error::Name(_) | Error::OutOfTurn(_) => 0x1000_0001,
        Error::Version { .. } | Error::Padding => 0x1000_0013,
        Error::Size { step, .. } => match step {
            Step::Message => 0x1000_0012,
            Step::Hello => 0x1000_0013,
            Step::Initiate => 0x1000_0014,
            Step::Ready => 0x1000_0016,
            Step::Welcome => 0x1000_0017,
        },
        _ => 0x1100_0001,
    }
}

const DISCONNECTED: u16 = 0x0200;
const INVALID_METADATA: u32 = 0x1000_0018;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::wire::{Denied, Error};

    #[test]
    fn a_failed_handshake_is_told_as_libzmq_tells_it() {
        let denied = |reason: &str| Error::Denied(Denied { reason: reason.to_owned() });
        let mechanism = Incompatible::Mechanism { theirs: "CURVE".to_owned(), ours: "NULL" };
        let socket_type = Incompatible::SocketType { theirs: "PUB".to_owned(), ours: "PULL" };
        let cases: [(Cause, u16, Option<u32>); 9] = [
            (Cause::PeerClosed, 0x0800, None),
            (Cause::HandshakeTimeout(Duration::from_secs(1)), 0x0800, None),
            (Error::from(mechanism).into(), 0x2000, Some(0x1100_0002)),
            (Error::from(socket_type).into(), 0x0200, None),
            (Error::from(Misbehaved::MessageBeforeReady).into(), 0x2000, Some(0x1000_0001)),
            (Error::from(Malformed::Command("ERROR")).into(), 0x2000, Some(0x1000_0015)),
            (Error::from(Malformed::PropertyValue).into(), DISCONNECTED, Some(0x1000_0018)),
            (denied("400").into(), 0x4000, Some(400)),
            (denied("no").into(), 0x0200, None),
        ];
        for (cause, bit, code) in cases {
            assert_eq!(cause.libzmq_code(), code, "{cause}");
            let endpoint = "tcp://127.0.0.1:1".parse().unwrap();
            let event = Event::HandshakeFailed { endpoint, address: None, cause, retry: false };
            assert_eq!(event.libzmq(), Some(bit), "{event}");
        }
    }
}
