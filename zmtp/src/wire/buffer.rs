//! Where the next bytes of a peer are put: a small buffer at first, a large one under load, none when idle, and one
//! of just the right size for the rest of a large frame.

use bytes::{Bytes, BytesMut};

/// Bytes read and not yet taken, with room for more.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: BytesMut,
    /// Capacity of the next ordinary buffer.
    next: usize,
    /// How long the unfinished frame at the front will be, its header included; 0 when that is not known.
    want: usize,
    /// Room that was offered to the last read.
    offered: usize,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { bytes: BytesMut::new(), next: SMALL, want: 0, offered: 0 }
    }

    /// The place for the next read. It has room after its present content.
    ///
    /// A large frame's buffer ends where the frame ends, so that its body is delivered without a copy. It grows with
    /// the bytes that have come, never with the bytes that were claimed.
    pub(crate) fn space(&mut self) -> &mut BytesMut {
        let len = self.bytes.len();
        let missing = self.want.saturating_sub(len);
        let room = self.bytes.capacity().saturating_sub(len);
        if self.want > LARGE && missing > 0 {
            if room < missing && (room < LEAST || self.bytes.capacity() < self.want.min(GROWTH)) {
                self.grow(self.want.min(len.saturating_mul(2).max(GROWTH)));
            }
            self.next = SMALL;
        } else if room < missing.max(LEAST) {
            self.grow(self.next.max(self.want));
        }
        self.offered = self.bytes.capacity().saturating_sub(len);
        &mut self.bytes
    }

    /// Says how much of the offered space was filled, which decides the size of the next buffer.
    pub(crate) fn filled(&mut self, read: usize) {
        if read == self.offered && read >= SMALL / 2 {
            self.next = BIG;
        }
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes the first `len` octets, or as many as there are.
    pub(crate) fn take(&mut self, len: usize) -> Bytes {
        self.want = 0;
        let len = len.min(self.bytes.len());
        self.bytes.split_to(len).freeze()
    }

    /// Announces how long the frame at the front will be.
    pub(crate) fn want(&mut self, octets: usize) {
        self.want = octets;
    }

    /// Gives the memory back if there is nothing in it.
    pub(crate) fn release(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    fn grow(&mut self, capacity: usize) {
        let mut grown = BytesMut::with_capacity(capacity.max(self.bytes.len().saturating_add(LEAST)));
        grown.extend_from_slice(&self.bytes);
        self.bytes = grown;
    }
}

/// The first buffer of a connection, and the probe between two large frames.
const SMALL: usize = 8 * 1024;
/// The buffer under load. Beyond 64 KiB a read gets no cheaper.
const BIG: usize = 64 * 1024;
/// Frames above this size get a buffer of their own.
const LARGE: usize = 32 * 1024;
/// The first buffer of a large frame; it doubles from here as bytes come in.
const GROWTH: usize = 256 * 1024;
/// The least room worth a read.
const LEAST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_buffer_holds_nothing_and_a_busy_one_grows_once() {
        let mut buffer = Buffer::new();
        assert_eq!(buffer.bytes.capacity(), 0);
        assert_eq!(buffer.space().capacity(), SMALL);
        buffer.space().resize(SMALL, 0);
        buffer.filled(SMALL);
        buffer.take(SMALL);
        assert_eq!(buffer.space().capacity(), BIG);
        buffer.release();
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[test]
    fn hostile_29_a_claimed_length_reserves_nothing_beyond_the_growth_step() {
        let mut buffer = Buffer::new();
        buffer.space().extend_from_slice(&[0; 9]);
        buffer.want(64 << 20);
        assert_eq!(buffer.space().capacity(), GROWTH);
        buffer.space().resize(GROWTH, 0);
        assert_eq!(buffer.space().capacity(), 2 * GROWTH);
    }

    #[test]
    fn the_buffer_of_a_large_frame_ends_where_the_frame_ends() {
        let mut buffer = Buffer::new();
        buffer.space().extend_from_slice(&[0; 100]);
        buffer.want(100_000);
        assert_eq!(buffer.space().capacity(), 100_000);
    }

    #[test]
    fn the_room_offered_is_never_zero() {
        let mut buffer = Buffer::new();
        for want in [0, 10, SMALL + 1, LARGE, LARGE + 1, 3 * GROWTH] {
            buffer.want(want);
            for _ in 0..20 {
                let space = buffer.space();
                assert!(space.capacity() > space.len());
                let some = space.len() + (space.capacity() - space.len()).min(4000);
                space.resize(some, 0);
            }
            let all = buffer.octets().len();
            buffer.take(all);
        }
    }
}
