//! What the shells have in common: frames as messages, and how sockets introduce themselves.

use std::time::Duration;

use bytes::Bytes;
use zmtp::{Builder, Dealer, Frame, Message};

/// The frames of a message.
pub(crate) fn frames(message: Message) -> Vec<Bytes> {
    message.into_frames().map(Frame::into_bytes).collect()
}

/// The message of these frames. Nobody says nothing.
pub(crate) fn message(frames: Vec<Bytes>) -> Option<Message> {
    let mut frames = frames.into_iter();
    let first = Message::from(frames.next()?);
    Some(frames.fold(first, Message::with))
}

/// What those who speak ZPP say of themselves in the handshake, so that brokers speak to them first.
pub(crate) fn introduced(socket: Builder<Dealer>) -> Builder<Dealer> {
    // What is said to a broker that is not there, another one would not understand.
    let socket = socket.immediate(true).linger(Duration::from_secs(1));
    socket.property(PROPERTY, "1").expect("a name that begins with X-, and a value")
}

/// Which version of the protocol it speaks.
pub(crate) const PROPERTY: &str = "X-ZPP";
