//! One socket's shared state with the engine's side of it laid open, for models that play all the tasks themselves.

use std::future::poll_fn;
use std::task::Poll;

use crate::endpoint::Endpoint;
use crate::message::Message;
use crate::monitor::Cause;
use crate::options::{Marks, Options};
use crate::pattern::{Pattern, Receives, Sends};
use crate::peer::PeerId;
use crate::pipe::{Batch, Origin, Outbound, Patience, Port, Taken};
use crate::socket::core::{Core, SendTurn, Waiting};
use crate::socket::inbox::Inbox;
use crate::sync::Arc;
use crate::wire::{Chunk, Metadata, Remote, Version};

/// The shared state of a socket of type `P`; clones are the same socket.
#[derive(Debug)]
pub struct Model<P: Pattern> {
    core: Arc<Core<P>>,
}

impl<P: Pattern> Clone for Model<P> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<P: Pattern> Model<P> {
    /// A socket whose pipes hold at most `hwm` messages in each direction.
    pub fn new(hwm: usize) -> Self {
        let marks = Marks { send: hwm, recv: hwm, ..Marks::default() };
        Self { core: Arc::new(Core::new(Options { marks, ..Options::default() })) }
    }

    /// A pipe of an accepted peer that is ready.
    pub fn open(&self) -> PeerId {
        let endpoint = Endpoint::Inproc { name: "model".to_owned() };
        let origin = Origin { endpoint, accepted: true };
        let metadata = Metadata::default();
        let remote =
            Remote { version: Version::V3_1, socket_type: None, identity: metadata.identity(), metadata };
        self.core.join(None, &origin, &remote, None, &|| true).expect("the socket is open")
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

    /// What an engine does to read: waits for room and delivers one message.
    pub async fn deliver(&self, id: PeerId, message: &str) {
        poll_fn(|cx| if self.core.room(id, cx) > 0 { Poll::Ready(()) } else { Poll::Pending }).await;
        self.core.deliver(id, chunk(message));
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
        Receiver { model: self.clone(), inbox: Inbox::default() }
    }
}

/// The one task that receives.
#[derive(Debug)]
pub struct Receiver<P: Pattern> {
    model: Model<P>,
    inbox: Inbox,
}

impl<P: Receives> Receiver<P> {
    /// The next message, or `None` when the socket is closed.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| {
            loop {
                if let Some(message) = self.inbox.next_message() {
                    return Poll::Ready(Some(message));
                }
                match self.model.core.poll_refill(&mut self.inbox, Some(cx)) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(None),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
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

fn chunk(message: &str) -> Chunk {
    let mut out = Outbound::new(1, usize::MAX);
    assert!(out.has_room(Patience::None));
    out.push(&message.as_bytes());
    let mut batch = Batch::default();
    out.take(&mut batch, 1);
    batch.into_chunk()
}
