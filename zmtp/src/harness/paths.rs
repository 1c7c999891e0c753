//! The hot paths, laid open so that each can be timed, and its instructions and allocations counted, by itself.

use std::task::{Context, Waker};

use super::Model;
use crate::endpoint::Endpoint;
use crate::options::Builder;
use crate::pattern::{Pattern, Push, Router};
use crate::peer::PeerId;
use crate::pipe::{Batch, Origin, Patience, Pipes, Port, Taken, View};
use crate::route::{SubscriptionLimits, Subscriptions};
use crate::routing_id::RoutingId;

/// The outgoing queue of one peer without its socket, and an engine that writes at once whatever it is given.
#[derive(Debug)]
pub struct Queue {
    pipes: Pipes,
    id: PeerId,
    batch: Batch,
}

impl Default for Queue {
    fn default() -> Self {
        let mut pipes = Pipes::new(Builder::<Push>::new().options.marks);
        let endpoint = Endpoint::Inproc { name: "queue".to_owned() };
        let id = pipes.insert(Origin { endpoint, accepted: true });
        Self { pipes, id, batch: Batch::default() }
    }
}

impl Queue {
    /// Encodes a message of one frame. Whether there was room.
    pub fn push(&mut self, octets: &[u8]) -> bool {
        self.pipes.push(self.id, View::Octets(octets), Patience::None)
    }

    /// Takes a batch and writes it. How many messages that were.
    pub fn write(&mut self) -> usize {
        self.pipes.take(self.id, &mut self.batch, usize::MAX);
        written(&mut self.batch)
    }
}

/// An engine of a model that writes at once whatever it is given.
#[derive(Debug)]
pub struct Writer<P: Pattern> {
    model: Model<P>,
    id: PeerId,
    batch: Batch,
}

impl<P: Pattern> Writer<P> {
    /// Takes a batch and writes it. How many messages that were; after none the engine sleeps.
    pub fn write(&mut self) -> usize {
        match self.model.core.take(self.id, &mut self.batch, usize::MAX, &Context::from_waker(Waker::noop()))
        {
            Taken::Some => written(&mut self.batch),
            Taken::Nothing | Taken::Over | Taken::EndNow => 0,
        }
    }
}

impl<P: Pattern> Model<P> {
    /// The writing side of a peer's engine.
    pub fn writer(&self, id: PeerId) -> Writer<P> {
        Writer { model: self.clone(), id, batch: Batch::default() }
    }
}

impl Model<Router> {
    /// What the socket calls the peer.
    pub fn routing_id(&self, id: PeerId) -> Option<RoutingId> {
        self.core.peers().into_iter().find(|peer| peer.id == id)?.routing_id
    }

    /// Whether the message was queued for this peer.
    pub fn try_send_to(&self, peer: &RoutingId, message: &str) -> bool {
        let message = View::Octets(message.as_bytes());
        self.core.ask(|router, pipes| router.send_to(pipes, peer, message)).is_ok()
    }
}

/// What a publisher knows of one subscriber.
#[derive(Debug)]
pub struct Topics {
    subscriptions: Subscriptions,
    found: Vec<PeerId>,
}

impl Topics {
    /// A subscriber to these topics.
    pub fn new<T: AsRef<[u8]>>(topics: impl IntoIterator<Item = T>) -> Self {
        let unlimited = SubscriptionLimits { topics: usize::MAX, bytes: usize::MAX, topic_bytes: usize::MAX };
        let mut subscriptions = Subscriptions::new(unlimited);
        for topic in topics {
            let subscribed = subscriptions.subscribe(PeerId { index: 0, generation: 0 }, topic.as_ref());
            debug_assert!(subscribed.is_ok());
        }
        Self { subscriptions, found: Vec::new() }
    }

    /// How many peers want a message that begins like this.
    pub fn matching(&mut self, first_frame: &[u8]) -> usize {
        self.subscriptions.matching(first_frame, &mut self.found);
        self.found.len()
    }
}

/// Writes all of a batch. How many messages that were.
fn written(batch: &mut Batch) -> usize {
    let messages = batch.messages();
    let mut slices = [std::io::IoSlice::new(&[]); 64];
    while !batch.is_empty() {
        let filled = batch.slices(&mut slices);
        let octets = slices[..filled].iter().map(|slice| slice.len()).sum();
        batch.advance(octets);
        slices = [std::io::IoSlice::new(&[]); 64];
    }
    messages
}
