//! PULL: messages of all peers, everyone in turn (RFC 30).

use super::{Behaviour, Pattern, Receives, Receiving};
use crate::peer::PeerId;
use crate::route::FairQueue;
use crate::wire::SocketType;

/// Makes a socket a PULL: it collects the messages of its PUSH peers and favours none.
#[derive(Debug, Default)]
pub struct Pull {
    sources: FairQueue,
}

impl Pattern for Pull {}
impl Receives for Pull {}

impl Behaviour for Pull {
    const TYPE: SocketType = SocketType::Pull;
    const RECEIVES: bool = true;

    // A peer joins the queue when it has sent something. When it goes, what it sent before is still received.
    fn attach(&mut self, _peer: PeerId) {}

    fn detach(&mut self, _peer: PeerId) {}

    fn readable(&mut self, peer: PeerId) {
        self.sources.readable(peer);
    }
}

impl Receiving for Pull {
    fn next(&mut self) -> Option<PeerId> {
        self.sources.next()
    }
}
