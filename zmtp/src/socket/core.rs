//! What the tasks of one socket share: a pattern and its pipes under one short lock, and who sleeps.
//!
//! Two rules, kept by [`Core::with`]: no waker is called under the lock, and emptiness is observed under the same
//! lock that registers the waker. Nothing slow happens here: no I/O, no waiting, a few list operations.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use super::inbox::Inbox;
use super::state::{SendTurn, State};
use crate::endpoint::Endpoint;
use crate::error::{RecvError, SendErrorKind, Unsent};
use crate::message::Message;
#[cfg(feature = "metrics")]
use crate::monitor::meter::Meter;
use crate::monitor::{Monitor, Monitors};
use crate::options::{Marks, Options};
use crate::pattern::{Pattern, Receives, Sends};
use crate::peer::{Drops, PeerId, PeerInfo, Queued};
use crate::pipe::{Ending, Form, Origin, Patience, Pipe, Pipes, Ticket};
use crate::routing_id::RoutingId;
use crate::sync::atomic::AtomicBool;
use crate::sync::{Arc, Mutex, lock};

/// The shared part of a socket.
#[derive(Debug)]
pub(crate) struct Core<P> {
    state: Mutex<State<P>>,
    /// Some peer has joined the fair queue since the receiver last looked.
    pub(super) arrivals: Arc<AtomicBool>,
    pub(super) monitors: Mutex<Monitors>,
    #[cfg(feature = "metrics")]
    pub(super) meter: Meter,
    pub(crate) options: Options,
}

impl<P: Pattern> Core<P> {
    pub(crate) fn new(options: Options, own: &P::Options) -> Self {
        let arrivals = Arc::new(AtomicBool::new(false));
        Self {
            state: Mutex::new(State::new(P::new(own), &options, Arc::clone(&arrivals))),
            arrivals,
            monitors: Mutex::default(),
            #[cfg(feature = "metrics")]
            meter: Meter::new(P::TYPE, &options),
            options,
        }
    }

    /// Runs `f` under the lock, and wakes afterwards whom it left in `pipes.wakes`.
    #[inline]
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut State<P>) -> R) -> R {
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
        self.with(|state| {
            state.pipes.spread();
            state.pipes.iter().filter_map(|(id, pipe)| info(id, pipe)).collect()
        })
    }

    /// A pipe for a peer that is to be dialled: it queues before the peer exists (R30-PUSH-05). `None` when the socket
    /// is closing.
    ///
    /// # Errors
    /// The name, if another peer of this ROUTER has it.
    pub(crate) fn open(
        &self,
        origin: &Origin,
        name: Option<&RoutingId>,
    ) -> Result<Option<PeerId>, RoutingId> {
        self.with(|state| {
            if state.ending > Ending::No {
                return Ok(None);
            }
            if let Some(name) = name.filter(|name| state.pattern.knows(name)) {
                return Err(name.clone());
            }
            let id = state.pipes.insert(origin.clone());
            if let Some(pipe) = state.pipes.get_mut(id) {
                pipe.routing_id = name.cloned();
            }
            if !state.immediate {
                state.attach(id);
            }
            Ok(Some(id))
        })
    }

    /// This peer, if its handshake is done.
    pub(super) fn peer(&self, id: PeerId) -> Option<PeerInfo> {
        self.with(|state| {
            state.pipes.spread();
            state.pipes.get_mut(id).and_then(|pipe| info(id, pipe))
        })
    }

    /// Asks the pattern something.
    pub(crate) fn ask<R>(&self, question: impl FnOnce(&mut P, &mut Pipes) -> R) -> R {
        self.with(|state| {
            let answer = question(&mut state.pattern, &mut state.pipes);
            state.grant();
            answer
        })
    }

    pub(crate) fn drops(&self) -> Drops {
        self.with(|state| {
            state.pipes.spread();
            state.drops()
        })
    }

    /// Tells the recorder what was counted.
    #[cfg(feature = "metrics")]
    pub(crate) fn publish_metrics(&self) {
        self.meter.publish(|| self.with(State::totals));
    }

    pub(crate) fn set_marks(&self, change: impl FnOnce(&mut Marks)) {
        self.with(|state| {
            state.pipes.set_marks(change);
            for id in state.pipes.ids() {
                state.offer(id, |out| out.has_room(Patience::Paced));
                state.let_read(id);
            }
        });
    }

    pub(crate) fn linger(&self) -> Duration {
        self.with(|state| state.linger)
    }

    pub(crate) fn set_linger(&self, linger: Duration) {
        self.with(|state| state.linger = linger);
    }

    pub(crate) fn peer_count(&self) -> usize {
        self.with(|state| state.peers)
    }

    /// Ready when at least `n` peers have finished their handshake.
    pub(crate) fn poll_peers(&self, n: usize, ticket: &mut Ticket, cx: &Context<'_>) -> Poll<()> {
        self.with(|state| state.watch(|state| state.peers >= n, ticket, cx))
    }

    /// Ready when `done` says so. Asked again whenever a peer comes, goes or changes its subscriptions.
    pub(crate) fn poll_until(
        &self,
        done: impl FnOnce(&mut P) -> bool,
        ticket: &mut Ticket,
        cx: &Context<'_>,
    ) -> Poll<()> {
        self.with(|state| {
            let done = done(&mut state.pattern);
            state.watch(|_| done, ticket, cx)
        })
    }

    /// Ready when the last pipe is gone.
    pub(crate) fn poll_drained(&self, ticket: &mut Ticket, cx: &Context<'_>) -> Poll<()> {
        self.with(|state| state.watch(|state| state.pipes.len() == 0, ticket, cx))
    }

    /// No more sending and receiving; what is queued still goes out.
    pub(crate) fn close(&self) {
        self.with(|state| {
            state.ending = state.ending.max(Ending::Lingering);
            self.arrivals.store(true, Ordering::Relaxed);
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
        self.with(|state| {
            state.pipes.spread();
            state.pipes.iter().fold(state.unsent, |mut unsent, (_, pipe)| {
                unsent.messages += pipe.out.messages();
                unsent.bytes += pipe.out.bytes();
                unsent
            })
        })
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

    /// Ends this pipe now. False if it was on its way out already.
    pub(crate) fn evict(&self, id: PeerId) -> bool {
        self.with(|state| {
            let there =
                state.pipes.get_mut(id).is_some_and(|pipe| pipe.ending < Ending::Now && pipe.gone.is_none());
            if there {
                state.end(id, Ending::Now);
            }
            there
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
        self.with(|state| state.send(message.view(), Patience::None)).map_err(|kind| (kind, message))
    }

    /// Queues a message, or waits for room. While it is pending the message stays in `message`.
    #[inline]
    pub(crate) fn poll_send<F: Form>(
        &self,
        message: &mut Option<F>,
        turn: &mut SendTurn,
        cx: &Context<'_>,
    ) -> Poll<Result<(), (SendErrorKind, F)>> {
        let Some(waiting) = message.as_ref() else { return Poll::Ready(Ok(())) };
        let sent = ready!(self.with(|state| state.poll_send(waiting.view(), turn, cx)));
        match (sent, message.take()) {
            (Err(kind), Some(message)) => Poll::Ready(Err((kind, message))),
            _ => Poll::Ready(Ok(())),
        }
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
    /// Takes as much as there is into `inbox`. Pending when that stays empty, in which case `cx`, if there is one, is
    /// woken by the next message.
    pub(crate) fn poll_refill(
        &self,
        inbox: &mut Inbox,
        cx: Option<&Context<'_>>,
    ) -> Poll<Result<(), RecvError>> {
        self.with(|state| {
            self.begin_recv(state)?;
            while let Some(id) = inbox.next_spent() {
                state.release(id);
            }
            while let Some(id) = state.pattern.next() {
                let Some(pipe) = state.pipes.get_mut(id) else { continue };
                inbox.hold(id, pipe.routing_id.clone(), |parcels| pipe.inbound.take(parcels));
                state.let_read(id);
                if state.conflate {
                    // What the others have may be replaced by something newer before it is its turn.
                    break;
                }
            }
            if inbox.is_empty() { state.wait_for_message(cx) } else { Poll::Ready(Ok(())) }
        })
    }

    /// The same for types that take turns: one message.
    pub(crate) fn poll_turn(&self, cx: Option<&Context<'_>>) -> Poll<Result<(PeerId, Message), RecvError>> {
        self.with(|state| {
            self.begin_recv(state)?;
            match state.take_in_turn() {
                Some(taken) => Poll::Ready(Ok(taken)),
                None => state.wait_for_message(cx),
            }
        })
    }

    fn begin_recv(&self, state: &State<P>) -> Result<(), RecvError> {
        if state.ending > Ending::No {
            // `arrivals` stays set, so that nobody goes on with what is in their hands.
            return Err(RecvError::Closed);
        }
        self.arrivals.store(false, Ordering::Relaxed);
        state.pattern.may_recv()
    }
}

/// The peer of a pipe and how full its queues are.
fn info(id: PeerId, pipe: &Pipe) -> Option<PeerInfo> {
    pipe.peer.clone().map(|peer| PeerInfo {
        id,
        queued: Queued { messages: pipe.out.messages(), bytes: pipe.out.bytes() },
        received: Queued { messages: pipe.inbound.messages(), bytes: pipe.inbound.bytes() },
        dropped: pipe.dropped,
        ..peer
    })
}

/// What a [`Ticket`] stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Waiting {
    ForRoom,
    ForPeers,
}
