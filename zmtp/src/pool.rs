//! Large buffers that are used again, so that a stream of data does not fault in fresh pages all the time.
//!
//! One pool for the process, and for each thread a few small buffers that cost it no lock. It holds little, and idle
//! sockets and connections hold nothing of it: a buffer comes back when it is written out, or when the last message
//! that was cut from it is dropped.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// An empty buffer with room for at least `capacity` octets.
pub(crate) fn take(capacity: usize) -> Vec<u8> {
    reuse(capacity).unwrap_or_else(|| Vec::with_capacity(capacity))
}

/// The same, if there is one that was used before.
pub(crate) fn reuse(capacity: usize) -> Option<Vec<u8>> {
    let fits = |buffer: &Vec<u8>| (capacity..=capacity.saturating_mul(WASTE)).contains(&buffer.capacity());
    if NEAR_SIZES.contains(&capacity) {
        let near = NEAR.try_with(|near| {
            let mut near = near.borrow_mut();
            let at = near.iter().rposition(fits)?;
            Some(near.swap_remove(at))
        });
        return near.ok().flatten();
    }
    if !(LEAST..=MOST).contains(&capacity) {
        return None;
    }
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let at = pool.buffers.iter().rposition(fits)?;
    let found = pool.buffers.swap_remove_back(at)?;
    pool.octets -= found.capacity();
    Some(found)
}

/// A copy that comes from the pool and goes back there.
pub(crate) fn copy(octets: &[u8]) -> Bytes {
    let mut buffer = take(octets.len());
    buffer.extend_from_slice(octets);
    share(buffer)
}

/// Takes a buffer back.
pub(crate) fn give(mut buffer: Vec<u8>) {
    if NEAR_SIZES.contains(&buffer.capacity()) {
        buffer.clear();
        // A thread that has enough, or is at its end, lets the buffer go.
        let _ = NEAR.try_with(|near| {
            let mut near = near.borrow_mut();
            if near.len() < NEAR_HELD {
                near.push(buffer);
            }
        });
        return;
    }
    if !(LEAST..=MOST).contains(&buffer.capacity()) {
        return;
    }
    buffer.clear();
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    pool.octets += buffer.capacity();
    pool.buffers.push_back(buffer);
    let mut evicted = Vec::new();
    while pool.octets > HELD
        && let Some(oldest) = pool.buffers.pop_front()
    {
        pool.octets -= oldest.capacity();
        evicted.push(oldest);
    }
    drop(pool);
    drop(evicted);
}

/// Shares the buffer's content. The buffer comes back when the last share is dropped.
pub(crate) fn share(buffer: Vec<u8>) -> Bytes {
    if buffer.capacity() < *NEAR_SIZES.start() {
        return buffer.into();
    }
    Bytes::from_owner(Shared(buffer))
}

struct Pool {
    /// The one that came back last is at the end.
    buffers: VecDeque<Vec<u8>>,
    octets: usize,
}

struct Shared(Vec<u8>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        give(std::mem::take(&mut self.0));
    }
}

// A leaf: nothing else is locked or called while it is held, so the models of loom need not see it.
static POOL: Mutex<Pool> = Mutex::new(Pool { buffers: VecDeque::new(), octets: 0 });

thread_local! {
    static NEAR: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// What a thread holds for itself: what connections write and read with that are not busy.
const NEAR_SIZES: RangeInclusive<usize> = 1024..=8 * 1024;
/// How many it holds.
const NEAR_HELD: usize = 8;
/// The least that the process's own pool holds.
const LEAST: usize = 8 * 1024 + 1;
/// Larger ones are given back to the system.
const MOST: usize = 2 * 1024 * 1024;
/// Octets that are kept, in all.
const HELD: usize = 4 * 1024 * 1024;
/// A buffer may be this many times larger than what was asked for.
const WASTE: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_buffer_comes_back_when_the_last_share_is_dropped() {
        // A size that no other test of this process uses.
        const SIZE: usize = 1_234_567;
        let mut buffer = take(SIZE);
        let capacity = buffer.capacity();
        let place = buffer.as_ptr();
        buffer.extend_from_slice(b"content");
        let shares = [share(buffer)].map(|bytes| (bytes.slice(..3), bytes));
        assert_eq!(shares[0].0, "con");
        let other = take(SIZE);
        assert_ne!(other.as_ptr(), place);
        drop(shares);
        let again = take(SIZE);
        assert_eq!((again.as_ptr(), again.len(), again.capacity()), (place, 0, capacity));
    }
}
