//! DEALER: messages go out by turns and come in by turns, and none is altered (RFC 28).

use super::{
    Behaviour, Conflates, Identified, Pattern, Receives, Receiving, Sending, Sends, Splits, greet, probe,
};
use crate::error::SendErrorKind;
use crate::message::Message;
use crate::monitor::{Cause, Refusal};
use crate::options::Builder;
use crate::peer::PeerId;
use crate::pipe::{Parcel, Patience, Pipes, View};
use crate::route::{FairQueue, LoadBalancer};
use crate::wire::SocketType;

/// Makes a socket a DEALER: a REQ without turns. It talks to REP, ROUTER and other DEALER peers. To a REP it must send
/// an empty frame before its message, and gets one before each answer.
#[derive(Debug)]
pub struct Dealer {
    out: LoadBalancer,
    sources: FairQueue,
    options: DealerOptions,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct DealerOptions {
    probe: bool,
    hello: Option<Message>,
    hiccup: Option<Message>,
}

impl Builder<Dealer> {
    /// Sends an empty message to each peer as soon as it is there, so that a ROUTER learns of this socket before it
    /// has said anything. Off unless set.
    #[must_use]
    pub fn probe_router(mut self, on: bool) -> Self {
        self.own.probe = on;
        self
    }

    /// Sends this message first on every connection, also when it is made again.
    #[must_use]
    pub fn hello(mut self, message: impl Into<Message>) -> Self {
        self.own.hello = Some(message.into());
        self
    }

    /// Receives this message, as if the peer had sent it, when the connection to a peer that was dialled is lost.
    #[must_use]
    pub fn hiccup(mut self, message: impl Into<Message>) -> Self {
        self.own.hiccup = Some(message.into());
        self
    }
}

impl Pattern for Dealer {}
impl Conflates for Dealer {}
impl Sends for Dealer {}
impl Receives for Dealer {}
impl Splits for Dealer {}
impl Identified for Dealer {}

impl Behaviour for Dealer {
    const TYPE: SocketType = SocketType::Dealer;
    type Options = DealerOptions;
    type Intake = ();

    fn new(options: &DealerOptions) -> Self {
        Self { out: LoadBalancer::default(), sources: FairQueue::default(), options: options.clone() }
    }

    fn intake(&self, _options: &Self::Options) {}

    fn attach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.out.attach(peer);
    }

    fn detach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.out.detach(peer);
    }

    fn join(&mut self, pipes: &mut Pipes, peer: PeerId) -> Result<(), Refusal> {
        greet(pipes, peer, self.options.hello.as_ref());
        if self.options.probe {
            probe(pipes, peer);
        }
        Ok(())
    }

    fn part(&mut self, pipes: &mut Pipes, peer: PeerId, _cause: &Cause, _comes_back: bool) {
        let was_dialled = pipes.get_mut(peer).is_some_and(|pipe| !pipe.origin.accepted);
        if let (true, Some(hiccup)) = (was_dialled, &self.options.hiccup) {
            pipes.deliver(peer, Parcel::message(hiccup));
        }
    }

    fn writable(&mut self, peer: PeerId) {
        self.out.writable(peer);
    }

    fn eased(&mut self, peer: PeerId) {
        self.out.eased(peer);
    }

    fn readable(&mut self, peer: PeerId) {
        self.sources.readable(peer);
    }
}

impl Sending for Dealer {
    fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        patience: Patience,
    ) -> Result<(), SendErrorKind> {
        self.out.send(pipes, message, patience).map(drop).ok_or(SendErrorKind::Full)
    }

    fn has_room(&self, pipes: &mut Pipes) -> bool {
        self.out.has_room(pipes)
    }
}

impl Receiving for Dealer {
    fn next(&mut self) -> Option<PeerId> {
        self.sources.next()
    }
}
