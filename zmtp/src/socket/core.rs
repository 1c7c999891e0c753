//! What the tasks of one socket share: a pattern and its pipes under one short lock, and who sleeps.
//!
//! Two rules, kept by [`Core::with`]: no waker is called under the lock, and emptiness is observed under the same
//! lock that registers the waker. Nothing slow happens here: no I/O, no waiting, a few list operations.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use super::inbox::Inbox;
use super::state::State;
use crate::endpoint::Endpoint;
use crate::error::{RecvError, SendErrorKind, Unsent};
use crate::monitor::{Monitor, Monitors};
use crate::options::Options;
use crate::pattern::{Pattern, Receives, Sends};
use crate::peer::{PeerId, PeerInfo, Queued};
use crate::pipe::{Ending, Form, Patience, Pipe, Ticket};
use crate::sync::atomic::AtomicBool;
use crate::sync::{Mutex, lock};

/// The shared part of a socket.
#[derive(Debug)]
pub(crate) struct Core<P> {
    state: Mutex<State<P>>,
    /// Some peer has joined the fair queue since the receiver last looked.
    pub(super) arrivals: AtomicBool,
    pub(super) monitors: Mutex<Monitors>,
    pub(crate) options: Options,
}

impl<P: Pattern> Core<P> {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            state: Mutex::new(State::new(options.marks)),
            arrivals: AtomicBool::new(false),
            monitors: Mutex::default(),
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
        self.with(|state| {
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
                    waiting.yielded = false;
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
                if let Some(cx) = cx {
                    state.receiver = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        })
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
