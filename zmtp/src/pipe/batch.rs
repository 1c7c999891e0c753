//! What an engine has taken out of a pipe and is writing.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

use crate::pool;
use crate::wire::{Chunk, Header, Subscription};

/// Segments in the order of the wire, and how far they were written.
///
/// Segments stay until all of them are written: what a lost connection did not take whole goes back to the pipe.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Batch {
    segments: VecDeque<Segment>,
    /// Segments before this one are written,
    front: usize,
    /// and this much of it.
    offset: usize,
    /// Octets that are not written.
    left: usize,
    /// Subscriptions to tell the peer of. They go ahead of the segments, and are not put back: the next connection is
    /// told of all that there are then.
    pub(crate) subscriptions: Vec<Subscription>,
}

/// Some wire bytes of a pipe.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) data: Data,
    /// Messages that end in it.
    pub(crate) messages: usize,
    /// Whether a message ends where it ends.
    pub(crate) whole: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// Frames, one after the other; the last may lack its body, which is the next segment.
    Arena(Vec<u8>),
    /// The same for several peers, or one large body.
    Shared(Bytes),
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Whether an engine that took it has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.left == 0 && self.subscriptions.is_empty()
    }

    /// Octets that are not written.
    #[cfg(feature = "metrics")]
    pub(crate) fn bytes(&self) -> usize {
        self.left
    }

    pub(crate) fn messages(&self) -> usize {
        self.segments.iter().map(|segment| segment.messages).sum()
    }

    pub(super) fn push(&mut self, segment: Segment) {
        self.left += segment.len();
        self.segments.push_back(segment);
    }

    /// What comes next, if it is all there is.
    pub(crate) fn only_slice(&self) -> Option<&[u8]> {
        let last = self.segments.back().filter(|_| self.front + 1 == self.segments.len())?;
        last.octets().get(self.offset..)
    }

    /// Fills `slices` with what comes next, and says how many it filled.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.offset;
        let segments = self.segments.range(self.front.min(self.segments.len())..);
        slices
            .iter_mut()
            .zip(segments)
            .map(|(slice, segment)| *slice = IoSlice::new(&segment.octets()[std::mem::take(&mut skip)..]))
            .count()
    }

    /// Notes that `written` octets more have gone out.
    pub(crate) fn advance(&mut self, written: usize) {
        self.left -= written;
        self.offset += written;
        while let Some(segment) = self.segments.get(self.front).filter(|segment| self.offset >= segment.len())
        {
            self.offset -= segment.len();
            self.front += 1;
        }
    }

    /// Empties a batch that is written, and gives its buffers back.
    pub(super) fn recycle(&mut self) {
        debug_assert!(self.is_empty());
        while let Some(segment) = self.segments.pop_front() {
            if let Data::Arena(buffer) = segment.data {
                pool::give(buffer);
            }
        }
        (self.front, self.offset) = (0, 0);
    }

    /// The messages that were not wholly written. The peer cannot have been given the first of them, so it is sent
    /// again from its beginning.
    pub(crate) fn unwritten(mut self) -> VecDeque<Segment> {
        let done: usize = self.segments.range(..self.front).map(Segment::len).sum::<usize>() + self.offset;
        let (mut segment, mut at) = (0, 0);
        let mut passed = 0;
        // The walk goes from message to message and stops before the one that `done` falls into.
        while passed < done {
            let (next, offset, size) = self.skip_message(segment, at);
            if size == 0 || passed + size > done {
                break;
            }
            (segment, at) = (next, offset);
            passed += size;
        }
        if self.segments.get(segment).is_some_and(|here| at >= here.len()) {
            (segment, at) = (segment + 1, 0);
        }
        self.segments.drain(..segment);
        if at > 0
            && let Some(segment) = self.segments.front_mut()
        {
            segment.messages -= count_ends(&segment.octets()[..at]);
            match &mut segment.data {
                Data::Arena(buffer) => drop(buffer.drain(..at)),
                Data::Shared(frames) => frames.advance(at),
            }
        }
        self.segments
    }

    /// Where the message at this place ends, and how many octets that is away.
    fn skip_message(&self, segment: usize, at: usize) -> (usize, usize, usize) {
        let mut frames = Frames { segments: &self.segments, segment, at };
        let mut passed = 0;
        for (header, size, body) in &mut frames {
            passed += size + body.len();
            if !header.more {
                break;
            }
        }
        (frames.segment, frames.at, passed)
    }

    /// What is not written, frame by frame; whole frames have been. Header, its size in octets, and body.
    #[cfg(feature = "curve")]
    pub(crate) fn frames(&self) -> impl Iterator<Item = (Header, usize, &[u8])> {
        Frames { segments: &self.segments, segment: self.front, at: self.offset }
    }

    /// The batch as received messages, for a peer in the same process.
    pub(crate) fn into_chunk(self) -> Chunk {
        let messages = self.messages();
        Chunk::new(self.into_pieces(), messages)
    }

    pub(super) fn into_pieces(self) -> impl Iterator<Item = Bytes> {
        self.segments.into_iter().map(|segment| match segment.data {
            Data::Arena(buffer) => pool::share(buffer),
            Data::Shared(body) => body,
        })
    }
}

/// A walk over the frames of segments.
struct Frames<'a> {
    segments: &'a VecDeque<Segment>,
    segment: usize,
    at: usize,
}

impl<'a> Iterator for Frames<'a> {
    type Item = (Header, usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.segments.get(self.segment).is_some_and(|here| self.at >= here.len()) {
            (self.segment, self.at) = (self.segment + 1, 0);
        }
        let rest = &self.segments.get(self.segment)?.octets()[self.at..];
        let (header, size) = Header::decode(rest).ok().flatten()?;
        let (body, len) = (&rest[size..], header.len as usize);
        if len > body.len() {
            // The body is the next segment.
            (self.segment, self.at) = (self.segment + 1, len);
            return Some((header, size, self.segments.get(self.segment)?.octets()));
        }
        self.at += size + len;
        Some((header, size, &body[..len]))
    }
}

/// A batch of these messages.
#[cfg(test)]
pub(crate) fn batch_of(messages: &[crate::message::Message]) -> Batch {
    let mut out = super::Outbound::new(usize::MAX, usize::MAX, false);
    messages.iter().for_each(|message| out.push(message.into()));
    let mut batch = Batch::default();
    out.take(&mut batch, usize::MAX);
    batch
}

impl Segment {
    pub(crate) fn len(&self) -> usize {
        self.octets().len()
    }

    /// Makes it one that others can have too. Who is slow may hold it for long, so it keeps alive at most [`PINNED`]
    /// times its own octets.
    pub(super) fn share(&mut self) {
        let Data::Arena(buffer) = &mut self.data else { return };
        let buffer = std::mem::take(buffer);
        self.data = Data::Shared(if buffer.len().saturating_mul(PINNED) < buffer.capacity() {
            let copy = pool::copy(&buffer);
            pool::give(buffer);
            copy
        } else {
            pool::share(buffer)
        });
    }

    /// Keeps the frames up to the end of message number `messages`, and returns the rest. There are more.
    pub(super) fn split_after(&mut self, messages: usize) -> Self {
        let end = nth_end(self.octets(), messages);
        let data = match &mut self.data {
            Data::Arena(buffer) => Data::Arena(buffer.split_off(end)),
            Data::Shared(frames) => Data::Shared(frames.split_off(end)),
        };
        let rest = Self { data, messages: self.messages - messages, whole: self.whole };
        (self.messages, self.whole) = (messages, true);
        rest
    }

    pub(super) fn octets(&self) -> &[u8] {
        match &self.data {
            Data::Arena(buffer) => buffer,
            Data::Shared(body) => body,
        }
    }
}

/// How many messages end within these frames. A body that is cut off ends elsewhere.
fn count_ends(mut frames: &[u8]) -> usize {
    let mut ends = 0;
    while let Ok(Some((header, size))) = Header::decode(frames) {
        let Some(rest) = frames.get(size + header.len as usize..) else { break };
        ends += usize::from(!header.more);
        frames = rest;
    }
    ends
}

/// Where message number `messages`, counted from 1, ends within these frames.
fn nth_end(frames: &[u8], mut messages: usize) -> usize {
    let mut at = 0;
    while messages > 0
        && let Ok(Some((header, size))) = Header::decode(&frames[at..])
    {
        at += size + header.len as usize;
        messages -= usize::from(!header.more);
    }
    at
}

/// How many times its own octets a shared segment may keep alive.
const PINNED: usize = 4;

#[cfg(test)]
mod tests {
    use super::super::Outbound;
    use super::*;
    use crate::message::Message;

    /// R37-SOCK-06 and sockets that outlive connections: after any number of octets, exactly the messages that were
    /// not wholly written are left.
    #[test]
    fn after_a_cut_anywhere_the_messages_that_were_not_wholly_written_remain() {
        let sent = [
            Message::from("a"),
            Message::new("b").with("bb").with(""),
            Message::from(vec![1; 3000]),
            Message::new("c").with(vec![2; 2100]).with("d"),
            Message::from(vec![3; 1000]),
            Message::new(vec![4; 2500]).with(vec![5; 2500]),
            Message::from(""),
        ];
        let ends: Vec<usize> = sent
            .iter()
            .scan(0, |at, message| {
                *at += message.frames().map(|frame| Header::size(frame.len()) + frame.len()).sum::<usize>();
                Some(*at)
            })
            .collect();
        let total = *ends.last().unwrap();
        for (cut, is_shared) in (0..=total).flat_map(|cut| [(cut, false), (cut, true)]) {
            let mut batch = batch_of(&sent);
            if is_shared {
                batch.segments.iter_mut().for_each(Segment::share);
            }
            let mut written = 0;
            while written < cut {
                let step = (cut - written).min(997);
                batch.advance(step);
                written += step;
            }
            let left = batch.unwritten();
            let mut again = Outbound::new(usize::MAX, usize::MAX, false);
            again.restore(left);
            let expected = &sent[ends.iter().filter(|end| **end <= cut).count()..];
            assert_eq!(again.messages(), expected.len(), "cut {cut}");
            let mut batch = Batch::default();
            again.take(&mut batch, usize::MAX);
            let mut chunk = batch.into_chunk();
            let got: Vec<_> = std::iter::from_fn(|| chunk.next_message()).collect();
            assert_eq!(got, expected, "cut {cut}");
        }
    }

    #[test]
    fn a_shared_segment_does_not_keep_a_buffer_alive_that_is_nearly_empty() {
        for (octets, is_kept) in [(100, false), (5000, false), (60_000, true)] {
            let mut buffer = Vec::with_capacity(64 * 1024);
            buffer.resize(octets, 7);
            let place = buffer.as_ptr();
            let mut segment = Segment { data: Data::Arena(buffer), messages: 1, whole: true };
            segment.share();
            assert_eq!(segment.octets(), vec![7; octets]);
            assert_eq!(segment.octets().as_ptr() == place, is_kept, "{octets}");
        }
    }

    #[test]
    fn the_slices_are_the_wire_bytes_from_where_the_last_write_stopped() {
        let sent = [Message::from("abc"), Message::from(vec![9; 4000]), Message::from("xyz")];
        let mut batch = batch_of(&sent);
        let mut wire = Vec::new();
        while !batch.is_empty() {
            let mut slices = [IoSlice::new(&[]); 2];
            let filled = batch.slices(&mut slices);
            let some: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).take(700).collect();
            batch.advance(some.len());
            wire.extend(some);
        }
        let mut chunk = Chunk::new([Bytes::from(wire)], 3);
        assert_eq!(std::iter::from_fn(|| chunk.next_message()).collect::<Vec<_>>(), sent);
    }
}
