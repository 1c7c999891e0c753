//! What the shells have in common: commands as messages, and how their sockets introduce themselves.

use std::time::Duration;

use bytes::Bytes;
use zmtp::{Builder, Dealer, Message};

use super::wire::Command;
use crate::wire::{Header, Malformed};

pub(crate) fn message((head, payload): (Vec<u8>, Option<Bytes>)) -> Message {
    let head = Message::from(head);
    match payload {
        Some(payload) => head.with(payload),
        None => head,
    }
}

pub(crate) fn command(message: Message) -> Result<(Header, Command), Malformed> {
    Command::decode(message.into_frames())
}

/// What workers and clients say of themselves in the handshake, so that the broker speaks to them first.
pub(crate) fn introduced(socket: Builder<Dealer>) -> Builder<Dealer> {
    // What is said to a broker that is not there, another broker would not understand.
    let socket = socket.immediate(true).linger(Duration::from_secs(1));
    socket.property(PROPERTY, "1").expect("a name that begins with X-, and a value")
}

/// Which version of the protocol it speaks.
pub(crate) const PROPERTY: &str = "X-ZBP";
