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
mod log;
mod outbound;
mod parcel;
mod port;
mod waiters;

use std::collections::HashMap;
use std::task::{Context, Waker};

use bytes::Bytes;

pub(crate) use batch::Batch;
#[cfg(test)]
pub(crate) use batch::batch_of;
pub use encode::Encode;
pub(crate) use encode::{Form, View};
pub(crate) use inbound::Inbound;
pub(crate) use outbound::{Outbound, Patience};
pub(crate) use parcel::{Note, Parcel};
pub(crate) use port::{Delivered, Delivery, Join, Port, Taken, Timed, Toll};
pub(crate) use waiters::{Ticket, Waiters};

use self::log::Log;
use crate::options::Marks;
use crate::peer::{Drops, PeerId, PeerInfo};
use crate::routing_id::RoutingId;
use crate::wire::Subscription;

/// The queues of one peer, and the task that serves it.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) out: Outbound,
    pub(crate) inbound: Inbound,
    /// Subscriptions that the peer is still to be told of.
    announced: Vec<Announced>,
    /// What a ROUTER calls the peer.
    pub(crate) routing_id: Option<RoutingId>,
    /// Messages for this peer that were dropped because its queue was full.
    pub(crate) dropped: u64,
    /// Whether the pattern knows of it, and gives it messages.
    pub(crate) attached: bool,
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

    /// The connection has ended: the next one begins with all subscriptions that there are then.
    pub(crate) fn forget_announced(&mut self) {
        self.announced.clear();
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
    /// What several pipes are to get.
    log: Log,
    marks: Marks,
    pub(crate) drops: Drops,
    /// What the delivery at hand costs.
    pub(crate) toll: Toll,
    /// What the pattern wants to have done as soon as it has returned, in order.
    pub(crate) wishes: Vec<(PeerId, Wish)>,
    /// Tasks to wake once the lock is released.
    pub(crate) wakes: Vec<Waker>,
}

/// What a pattern cannot do itself, since it is more than the pattern's business.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Put something into the incoming pipe.
    Deliver(Parcel),
    /// End the pipe at once.
    End,
}

#[derive(Debug)]
struct Slot {
    /// Raised when a pipe is removed, so that a stale id finds nothing.
    generation: u32,
    pipe: Option<Pipe>,
}

impl Pipes {
    pub(crate) fn new(marks: Marks) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            live: 0,
            log: Log::default(),
            marks,
            drops: Drops::default(),
            toll: Toll::default(),
            wishes: Vec::new(),
            wakes: Vec::new(),
        }
    }

    pub(crate) fn insert(&mut self, origin: Origin) -> PeerId {
        let marks = &self.marks;
        let pipe = Pipe {
            out: Outbound::new(marks.send, marks.send_bytes, marks.conflate),
            inbound: Inbound::new(marks.recv, marks.recv_bytes, marks.conflate),
            announced: Vec::new(),
            routing_id: None,
            dropped: 0,
            attached: false,
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
        self.spread();
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

    /// Appends `message` to the pipe. False: there is no room, or no such pipe.
    #[inline]
    #[must_use]
    pub(crate) fn push(&mut self, id: PeerId, message: View<'_>, patience: Patience) -> bool {
        self.spread();
        let Some(pipe) = self.get_mut(id).filter(|pipe| pipe.out.has_room(patience)) else { return false };
        pipe.out.push(message);
        if pipe.wants_messages {
            self.rouse(id);
        }
        true
    }

    /// Appends a copy of `message` to the pipe, or drops it and counts that: the pipe is full, or not there.
    #[inline]
    pub(crate) fn offer(&mut self, id: PeerId, message: View<'_>) {
        self.spread();
        let Some(pipe) = self.get_mut(id).filter(|pipe| pipe.ending == Ending::No) else {
            self.drops.no_peer += 1;
            return;
        };
        if !pipe.out.has_room(Patience::None) {
            pipe.dropped += 1;
            self.drops.peer_full += 1;
            return;
        }
        pipe.out.push(message);
        if pipe.wants_messages {
            self.rouse(id);
        }
    }

    /// Tells the peer of a subscription; `fresh` is the first one to its topic. While its connection is down there is
    /// nobody to tell.
    pub(crate) fn announce(&mut self, id: PeerId, subscription: Subscription, fresh: bool) {
        let Some(pipe) = self.get_mut(id).filter(|pipe| pipe.peer.is_some()) else { return };
        pipe.announced.push(Announced { subscription, fresh });
        if pipe.announced.len().is_power_of_two() && pipe.announced.len() > ANNOUNCED {
            // The peer takes nothing. Of each topic only what comes of it all counts.
            settle(&mut pipe.announced);
        }
        if pipe.wants_messages {
            self.rouse(id);
        }
    }

    /// Moves at most `limit` messages into `batch`, which is written, up to a batchful.
    pub(crate) fn take(&mut self, id: PeerId, batch: &mut Batch, limit: usize) {
        batch.recycle();
        self.spread();
        if let Some(pipe) = self.get_mut(id) {
            if !pipe.announced.is_empty() {
                let announced = pipe.announced.drain(..);
                batch.subscriptions = announced.map(|announced| announced.subscription).collect();
            }
            if !pipe.out.is_empty() {
                pipe.out.take(batch, limit);
            }
        }
    }

    /// Puts something into the peer's incoming pipe, as soon as the pattern has returned.
    pub(crate) fn deliver(&mut self, id: PeerId, parcel: Parcel) {
        self.wishes.push((id, Wish::Deliver(parcel)));
    }

    /// Ends the pipe at once, as soon as the pattern has returned.
    pub(crate) fn end(&mut self, id: PeerId) {
        self.wishes.push((id, Wish::End));
    }

    /// Appends a message for these peers, if it is known that all have room.
    #[inline]
    pub(crate) fn append_all(&mut self, peers: &[PeerId], message: View<'_>, patience: Patience) -> bool {
        self.log.append(peers, message, patience)
    }

    /// Whether pipes hold one message at most.
    pub(crate) fn conflate(&self) -> bool {
        self.marks.conflate
    }

    /// Whether one more message may be pushed. A pipe that is not there has none.
    pub(crate) fn has_room(&mut self, id: PeerId, patience: Patience) -> bool {
        self.get_mut(id).is_some_and(|pipe| pipe.out.has_room(patience))
    }

    /// Changes the high-water marks, of the pipes there are too.
    pub(crate) fn set_marks(&mut self, change: impl FnOnce(&mut Marks)) {
        self.spread();
        change(&mut self.marks);
        let marks = self.marks;
        for pipe in self.slots.iter_mut().filter_map(|slot| slot.pipe.as_mut()) {
            pipe.out.set_hwm(marks.send, marks.send_bytes);
            pipe.inbound.set_hwm(marks.recv, marks.recv_bytes);
        }
    }

    /// Wakes the engine of a pipe, whatever it waits for.
    #[cold]
    pub(crate) fn rouse(&mut self, id: PeerId) {
        let engine = self.get_mut(id).and_then(Pipe::rouse);
        self.wakes.extend(engine);
    }
}

/// A subscription that the peer is still to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Announced {
    subscription: Subscription,
    /// Before it the topic was not subscribed to, so the peer does not know of it.
    fresh: bool,
}

/// Keeps the last word on each topic, in order. When that is the end of what the peer was never told of, not even that.
fn settle(announced: &mut Vec<Announced>) {
    let mut was_fresh: HashMap<Bytes, bool> = HashMap::new();
    for Announced { subscription, fresh } in announced.iter() {
        was_fresh.entry(subscription.topic.clone()).or_insert(*fresh);
    }
    let mut settled: Vec<_> = std::mem::take(announced)
        .into_iter()
        .rev()
        .filter_map(|Announced { subscription, .. }| {
            let fresh = was_fresh.remove(&subscription.topic)?;
            (subscription.wanted || !fresh).then_some(Announced { subscription, fresh })
        })
        .collect();
    settled.reverse();
    *announced = settled;
}

/// Beyond so many subscriptions for a peer that takes nothing, those that are out of date are dropped.
const ANNOUNCED: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_topic_the_last_word_is_kept_unless_it_ends_what_was_never_told() {
        let word = |topic: &'static str, wanted, fresh| Announced {
            subscription: Subscription { topic: topic.into(), wanted },
            fresh,
        };
        let mut words = vec![
            word("told", false, false),
            word("new", true, true),
            word("brief", true, true),
            word("again", true, false),
            word("brief", false, false),
            word("again", false, false),
            word("again", true, true),
        ];
        settle(&mut words);
        assert_eq!(words, [word("told", false, false), word("new", true, true), word("again", true, false)]);
    }
}
