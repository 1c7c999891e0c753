//! One socket's shared state with the engine's side of it laid open, for models that play all the tasks themselves.

use std::future::poll_fn;
use std::task::Poll;

use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::monitor::Cause;
use crate::options::Builder;
use crate::pattern::{Pattern, Pub, Receives, Sends, Sub, Subscribes};
use crate::peer::PeerId;
use crate::pipe::{Batch, Delivery, Join, Origin, Parcel, Port, Taken};
use crate::socket::core::{Core, Waiting};
use crate::socket::inbox::Inbox;
use crate::socket::receiver::Receiver as Half;
use crate::socket::state::SendTurn;
use crate::sync::Arc;
use crate::wire::{Metadata, Remote, Subscription, Version};

/// The shared state of a socket of type `P`; clones are the same socket.
#[derive(Debug)]
pub struct Model<P: Pattern> {
    pub(super) core: Arc<Core<P>>,
}

impl<P: Pattern> Clone for Model<P> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<P: Pattern> Model<P> {
    /// A socket whose pipes hold at most `hwm` messages in each direction.
    pub fn new(hwm: usize) -> Self {
        Self::with(hwm, |builder| builder)
    }

    /// The same, with settings.
    pub fn with(hwm: usize, settings: impl FnOnce(Builder<P>) -> Builder<P>) -> Self {
        let mut builder = settings(Builder::new());
        (builder.options.marks.send, builder.options.marks.recv) = (hwm, hwm);
        Self { core: Arc::new(Core::new(builder.options, &builder.own)) }
    }

    /// A pipe of an accepted peer that is ready.
    pub fn open(&self) -> PeerId {
        self.open_named("").0
    }

    /// The same, with the identity that the peer announces.
    pub fn open_named(&self, identity: &'static str) -> (PeerId, &'static [u8]) {
        let endpoint = Endpoint::Inproc { name: "model".to_owned() };
        let origin = Origin { endpoint, accepted: true };
        let metadata = Metadata::default();
        let remote = Remote {
            version: Version::V3_1,
            socket_type: None,
            identity: identity.into(),
            metadata,
            user: None,
        };
        match self.core.join(None, &origin, &remote, None, &|| true) {
            Join::Yes(id) => (id, identity.as_bytes()),
            refused => panic!("the socket is open and has a place: {refused:?}"),
        }
    }

    /// What an engine does to write: waits for messages and takes them. `None` when the pipe has ended.
    pub async fn take(&self, id: PeerId) -> Option<Vec<Message>> {
        let mut batch = Batch::default();
        poll_fn(|cx| match self.core.take(id, &mut batch, usize::MAX, cx) {
            Taken::Some => Poll::Ready(Some(messages(std::mem::take(&mut batch)))),
            Taken::Nothing => Poll::Pending,
            Taken::Over | Taken::EndNow => Poll::Ready(None),
        })
        .await
    }

    /// What an engine does to write, as far as subscriptions go: waits for some and takes them.
    pub async fn take_subscriptions(&self, id: PeerId) -> Vec<Subscription> {
        let mut batch = Batch::default();
        poll_fn(|cx| match self.core.take(id, &mut batch, usize::MAX, cx) {
            Taken::Some => Poll::Ready(std::mem::take(&mut batch.subscriptions)),
            Taken::Nothing => Poll::Pending,
            Taken::Over | Taken::EndNow => Poll::Ready(Vec::new()),
        })
        .await
    }

    /// The peer subscribes.
    pub fn peer_subscribes(&self, id: PeerId, topic: &'static str) {
        let subscription = Subscription { topic: topic.into(), wanted: true };
        self.core.deliver(id, Delivery::Subscription(subscription)).expect("nothing is wrong with it");
    }

    /// What an engine does to read: waits for room and delivers one message.
    pub async fn deliver(&self, id: PeerId, message: impl Into<Message>) {
        let message = message.into();
        poll_fn(|cx| if self.core.room(id, cx) > 0 { Poll::Ready(()) } else { Poll::Pending }).await;
        self.core
            .deliver(id, Delivery::Messages(Parcel::message(&message).chunk))
            .expect("nothing is wrong with it");
    }

    /// The connection has ended; an accepted peer's pipe goes with it.
    pub fn part(&self, id: PeerId) {
        self.core.part(id, Batch::default(), Cause::PeerClosed, false);
    }

    /// Closes the socket; what is queued still goes out.
    pub fn close(&self) {
        self.core.close();
    }

    /// Ends everything now.
    pub fn abort(&self) {
        self.core.abort();
    }

    /// Waits until the last pipe is gone.
    pub async fn drained(&self) {
        let mut turn = SendTurn::default();
        poll_fn(|cx| self.core.poll_drained(&mut turn.ticket, cx)).await;
    }

    /// How many messages closing has discarded.
    pub fn unsent(&self) -> usize {
        self.core.unsent().messages
    }
}

impl<P: Sends> Model<P> {
    /// Whether the message was queued.
    pub fn try_send(&self, message: &str) -> bool {
        self.core.try_send(message.as_bytes()).is_ok()
    }

    /// Waits for room. Whether the message was queued, which it is unless the socket is closed.
    pub async fn send(&self, message: Message) -> bool {
        let mut message = Some(message);
        let mut turn = Turn { model: self, turn: SendTurn::default() };
        poll_fn(|cx| self.core.poll_send(&mut message, &mut turn.turn, cx)).await.is_ok()
    }
}

impl<P: Receives> Model<P> {
    /// The receiving side.
    pub fn receiver(&self) -> Receiver<P> {
        let intake = self.core.ask(|pattern, _| pattern.intake(&P::Options::default()));
        Receiver { model: self.clone(), receiver: Half { inbox: Inbox::default(), intake } }
    }
}

/// The one task that receives.
#[derive(Debug)]
pub struct Receiver<P: Pattern> {
    model: Model<P>,
    receiver: Half<P>,
}

impl<P: Receives> Receiver<P> {
    /// The next message, or `None` when the socket is closed.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.receiver.poll_next(&self.model.core, Some(cx), P::accept)).await.ok()
    }
}

impl Model<Pub> {
    /// Waits until so many peers have subscribed.
    pub async fn subscribed(&self, n: usize) {
        let mut turn = SendTurn::default();
        let enough = |publisher: &mut Pub| publisher.subscriptions().interested(b"") >= n;
        poll_fn(|cx| self.core.poll_until(enough, &mut turn.ticket, cx)).await;
    }
}

impl Model<Sub> {
    /// Subscribes.
    pub fn subscribe(&self, topic: &'static str) {
        let subscription = Subscription { topic: topic.into(), wanted: true };
        self.core.ask(|sub, pipes| sub.subscribe(pipes, subscription));
    }
}

struct Turn<'a, P: Pattern> {
    model: &'a Model<P>,
    turn: SendTurn,
}

impl<P: Pattern> Drop for Turn<'_, P> {
    fn drop(&mut self) {
        self.model.core.leave(Waiting::ForRoom, &mut self.turn.ticket);
    }
}

fn messages(batch: Batch) -> Vec<Message> {
    let mut chunk = batch.into_chunk();
    std::iter::from_fn(|| chunk.next_message()).collect()
}
