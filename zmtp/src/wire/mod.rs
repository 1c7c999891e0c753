//! ZMTP 3.1 as a plain state machine: bytes go in, events and bytes come out. No I/O, no clock, no runtime.
//!
//! ```text
//!   bytes read  ──►  Connection::buffer     Connection::poll_event  ──►  Ready(peer) | Messages(chunk) | Error
//!                    greeting ─► handshake ─► traffic
//!   bytes to write  ◄──  Connection::transmit      (greeting, READY, PING, PONG, ERROR)
//! ```
//!
//! [`Connection`] composes the small parts: [`Greeting`] (the first 64 octets), [`Header`] (flags and length of a
//! frame), [`Command`] and [`Metadata`]. It speaks 3.1, and 3.0 to peers that announce it. Older peers are refused.
//! Time is the caller's: deadlines are kept by whoever feeds it.
//!
//! Everything here reads what strangers send. Lengths stay `u64` until they were compared with a limit, nothing is
//! allocated from a claimed length, and the lints that would let a byte panic us are denied.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod buffer;
pub(crate) mod chunk;
#[cfg(feature = "tokio")]
mod codec;
mod command;
mod connection;
mod error;
pub(crate) mod frame;
mod greeting;
mod handshake;
pub(crate) mod heartbeat;
mod mechanism;
mod metadata;
mod scanner;
#[cfg(feature = "curve")]
mod sealed;
mod socket_type;
mod subscription;
#[cfg(test)]
mod tests;

pub use chunk::Chunk;
#[cfg(feature = "tokio")]
pub use codec::{CodecError, FrameCodec, RawFrame};
pub use command::Command;
pub use connection::{Config, Connection, Event, Limits, Remote};
pub use error::{Denied, Error, Incompatible, Malformed, Misbehaved};
pub use frame::Header;
pub use greeting::{Greeting, Version};
#[cfg(all(feature = "harness", feature = "tokio"))]
pub(crate) use handshake::MAX_COMMAND as MAX_HANDSHAKE_COMMAND;
pub use mechanism::{Credentials, Denial, Mechanism, Password};
pub use metadata::Metadata;
pub use socket_type::SocketType;
pub use subscription::Subscription;

/// Two connections whose CURVE handshake is done: a PUSH and a PULL.
#[cfg(all(test, feature = "curve"))]
pub(crate) fn sealed_pair() -> (Connection, Connection) {
    use std::sync::Arc;

    use crate::curve::KeyPair;
    use crate::security::User;

    let keys = Arc::new(KeyPair::generate().unwrap());
    let server = keys.public();
    let mut push = Config::new(SocketType::Push);
    push.mechanism = Mechanism::CurveClient { keys: Arc::new(KeyPair::generate().unwrap()), server };
    let mut pull = Config::new(SocketType::Pull);
    pull.mechanism = Mechanism::CurveServer { keys };
    let mut pair = (Connection::new(push), Connection::new(pull));
    let mut ready = 0;
    while ready < 2 {
        let to_pull = pair.0.transmit().unwrap_or_default();
        pair.1.receive(&to_pull);
        match pair.1.poll_event(0).unwrap() {
            Some(Event::Asked(Credentials::Curve { .. })) => pair.1.decide(Ok(User::default())),
            Some(Event::Ready(_)) => ready += 1,
            _ => {}
        }
        let to_push = pair.1.transmit().unwrap_or_default();
        pair.0.receive(&to_push);
        if let Some(Event::Ready(_)) = pair.0.poll_event(0).unwrap() {
            ready += 1;
        }
    }
    pair
}
