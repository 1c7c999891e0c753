//! What the receiver has taken out of the pipes: chunks of several peers, worked off message by message in turn.
//!
//! This half of fair-queueing belongs to the receiving task alone, so taking a message needs no lock.

use std::collections::VecDeque;

use crate::message::Message;
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

impl Inbox {
    /// What `accept` makes of the next message; each peer gives one, then it is the next one's turn.
    #[inline(always)]
    pub(crate) fn next<T>(&mut self, accept: impl FnOnce(Source<'_>, Message) -> T) -> Option<T> {
        let held = self.ring.front_mut()?;
        let source =
            Source { peer: held.peer, routing_id: held.routing_id.as_ref(), note: held.parcel.note.as_ref() };
        let chunk = &mut held.parcel.chunk;
        let accepted = if let Some((octets, len)) = chunk.short()
            && let Some(octets) = octets.first_chunk()
        {
            let accepted = accept(source, Message::short(octets, len));
            chunk.advance_short(len);
            accepted
        } else {
            chunk.next_into(&mut self.long);
            let Some(message) = self.long.take() else {
                self.end_turn();
                return None;
            };
            accept(source, message)
        };
        if held.parcel.chunk.messages() == 0 || self.ring.len() > 1 {
            self.end_turn();
        }
        Some(accepted)
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

    fn peer(index: u32) -> PeerId {
        PeerId { index, generation: 0 }
    }

    #[test]
    fn peers_give_one_message_each_in_turn_and_are_given_back_when_used_up() {
        let mut inbox = Inbox::default();
        for (index, texts) in [&["aa", "a"][..], &["b"], &["cc"]].into_iter().enumerate() {
            inbox.hold(peer(index as u32), None, |list| list.extend(texts.iter().map(|text| parcel(text))));
        }
        let order: String = std::iter::from_fn(|| inbox.next(|_, message| message))
            .map(|message| char::from(message.first()[0]))
            .collect();
        assert_eq!(order, "abcaca");
        assert!(inbox.is_empty());
        let spent: Vec<_> = std::iter::from_fn(|| inbox.next_spent()).collect();
        assert_eq!(spent, [peer(1), peer(2), peer(0)]);
        assert!(inbox.next_spent().is_none());
    }
}

#[cfg(test)]
mod fairness;
