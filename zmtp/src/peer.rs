//! Who is at the other end.

use std::fmt;

use bytes::Bytes;

use crate::endpoint::Endpoint;
use crate::routing_id::RoutingId;
use crate::security::User;
use crate::wire::{Metadata, SocketType, Version};

/// Names one peer of one socket, for as long as that peer is there. Never used for another one afterwards.
///
/// A connecting socket's peer keeps its id over reconnections; an accepted peer that comes back is a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// What a ROUTER calls it. `None` on other sockets.
    pub routing_id: Option<RoutingId>,
    /// All that its READY said.
    pub metadata: Metadata,
    /// The version that is spoken with it.
    pub version: Version,
    /// As whom it was let in, by the [`Authenticator`](crate::Authenticator). `None` if nobody decided.
    pub user: Option<Box<User>>,
    /// Messages and octets that wait to be written to it.
    pub queued: Queued,
    /// Messages and octets of it that wait to be received.
    pub received: Queued,
    /// Messages for it that were dropped because its queue was full.
    pub dropped: u64,
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

/// Messages that a socket has dropped since it was made, by reason. ZeroMQ's types that never wait drop instead; what
/// connections take with them when they end is counted in their events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drops {
    /// REP, ROUTER: the peer that a reply was for has gone, or a ROUTER knows nobody of that routing id.
    pub no_peer: u64,
    /// The peer's queue was full: one for each peer that missed the message.
    pub peer_full: u64,
    /// Messages that came from a peer and that nobody had asked for: a REQ's late replies, a SUB's messages without a
    /// matching subscription, what subscribers send to a PUB or pullers to a PUSH.
    pub unwanted: u64,
    /// Messages that came from a peer without the envelope that they must have.
    pub malformed: u64,
}
