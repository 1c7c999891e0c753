//! Where the next bytes of a peer are put: a small buffer at first, a large one under load, none when idle, and one
//! that ends with the frame for the rest of a large frame.

use bytes::buf::Limit;
use bytes::{Buf, BufMut, Bytes};

use crate::pool;

/// Bytes read and not yet taken, with room for more.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// What was taken from the front of `bytes` and still stands there.
    front: usize,
    /// Capacity of the next ordinary buffer.
    next: usize,
    /// How long the unfinished frame at the front will be, its header included; 0 when that is not known.
    want: usize,
    /// Room that was offered to the last read.
    offered: usize,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), front: 0, next: FIRST, want: 0, offered: 0 }
    }

    /// The handshake is over: reads may get larger.
    pub(crate) fn open(&mut self) {
        self.next = SMALL;
    }

    /// The place for the next read; there is always room.
    ///
    /// A large frame is read to its end and no further, so that its body is delivered without a copy. Its buffer
    /// grows with the bytes that have come, never with the bytes that were claimed.
    pub(crate) fn space(&mut self) -> Limit<&mut Vec<u8>> {
        // Once a read, not once a take.
        self.bytes.drain(..self.front);
        self.front = 0;
        let len = self.bytes.len();
        let missing = self.want.saturating_sub(len);
        let room = self.bytes.capacity().saturating_sub(len);
        if self.want > LARGE && missing > 0 {
            if room < missing.min(LEAST) || self.bytes.capacity() < self.want.min(GROWTH) {
                self.grow(self.want);
            }
            // Often the next frame is as long: then one read gets it, and just it.
            self.next = self.want;
        } else if room < missing.max(LEAST) {
            self.grow(self.next.max(self.want).max(len.saturating_add(LEAST)));
        }
        let end = self.next.max(self.want).max(len.saturating_add(LEAST));
        self.offered = self.bytes.capacity().min(end).saturating_sub(len);
        (&mut self.bytes).limit(self.offered)
    }

    /// Says how much of the offered space was filled, which decides the size of the next buffer.
    pub(crate) fn filled(&mut self, read: usize) {
        if read == self.offered && read >= SMALL / 2 {
            self.next = self.next.max(BIG);
        } else if self.want <= LARGE && read < self.next / 2 && self.next > BIG {
            self.next = BIG;
        }
    }

    /// Takes in a copy of `bytes`, whatever the room.
    pub(crate) fn fill(&mut self, bytes: &[u8]) {
        self.space();
        self.bytes.extend_from_slice(bytes);
        self.filled(bytes.len());
    }

    pub(crate) fn octets(&self) -> &[u8] {
        self.bytes.get(self.front..).unwrap_or_default()
    }

    /// Takes the first `len` octets, or as many as there are. Few are copied out; many take the buffer with them.
    pub(crate) fn take(&mut self, len: usize) -> Bytes {
        self.want = 0;
        let octets = self.bytes.get(self.front..).unwrap_or_default();
        let (taken, rest) = octets.split_at_checked(len).unwrap_or((octets, &[]));
        if taken.len().saturating_mul(PINNED) < self.bytes.capacity() {
            let copy = Bytes::copy_from_slice(taken);
            self.front = self.front.saturating_add(copy.len());
            return copy;
        }
        let len = taken.len();
        let mut fresh = Vec::new();
        if !rest.is_empty() {
            fresh = pool::take(self.next.min(GROWTH).max(rest.len().saturating_add(LEAST)));
            fresh.extend_from_slice(rest);
        }
        let front = std::mem::take(&mut self.front);
        let mut taken = pool::share(std::mem::replace(&mut self.bytes, fresh));
        taken.advance(front);
        taken.truncate(len);
        taken
    }

    /// What is there, to be changed in place.
    #[cfg(feature = "curve")]
    pub(crate) fn octets_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.front..).unwrap_or_default()
    }

    /// Drops the first `len` octets, or as many as there are.
    #[cfg(feature = "curve")]
    pub(crate) fn skip(&mut self, len: usize) {
        self.want = 0;
        self.front = self.front.saturating_add(len).min(self.bytes.len());
    }

    /// Makes room for `octets` more, so that they can be appended piece by piece.
    #[cfg(feature = "curve")]
    pub(crate) fn reserve(&mut self, octets: usize) -> &mut Vec<u8> {
        self.bytes.drain(..self.front);
        self.front = 0;
        if self.bytes.is_empty() && self.bytes.capacity() < octets {
            pool::give(std::mem::replace(&mut self.bytes, pool::take(octets)));
        }
        self.bytes.reserve(octets);
        &mut self.bytes
    }

    /// Announces how long the frame at the front will be.
    pub(crate) fn want(&mut self, octets: usize) {
        self.want = octets;
    }

    /// Gives the memory back if there is nothing in it.
    pub(crate) fn release(&mut self) {
        if self.octets().is_empty() {
            self.front = 0;
            pool::give(std::mem::take(&mut self.bytes));
        }
    }

    /// Makes room for `capacity` octets in all, or for a step on the way. Memory that is there already may be used
    /// at once; new memory is not allocated for more than twice of what has come.
    fn grow(&mut self, capacity: usize) {
        let step = self.bytes.len().saturating_mul(2).max(GROWTH);
        let mut grown = match pool::reuse(capacity) {
            Some(buffer) => buffer,
            None if self.bytes.len() >= GROWTH => {
                // Where the system can move pages, this copies nothing.
                self.bytes.reserve_exact(capacity.min(step).saturating_sub(self.bytes.len()));
                return;
            }
            None => Vec::with_capacity(capacity.min(step)),
        };
        grown.extend_from_slice(&self.bytes);
        pool::give(std::mem::replace(&mut self.bytes, grown));
    }
}

#[cfg(feature = "curve")]
impl Default for Buffer {
    fn default() -> Self {
        let mut buffer = Self::new();
        buffer.open();
        buffer
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        pool::give(std::mem::take(&mut self.bytes));
    }
}

/// The buffer of a handshake, which thousands may be in at once.
const FIRST: usize = 512;
/// The first buffer after that.
const SMALL: usize = 8 * 1024;
/// The buffer under load. Beyond 64 KiB a read gets no cheaper.
const BIG: usize = 64 * 1024;
/// Frames above this size get a buffer of their own.
const LARGE: usize = 32 * 1024;
/// The first buffer of a large frame; it doubles from here as bytes come in.
const GROWTH: usize = 256 * 1024;
/// The least room worth a read.
const LEAST: usize = 256;
/// What is taken keeps alive at most this many times its own size.
const PINNED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Buffer {
        let mut buffer = Buffer::new();
        buffer.open();
        buffer
    }

    #[test]
    fn an_idle_buffer_holds_nothing_and_a_busy_one_grows_once() {
        let mut buffer = Buffer::new();
        assert_eq!(buffer.bytes.capacity(), 0);
        assert_eq!(buffer.space().remaining_mut(), FIRST);
        buffer.open();
        buffer.release();
        assert_eq!(buffer.space().remaining_mut(), SMALL);
        buffer.space().put_bytes(0, SMALL);
        buffer.filled(SMALL);
        buffer.take(SMALL);
        assert_eq!(buffer.space().remaining_mut(), BIG);
        buffer.release();
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[test]
    fn hostile_29_a_claimed_length_reserves_nothing_beyond_the_growth_step() {
        let mut buffer = open();
        buffer.fill(&[0; 9]);
        buffer.want(64 << 20);
        buffer.space();
        assert_eq!(buffer.bytes.capacity(), GROWTH);
        buffer.space().put_bytes(0, GROWTH - 9);
        buffer.space();
        assert_eq!(buffer.bytes.capacity(), 2 * GROWTH);
    }

    #[test]
    fn a_large_frame_is_read_to_its_end_and_no_further() {
        let mut buffer = open();
        buffer.fill(&[0; 100]);
        buffer.want(100_000);
        assert_eq!(buffer.space().remaining_mut(), 99_900);
    }

    #[test]
    fn after_a_large_frame_one_like_it_is_read_in_one_go() {
        let mut buffer = open();
        buffer.fill(&[0; 100]);
        buffer.want(100_000);
        buffer.space().put_bytes(0, 99_900);
        buffer.filled(99_900);
        buffer.take(100_000);
        assert_eq!(buffer.space().remaining_mut(), 100_000);
        // Small ones do not keep it that large.
        buffer.filled(1000);
        buffer.release();
        assert_eq!(buffer.space().remaining_mut(), BIG);
    }

    #[test]
    fn few_octets_do_not_keep_a_large_buffer_alive() {
        let mut buffer = open();
        buffer.fill(&[7; 2000]);
        let place = buffer.octets().as_ptr();
        assert_ne!(buffer.take(100).as_ptr(), place);
        assert_eq!(buffer.octets().len(), 1900);
        buffer.fill(&[7; 5000]);
        let place = buffer.octets().as_ptr();
        assert_eq!(buffer.take(6000).as_ptr(), place);
        assert_eq!(buffer.octets(), [7; 900]);
    }

    #[test]
    fn taking_a_little_many_times_moves_nothing() {
        let mut buffer = open();
        buffer.fill(&[7; 8000]);
        let place = buffer.octets().as_ptr();
        for taken in 1..=1000 {
            buffer.take(4);
            assert_eq!(buffer.octets().as_ptr(), place.wrapping_add(4 * taken));
        }
        buffer.fill(&[8; 2]);
        assert_eq!((buffer.octets().len(), buffer.octets()[4000]), (4002, 8));
    }

    #[test]
    fn there_is_always_room() {
        let mut buffer = open();
        for want in [0, 10, SMALL + 1, LARGE, LARGE + 1, 3 * GROWTH] {
            buffer.want(want);
            for _ in 0..20 {
                let room = buffer.space().remaining_mut();
                assert!(room > 0);
                buffer.space().put_bytes(0, room.min(4000));
            }
            let all = buffer.octets().len();
            buffer.take(all);
        }
    }
}
