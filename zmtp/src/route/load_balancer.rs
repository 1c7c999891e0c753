//! Round-robin over the peers that have room.
//!
//! R30-PUSH-12: choose among available peers by round-robin. R30-PUSH-11: a peer is available while its queue has
//! room. For a sender that waits anyway the queue has less room than for one that does not: see
//! [`Patience`].

use super::circles::Circles;
use crate::peer::PeerId;
use crate::pipe::{Patience, Pipes, View};

/// Chooses which peer takes the next message.
///
/// Invariant: an attached peer is in one of three circles. It goes down when its pipe refuses a message, and up when
/// it is said to have room again; so a peer that is full costs one refusal, and nothing per message.
#[derive(Debug, Default)]
pub(crate) struct LoadBalancer {
    peers: Circles<3>,
}

/// Peers with room, as far as is known.
const AVAILABLE: usize = 0;
/// Peers that keep patient senders back, and may still be below their high-water mark.
const PACED: usize = 1;
/// Peers at their high-water mark.
const FULL: usize = 2;

impl LoadBalancer {
    pub(crate) fn attach(&mut self, peer: PeerId) {
        self.peers.join(AVAILABLE, peer);
    }

    pub(crate) fn detach(&mut self, peer: PeerId) {
        self.peers.leave(peer);
    }

    /// The peer has room again: it joins at the end of the round.
    pub(crate) fn writable(&mut self, peer: PeerId) {
        if let Some(PACED | FULL) = self.peers.circle_of(peer) {
            self.peers.join(AVAILABLE, peer);
        }
    }

    /// The peer is below its high-water mark again, but still keeps patient senders back.
    pub(crate) fn eased(&mut self, peer: PeerId) {
        if let Some(FULL) = self.peers.circle_of(peer) {
            self.peers.join(PACED, peer);
        }
    }

    /// Hands `message` to the next peer with room and names it, if there is one.
    #[inline]
    pub(crate) fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        patience: Patience,
    ) -> Option<PeerId> {
        match patience {
            Patience::Paced => self.send_to(AVAILABLE, PACED, pipes, message, patience),
            Patience::None => self
                .send_to(AVAILABLE, FULL, pipes, message, patience)
                .or_else(|| self.send_to(PACED, FULL, pipes, message, patience)),
        }
    }

    /// Whether some peer is below its high-water mark.
    pub(crate) fn has_room(&self, pipes: &mut Pipes) -> bool {
        let mut has_room =
            |id: PeerId| pipes.get_mut(id).is_some_and(|pipe| pipe.out.has_room(Patience::None));
        self.peers.iter(AVAILABLE).chain(self.peers.iter(PACED)).any(&mut has_room)
    }

    /// Asks the peers of one circle in turn. Those that refuse go to another.
    #[inline]
    fn send_to(
        &mut self,
        circle: usize,
        refusing: usize,
        pipes: &mut Pipes,
        message: View<'_>,
        patience: Patience,
    ) -> Option<PeerId> {
        while let Some(peer) = self.peers.turn(circle) {
            if pipes.push(peer, message, patience) {
                self.peers.advance(circle);
                return Some(peer);
            }
            self.peers.join(refusing, peer);
        }
        None
    }
}

#[cfg(test)]
mod tests;
