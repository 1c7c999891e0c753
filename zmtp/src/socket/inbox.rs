//! What the receiver has taken out of the pipes: chunks of several peers, worked off message by message in turn.
//!
//! This half of fair-queueing belongs to the receiving task alone, so taking a message needs no lock.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::message::{Frame, Message};
use crate::pattern::Source;
use crate::peer::PeerId;
use crate::pipe::Parcel;
use crate::routing_id::RoutingId;

/// Messages in the receiver's hands.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Peers with messages left; the front one is next.
    ring: VecDeque<Box<Held>>,
    /// Where a message that is not short is put together.
    long: Option<Message>,
    /// Peers whose messages are used up, to be given back to the socket.
    spent: VecDeque<PeerId>,
    /// An empty list for the next peer, so that none is allocated.
    list: VecDeque<Parcel>,
}

#[derive(Debug)]
struct Held {
    peer: PeerId,
    routing_id: Option<RoutingId>,
    parcel: Parcel,
    more: VecDeque<Parcel>,
}

impl Held {
    #[inline(always)]
    fn source(&self) -> Source<'_> {
        Source { peer: self.peer, routing_id: self.routing_id.as_ref(), note: self.parcel.note.as_ref() }
    }
}

impl Inbox {
    /// The next message, if it is one that is copied into its only frame: where it comes from, its body with what
    /// follows it, and its length. Each peer gives one, then it is the next one's turn.
    #[inline(always)]
    pub(crate) fn short(&self) -> Option<(Source<'_>, &[u8; Frame::INLINE], usize)> {
        let held = self.ring.front()?;
        let (body, len) = held.parcel.chunk.short()?;
        Some((held.source(), body.first_chunk()?, len))
    }

    /// Takes off what [`short`](Self::short) has shown.
    #[inline(always)]
    pub(crate) fn advance_short(&mut self, len: usize) {
        if let Some(held) = self.ring.front_mut() {
            held.parcel.chunk.advance_short(len);
        }
        self.advance();
    }

    /// The next message's body, if that is long and all there is. [`advance`](Self::advance) comes after it.
    #[inline(always)]
    pub(crate) fn single(&mut self) -> Option<(Source<'_>, Bytes)> {
        let held = self.ring.front_mut()?;
        let body = held.parcel.chunk.next_single()?;
        Some((held.source(), body))
    }

    /// The next message of any kind. [`advance`](Self::advance) comes after it.
    #[inline(always)]
    pub(crate) fn long(&mut self) -> Option<(Source<'_>, Message)> {
        let held = self.ring.front_mut()?;
        held.parcel.chunk.next_into(&mut self.long);
        Some((held.source(), self.long.take()?))
    }

    /// Ends the turn of a peer that has given its message.
    #[inline(always)]
    pub(crate) fn advance(&mut self) {
        if self.ring.len() > 1 || self.ring.front().is_some_and(|held| held.parcel.chunk.messages() == 0) {
            self.end_turn();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Whether some peer's messages are used up, so that newer ones of it are to be asked for, or all are.
    #[inline]
    pub(crate) fn wants_more(&self) -> bool {
        !self.spent.is_empty() || self.ring.is_empty()
    }

    /// A peer whose messages are used up.
    pub(crate) fn next_spent(&mut self) -> Option<PeerId> {
        self.spent.pop_front()
    }

    /// Takes a peer into the round with the chunks that `take` puts into an empty list.
    pub(crate) fn hold(
        &mut self,
        peer: PeerId,
        routing_id: Option<RoutingId>,
        take: impl FnOnce(&mut VecDeque<Parcel>),
    ) {
        let mut more = std::mem::take(&mut self.list);
        take(&mut more);
        let parcel = more.pop_front().unwrap_or_default();
        self.ring.push_back(Box::new(Held { peer, routing_id, parcel, more }));
    }

    /// Another peer's turn; one whose messages are used up leaves the round.
    #[inline(never)]
    fn end_turn(&mut self) {
        let Some(held) = self.ring.front_mut() else { return };
        if held.parcel.chunk.messages() == 0 {
            let Some(next) = held.more.pop_front() else {
                let held = self.ring.pop_front();
                self.spent.extend(held.as_ref().map(|held| held.peer));
                self.list = held.map(|held| held.more).unwrap_or_default();
                return;
            };
            held.parcel = next;
        }
        self.ring.rotate_left(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Chunk;

    fn parcel(text: &str) -> Parcel {
        let wire: Vec<u8> = text.bytes().flat_map(|octet| [0, 1, octet]).collect();
        Chunk::new([wire.into()], text.len()).into()
    }

    impl Inbox {
        /// What a receiving task does.
        pub(crate) fn next(&mut self) -> Option<Message> {
            if let Some((_, octets, len)) = self.short() {
                let message = Message::short(octets, len);
                self.advance_short(len);
                return Some(message);
            }
            let message = self.long().map(|(_, message)| message);
            self.advance();
            message
        }
    }

    fn peer(index: u32) -> PeerId {
        PeerId { index, generation: 0 }
    }

    #[test]
    fn peers_give_one_message_each_in_turn_and_are_given_back_when_used_up() {
        let mut inbox = Inbox::default();
        for (index, texts) in [&["aa", "a"][..], &["b"], &["cc"]].into_iter().enumerate() {
            inbox.hold(peer(index as u32), None, |list| list.extend(texts.iter().map(|text| parcel(text))));
        }
        let order: String =
            std::iter::from_fn(|| inbox.next()).map(|message| char::from(message.first()[0])).collect();
        assert_eq!(order, "abcaca");
        assert!(inbox.is_empty());
        let spent: Vec<_> = std::iter::from_fn(|| inbox.next_spent()).collect();
        assert_eq!(spent, [peer(1), peer(2), peer(0)]);
        assert!(inbox.next_spent().is_none());
    }
}

#[cfg(test)]
mod fairness;
