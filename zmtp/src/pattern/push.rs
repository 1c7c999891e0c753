//! PUSH: each message goes to one peer, in turn; none is dropped while its peer stays (RFC 30).

use super::{Behaviour, Pattern, Sending, Sends};
use crate::peer::PeerId;
use crate::pipe::{Form, Patience, Pipes};
use crate::route::LoadBalancer;
use crate::wire::SocketType;

/// Makes a socket a PUSH: it hands out messages to PULL peers by turns, and waits when nobody has room.
#[derive(Debug, Default)]
pub struct Push {
    workers: LoadBalancer,
}

impl Pattern for Push {}
impl Sends for Push {}

impl Behaviour for Push {
    const TYPE: SocketType = SocketType::Push;
    const RECEIVES: bool = false;

    fn attach(&mut self, peer: PeerId) {
        self.workers.attach(peer);
    }

    fn detach(&mut self, peer: PeerId) {
        self.workers.detach(peer);
    }

    fn writable(&mut self, peer: PeerId) {
        self.workers.writable(peer);
    }
}

impl Sending for Push {
    #[inline]
    fn send<F: Form>(&mut self, pipes: &mut Pipes, message: F, patience: Patience) -> Result<(), F> {
        self.workers.send(pipes, message, patience)
    }

    fn has_room(&self, pipes: &mut Pipes) -> bool {
        self.workers.has_room(pipes)
    }
}
