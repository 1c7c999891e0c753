//! PAIR: two sockets that have only each other (RFC 31).

use std::collections::VecDeque;

use super::{Behaviour, Pattern, Receives, Receiving, Sending, Sends, Splits};
use crate::error::SendErrorKind;
use crate::monitor::Refusal;
use crate::peer::PeerId;
use crate::pipe::{Patience, Pipes, View};
use crate::route::FairQueue;
use crate::wire::SocketType;

/// Makes a socket a PAIR: it has one peer, another PAIR. While that one is there, others are turned away; one that was
/// dialled is dialled again and gets its turn when the first has gone.
#[derive(Debug)]
pub struct Pair {
    /// The one peer, and dialled ones that may follow it.
    line: VecDeque<PeerId>,
    sources: FairQueue,
}

impl Pattern for Pair {}
impl Sends for Pair {}
impl Receives for Pair {}
impl Splits for Pair {}

impl Behaviour for Pair {
    const TYPE: SocketType = SocketType::Pair;
    type Options = ();
    type Intake = ();

    fn new((): &()) -> Self {
        Self { line: VecDeque::new(), sources: FairQueue::default() }
    }

    fn intake(&self, _options: &Self::Options) {}

    fn attach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.line.push_back(peer);
    }

    fn detach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.line.retain(|other| *other != peer);
    }

    fn join(&mut self, _pipes: &mut Pipes, peer: PeerId) -> Result<(), Refusal> {
        match self.line.front() {
            Some(first) if *first != peer => Err(Refusal::PairTaken),
            _ => Ok(()),
        }
    }

    fn readable(&mut self, peer: PeerId) {
        self.sources.readable(peer);
    }
}

impl Sending for Pair {
    fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        patience: Patience,
    ) -> Result<(), SendErrorKind> {
        let Some(peer) = self.line.front() else { return Err(SendErrorKind::Full) };
        if pipes.push(*peer, message, patience) { Ok(()) } else { Err(SendErrorKind::Full) }
    }

    fn has_room(&self, pipes: &mut Pipes) -> bool {
        let peer = self.line.front().and_then(|peer| pipes.get_mut(*peer));
        peer.is_some_and(|pipe| pipe.out.has_room(Patience::None))
    }
}

impl Receiving for Pair {
    fn next(&mut self) -> Option<PeerId> {
        self.sources.next()
    }
}
