//! PUB: a copy of each message for everybody who has subscribed to how it begins (RFC 29).

use super::publisher::{Publisher, PublisherOptions, Upstream, too_many};
use super::{Behaviour, Conflates, Pattern, Sending, Sends, count};
use crate::error::SendErrorKind;
use crate::monitor::Refusal;
use crate::peer::PeerId;
use crate::pipe::{Delivery, Parcel, Patience, Pipes, Toll, View};
use crate::route::Subscriptions;
use crate::wire::{self, SocketType, Subscription};

/// Makes a socket a PUB: each message goes to every SUB and XSUB peer that wants what its first frame begins with.
///
/// `send` does not wait: a peer whose queue is full misses the message, which [`drops`](crate::Socket::drops) counts.
/// A message that nobody wants goes nowhere.
#[derive(Debug)]
pub struct Pub(Publisher);

impl Pattern for Pub {}
impl Conflates for Pub {}
impl Sends for Pub {}

impl Pub {
    pub(crate) fn subscriptions(&mut self) -> &mut Subscriptions {
        &mut self.0.subscriptions
    }
}

impl Behaviour for Pub {
    const TYPE: SocketType = SocketType::Pub;
    const ANY_ROOM_DOES: bool = false;
    type Options = PublisherOptions;
    type Intake = ();

    fn new(options: &PublisherOptions) -> Self {
        Self(Publisher::new(options))
    }

    fn intake(&self, _options: &Self::Options) {}

    #[cfg(feature = "metrics")]
    fn subscription_count(&self) -> usize {
        self.0.subscriptions.len()
    }

    fn attach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.0.attach(peer);
    }

    fn detach(&mut self, _pipes: &mut Pipes, peer: PeerId) {
        self.0.peers.retain(|other| *other != peer);
        self.0.subscriptions.leave(peer);
    }

    fn join(&mut self, pipes: &mut Pipes, peer: PeerId) -> Result<(), Refusal> {
        self.0.join(pipes, peer);
        Ok(())
    }

    /// R29-PUB-10, 17, 18: take subscriptions, discard everything else, show neither.
    fn take_in(
        &mut self,
        pipes: &mut Pipes,
        peer: PeerId,
        delivery: Delivery,
    ) -> Result<Option<Parcel>, wire::Error> {
        for item in self.0.read(pipes, delivery) {
            match item {
                Upstream::User(message) => {
                    count(&mut pipes.drops.unwanted, 1);
                    pipes.toll.add(Toll::unwanted(1, message.byte_len()));
                }
                Upstream::Asked(Subscription { topic, wanted: true }) => {
                    self.0.subscriptions.subscribe(peer, &topic).map_err(too_many)?;
                }
                Upstream::Asked(Subscription { topic, wanted: false }) => {
                    self.0.subscriptions.cancel(peer, &topic);
                }
            }
        }
        Ok(None)
    }
}

impl Sending for Pub {
    fn waits(&self) -> bool {
        self.0.options.nodrop
    }

    fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        patience: Patience,
    ) -> Result<(), SendErrorKind> {
        self.0.send(pipes, message, patience)
    }

    fn has_room(&self, _pipes: &mut Pipes) -> bool {
        true
    }
}
