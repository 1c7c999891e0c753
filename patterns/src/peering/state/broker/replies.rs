//! What was asked with a number: it is known while it is in hand, and for a while afterwards.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::requests::octets;
use crate::peering::wire::Body;

/// A client's session, and its number for a request.
pub(super) type Key = (u64, u64);

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// It is in hand, under this number.
    Open(u64),
    /// This came of it.
    Replied(Body),
}

/// Requests by the names that their clients have for them.
#[derive(Debug)]
pub(super) struct Replies {
    known: FxHashMap<Key, Known>,
    /// Those that have a reply, in the order of their ends, with when each is to be forgotten.
    kept: VecDeque<(Instant, Key, usize)>,
    bytes: usize,
    time: Duration,
    most: usize,
}

impl Replies {
    pub(super) fn new(time: Duration, most: usize) -> Self {
        Self { known: FxHashMap::default(), kept: VecDeque::new(), bytes: 0, time, most }
    }

    pub(super) fn get(&self, key: Key) -> Option<&Known> {
        self.known.get(&key)
    }

    pub(super) fn open(&mut self, key: Key, request: u64) {
        self.known.insert(key, Known::Open(request));
    }

    /// Nothing came of it: it may be asked again.
    pub(super) fn forget(&mut self, key: Key) {
        if let Some(Known::Open(_)) = self.known.get(&key) {
            self.known.remove(&key);
        }
    }

    /// This came of it. The oldest replies make room for it.
    pub(super) fn reply(&mut self, now: Instant, key: Key, body: Body) {
        let size = octets(&body) + size_of::<(Instant, Key, usize)>();
        self.bytes += size;
        self.kept.push_back((now + self.time, key, size));
        self.known.insert(key, Known::Replied(body));
        while let Some((until, key, size)) = self.kept.front().copied()
            && (self.bytes > self.most || until <= now)
        {
            self.kept.pop_front();
            self.bytes -= size;
            self.known.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_kept_for_a_time_and_as_long_as_there_is_room() {
        let start = Instant::now();
        let body = |octets: usize| vec![vec![7; octets].into()];
        let mut replies = Replies::new(Duration::from_secs(60), 1000);
        replies.open((1, 1), 5);
        assert_eq!(replies.get((1, 1)), Some(&Known::Open(5)));
        replies.reply(start, (1, 1), body(100));
        replies.forget((1, 1));
        assert_eq!(replies.get((1, 1)), Some(&Known::Replied(body(100))));
        replies.reply(start + Duration::from_secs(59), (1, 2), body(100));
        assert!(replies.get((1, 1)).is_some());
        replies.reply(start + Duration::from_secs(60), (1, 3), body(100));
        assert_eq!((replies.get((1, 1)), replies.get((1, 2)).is_some()), (None, true));
        replies.reply(start + Duration::from_secs(61), (1, 4), body(800));
        assert_eq!((replies.get((1, 3)), replies.get((1, 4)).is_some()), (None, true));
        replies.open((1, 5), 6);
        replies.forget((1, 5));
        assert_eq!(replies.get((1, 5)), None);
    }
}
