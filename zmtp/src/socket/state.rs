//! What is under a socket's lock, and the steps that several of its callers share.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::error::{SendErrorKind, Unsent};
use crate::message::Message;
#[cfg(feature = "metrics")]
use crate::monitor::meter::Flow;
use crate::monitor::{Cause, Refusal};
use crate::options::Options;
use crate::pattern::{Pattern, Receives, Sends};
use crate::peer::{Drops, PeerId, PeerInfo};
use crate::pipe::{
    Delivered, Delivery, Ending, Outbound, Parcel, Patience, Pipes, Ticket, View, Waiters, Wish,
};
use crate::sync::Arc;
use crate::sync::atomic::AtomicBool;
use crate::wire;

/// The pattern, its pipes, and who sleeps. Wakers that fall due go to `pipes.wakes`.
#[derive(Debug)]
pub(super) struct State<P> {
    pub(super) pattern: P,
    pub(super) pipes: Pipes,
    /// Tasks that wait for room.
    pub(super) senders: Waiters,
    /// The task that waits for a message.
    pub(super) receiver: Option<Waker>,
    /// Tasks that wait for peers to come or go.
    pub(super) watchers: Waiters,
    /// Peers whose handshake is done.
    pub(super) peers: usize,
    pub(super) ending: Ending,
    /// What closing has discarded.
    pub(super) unsent: Unsent,
    /// Octets that pipes of peers who have gone hold until they are received, with something for the pipes.
    pub(super) gone_bytes: usize,
    /// How many they may hold: as many as one peer who is there.
    pub(super) gone_mark: usize,
    pub(super) sends: u32,
    pub(super) linger: Duration,
    /// Only peers whose connection is up are given messages.
    pub(super) immediate: bool,
    /// Pipes hold one message.
    pub(super) conflate: bool,
    /// Some peer has joined the fair queue since the receiver last looked.
    arrivals: Arc<AtomicBool>,
    /// What connections have taken and delivered.
    #[cfg(feature = "metrics")]
    pub(super) flow: Flow,
}

impl<P: Pattern> State<P> {
    pub(super) fn new(pattern: P, options: &Options, arrivals: Arc<AtomicBool>) -> Self {
        let marks = options.marks;
        Self {
            pattern,
            pipes: Pipes::new(marks),
            senders: Waiters::default(),
            receiver: None,
            watchers: Waiters::default(),
            peers: 0,
            ending: Ending::No,
            unsent: Unsent { messages: 0, bytes: 0 },
            gone_bytes: 0,
            gone_mark: marks.recv_bytes,
            sends: 0,
            linger: options.linger,
            immediate: options.immediate,
            conflate: marks.conflate,
            arrivals,
            #[cfg(feature = "metrics")]
            flow: Flow::default(),
        }
    }
}

impl<P: Sends> State<P> {
    #[inline]
    pub(super) fn send(&mut self, message: View<'_>, patience: Patience) -> Result<(), SendErrorKind> {
        if self.ending > Ending::No {
            return Err(SendErrorKind::Closed);
        }
        self.pattern.may_send()?;
        while let Some(id) = self.pattern.forget() {
            self.forget(id);
        }
        self.sends = self.sends.wrapping_add(1);
        let result = self.pattern.send(&mut self.pipes, message, patience);
        if !self.pipes.wishes.is_empty() {
            self.grant();
        }
        result
    }

    /// Queues a message, or waits for room.
    #[inline]
    pub(super) fn poll_send(
        &mut self,
        message: View<'_>,
        turn: &mut SendTurn,
        cx: &Context<'_>,
    ) -> Poll<Result<(), SendErrorKind>> {
        let is_new = turn.is_new();
        // A task that always finds room must still let the engines run.
        if is_new && self.sends >= SENDS_PER_YIELD {
            return self.give_way(turn, cx);
        }
        // Types that do not wait give the engines one chance to make room, and then take what there is.
        let patience = if is_new || self.pattern.waits() { Patience::Paced } else { Patience::None };
        let result = self.send(message, patience);
        if is_new && result.is_ok() { Poll::Ready(Ok(())) } else { self.settle(result, turn, cx) }
    }

    /// What becomes of a send that did not go through at once.
    #[cold]
    fn settle(
        &mut self,
        result: Result<(), SendErrorKind>,
        turn: &mut SendTurn,
        cx: &Context<'_>,
    ) -> Poll<Result<(), SendErrorKind>> {
        if result == Err(SendErrorKind::Full) {
            if self.pattern.waits() || turn.yielded {
                self.senders.wait(&mut turn.ticket, cx);
                return Poll::Pending;
            }
            return self.give_way(turn, cx);
        }
        turn.yielded = false;
        self.senders.leave(&mut turn.ticket, true, &mut self.pipes.wakes);
        Poll::Ready(result)
    }

    /// Lets others run once.
    #[cold]
    fn give_way<T>(&mut self, turn: &mut SendTurn, cx: &Context<'_>) -> Poll<T> {
        turn.yielded = true;
        self.sends = 0;
        self.pipes.wakes.push(cx.waker().clone());
        Poll::Pending
    }
}

/// A sending task's place in the queue.
#[derive(Debug, Default)]
pub(crate) struct SendTurn {
    pub(crate) ticket: Ticket,
    /// It has let others run already.
    yielded: bool,
}

impl SendTurn {
    /// Whether nothing has become of it so far.
    #[inline]
    fn is_new(&self) -> bool {
        !self.yielded && !self.ticket.is_drawn()
    }
}

/// After so many sends without an engine having run, the sending task yields once.
const SENDS_PER_YIELD: u32 = 4096;

impl<P: Receives> State<P> {
    /// The receiving task is woken by the next message.
    pub(super) fn wait_for_message<T>(&mut self, cx: Option<&Context<'_>>) -> Poll<T> {
        match (&mut self.receiver, cx) {
            (_, None) => {}
            (Some(receiver), Some(cx)) => receiver.clone_from(cx.waker()),
            (receiver @ None, Some(cx)) => *receiver = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Takes the next message that means something, for types that receive under the lock.
    pub(super) fn take_in_turn(&mut self) -> Option<(PeerId, Message)> {
        while let Some(id) = self.pattern.next() {
            let Some(pipe) = self.pipes.get_mut(id) else { continue };
            let (message, more) = pipe.inbound.take_one();
            if more {
                self.pattern.readable(id);
            } else if pipe.gone.is_some() {
                self.bury(id);
            }
            self.let_read(id);
            let accepted =
                message.and_then(|message| self.pattern.accept_in_turn(&mut self.pipes, id, message));
            if let Some(message) = accepted {
                return Some((id, message));
            }
        }
        None
    }
}

impl<P: Pattern> State<P> {
    /// All that was dropped, those included that the receiving task found unwanted.
    pub(super) fn drops(&self) -> Drops {
        let drops = self.pipes.drops;
        Drops { unwanted: drops.unwanted + self.pattern.unwanted(), ..drops }
    }

    pub(super) fn watch(
        &mut self,
        done: impl FnOnce(&Self) -> bool,
        ticket: &mut Ticket,
        cx: &Context<'_>,
    ) -> Poll<()> {
        if done(self) {
            self.watchers.leave(ticket, true, &mut self.pipes.wakes);
            Poll::Ready(())
        } else {
            self.watchers.wait(ticket, cx);
            Poll::Pending
        }
    }

    pub(super) fn wake_watchers(&mut self) {
        self.watchers.wake(usize::MAX, &mut self.pipes.wakes);
    }

    /// Whoever was refused hears of it if the pipe has room now, by this measure of room.
    pub(super) fn offer(&mut self, id: PeerId, has_room: fn(&Outbound) -> bool) {
        self.pipes.spread();
        let Some(pipe) = self.pipes.get_mut(id).filter(|pipe| pipe.ending == Ending::No) else { return };
        if !has_room(&pipe.out) {
            if pipe.out.has_room(Patience::None) {
                self.pattern.eased(id);
            }
            return;
        }
        let turns = if P::ANY_ROOM_DOES { pipe.out.room() } else { usize::MAX };
        self.pattern.writable(id);
        self.senders.wake(turns, &mut self.pipes.wakes);
    }

    /// Throws away what a peer has sent.
    fn forget(&mut self, id: PeerId) {
        let Some(pipe) = self.pipes.get_mut(id) else { return };
        let messages = pipe.inbound.messages();
        pipe.inbound.clear();
        pipe.inbound.listed = false;
        let is_gone = pipe.gone.is_some();
        self.pipes.drops.unwanted += messages as u64;
        if is_gone {
            self.bury(id);
        }
        self.let_read(id);
    }

    /// Does what the pattern wished for.
    pub(super) fn grant(&mut self) {
        for (id, wish) in std::mem::take(&mut self.pipes.wishes) {
            match wish {
                Wish::Deliver(parcel) => self.put(id, parcel),
                Wish::End => self.end(id, Ending::Now),
            }
        }
    }

    /// Hands over what has come from a peer.
    pub(super) fn deliver(&mut self, id: PeerId, delivery: Delivery) -> Result<Delivered, wire::Error> {
        if self.pipes.get_mut(id).is_none_or(|pipe| pipe.ending > Ending::No) {
            return Ok(Delivered::default());
        }
        let taken = self.pattern.take_in(&mut self.pipes, id, delivery);
        let toll = std::mem::take(&mut self.pipes.toll);
        self.grant();
        if let Some(parcel) = taken? {
            self.put(id, parcel);
        }
        Ok(Delivered { room: self.pipes.get_mut(id).map_or(0, |pipe| pipe.inbound.room()), toll })
    }

    /// Puts something into the incoming pipe, room or not, unless nobody will ever take it out.
    fn put(&mut self, id: PeerId, parcel: Parcel) {
        if self.ending > Ending::No {
            return;
        }
        let Some(pipe) = self.pipes.get_mut(id) else { return };
        if pipe.inbound.deliver(parcel) {
            self.pattern.readable(id);
            self.arrivals.store(true, Ordering::Relaxed);
            self.pipes.wakes.extend(self.receiver.take());
        }
    }

    /// Lets a reading engine go on if it waits for room that is now there.
    pub(super) fn let_read(&mut self, id: PeerId) {
        let Some(pipe) = self.pipes.get_mut(id) else { return };
        if pipe.wants_room && pipe.inbound.room() > 0 {
            self.pipes.rouse(id);
        }
    }

    /// The pattern may give messages to this pipe from now on.
    pub(super) fn attach(&mut self, id: PeerId) {
        let Some(pipe) = self.pipes.get_mut(id).filter(|pipe| !pipe.attached && pipe.ending == Ending::No)
        else {
            return;
        };
        pipe.attached = true;
        self.pattern.attach(&mut self.pipes, id);
        self.offer(id, |_| true);
    }

    /// From now on it may not.
    fn detach(&mut self, id: PeerId) {
        let Some(pipe) = self.pipes.get_mut(id).filter(|pipe| pipe.attached) else { return };
        pipe.attached = false;
        self.pattern.detach(&mut self.pipes, id);
        self.grant();
        if !P::ANY_ROOM_DOES {
            // Who waits for room at this very peer waits in vain.
            self.senders.wake(usize::MAX, &mut self.pipes.wakes);
        }
    }

    /// The peer of a pipe has finished its handshake. The pattern may have no place for it.
    pub(super) fn join(&mut self, id: PeerId, peer: PeerInfo) -> Result<PeerInfo, Refusal> {
        let Some(pipe) = self.pipes.get_mut(id) else { return Ok(peer) };
        pipe.peer = Some(peer);
        if let Err(refusal) = self.pattern.join(&mut self.pipes, id) {
            if let Some(pipe) = self.pipes.get_mut(id) {
                pipe.peer = None;
                if pipe.origin.accepted {
                    self.pipes.remove(id);
                }
            }
            return Err(refusal);
        }
        self.peers += 1;
        self.attach(id);
        self.grant();
        self.wake_watchers();
        let joined = self.pipes.get_mut(id).and_then(|pipe| {
            let routing_id = pipe.routing_id.clone();
            pipe.peer.as_mut().map(|peer| {
                peer.routing_id = routing_id;
                peer.clone()
            })
        });
        joined.ok_or(Refusal::RoutingIdTaken)
    }

    /// A connection that was up has ended. Says who it was, and how many messages went with it.
    pub(super) fn part(&mut self, id: PeerId, cause: &Cause, comes_back: bool) -> Option<(PeerInfo, usize)> {
        let immediate = self.immediate;
        self.pipes.spread();
        let peer = self.unjoin(id)?;
        self.pattern.part(&mut self.pipes, id, cause, comes_back);
        self.grant();
        let mut discarded = 0;
        if !comes_back {
            discarded = self.remove(id);
        } else if immediate {
            self.detach(id);
            discarded = self.pipes.get_mut(id).map_or(0, |pipe| pipe.out.clear());
        }
        self.wake_watchers();
        Some((peer, discarded))
    }

    /// The receiver has used up what it held of this peer.
    pub(super) fn release(&mut self, id: PeerId) {
        let Some(pipe) = self.pipes.get_mut(id) else { return };
        if pipe.inbound.release() {
            self.pattern.readable(id);
        } else if pipe.gone.is_some() {
            self.bury(id);
        } else {
            self.let_read(id);
        }
    }

    /// Lets a pipe end. It takes no more messages.
    pub(super) fn end(&mut self, id: PeerId, ending: Ending) {
        self.pipes.spread();
        let Some(pipe) = self.pipes.get_mut(id) else { return };
        pipe.ending = pipe.ending.max(ending);
        self.detach(id);
        self.pipes.rouse(id);
        let is_ending = self.ending > Ending::No;
        let pipe = self.pipes.get_mut(id);
        if pipe.is_some_and(|pipe| pipe.gone.is_some() && (pipe.inbound.is_empty() || is_ending)) {
            self.bury(id);
        }
    }

    /// Removes the pipe of a peer who has gone.
    fn bury(&mut self, id: PeerId) {
        let held = self.pipes.remove(id).and_then(|pipe| pipe.gone);
        self.gone_bytes -= held.unwrap_or_default();
        self.wake_watchers();
    }

    /// Notes that the peer at the other end has gone.
    pub(super) fn unjoin(&mut self, id: PeerId) -> Option<PeerInfo> {
        let peer = self.pipes.get_mut(id)?.peer.take()?;
        self.peers -= 1;
        Some(peer)
    }

    /// Discards what a pipe has queued, and the pipe itself unless it holds messages that may still be received.
    /// Says how many messages were discarded.
    pub(super) fn remove(&mut self, id: PeerId) -> usize {
        self.pipes.spread();
        self.unjoin(id);
        self.detach(id);
        let is_ending = self.ending > Ending::No;
        let Some(pipe) = self.pipes.get_mut(id).filter(|pipe| pipe.gone.is_none()) else { return 0 };
        let (mut messages, bytes) = (pipe.out.messages(), pipe.out.bytes());
        pipe.out = Outbound::new(0, 0, false);
        if is_ending {
            self.unsent.messages += messages;
            self.unsent.bytes += bytes;
        }
        let mut held = pipe.inbound.bytes() + GONE_PIPE;
        if self.gone_bytes + held > self.gone_mark {
            // Else a peer could fill the memory by coming and going.
            messages += pipe.inbound.messages();
            pipe.inbound.clear();
            held = pipe.inbound.bytes() + GONE_PIPE;
        }
        pipe.gone = Some(held);
        self.gone_bytes += held;
        if is_ending || pipe.inbound.is_empty() {
            self.bury(id);
        }
        self.wake_watchers();
        messages
    }
}

/// What the pipe of a peer who has gone costs besides its messages.
const GONE_PIPE: usize = 1024;
