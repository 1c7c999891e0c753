//! What the tasks of one socket share: a pattern and its pipes under one short lock, and who sleeps.
//!
//! Two rules, kept by [`Core::with`]: no waker is called under the lock, and emptiness is observed under the same
//! lock that registers the waker. Nothing slow happens here: no I/O, no waiting, a few list operations.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use super::inbox::Inbox;
use crate::endpoint::Endpoint;
use crate::error::{RecvError, SendErrorKind, Unsent};
use crate::monitor::{Cause, Event, Monitor, Monitors};
use crate::options::Options;
use crate::pattern::{Pattern, Receives, Sends};
use crate::peer::{PeerId, PeerInfo, Queued};
use crate::pipe::{
    Batch, Ending, Form, Origin, Outbound, Patience, Pipe, Pipes, Port, Taken, Ticket, Waiters,
};
use crate::sync::atomic::AtomicBool;
use crate::sync::{Mutex, lock};
use crate::wire::{Chunk, Remote};

/// The shared part of a socket.
#[derive(Debug)]
pub(crate) struct Core<P> {
    state: Mutex<State<P>>,
    /// Some peer has joined the fair queue since the receiver last looked.
    arrivals: AtomicBool,
    monitors: Mutex<Monitors>,
    pub(crate) options: Options,
}

#[derive(Debug)]
struct State<P> {
    pattern: P,
    pipes: Pipes,
    /// Tasks that wait for room.
    senders: Waiters,
    /// The task that waits for a message.
    receiver: Option<Waker>,
    /// Tasks that wait for peers to come or go.
    watchers: Waiters,
    /// Peers whose handshake is done.
    peers: usize,
    ending: Ending,
    /// What closing has discarded.
    unsent: Unsent,
    sends: u32,
}

impl<P: Pattern> Core<P> {
    pub(crate) fn new(options: Options) -> Self {
        let state = State {
            pattern: P::default(),
            pipes: Pipes::new(options.marks),
            senders: Waiters::default(),
            receiver: None,
            watchers: Waiters::default(),
            peers: 0,
            ending: Ending::No,
            unsent: Unsent { messages: 0, bytes: 0 },
            sends: 0,
        };
        Self {
            state: Mutex::new(state),
            arrivals: AtomicBool::new(false),
            monitors: Mutex::default(),
            options,
        }
    }

    /// Runs `f` under the lock, and wakes afterwards whom it left in `pipes.wakes`.
    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut State<P>) -> R) -> R {
        let mut state = lock(&self.state);
        let result = f(&mut state);
        if state.pipes.wakes.is_empty() {
            return result;
        }
        let wakes = std::mem::take(&mut state.pipes.wakes);
        drop(state);
        wakes.into_iter().for_each(Waker::wake);
        result
    }

    pub(crate) fn monitor(&self) -> Monitor {
        lock(&self.monitors).watch()
    }

    pub(crate) fn peers(&self) -> Vec<PeerInfo> {
        let info = |(id, pipe): (PeerId, &Pipe)| {
            pipe.peer.clone().map(|peer| PeerInfo {
                id,
                queued: Queued { messages: pipe.out.messages(), bytes: pipe.out.bytes() },
                received: Queued { messages: pipe.inbound.messages(), bytes: pipe.inbound.bytes() },
                ..peer
            })
        };
        self.with(|state| state.pipes.iter().filter_map(info).collect())
    }

    pub(crate) fn peer_count(&self) -> usize {
        self.with(|state| state.peers)
    }

    /// Ready when at least `n` peers have finished their handshake.
    pub(crate) fn poll_peers(&self, n: usize, ticket: &mut Ticket, cx: &Context<'_>) -> Poll<()> {
        self.with(|state| state.watch(|state| state.peers >= n, ticket, cx))
    }

    /// Ready when the last pipe is gone.
    pub(crate) fn poll_drained(&self, ticket: &mut Ticket, cx: &Context<'_>) -> Poll<()> {
        self.with(|state| state.watch(|state| state.pipes.len() == 0, ticket, cx))
    }

    /// No more sending and receiving; what is queued still goes out.
    pub(crate) fn close(&self) {
        self.with(|state| {
            state.ending = state.ending.max(Ending::Lingering);
            for id in state.pipes.ids() {
                if let Some(pipe) = state.pipes.get_mut(id) {
                    pipe.inbound.clear();
                }
                state.end(id, Ending::Lingering);
            }
            state.senders.wake(usize::MAX, &mut state.pipes.wakes);
            state.pipes.wakes.extend(state.receiver.take());
        });
    }

    /// Everything ends now; what is queued is discarded and counted.
    pub(crate) fn abort(&self) {
        self.with(|state| state.pipes.ids().into_iter().for_each(|id| state.end(id, Ending::Now)));
    }

    /// What closing has discarded so far, pipes that nobody serves included.
    pub(crate) fn unsent(&self) -> Unsent {
        self.with(|state| state.unsent)
    }

    /// Ends the pipes of an endpoint, and returns them: those that were dialled, or those that were accepted.
    pub(crate) fn end_endpoint(&self, endpoint: &Endpoint, accepted: bool) -> Vec<PeerId> {
        let is_meant = |pipe: &Pipe| {
            pipe.origin.endpoint == *endpoint && pipe.origin.accepted == accepted && pipe.ending == Ending::No
        };
        self.with(|state| {
            let meant = state.pipes.iter().filter(|(_, pipe)| is_meant(pipe));
            let ids: Vec<_> = meant.map(|(id, _)| id).collect();
            ids.iter().for_each(|id| state.end(*id, Ending::Lingering));
            ids
        })
    }

    /// Ends these pipes now.
    pub(crate) fn end_now(&self, ids: &[PeerId]) {
        self.with(|state| ids.iter().for_each(|id| state.end(*id, Ending::Now)));
    }

    /// A task that waited for something goes away without it.
    pub(crate) fn leave(&self, whence: Waiting, ticket: &mut Ticket) {
        if !ticket.is_drawn() {
            return;
        }
        self.with(|state| match whence {
            Waiting::ForRoom => state.senders.leave(ticket, false, &mut state.pipes.wakes),
            Waiting::ForPeers => state.watchers.leave(ticket, true, &mut state.pipes.wakes),
        });
    }

    pub(crate) fn end_monitors(&self) {
        let wakes = lock(&self.monitors).end();
        wakes.into_iter().for_each(Waker::wake);
    }

    /// Whether the receiver should look for peers that have joined the fair queue.
    #[inline]
    pub(crate) fn has_arrivals(&self) -> bool {
        self.arrivals.load(Ordering::Relaxed)
    }
}

impl<P: Sends> Core<P> {
    /// Queues a message, or says why not and gives it back.
    #[inline]
    pub(crate) fn try_send<F: Form>(&self, message: F) -> Result<(), (SendErrorKind, F)> {
        self.with(|state| state.send(message, Patience::None))
    }

    /// Queues a message, or waits for room. While it is pending the message stays in `message`.
    #[inline]
    pub(crate) fn poll_send<F: Form>(
        &self,
        message: &mut Option<F>,
        waiting: &mut SendTurn,
        cx: &Context<'_>,
    ) -> Poll<Result<(), (SendErrorKind, F)>> {
        let Some(taken) = message.take() else { return Poll::Ready(Ok(())) };
        self.with(|state| {
            // A task that always finds room must still let the engines run.
            if state.sends >= SENDS_PER_YIELD && !waiting.yielded {
                waiting.yielded = true;
                state.sends = 0;
                state.pipes.wakes.push(cx.waker().clone());
                *message = Some(taken);
                return Poll::Pending;
            }
            match state.send(taken, Patience::Paced) {
                Err((SendErrorKind::Full, refused)) => {
                    *message = Some(refused);
                    state.senders.wait(&mut waiting.ticket, cx);
                    Poll::Pending
                }
                result => {
                    if waiting.ticket.is_drawn() {
                        state.senders.leave(&mut waiting.ticket, true, &mut state.pipes.wakes);
                    }
                    Poll::Ready(result)
                }
            }
        })
    }

    /// Ready when `try_send` would find room, or the socket is closed.
    pub(crate) fn poll_writable(
        &self,
        ticket: &mut Ticket,
        cx: &Context<'_>,
    ) -> Poll<Result<(), SendErrorKind>> {
        self.with(|state| {
            let result = if state.ending > Ending::No {
                Err(SendErrorKind::Closed)
            } else if state.pattern.has_room(&mut state.pipes) {
                Ok(())
            } else {
                state.senders.wait(ticket, cx);
                return Poll::Pending;
            };
            // Looking for room uses none: a turn that was given for it goes on to the next.
            state.senders.leave(ticket, false, &mut state.pipes.wakes);
            Poll::Ready(result)
        })
    }
}

impl<P: Receives> Core<P> {
    /// Gives back what the receiver has used up, and takes what has come since. Pending with nothing in `inbox`, in
    /// which case `cx`, if there is one, is woken by the next message.
    pub(crate) fn poll_refill(
        &self,
        inbox: &mut Inbox,
        cx: Option<&Context<'_>>,
    ) -> Poll<Result<(), RecvError>> {
        self.with(|state| {
            self.arrivals.store(false, Ordering::Relaxed);
            while let Some(id) = inbox.next_spent() {
                state.release(id);
            }
            while let Some(id) = state.pattern.next() {
                let Some(pipe) = state.pipes.get_mut(id) else { continue };
                inbox.hold(id, |chunks| pipe.inbound.take(chunks));
                state.let_read(id);
            }
            if !inbox.is_empty() {
                Poll::Ready(Ok(()))
            } else if state.ending > Ending::No {
                Poll::Ready(Err(RecvError::Closed))
            } else {
                state.receiver = cx.map(|cx| cx.waker().clone());
                Poll::Pending
            }
        })
    }
}

impl<P: Sends> State<P> {
    #[inline]
    fn send<F: Form>(&mut self, message: F, patience: Patience) -> Result<(), (SendErrorKind, F)> {
        if self.ending > Ending::No {
            return Err((SendErrorKind::Closed, message));
        }
        self.sends = self.sends.wrapping_add(1);
        self.pattern
            .send(&mut self.pipes, message, patience)
            .map_err(|message| (SendErrorKind::Full, message))
    }
}

impl<P: Pattern> State<P> {
    fn watch(&mut self, done: impl FnOnce(&Self) -> bool, ticket: &mut Ticket, cx: &Context<'_>) -> Poll<()> {
        if done(self) {
            self.watchers.leave(ticket, true, &mut self.pipes.wakes);
            Poll::Ready(())
        } else {
            self.watchers.wait(ticket, cx);
            Poll::Pending
        }
    }

    fn wake_watchers(&mut self) {
        self.watchers.wake(usize::MAX, &mut self.pipes.wakes);
    }

    /// Whoever was refused hears of it if the pipe has room now, by this measure of room.
    fn offer(&mut self, id: PeerId, has_room: fn(&Outbound) -> bool) {
        let Some(pipe) = self.pipes.get_mut(id).filter(|pipe| has_room(&pipe.out)) else { return };
        let turns = pipe.out.room();
        self.pattern.writable(id);
        self.senders.wake(turns, &mut self.pipes.wakes);
    }

    /// Lets a reading engine go on if it waits for room that is now there.
    fn let_read(&mut self, id: PeerId) {
        let Some(pipe) = self.pipes.get_mut(id) else { return };
        if pipe.wants_room && pipe.inbound.room() > 0 {
            self.pipes.rouse(id);
        }
    }

    /// The receiver has used up what it held of this peer.
    fn release(&mut self, id: PeerId) {
        let Some(pipe) = self.pipes.get_mut(id) else { return };
        if pipe.inbound.release() {
            self.pattern.readable(id);
        } else if pipe.gone {
            self.pipes.remove(id);
            self.wake_watchers();
        } else {
            self.let_read(id);
        }
    }

    /// Lets a pipe end. It takes no more messages.
    fn end(&mut self, id: PeerId, ending: Ending) {
        let Some(pipe) = self.pipes.get_mut(id) else { return };
        pipe.ending = pipe.ending.max(ending);
        let gone = pipe.gone && (pipe.inbound.is_empty() || self.ending > Ending::No);
        self.pattern.detach(id);
        self.pipes.rouse(id);
        if gone {
            self.pipes.remove(id);
            self.wake_watchers();
        }
    }

    /// Notes that the peer at the other end has gone.
    fn unjoin(&mut self, id: PeerId) -> Option<PeerInfo> {
        let peer = self.pipes.get_mut(id)?.peer.take()?;
        self.peers -= 1;
        Some(peer)
    }

    /// Discards what a pipe has queued, and the pipe itself unless it holds messages that may still be received.
    fn remove(&mut self, id: PeerId) -> usize {
        self.unjoin(id);
        self.pattern.detach(id);
        let Some(pipe) = self.pipes.get_mut(id).filter(|pipe| !pipe.gone) else { return 0 };
        let (messages, bytes) = (pipe.out.messages(), pipe.out.bytes());
        let is_ending = self.ending > Ending::No;
        pipe.gone = true;
        pipe.out = Outbound::new(0, 0);
        if is_ending {
            self.unsent.messages += messages;
            self.unsent.bytes += bytes;
        }
        if is_ending || pipe.inbound.is_empty() {
            self.pipes.remove(id);
        }
        self.wake_watchers();
        messages
    }
}

impl<P: Pattern> Port for Core<P> {
    fn open(&self, origin: Origin) -> Option<PeerId> {
        self.with(|state| {
            if state.ending > Ending::No {
                return None;
            }
            let id = state.pipes.insert(origin);
            state.pattern.attach(id);
            state.offer(id, |_| true);
            Some(id)
        })
    }

    fn join(
        &self,
        id: Option<PeerId>,
        origin: &Origin,
        remote: &Remote,
        address: Option<String>,
    ) -> Option<PeerId> {
        let id = match id {
            Some(id) => id,
            None => self.open(origin.clone())?,
        };
        let peer = PeerInfo {
            id,
            endpoint: origin.endpoint.clone(),
            address,
            socket_type: remote.socket_type,
            identity: remote.identity.clone(),
            version: remote.version,
            queued: Queued::default(),
            received: Queued::default(),
        };
        let joined = self.with(|state| {
            let Some(pipe) = state.pipes.get_mut(id).filter(|pipe| pipe.ending < Ending::Now && !pipe.gone)
            else {
                state.remove(id);
                return None;
            };
            pipe.peer = Some(peer.clone());
            state.peers += 1;
            state.wake_watchers();
            Some(id)
        });
        if joined.is_some() {
            self.report(Event::HandshakeSucceeded { endpoint: origin.endpoint.clone(), peer });
        }
        joined
    }

    fn take(&self, id: PeerId, batch: &mut Batch, limit: usize, cx: &Context<'_>) -> Taken {
        self.with(|state| {
            if state.pipes.get_mut(id).is_none_or(|pipe| pipe.ending == Ending::Now) {
                return Taken::EndNow;
            }
            state.pipes.take(id, batch, limit);
            let Some(pipe) = state.pipes.get_mut(id) else { return Taken::EndNow };
            pipe.out.flowing = true;
            if !batch.is_empty() {
                state.sends = 0;
                state.offer(id, Outbound::is_relieved);
                return Taken::Some;
            }
            if pipe.ending == Ending::Lingering {
                return Taken::Over;
            }
            pipe.sleep(cx, true);
            Taken::Nothing
        })
    }

    fn must_end(&self, id: PeerId, cx: &Context<'_>) -> bool {
        self.with(|state| {
            let Some(pipe) = state.pipes.get_mut(id) else { return true };
            pipe.sleep(cx, false);
            pipe.ending == Ending::Now
        })
    }

    fn is_over(&self, id: PeerId, cx: &Context<'_>) -> bool {
        self.with(|state| {
            let Some(pipe) = state.pipes.get_mut(id) else { return true };
            pipe.sleep(cx, false);
            pipe.ending == Ending::Now || pipe.ending == Ending::Lingering && pipe.out.is_empty()
        })
    }

    fn room(&self, id: PeerId, cx: &Context<'_>) -> usize {
        self.with(|state| {
            let Some(pipe) = state.pipes.get_mut(id) else { return 0 };
            let room = if pipe.ending == Ending::No { pipe.inbound.room() } else { 0 };
            if room == 0 {
                pipe.sleep(cx, false);
                pipe.wants_room = true;
            }
            room
        })
    }

    fn deliver(&self, id: PeerId, chunk: Chunk) -> usize {
        self.with(|state| {
            let Some(pipe) = state.pipes.get_mut(id).filter(|pipe| pipe.ending == Ending::No) else {
                return 0;
            };
            if !P::RECEIVES {
                // Messages against the direction of the pattern are read and dropped.
                return pipe.inbound.room();
            }
            let is_new = pipe.inbound.deliver(chunk);
            let room = pipe.inbound.room();
            if is_new {
                state.pattern.readable(id);
                self.arrivals.store(true, Ordering::Relaxed);
                state.pipes.wakes.extend(state.receiver.take());
            }
            room
        })
    }

    fn stalled(&self, id: PeerId) {
        self.with(|state| {
            if let Some(pipe) = state.pipes.get_mut(id) {
                pipe.out.flowing = false;
                state.offer(id, |out| out.has_room(Patience::Paced));
            }
        });
    }

    fn part(&self, id: PeerId, batch: Batch, cause: Cause, comes_back: bool) {
        let left = batch.unwritten();
        let parted = self.with(|state| {
            let pipe = state.pipes.get_mut(id)?;
            pipe.out.restore(left);
            pipe.out.flowing = false;
            let peer = state.unjoin(id)?;
            state.offer(id, |out| out.has_room(Patience::Paced));
            let discarded = if comes_back { 0 } else { state.remove(id) };
            state.wake_watchers();
            Some((peer, discarded))
        });
        if let Some((peer, discarded)) = parted {
            self.report(Event::Disconnected { endpoint: peer.endpoint.clone(), peer, cause, discarded });
        }
    }

    fn remove(&self, id: PeerId) {
        self.with(|state| state.remove(id));
    }

    fn report(&self, event: Event) {
        let wakes = lock(&self.monitors).report(&event);
        wakes.into_iter().for_each(Waker::wake);
    }
}

/// What a [`Ticket`] stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Waiting {
    ForRoom,
    ForPeers,
}

/// A sending task's place in the queue.
#[derive(Debug, Default)]
pub(crate) struct SendTurn {
    pub(crate) ticket: Ticket,
    /// It has let others run already.
    yielded: bool,
}

/// After so many sends without an engine having run, the sending task yields once.
const SENDS_PER_YIELD: u32 = 4096;
