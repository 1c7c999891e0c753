//! Messages that came from one peer, as chunks of wire bytes.

use std::collections::VecDeque;

use crate::wire::Chunk;

/// The incoming queue of one peer.
///
/// Invariant: `listed` says whether the fair queue has this peer, which is so exactly while there are chunks and the
/// receiver is not holding earlier ones of it.
#[derive(Debug)]
pub(crate) struct Inbound {
    chunks: VecDeque<Chunk>,
    /// Messages in `chunks`.
    messages: usize,
    /// Octets in `chunks` and in what the receiver holds.
    bytes: usize,
    hwm: usize,
    hwm_bytes: usize,
    pub(crate) listed: bool,
    /// Octets that the receiver has taken and is working through; `None` when it holds nothing of this peer.
    held: Option<usize>,
}

impl Inbound {
    pub(crate) fn new(hwm: usize, hwm_bytes: usize) -> Self {
        Self { chunks: VecDeque::new(), messages: 0, bytes: 0, hwm, hwm_bytes, listed: false, held: None }
    }

    /// How many messages may be delivered now.
    pub(crate) fn room(&self) -> usize {
        if self.bytes >= self.hwm_bytes { 0 } else { self.hwm.saturating_sub(self.messages) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.held.is_none()
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a chunk. Whether the fair queue must now hear of this peer is the answer.
    pub(crate) fn deliver(&mut self, chunk: Chunk) -> bool {
        self.messages += chunk.messages();
        self.bytes += chunk.size();
        self.chunks.push_back(chunk);
        let unlisted = !self.listed && self.held.is_none();
        self.listed |= unlisted;
        unlisted
    }

    /// Gives all chunks to the receiver, in exchange for its empty list.
    pub(crate) fn take(&mut self, into: &mut VecDeque<Chunk>) {
        debug_assert!(into.is_empty());
        std::mem::swap(&mut self.chunks, into);
        self.messages = 0;
        self.held = Some(self.bytes);
        self.listed = false;
    }

    /// The receiver has used up what it took. Whether the fair queue must hear of this peer again is the answer.
    pub(crate) fn release(&mut self) -> bool {
        self.bytes -= self.held.take().unwrap_or_default();
        self.listed = !self.chunks.is_empty();
        self.listed
    }

    /// Drops everything that was not taken.
    pub(crate) fn clear(&mut self) {
        self.bytes -= self.chunks.drain(..).map(|chunk| chunk.size()).sum::<usize>();
        self.messages = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(messages: usize) -> Chunk {
        Chunk::new([b"\0\x01a".repeat(messages).into()].into(), messages)
    }

    #[test]
    fn a_peer_is_listed_once_while_it_has_chunks_that_nobody_holds() {
        let mut inbound = Inbound::new(1000, 1000);
        assert!(inbound.deliver(chunk(1)));
        assert!(!inbound.deliver(chunk(1)));
        let mut held = VecDeque::new();
        inbound.take(&mut held);
        assert_eq!(held.len(), 2);
        assert!(!inbound.deliver(chunk(1)));
        assert!(inbound.release());
        inbound.take(&mut VecDeque::new());
        assert!(!inbound.release());
        assert!(inbound.is_empty());
    }

    #[test]
    fn taking_returns_the_room_of_messages_and_releasing_that_of_octets() {
        let mut inbound = Inbound::new(4, 9);
        inbound.deliver(chunk(3));
        assert_eq!(inbound.room(), 0);
        inbound.take(&mut VecDeque::new());
        assert_eq!(inbound.room(), 0);
        inbound.release();
        assert_eq!(inbound.room(), 4);
    }
}
