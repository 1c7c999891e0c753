//! Who is at the other end.

use std::fmt;

use bytes::Bytes;

use crate::endpoint::Endpoint;
use crate::wire::{SocketType, Version};

/// Names one peer of one socket, for as long as that peer is there. Never used for another one afterwards.
///
/// A connecting socket's peer keeps its id over reconnections; an accepted peer that comes back is a new one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({}.{})", self.index, self.generation)
    }
}

/// A peer whose handshake is done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerInfo {
    /// Names it on this socket.
    pub id: PeerId,
    /// Our endpoint that it came through: bound or connected.
    pub endpoint: Endpoint,
    /// Its network address, where there is one.
    pub address: Option<String>,
    /// What it says it is.
    pub socket_type: Option<SocketType>,
    /// What it calls itself; often empty.
    pub identity: Bytes,
    /// The version that is spoken with it.
    pub version: Version,
    /// Messages and octets that wait to be written to it.
    pub queued: Queued,
    /// Messages and octets of it that wait to be received.
    pub received: Queued,
}

/// How full a queue is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queued {
    /// Whole messages.
    pub messages: usize,
    /// Octets on the wire.
    pub bytes: usize,
}
