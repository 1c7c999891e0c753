//! Messages that came from one peer, as chunks of wire bytes.

use std::collections::VecDeque;

use super::Parcel;
use crate::message::Message;

/// The incoming queue of one peer.
///
/// Invariant: `listed` says whether the fair queue has this peer, which is so exactly while there are chunks and the
/// receiver is not holding earlier ones of it.
#[derive(Debug)]
pub(crate) struct Inbound {
    parcels: VecDeque<Parcel>,
    /// Messages in `parcels`.
    messages: usize,
    /// Octets in `parcels` and in what the receiver holds, as they are on the wire.
    bytes: usize,
    hwm: usize,
    hwm_bytes: usize,
    /// Only the newest message is kept, and there is always room.
    conflate: bool,
    pub(crate) listed: bool,
    /// Octets that the receiver has taken and is working through; `None` when it holds nothing of this peer.
    held: Option<usize>,
}

impl Inbound {
    pub(crate) fn new(hwm: usize, hwm_bytes: usize, conflate: bool) -> Self {
        Self {
            parcels: VecDeque::new(),
            messages: 0,
            bytes: 0,
            hwm,
            hwm_bytes,
            conflate,
            listed: false,
            held: None,
        }
    }

    /// How many messages may be delivered now.
    pub(crate) fn room(&self) -> usize {
        if self.conflate {
            usize::MAX
        } else if self.bytes.max(self.parcels.len() * PARCEL) >= self.hwm_bytes {
            0
        } else {
            self.hwm.saturating_sub(self.messages)
        }
    }

    pub(crate) fn set_hwm(&mut self, hwm: usize, hwm_bytes: usize) {
        (self.hwm, self.hwm_bytes) = (hwm, hwm_bytes);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parcels.is_empty() && self.held.is_none()
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a parcel. Whether the fair queue must now hear of this peer is the answer.
    pub(crate) fn deliver(&mut self, mut parcel: Parcel) -> bool {
        if self.conflate {
            self.clear();
            parcel = parcel.newest();
        }
        self.messages += parcel.chunk.messages();
        self.bytes += parcel.chunk.size();
        self.parcels.push_back(parcel);
        let unlisted = !self.listed && self.held.is_none();
        self.listed |= unlisted;
        unlisted
    }

    /// Gives everything to the receiver, in exchange for its empty list.
    pub(crate) fn take(&mut self, into: &mut VecDeque<Parcel>) {
        debug_assert!(into.is_empty());
        std::mem::swap(&mut self.parcels, into);
        self.messages = 0;
        self.held = Some(self.bytes);
        self.listed = false;
    }

    /// The receiver has used up what it took. Whether the fair queue must hear of this peer again is the answer.
    pub(crate) fn release(&mut self) -> bool {
        self.bytes -= self.held.take().unwrap_or_default();
        self.listed = !self.parcels.is_empty();
        self.listed
    }

    /// Takes one message, for types that receive under the lock. The fair queue has just let go of this peer; whether
    /// it must hear of it again is the second answer.
    pub(crate) fn take_one(&mut self) -> (Option<Message>, bool) {
        let message = self.parcels.front_mut().and_then(|parcel| parcel.chunk.next_message());
        self.messages -= usize::from(message.is_some());
        while self.parcels.front().is_some_and(|parcel| parcel.chunk.messages() == 0) {
            let spent = self.parcels.pop_front();
            self.bytes -= spent.map_or(0, |parcel| parcel.chunk.size());
        }
        self.listed = !self.parcels.is_empty();
        (message, self.listed)
    }

    /// Drops everything that was not taken.
    pub(crate) fn clear(&mut self) {
        self.bytes -= self.parcels.drain(..).map(|parcel| parcel.chunk.size()).sum::<usize>();
        self.messages = 0;
    }
}

/// What a parcel costs at least, were its octets as few as two.
const PARCEL: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Chunk;

    fn parcel(messages: usize) -> Parcel {
        Chunk::new([b"\0\x01a".repeat(messages).into()], messages).into()
    }

    #[test]
    fn a_peer_is_listed_once_while_it_has_chunks_that_nobody_holds() {
        let mut inbound = Inbound::new(1000, 1000, false);
        assert!(inbound.deliver(parcel(1)));
        assert!(!inbound.deliver(parcel(1)));
        let mut held = VecDeque::new();
        inbound.take(&mut held);
        assert_eq!(held.len(), 2);
        assert!(!inbound.deliver(parcel(1)));
        assert!(inbound.release());
        inbound.take(&mut VecDeque::new());
        assert!(!inbound.release());
        assert!(inbound.is_empty());
    }

    #[test]
    fn taking_returns_the_room_of_messages_and_releasing_that_of_octets() {
        let mut inbound = Inbound::new(4, 9, false);
        inbound.deliver(parcel(3));
        assert_eq!(inbound.room(), 0);
        inbound.take(&mut VecDeque::new());
        assert_eq!(inbound.room(), 0);
        inbound.release();
        assert_eq!(inbound.room(), 4);
    }

    #[test]
    fn hostile_35_a_parcel_counts_for_more_than_its_octets() {
        let mut inbound = Inbound::new(usize::MAX, 10_000, false);
        let mut parcels = 0;
        while inbound.room() > 0 {
            inbound.deliver(Chunk::new([b"\0\0"[..].into()], 1).into());
            parcels += 1;
        }
        assert!(parcels <= 10_000 / PARCEL + 1, "{parcels} empty messages in 10,000 octets");
        // With its place on the heap.
        assert!(size_of::<Parcel>() + 64 <= PARCEL, "{} octets of a parcel", size_of::<Parcel>());
    }

    #[test]
    fn messages_taken_one_by_one_return_their_room() {
        let mut inbound = Inbound::new(4, 1000, false);
        inbound.deliver(parcel(2));
        inbound.deliver(parcel(1));
        assert_eq!(inbound.room(), 1);
        assert_eq!(inbound.take_one(), (Some("a".into()), true));
        assert_eq!(inbound.room(), 2);
        assert_eq!(inbound.take_one(), (Some("a".into()), true));
        assert_eq!(inbound.take_one(), (Some("a".into()), false));
        assert_eq!((inbound.room(), inbound.bytes()), (4, 0));
        assert!(inbound.deliver(parcel(1)));
    }

    #[test]
    fn conflated_only_the_newest_message_is_kept() {
        let mut inbound = Inbound::new(1, 1, true);
        for _ in 0..3 {
            inbound.deliver(Chunk::new([b"\0\x01a\0\x01b"[..].into()], 2).into());
        }
        assert_eq!((inbound.messages(), inbound.room()), (1, usize::MAX));
        assert_eq!(inbound.take_one(), (Some("b".into()), false));
    }
}
