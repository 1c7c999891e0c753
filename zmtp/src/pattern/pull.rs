//! PULL: messages of all peers, everyone in turn (RFC 30).

use super::{Behaviour, Conflates, Pattern, Receives, Receiving};
use crate::peer::PeerId;
use crate::pipe::Pipes;
use crate::route::FairQueue;
use crate::wire::SocketType;

/// Makes a socket a PULL: it collects the messages of its PUSH peers and favours none.
#[derive(Debug)]
pub struct Pull {
    sources: FairQueue,
}

impl Pattern for Pull {}
impl Conflates for Pull {}
impl Receives for Pull {}

impl Behaviour for Pull {
    const TYPE: SocketType = SocketType::Pull;
    type Options = ();
    type Intake = ();

    fn new((): &()) -> Self {
        Self { sources: FairQueue::default() }
    }

    fn intake(&self, _options: &Self::Options) {}

    // A peer joins the queue when it has sent something. When it goes, what it sent before is still received.
    fn attach(&mut self, _pipes: &mut Pipes, _peer: PeerId) {}

    fn detach(&mut self, _pipes: &mut Pipes, _peer: PeerId) {}

    fn readable(&mut self, peer: PeerId) {
        self.sources.readable(peer);
    }
}

impl Receiving for Pull {
    fn next(&mut self) -> Option<PeerId> {
        self.sources.next()
    }
}
