//! PUSH: each message goes to one peer, in turn; none is dropped while its peer stays (RFC 30).

use super::{Behaviour, Conflates, Pattern, Sending, Sends, nothing};
use crate::error::SendErrorKind;
use crate::peer::PeerId;
use crate::pipe::{Delivery, Parcel, Patience, Pipes, View};
use crate::route::LoadBalancer;
use crate::wire::{self, SocketType};

/// Makes a socket a PUSH: it hands out messages to PULL peers by turns, and waits when nobody has room.
#[derive(Debug)]
pub struct Push {
    workers: LoadBalancer,
}

impl Pattern for Push {}
impl Conflates for Push {}
impl Sends for Push {}

impl Behaviour for Push {
    const TYPE: SocketType = SocketType::Push;
    type Options = ();
    type Intake = ();

    fn new((): &()) -> Self {
        Self { workers: LoadBalancer::default() }
    }

    fn intake(&self, _options: &Self::Options) {}

    fn attach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.workers.attach(peer);
    }

    fn detach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.workers.detach(peer);
    }

    fn writable(&mut self, peer: PeerId) {
        self.workers.writable(peer);
    }

    fn eased(&mut self, peer: PeerId) {
        self.workers.eased(peer);
    }

    fn take_in(
        &mut self,
        pipes: &mut Pipes,
        _peer: PeerId,
        delivery: Delivery,
    ) -> Result<Option<Parcel>, wire::Error> {
        nothing(pipes, &delivery)
    }
}

impl Sending for Push {
    #[inline]
    fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        patience: Patience,
    ) -> Result<(), SendErrorKind> {
        self.workers.send(pipes, message, patience).map(drop).ok_or(SendErrorKind::Full)
    }

    fn has_room(&self, pipes: &mut Pipes) -> bool {
        self.workers.has_room(pipes)
    }
}
