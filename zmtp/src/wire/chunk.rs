//! A run of whole messages as they stand on the wire, and the parser that takes them out one by one.
//!
//! This is how messages wait: as bytes, hundreds at a time, not as a queue of objects. The scanner has checked the
//! bytes of a peer before they become a chunk; the encoder wrote those of our own sockets.

use std::collections::VecDeque;

use bytes::Bytes;

use super::frame::Header;
use crate::message::{Frame, Message};

/// Whole messages as wire bytes.
///
/// Invariant: the pieces, one after the other, are exactly `messages` messages without a command among them. A
/// header is never split between pieces, and a body either follows its header in the same piece or is exactly the
/// next piece.
#[derive(Debug, Clone, Default)]
pub struct Chunk {
    front: Bytes,
    /// How much of `front` was parsed.
    at: usize,
    rest: VecDeque<Bytes>,
    messages: usize,
    size: usize,
}

impl Chunk {
    /// Whoever calls this vouches for the invariant.
    pub(crate) fn new(pieces: impl IntoIterator<Item = Bytes>, messages: usize) -> Self {
        let mut pieces = pieces.into_iter();
        let front = pieces.next().unwrap_or_default();
        let rest: VecDeque<_> = pieces.collect();
        let size = rest.iter().map(Bytes::len).fold(front.len(), usize::saturating_add);
        Self { front, at: 0, rest, messages, size }
    }

    /// Messages that are still to be taken.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Octets of memory the chunk holds on to, headers included, taken messages too.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Whether every message begins as it should: `is_good` is told the length of its first frame, and whether there
    /// are more.
    pub(crate) fn begin_well(&self, is_good: impl Fn(usize, bool) -> bool) -> bool {
        let front = self.front.get(self.at..).unwrap_or_default();
        let mut pieces = std::iter::once(front).chain(self.rest.iter().map(|piece| &**piece));
        let (mut here, mut is_first): (&[u8], _) = (&[], true);
        loop {
            while here.is_empty() {
                let Some(piece) = pieces.next() else { return true };
                here = piece;
            }
            let Ok(Some((header, size))) = Header::decode(here) else { return false };
            let len = usize::try_from(header.len).unwrap_or(usize::MAX);
            if is_first && !is_good(len, header.more) {
                return false;
            }
            is_first = !header.more;
            here = here.get(size..).unwrap_or_default();
            if here.is_empty() && len > 0 {
                here = pieces.next().unwrap_or_default();
            }
            here = here.get(len..).unwrap_or_default();
        }
    }

    /// Takes the next message. Bodies up to [`Frame::INLINE`] octets are copied into it without an allocation.
    #[inline]
    pub fn next_message(&mut self) -> Option<Message> {
        self.next_short().or_else(|| self.next_long())
    }

    fn next_short(&mut self) -> Option<Message> {
        let (octets, len) = self.short()?;
        let message = match octets.first_chunk() {
            Some(octets) => Message::short(octets, len),
            None => Message::new(octets.get(..len)?),
        };
        self.advance_short(len);
        Some(message)
    }

    /// The body of the next message and its length, if it is short enough to be copied into its only frame. What comes
    /// after it on the wire follows.
    #[inline(always)]
    pub(crate) fn short(&self) -> Option<(&[u8], usize)> {
        let [0, len, body @ ..] = self.front.get(self.at..)? else { return None };
        let len = usize::from(*len);
        (len <= Frame::INLINE).then_some((body, len))
    }

    /// Takes off what [`short`](Self::short) has shown.
    #[inline(always)]
    pub(crate) fn advance_short(&mut self, len: usize) {
        self.at = self.at.saturating_add(len).saturating_add(2);
        self.messages = self.messages.saturating_sub(1);
    }

    /// Puts the next message into `place`. What is not returned is not moved: a caller that inlines
    /// [`next_short`](Self::next_short) keeps its message out of memory if no other function may write there.
    #[inline(never)]
    pub(crate) fn next_into(&mut self, place: &mut Option<Message>) {
        *place = self.next_message();
    }

    /// Any message: of several frames, of long ones, at the border of two pieces.
    fn next_long(&mut self) -> Option<Message> {
        let (mut more, first) = self.next_frame()?;
        let mut message = Message::new(first);
        while more {
            let frame;
            (more, frame) = self.next_frame()?;
            message = message.with(frame);
        }
        self.messages = self.messages.saturating_sub(1);
        Some(message)
    }

    fn next_frame(&mut self) -> Option<(bool, Frame)> {
        let header = self.next_header()?;
        let len = usize::try_from(header.len).ok()?;
        if len > Frame::INLINE {
            return Some((header.more, Frame::from(self.next_body(len)?)));
        }
        self.enter_body(len)?;
        let end = self.at.checked_add(len)?;
        let frame = Frame::copy(self.front.get(self.at..end)?);
        self.at = end;
        Some((header.more, frame))
    }

    /// The body of the next message, if it is the only one and too long for a frame to hold inside.
    #[inline(never)]
    pub(crate) fn next_single(&mut self) -> Option<Bytes> {
        self.enter_piece()?;
        let before = self.at;
        let header = self.next_header()?;
        let len = usize::try_from(header.len).ok()?;
        if header.more || len <= Frame::INLINE {
            self.at = before;
            return None;
        }
        let body = self.next_body(len)?;
        self.messages = self.messages.saturating_sub(1);
        Some(body)
    }

    /// Passes over a header, which stands in one piece.
    #[inline]
    fn next_header(&mut self) -> Option<Header> {
        self.enter_piece()?;
        let (header, size) = Header::decode(self.front.get(self.at..)?).ok().flatten()?;
        self.at = self.at.saturating_add(size);
        Some(header)
    }

    /// Takes a body: few octets are copied, many are shared.
    #[inline]
    fn next_body(&mut self, len: usize) -> Option<Bytes> {
        self.enter_body(len)?;
        let end = self.at.checked_add(len)?;
        let body = self.front.get(self.at..end)?;
        let body = if len <= COPIED || len.saturating_mul(PINNED) < self.front.len() {
            Bytes::copy_from_slice(body)
        } else {
            self.front.slice(self.at..end)
        };
        self.at = end;
        Some(body)
    }

    /// Goes to a body, which follows its header or is the next piece.
    #[inline]
    fn enter_body(&mut self, len: usize) -> Option<()> {
        if len > 0 && self.at == self.front.len() { self.next_piece() } else { Some(()) }
    }

    /// Goes on to a piece that has something left.
    #[inline]
    fn enter_piece(&mut self) -> Option<()> {
        while self.at >= self.front.len() {
            self.next_piece()?;
        }
        Some(())
    }

    fn next_piece(&mut self) -> Option<()> {
        self.front = self.rest.pop_front()?;
        self.at = 0;
        Some(())
    }
}

/// Bodies up to this size are copied: it costs no more than sharing, and the chunk can be freed.
const COPIED: usize = 512;

/// A body that is shared may keep alive at most this many times its own size. Copying 1 KiB that the processor has not
/// seen before costs ten times as much as sharing it, so that much must be shareable out of an ordinary buffer.
const PINNED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(pieces: &[&[u8]], messages: usize) -> Chunk {
        Chunk::new(pieces.iter().map(|piece| Bytes::copy_from_slice(piece)), messages)
    }

    #[test]
    fn messages_come_out_in_order_and_then_none() {
        let mut chunk = chunk(&[b"\0\x01a\0\0\x01\x01b\x01\0\0\x01c"], 3);
        assert_eq!(chunk.next_message().unwrap(), "a");
        assert_eq!(chunk.next_message().unwrap(), "");
        assert_eq!(chunk.messages(), 1);
        assert_eq!(chunk.next_message().unwrap(), Message::new("b").with("").with("c"));
        assert_eq!((chunk.messages(), chunk.next_message()), (0, None));
    }

    #[test]
    fn a_message_may_span_pieces_at_the_borders_of_frames_and_bodies() {
        let body = [7; 5000];
        let mut chunk = chunk(&[b"\x01\x01a", b"\0\0\x02\0\0\0\0\0\0\x13\x88", &body, b"\0\x01z"], 3);
        assert_eq!(chunk.next_message().unwrap(), Message::new("a").with(""));
        assert_eq!(chunk.next_message().unwrap(), body[..]);
        assert_eq!(chunk.next_message().unwrap(), "z");
        assert_eq!(chunk.next_message(), None);
    }

    #[test]
    fn messages_that_begin_badly_are_found_wherever_they_stand() {
        let body = [7; 300];
        let pieces: &[&[u8]] = &[b"\x01\0\x02\0\0\0\0\0\0\x01\x2c", &body, b"\0\x01z\x01\0\0\0"];
        let seen = std::cell::RefCell::new(Vec::new());
        let all = |len, more| {
            seen.borrow_mut().push((len, more));
            true
        };
        assert!(chunk(pieces, 3).begin_well(all));
        assert_eq!(seen.into_inner(), [(0, true), (1, false), (0, true)]);
        assert!(!chunk(pieces, 3).begin_well(|_, more| more));
    }

    #[test]
    fn only_long_messages_of_one_frame_are_singles() {
        let body = [7; 70];
        let head: &[u8] = b"\0\x01a\x01\0\0\x46";
        let mut chunk = chunk(&[&[head, &body, b"\0\x46"].concat(), &body, b"\0\x01z"], 4);
        assert_eq!(chunk.next_single(), None);
        assert_eq!(chunk.next_message().unwrap(), "a");
        assert_eq!(chunk.next_single(), None);
        assert_eq!(chunk.next_message().unwrap(), Message::new("").with(&body));
        assert_eq!(chunk.next_single().unwrap(), body[..]);
        assert_eq!((chunk.messages(), chunk.next_single()), (1, None));
        assert_eq!(chunk.next_message().unwrap(), "z");
        assert_eq!(chunk.next_single(), None);
    }

    #[test]
    fn a_small_body_does_not_pin_a_large_chunk() {
        let mut wire = Vec::new();
        for len in [600_u64, 40_000] {
            Header { more: false, command: false, len }.encode(&mut wire);
            wire.resize(wire.len() + len as usize, 1);
        }
        let wire = Bytes::from(wire);
        let inside = wire.as_ptr_range();
        let mut chunk = Chunk::new([wire.clone()], 2);
        let copied = chunk.next_message().unwrap();
        let shared = chunk.next_message().unwrap();
        assert!(!inside.contains(&copied.first().as_ptr()));
        assert!(inside.contains(&shared.first().as_ptr()));
    }
}
