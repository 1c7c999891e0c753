//! RFC 28's "double queue": one [`Pipe`] per peer, kept by the socket that owns it.
//!
//! A pipe holds **wire bytes, not messages**: sending appends a message's frames to the open segment, receiving hands
//! over what was read as a [`Chunk`](crate::wire::Chunk). Queue, wake-up and system call are then paid once for a
//! thousand messages. High-water marks still count whole messages, and octets beside them.
//!
//! Nothing here locks, waits or wakes: pipes live under their socket's lock, and the wakers that fall due are
//! collected in [`Pipes::wakes`] for whoever releases it.

mod batch;
mod encode;
mod inbound;
mod outbound;
mod port;
mod waiters;

use std::task::{Context, Waker};

pub(crate) use batch::Batch;
pub use encode::Encode;
pub(crate) use encode::Form;
pub(crate) use inbound::Inbound;
pub(crate) use outbound::{Outbound, Patience};
pub(crate) use port::{Port, Taken};
pub(crate) use waiters::{Ticket, Waiters};

use crate::options::Marks;
use crate::peer::{PeerId, PeerInfo};

/// The queues of one peer, and the task that serves it.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) out: Outbound,
    pub(crate) inbound: Inbound,
    /// Who is at the other end: there from READY to disconnection.
    pub(crate) peer: Option<PeerInfo>,
    pub(crate) origin: Origin,
    pub(crate) ending: Ending,
    /// The engine, if it sleeps.
    engine: Option<Waker>,
    /// Whether it sleeps for want of messages to write.
    wants_messages: bool,
    /// Whether it sleeps for want of room to read into.
    pub(crate) wants_room: bool,
    /// The connection is gone for good; the pipe stays until its last messages are received, and counts for so many
    /// octets.
    pub(crate) gone: Option<usize>,
}

/// How a pipe came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) endpoint: crate::Endpoint,
    /// Accepted by a listener: the pipe dies with its connection. Else it was dialled and outlives connections.
    pub(crate) accepted: bool,
}

/// Whether a pipe is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// In use.
    No,
    /// What is queued still goes out.
    Lingering,
    /// At once, whatever is queued.
    Now,
}

impl Pipe {
    /// Registers the engine to be woken when the pipe ends, and, if it says so, when there are messages to write.
    pub(crate) fn sleep(&mut self, cx: &Context<'_>, wants_messages: bool) {
        self.wants_messages |= wants_messages;
        match &mut self.engine {
            Some(waker) => waker.clone_from(cx.waker()),
            engine @ None => *engine = Some(cx.waker().clone()),
        }
    }

    /// Takes the engine's waker out, whatever it waits for.
    pub(crate) fn rouse(&mut self) -> Option<Waker> {
        (self.wants_messages, self.wants_room) = (false, false);
        self.engine.take()
    }
}

/// All pipes of one socket.
#[derive(Debug)]
pub(crate) struct Pipes {
    slots: Vec<Slot>,
    free: Vec<u32>,
    live: usize,
    marks: Marks,
    /// Tasks to wake once the lock is released.
    pub(crate) wakes: Vec<Waker>,
}

#[derive(Debug)]
struct Slot {
    /// Raised when a pipe is removed, so that a stale id finds nothing.
    generation: u32,
    pipe: Option<Pipe>,
}

impl Pipes {
    pub(crate) fn new(marks: Marks) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), live: 0, marks, wakes: Vec::new() }
    }

    pub(crate) fn insert(&mut self, origin: Origin) -> PeerId {
        let pipe = Pipe {
            out: Outbound::new(self.marks.send, self.marks.send_bytes),
            inbound: Inbound::new(self.marks.recv, self.marks.recv_bytes),
            peer: None,
            origin,
            ending: Ending::No,
            engine: None,
            wants_messages: false,
            wants_room: false,
            gone: None,
        };
        self.live += 1;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, pipe: None });
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.pipe = Some(pipe);
        PeerId { index, generation: slot.generation }
    }

    pub(crate) fn remove(&mut self, id: PeerId) -> Option<Pipe> {
        let slot = self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)?;
        let pipe = slot.pipe.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        self.live -= 1;
        Some(pipe)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: PeerId) -> Option<&mut Pipe> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation == id.generation { slot.pipe.as_mut() } else { None }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PeerId, &Pipe)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let id = PeerId { index: index as u32, generation: slot.generation };
            slot.pipe.as_ref().map(|pipe| (id, pipe))
        })
    }

    pub(crate) fn ids(&self) -> Vec<PeerId> {
        self.iter().map(|(id, _)| id).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Appends `message` to the pipe, or gives it back: no room, or no such pipe.
    #[inline]
    pub(crate) fn push<F: Form>(&mut self, id: PeerId, message: F, patience: Patience) -> Result<(), F> {
        let Some(slot) =
            self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)
        else {
            return Err(message);
        };
        let Some(pipe) = &mut slot.pipe else { return Err(message) };
        if !pipe.out.has_room(patience) {
            return Err(message);
        }
        pipe.out.push(&message);
        if pipe.wants_messages {
            self.wakes.extend(pipe.rouse());
        }
        Ok(())
    }

    /// Moves at most `limit` messages into `batch`, which is written, up to a batchful.
    pub(crate) fn take(&mut self, id: PeerId, batch: &mut Batch, limit: usize) {
        batch.recycle();
        if let Some(pipe) = self.get_mut(id) {
            pipe.out.take(batch, limit);
        }
    }

    /// Wakes the engine of a pipe, whatever it waits for.
    pub(crate) fn rouse(&mut self, id: PeerId) {
        let engine = self.get_mut(id).and_then(Pipe::rouse);
        self.wakes.extend(engine);
    }
}
