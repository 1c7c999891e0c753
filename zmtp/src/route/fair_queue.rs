//! Whose messages are taken next: everyone in turn, so that "senders gone berserk" cannot starve the others.
//!
//! R30-PULL-11: read from its peers by fair-queueing. This is the list of peers that have something; the receiver
//! takes all of them at once and then goes round message by message (`socket::inbox`).

use std::collections::VecDeque;

use crate::peer::PeerId;

/// Peers with messages that nobody has taken, in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct FairQueue {
    ready: VecDeque<PeerId>,
}

impl FairQueue {
    /// The peer has messages now and had none before.
    pub(crate) fn readable(&mut self, peer: PeerId) {
        debug_assert!(!self.ready.contains(&peer));
        self.ready.push_back(peer);
    }

    /// The next peer to take from.
    pub(crate) fn next(&mut self) -> Option<PeerId> {
        self.ready.pop_front()
    }
}
