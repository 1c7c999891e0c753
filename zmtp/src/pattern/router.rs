//! ROUTER: every message that comes in is named after its peer, and every one that goes out names its peer (RFC 28).

use super::{
    Behaviour, Identified, Pattern, Receives, Receiving, Sending, Sends, Source, Splits, count, greet, probe,
};
use crate::error::SendErrorKind;
use crate::message::Message;
use crate::monitor::{Cause, Refusal};
use crate::options::Builder;
use crate::peer::{PeerId, PeerInfo};
use crate::pipe::{Note, Parcel, Patience, Pipes, View};
use crate::random::random;
use crate::route::{FairQueue, RoutingTable};
use crate::routing_id::RoutingId;
use crate::wire::SocketType;

/// Makes a socket a ROUTER: the first frame of each message is the [`RoutingId`] of the peer it comes from, or goes
/// to. [`recv_from`](crate::Socket::recv_from) and [`send_to`](crate::Socket::send_to) keep the two apart.
///
/// `send` does not wait: what has no peer, or finds its peer's queue full, is dropped and counted in
/// [`drops`](crate::Socket::drops), unless [`mandatory`](Builder::mandatory) is set.
#[derive(Debug)]
pub struct Router {
    table: RoutingTable,
    sources: FairQueue,
    options: RouterOptions,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct RouterOptions {
    mandatory: bool,
    handover: bool,
    probe: bool,
    notify: Notify,
    hello: Option<Message>,
    disconnect: Option<Message>,
}

/// What `recv` of a ROUTER tells of peers that come and go: their routing id and an empty frame. Nothing unless set.
/// [`recv_event`](crate::Socket::recv_event) tells always, and more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Notify {
    /// When a peer is ready.
    pub joined: bool,
    /// When a peer has gone.
    pub left: bool,
}

impl Builder<Router> {
    /// Whether `send` says [`Unroutable`](SendErrorKind::Unroutable) when nobody has the routing id, and waits when
    /// the peer's queue is full, instead of dropping the message. Off unless set.
    #[must_use]
    pub fn mandatory(mut self, on: bool) -> Self {
        self.own.mandatory = on;
        self
    }

    /// Whether a peer that announces the routing id of another one takes its place, whose connection is closed. Off
    /// unless set: then the newcomer is turned away.
    ///
    /// Only the same user may take it: the authenticator has to have named both alike, by
    /// [`User::id`](crate::User::id), and one whom nobody has named is none of those whom somebody has. Whoever else
    /// comes is turned away, and the connection that has the routing id stays.
    #[must_use]
    pub fn handover(mut self, on: bool) -> Self {
        self.own.handover = on;
        self
    }

    /// Sends an empty message to each peer as soon as it is there, so that a ROUTER learns of this socket. Off unless
    /// set.
    #[must_use]
    pub fn probe_router(mut self, on: bool) -> Self {
        self.own.probe = on;
        self
    }

    /// Tells `recv` of peers that come and go.
    #[must_use]
    pub fn notify(mut self, notify: Notify) -> Self {
        self.own.notify = notify;
        self
    }

    /// Sends this message first on every connection, also when it is made again.
    #[must_use]
    pub fn hello(mut self, message: impl Into<Message>) -> Self {
        self.own.hello = Some(message.into());
        self
    }

    /// Receives this message, as if the peer had sent it, when a peer that came in has gone.
    #[must_use]
    pub fn disconnect_message(mut self, message: impl Into<Message>) -> Self {
        self.own.disconnect = Some(message.into());
        self
    }
}

impl Router {
    /// Who has this routing id.
    pub(crate) fn peer(&self, id: &RoutingId) -> Option<PeerId> {
        self.table.get(id.as_ref())
    }

    /// Queues a message for a peer.
    pub(crate) fn send_to(
        &mut self,
        pipes: &mut Pipes,
        id: &RoutingId,
        message: View<'_>,
    ) -> Result<(), SendErrorKind> {
        let peer = self.peer(id).ok_or(SendErrorKind::Unroutable)?;
        if pipes.push(peer, message, Patience::None) { Ok(()) } else { Err(SendErrorKind::Full) }
    }
}

/// Whom a peer was let in as, if somebody has decided that.
fn user_id(peer: Option<&PeerInfo>) -> Option<&str> {
    peer?.user.as_ref().map(|user| user.id.as_str())
}

impl Pattern for Router {}
impl Sends for Router {}
impl Receives for Router {}
impl Splits for Router {}
impl Identified for Router {}

impl Behaviour for Router {
    const TYPE: SocketType = SocketType::Router;
    const ANY_ROOM_DOES: bool = false;
    type Options = RouterOptions;
    type Intake = Notify;

    fn new(options: &RouterOptions) -> Self {
        Self { table: RoutingTable::new(random()), sources: FairQueue::default(), options: options.clone() }
    }

    fn intake(&self, _options: &RouterOptions) -> Notify {
        self.options.notify
    }

    fn knows(&self, name: &RoutingId) -> bool {
        self.peer(name).is_some()
    }

    /// A peer that is dialled has a name when the user gave it one, else when it has joined.
    fn attach(&mut self, pipes: &mut Pipes, peer: PeerId) {
        if let Some(id) = pipes.get_mut(peer).and_then(|pipe| pipe.routing_id.clone()) {
            self.table.insert(id, peer);
        }
    }

    fn detach(&mut self, pipes: &mut Pipes, peer: PeerId) {
        if let Some(id) = pipes.get_mut(peer).and_then(|pipe| pipe.routing_id.clone()) {
            self.table.remove(&id, peer);
        }
    }

    fn join(&mut self, pipes: &mut Pipes, peer: PeerId) -> Result<(), Refusal> {
        let Some(pipe) = pipes.get_mut(peer) else { return Ok(()) };
        let info = pipe.peer.clone();
        let announced = info.as_ref().and_then(|info| RoutingId::announced(&info.identity));
        let known = pipe.routing_id.clone().or(announced);
        if let Some(other) = known.as_ref().and_then(|id| self.peer(id)).filter(|other| *other != peer) {
            if !self.options.handover {
                return Err(Refusal::RoutingIdTaken);
            }
            let owner = pipes.get_mut(other).and_then(|pipe| pipe.peer.as_ref());
            if user_id(owner) != user_id(info.as_ref()) {
                return Err(Refusal::RoutingIdOfAnotherUser);
            }
            pipes.end(other);
        }
        let id = known.unwrap_or_else(|| self.table.generate());
        self.table.insert(id.clone(), peer);
        if let Some(pipe) = pipes.get_mut(peer) {
            pipe.routing_id = Some(id);
        }
        greet(pipes, peer, self.options.hello.as_ref());
        if self.options.probe {
            probe(pipes, peer);
        }
        if let Some(mut info) = info {
            info.routing_id = pipes.get_mut(peer).and_then(|pipe| pipe.routing_id.clone());
            pipes.deliver(peer, Parcel::note(Note::Joined(Box::new(info))));
        }
        Ok(())
    }

    fn part(&mut self, pipes: &mut Pipes, peer: PeerId, cause: &Cause, _comes_back: bool) {
        let was_accepted = pipes.get_mut(peer).is_some_and(|pipe| pipe.origin.accepted);
        if let (true, Some(message)) = (was_accepted, &self.options.disconnect) {
            pipes.deliver(peer, Parcel::message(message));
        }
        pipes.deliver(peer, Parcel::note(Note::Left(cause.clone())));
    }

    fn readable(&mut self, peer: PeerId) {
        self.sources.readable(peer);
    }
}

impl Sending for Router {
    fn waits(&self) -> bool {
        self.options.mandatory
    }

    /// R28-ROUTER-15 to 18: the first frame is the address, the rest goes there or is dropped.
    fn send(
        &mut self,
        pipes: &mut Pipes,
        message: View<'_>,
        patience: Patience,
    ) -> Result<(), SendErrorKind> {
        let Some(peer) = self.table.get(message.first()) else {
            if self.options.mandatory {
                return Err(SendErrorKind::Unroutable);
            }
            count(&mut pipes.drops.no_peer, 1);
            return Ok(());
        };
        // A peer that takes what it is given is given time to do so, whatever becomes of the message then.
        let keeps_pace = self.options.mandatory
            || patience == Patience::Paced && pipes.get_mut(peer).is_some_and(|pipe| pipe.out.is_flowing());
        if keeps_pace && !pipes.has_room(peer, patience) {
            return Err(SendErrorKind::Full);
        }
        // An address without a message is swallowed.
        if let Some(message) = message.rest() {
            pipes.offer(peer, message);
        }
        Ok(())
    }

    /// Without a message nobody can say whether its peer has room.
    fn has_room(&self, _pipes: &mut Pipes) -> bool {
        true
    }
}

impl Receiving for Router {
    fn next(&mut self) -> Option<PeerId> {
        self.sources.next()
    }

    fn accept(notify: &mut Notify, source: Source<'_>, message: Message) -> Option<Message> {
        let wanted = match source.note {
            None => true,
            Some(Note::Joined(_)) => notify.joined,
            Some(Note::Left(_)) => notify.left,
        };
        let id = source.routing_id.filter(|_| wanted)?;
        Some(message.with_first(id.as_ref()))
    }
}
