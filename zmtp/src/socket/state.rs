//! What is under a socket's lock, and the steps that several of its callers share.

use std::task::{Context, Poll, Waker};

use crate::error::{SendErrorKind, Unsent};
use crate::options::Marks;
use crate::pattern::{Pattern, Sends};
use crate::peer::{PeerId, PeerInfo};
use crate::pipe::{Ending, Form, Origin, Outbound, Patience, Pipes, Ticket, Waiters};

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
}

impl<P: Pattern> State<P> {
    pub(super) fn new(marks: Marks) -> Self {
        Self {
            pattern: P::default(),
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
        }
    }
}

impl<P: Sends> State<P> {
    #[inline]
    pub(super) fn send<F: Form>(&mut self, message: F, patience: Patience) -> Result<(), (SendErrorKind, F)> {
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
        let Some(pipe) =
            self.pipes.get_mut(id).filter(|pipe| pipe.ending == Ending::No && has_room(&pipe.out))
        else {
            return;
        };
        let turns = pipe.out.room();
        self.pattern.writable(id);
        self.senders.wake(turns, &mut self.pipes.wakes);
    }

    /// Lets a reading engine go on if it waits for room that is now there.
    pub(super) fn let_read(&mut self, id: PeerId) {
        let Some(pipe) = self.pipes.get_mut(id) else { return };
        if pipe.wants_room && pipe.inbound.room() > 0 {
            self.pipes.rouse(id);
        }
    }

    /// A new pipe, which takes messages at once.
    pub(super) fn open(&mut self, origin: Origin) -> PeerId {
        let id = self.pipes.insert(origin);
        self.pattern.attach(id);
        self.offer(id, |_| true);
        id
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
        let Some(pipe) = self.pipes.get_mut(id) else { return };
        pipe.ending = pipe.ending.max(ending);
        let gone = pipe.gone.is_some() && (pipe.inbound.is_empty() || self.ending > Ending::No);
        self.pattern.detach(id);
        self.pipes.rouse(id);
        if gone {
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
        self.unjoin(id);
        self.pattern.detach(id);
        let is_ending = self.ending > Ending::No;
        let Some(pipe) = self.pipes.get_mut(id).filter(|pipe| pipe.gone.is_none()) else { return 0 };
        let (mut messages, bytes) = (pipe.out.messages(), pipe.out.bytes());
        pipe.out = Outbound::new(0, 0);
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
