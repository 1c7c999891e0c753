//! Beats: how it is under each prefix that somebody follows, told now and then, and when a batch ends elsewhere.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use bytes::Bytes;

use super::{Server, Timer};
use crate::clone::wire::Publication;

impl<P: Clone + Eq + Hash + Debug> Server<P> {
    /// Who follows the first of several changes and not the last would wait for the end of the batch.
    pub(super) fn end_batch(&mut self, keys: &[Bytes]) {
        let Some((last, others)) = keys.split_last().filter(|(_, others)| !others.is_empty()) else { return };
        let is_open =
            |prefix: &&Bytes| !last.starts_with(prefix) && others.iter().any(|key| key.starts_with(prefix));
        for prefix in self.prefixes.iter().filter(is_open).cloned().collect::<Vec<_>>() {
            self.beat_about(prefix, true);
        }
    }

    pub(super) fn beat(&mut self, now: Instant) {
        self.timers.set(Timer::Beat, now + self.config.beat);
        let from_there = self.prefixes.range(self.next_prefix.clone()..);
        let round: Vec<_> =
            from_there.chain(self.prefixes.range(..self.next_prefix.clone())).cloned().collect();
        for (number, prefix) in round.iter().enumerate() {
            self.beat_about(prefix.clone(), number < AT_ONCE);
        }
        self.next_prefix = round.get(AT_ONCE).cloned().unwrap_or_default();
        for peer in self.peers.values_mut() {
            peer.telling.take_if(|telling| now.duration_since(telling.asked) > self.config.patience);
        }
    }

    pub(super) fn beat_about(&mut self, prefix: Bytes, with_sums: bool) {
        let (version, sums) = (self.stock.version, with_sums.then(|| self.stock.tree.sums(&prefix)));
        self.publish(Publication::Beat { prefix, version, sums });
    }
}

/// So many prefixes are looked at in each round of beats; the others are looked at in the next.
const AT_ONCE: usize = 1000;
