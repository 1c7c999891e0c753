//! From the first octet to READY: greeting, then the mechanism NULL (RFC 37, R37-NULL).
//!
//! Both sides send READY as soon as they have seen a greeting they like, without waiting for each other: it cannot
//! deadlock with a peer that waits, and it is what libzmq does.

use bytes::Bytes;

use super::buffer::Buffer;
use super::command::Command;
use super::connection::{Config, Remote};
use super::error::{Denied, Error, Incompatible, Malformed, Misbehaved, printable};
use super::frame::Header;
use super::greeting::{Greeting, Version};
use super::metadata::Metadata;
use super::socket_type::SocketType;

/// What the handshake waits for.
#[derive(Debug)]
pub(crate) enum Handshake {
    /// The peer's 64 octets.
    Greeting,
    /// The peer's READY; ours is sent.
    Ready(Version),
}

impl Handshake {
    /// Begins, and writes our greeting to `out`.
    pub(crate) fn new(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&Greeting::null().encode());
        Self::Greeting
    }

    /// Takes what it can from the front of `input`, answers into `out`, and yields the peer once it is ready.
    pub(crate) fn handle_input(
        &mut self,
        config: &Config,
        input: &mut Buffer,
        out: &mut Vec<u8>,
    ) -> Result<Option<Remote>, Error> {
        loop {
            match *self {
                Self::Greeting => {
                    let Some(greeting) = Greeting::decode(input.octets())? else {
                        return Ok(None);
                    };
                    input.take(Greeting::SIZE);
                    greeting.require_null()?;
                    Command::Ready(Metadata::of(config)).encode(out);
                    *self = Self::Ready(greeting.spoken());
                }
                Self::Ready(version) => {
                    return match next_command(input)? {
                        None => Ok(None),
                        Some(Command::Ready(metadata)) => ready(config, version, metadata, out).map(Some),
                        Some(Command::Error(reason)) => Err(Denied { reason: printable(&reason) }.into()),
                        Some(other) => Err(Misbehaved::UnexpectedCommand(other.name().to_owned()).into()),
                    };
                }
            }
        }
    }
}

/// Takes one whole command off the front. Its size is judged by its header, before the body is waited for.
fn next_command(input: &mut Buffer) -> Result<Option<Command>, Error> {
    let Some((header, size)) = Header::decode(input.octets())? else {
        return Ok(None);
    };
    if !header.command {
        return Err(Misbehaved::MessageBeforeReady.into());
    }
    if header.len > MAX_COMMAND {
        return Err(Misbehaved::CommandTooLarge { size: header.len, limit: MAX_COMMAND }.into());
    }
    let len = usize::try_from(header.len).map_err(|_| Malformed::FrameLength(header.len))?;
    if input.octets().len() < size.saturating_add(len) {
        return Ok(None);
    }
    input.take(size);
    Command::decode(input.take(len)).map(Some)
}

/// Judges the peer's READY. A peer without a Socket-Type is accepted, since R37-META-03 is only a SHOULD; one of a
/// type that does not go with ours gets an ERROR (R37-TYPE-12).
fn ready(config: &Config, version: Version, metadata: Metadata, out: &mut Vec<u8>) -> Result<Remote, Error> {
    let socket_type = match metadata.socket_type() {
        None => None,
        Some(name) => {
            match SocketType::from_name(name).filter(|theirs| config.socket_type.goes_with(*theirs)) {
                Some(theirs) => Some(theirs),
                None => {
                    let wrong = Incompatible::SocketType {
                        theirs: printable(name),
                        ours: config.socket_type.as_str(),
                    };
                    Command::Error(b"incompatible socket type"[..].into()).encode(out);
                    return Err(wrong.into());
                }
            }
        }
    };
    // A copy: else it would keep the whole READY alive.
    let identity = Bytes::copy_from_slice(&metadata.identity());
    Ok(Remote { version, socket_type, identity, metadata })
}

/// The longest command before READY.
const MAX_COMMAND: u64 = 8 * 1024;
