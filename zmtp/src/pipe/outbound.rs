//! Messages on their way to one peer, as wire bytes.

use std::collections::VecDeque;

use bytes::Bytes;

use super::batch::{Batch, Data, Segment};
use super::encode::View;
use crate::message::{Frame, Message};
use crate::pool;
use crate::wire::Header;

/// The outgoing queue of one peer.
///
/// Invariant: `sealed` and then `open` hold exactly `messages` whole messages in `bytes` octets.
#[derive(Debug)]
pub(crate) struct Outbound {
    sealed: VecDeque<Segment>,
    open: Vec<u8>,
    /// Messages that end in `open`.
    open_messages: usize,
    messages: usize,
    bytes: usize,
    hwm: usize,
    hwm_bytes: usize,
    /// Only the newest message is kept, and there is always room.
    conflate: bool,
    /// A connection is up and takes what it is given.
    flowing: bool,
    /// What the marks allow a sender who waits anyway; see [`Patience::Paced`].
    paced: (usize, usize),
    /// Octets that were taken last: most often the next ones are as many, and fit in one segment.
    taken: usize,
}

/// How long a sender is willing to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It wants an answer now: the high-water marks alone decide.
    None,
    /// It waits anyway: while the peer takes what it is given, it is held back as soon as a batch is waiting, long
    /// before the high-water mark. Run-ahead costs more than it gains: bytes fall out of the cache before they are
    /// written.
    Paced,
}

impl Outbound {
    pub(crate) fn new(hwm: usize, hwm_bytes: usize, conflate: bool) -> Self {
        Self {
            sealed: VecDeque::new(),
            open: Vec::new(),
            open_messages: 0,
            messages: 0,
            bytes: 0,
            hwm,
            hwm_bytes,
            conflate,
            flowing: false,
            paced: (hwm, hwm_bytes),
            taken: 0,
        }
    }

    /// Whether a connection is up and takes what it is given.
    pub(crate) fn is_flowing(&self) -> bool {
        self.flowing
    }

    /// Notes whether a connection is up and takes what it is given.
    #[inline]
    pub(crate) fn set_flowing(&mut self, flowing: bool) {
        self.flowing = flowing;
        self.paced = (self.hwm, self.hwm_bytes);
        if flowing {
            self.paced = (self.hwm.min(PACE_MESSAGES), self.hwm_bytes.min(PACE_BYTES));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether one more message may be pushed.
    #[inline]
    pub(crate) fn has_room(&self, patience: Patience) -> bool {
        let (messages, bytes) = self.limits(patience);
        self.messages < messages && self.bytes < bytes || self.conflate
    }

    /// How many messages and octets may be pushed; the last message may exceed the octets.
    pub(crate) fn room_for(&self, patience: Patience) -> (usize, usize) {
        let (messages, bytes) = self.limits(patience);
        (messages.saturating_sub(self.messages), bytes.saturating_sub(self.bytes))
    }

    #[inline]
    fn limits(&self, patience: Patience) -> (usize, usize) {
        match patience {
            Patience::Paced => self.paced,
            Patience::None => (self.hwm, self.hwm_bytes),
        }
    }

    pub(crate) fn set_hwm(&mut self, hwm: usize, hwm_bytes: usize) {
        (self.hwm, self.hwm_bytes) = (hwm, hwm_bytes);
        self.set_flowing(self.flowing);
    }

    /// Drops everything that was not taken, and says how many messages that were.
    pub(crate) fn clear(&mut self) -> usize {
        self.sealed.clear();
        self.open.clear();
        (self.open_messages, self.bytes) = (0, 0);
        std::mem::take(&mut self.messages)
    }

    /// Whether enough has left for a refused sender to come back: half the mark, as in libzmq.
    pub(crate) fn is_relieved(&self) -> bool {
        self.messages <= self.hwm / 2 && self.bytes <= self.hwm_bytes / 2 && self.has_room(Patience::Paced)
    }

    /// How many more messages the marks allow.
    pub(crate) fn room(&self) -> usize {
        self.hwm.saturating_sub(self.messages)
    }

    /// Appends a message's frames. Whether there is room is the caller's question.
    #[inline]
    pub(crate) fn push(&mut self, message: View<'_>) {
        if self.conflate {
            self.clear();
        }
        match message {
            View::Octets(octets) if octets.len() <= COPIED_SLICE => self.copy(octets, false, true),
            message => self.frames(message, true),
        }
        self.messages += 1;
        if self.open.is_empty() {
            // The last frame's body is a segment of its own.
            if let Some(segment) = self.sealed.back_mut() {
                (segment.messages, segment.whole) = (1, true);
            }
        } else {
            self.open_messages += 1;
        }
    }

    /// Moves sealed segments, and the open one after them, into the empty `batch`, until it holds a batchful or
    /// `limit` messages. It ends where a message ends.
    pub(crate) fn take(&mut self, batch: &mut Batch, mut limit: usize) {
        debug_assert!(batch.is_empty());
        let mut moved = 0;
        loop {
            if self.sealed.is_empty() {
                self.seal(true);
            }
            let Some(mut segment) = self.sealed.pop_front() else { break };
            // Also when it begins one message more than the limit allows.
            if segment.messages > limit || segment.messages == limit && !segment.whole {
                let rest = segment.split_after(limit);
                self.sealed.push_front(rest);
            }
            moved += segment.len();
            limit -= segment.messages;
            self.messages -= segment.messages;
            self.bytes -= segment.len();
            let whole = segment.whole;
            batch.push(segment);
            if whole && (moved >= BATCH || limit == 0) {
                break;
            }
        }
        self.taken = moved;
    }

    /// Takes everything, in segments that can be shared.
    pub(super) fn take_shared(&mut self) -> Vec<Segment> {
        self.seal(true);
        self.taken = std::mem::take(&mut self.bytes);
        self.messages = 0;
        let share = |mut segment: Segment| {
            segment.share();
            segment
        };
        self.sealed.drain(..).map(share).collect()
    }

    /// Appends whole messages that others get too. Few octets are copied: they take less in a segment with others.
    pub(super) fn append(&mut self, segments: &[Segment]) {
        if let [segment] = segments
            && segment.len() <= COPIED_SHARED
        {
            self.make_room(segment.len(), true);
            self.open.extend_from_slice(segment.octets());
            self.open_messages += segment.messages;
        } else {
            self.seal(true);
            self.sealed.extend(segments.iter().cloned());
        }
        self.messages += segments.iter().map(|segment| segment.messages).sum::<usize>();
        self.bytes += segments.iter().map(Segment::len).sum::<usize>();
    }

    /// Puts a message in front of everything else.
    pub(crate) fn push_front(&mut self, message: &Message) {
        let mut first = Self::new(usize::MAX, usize::MAX, false);
        first.push(message.into());
        first.seal(true);
        self.restore(first.sealed);
    }

    /// Puts back what a lost connection did not write, in front of everything else.
    pub(crate) fn restore(&mut self, segments: VecDeque<Segment>) {
        if self.conflate && self.messages > 0 {
            return;
        }
        for segment in segments.into_iter().rev() {
            self.messages += segment.messages;
            self.bytes += segment.len();
            self.sealed.push_front(segment);
        }
    }

    fn frames(&mut self, message: View<'_>, first: bool) {
        match message {
            View::Octets(octets) if octets.len() <= COPIED_SLICE => self.copy(octets, false, first),
            View::Octets(octets) => self.share(pool::copy(octets), false, first),
            View::Frames(frame, rest) => {
                self.frame(frame, !rest.is_empty(), first);
                for (after, frame) in rest.iter().enumerate().map(|(i, frame)| (rest.len() - i - 1, frame)) {
                    self.frame(frame, after > 0, false);
                }
            }
            View::Enveloped(envelope, body) => {
                for (i, frame) in envelope.iter().enumerate() {
                    self.frame(frame, true, first && i == 0);
                }
                self.frames(*body, first && envelope.is_empty());
            }
        }
    }

    #[inline]
    fn frame(&mut self, frame: &Frame, more: bool, first: bool) {
        match frame.shared() {
            Some(shared) if shared.len() > COPIED_SHARED => self.share(shared.clone(), more, first),
            _ => self.copy(frame, more, first),
        }
    }

    #[inline]
    fn copy(&mut self, body: &[u8], more: bool, first: bool) {
        let need = Header::size(body.len()) + body.len();
        self.make_room(need, first);
        Header { more, command: false, len: body.len() as u64 }.encode(&mut self.open);
        self.open.extend_from_slice(body);
        self.bytes += need;
    }

    fn share(&mut self, body: Bytes, more: bool, first: bool) {
        let header = Header::size(body.len());
        self.make_room(header, first);
        Header { more, command: false, len: body.len() as u64 }.encode(&mut self.open);
        self.bytes += header + body.len();
        self.seal(false);
        self.sealed.push_back(Segment { data: Data::Shared(body), messages: 0, whole: false });
    }

    #[inline]
    fn make_room(&mut self, need: usize, first: bool) {
        if self.open.capacity() - self.open.len() < need {
            self.next_segment(need, first);
        }
    }

    /// Opens a segment: a small one at first, so that a peer who gets a message now and then costs little, unless
    /// more was taken at once; and one of full size once that is used up.
    #[cold]
    fn next_segment(&mut self, need: usize, first: bool) {
        let is_busy = !self.open.is_empty();
        self.seal(first);
        let usual = (self.taken + self.taken / 4).next_power_of_two().clamp(FIRST_SEGMENT, SEGMENT);
        self.open = pool::take(if is_busy { SEGMENT } else { usual }.max(need));
    }

    fn seal(&mut self, whole: bool) {
        if self.open.is_empty() {
            return;
        }
        let data = Data::Arena(std::mem::take(&mut self.open));
        self.sealed.push_back(Segment { data, messages: std::mem::take(&mut self.open_messages), whole });
    }
}

/// Borrowed bodies up to this size are copied into a segment; beyond, into an allocation of their own.
const COPIED_SLICE: usize = 8 * 1024;
/// Shared bodies up to this size are copied: an I/O vector of their own would cost more.
const COPIED_SHARED: usize = 2 * 1024;
/// Octets of an ordinary segment.
const SEGMENT: usize = 64 * 1024;
/// The first segment of a quiet pipe.
const FIRST_SEGMENT: usize = 1024;
/// What one hand-over to the engine comes to.
const BATCH: usize = 256 * 1024;
/// How far a patient sender runs ahead of a peer that takes what it is given.
const PACE_BYTES: usize = 256 * 1024;
const PACE_MESSAGES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound() -> Outbound {
        Outbound::new(1000, 64 << 20, false)
    }

    fn taken(out: &mut Outbound) -> Vec<Message> {
        let mut batch = Batch::default();
        out.take(&mut batch, usize::MAX);
        let mut chunk = batch.into_chunk();
        let messages: Vec<_> = std::iter::from_fn(|| chunk.next_message()).collect();
        assert_eq!(chunk.messages(), 0);
        messages
    }

    #[test]
    fn messages_of_every_size_and_shape_come_out_as_they_went_in() {
        let body = |len: usize| Bytes::from((0..len).map(|i| i as u8).collect::<Vec<_>>());
        let sizes = [0, 1, 64, 65, 255, 256, 1023, 2048, 2049, 8192, 65_535, 70_000];
        let mut sent: Vec<Message> = sizes.iter().map(|&len| body(len).into()).collect();
        sent.push(Message::new("a").with(body(3000)).with("").with(body(5000)));
        sent.push(Message::new(body(3000)).with(body(60_000)).with("end"));
        let mut out = outbound();
        for message in &sent {
            out.push(message.into());
        }
        assert_eq!(out.messages(), sent.len());
        let mut got = Vec::new();
        while !out.is_empty() {
            got.extend(taken(&mut out));
        }
        assert_eq!(got, sent);
        assert_eq!((out.bytes(), out.messages()), (0, 0));
    }

    #[test]
    fn borrowed_octets_and_owned_messages_give_the_same_bytes() {
        for len in [0, 100, 8192, 8193, 100_000] {
            let body = vec![3; len];
            let (mut a, mut b) = (outbound(), outbound());
            a.push(View::Octets(&body));
            b.push((&Message::from(body.clone())).into());
            assert_eq!(a.bytes(), b.bytes());
            assert_eq!(taken(&mut a), taken(&mut b));
        }
    }

    #[test]
    fn a_high_water_mark_counts_messages_and_octets() {
        let mut out = Outbound::new(2, 100, false);
        for _ in 0..2 {
            assert!(out.has_room(Patience::None));
            out.push(View::Octets(b"x"));
        }
        assert!(!out.has_room(Patience::None));
        taken(&mut out);
        out.push(View::Octets(&[0; 200]));
        assert!(!out.has_room(Patience::None));
        assert!(!out.is_relieved());
        taken(&mut out);
        assert!(out.is_relieved());
    }

    #[test]
    fn a_patient_sender_is_paced_only_while_the_peer_takes_what_it_is_given() {
        let mut out = outbound();
        for _ in 0..5 {
            out.push(View::Octets(&[0; 60_000]));
        }
        assert!(out.has_room(Patience::Paced));
        out.set_flowing(true);
        assert!(!out.has_room(Patience::Paced));
        assert!(out.has_room(Patience::None));
    }

    #[test]
    fn a_limit_of_messages_is_kept_wherever_their_segments_end() {
        let sent: Vec<Message> = (0..40_u8)
            .map(|i| match i % 4 {
                0 => Message::from(&[i; 1]),
                1 => Message::new(&[i; 3]).with(vec![i; 3000]).with(&[i; 2]),
                2 => Message::from(vec![i; 5000]),
                _ => Message::new(&[i; 9]).with(""),
            })
            .collect();
        for limit in 1..9 {
            let mut out = outbound();
            sent.iter().for_each(|message| out.push(message.into()));
            let mut got = Vec::new();
            while !out.is_empty() {
                let mut batch = Batch::default();
                out.take(&mut batch, limit);
                assert_eq!(batch.messages(), limit.min(sent.len() - got.len()));
                let mut chunk = batch.into_chunk();
                got.extend(std::iter::from_fn(|| chunk.next_message()));
            }
            assert_eq!((got, out.bytes()), (sent.clone(), 0));
        }
    }

    #[test]
    fn a_batch_is_bounded_and_ends_with_a_message() {
        let mut out = outbound();
        let message = Message::new(vec![1; 5000]).with(vec![2; 100_000]);
        for _ in 0..10 {
            out.push((&message).into());
        }
        assert_eq!(taken(&mut out), vec![message; 3]);
        assert_eq!(out.messages(), 7);
    }
}
