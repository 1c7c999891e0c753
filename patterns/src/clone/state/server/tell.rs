//! Who is told what there is, and how many at a time.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use bytes::Bytes;

use super::pages::{Rest, Telling};
use super::{Server, Stock};
use crate::clone::version::Version;
use crate::clone::wire::{Command, Next};

impl<P: Clone + Eq + Hash + Debug> Server<P> {
    /// Begins to tell it what there is.
    pub(super) fn tell(
        &mut self,
        now: Instant,
        peer: P,
        request: u64,
        prefixes: Vec<Bytes>,
        have: Option<Version>,
    ) {
        let telling = self.peers.get(&peer).and_then(|peer| peer.telling.as_ref());
        if let Some(telling) = telling.filter(|telling| telling.request == request) {
            // It has asked again before it was answered.
            let from = telling.first.clone();
            return self.turn_page(now, peer, request, from);
        }
        let since = have.and_then(|have| self.stock.log.after(have));
        let others = self.snapshots() - usize::from(self.is_told_everything(&peer));
        if since.is_none() && others >= self.config.snapshots {
            self.counters.waits += 1;
            let retry_after = self.config.beat;
            return self.say(&peer, Command::Wait { request, retry_after });
        }
        let telling = match since {
            Some(seq) => {
                self.counters.deltas += 1;
                Telling::delta(now, request, prefixes, seq)
            }
            None => {
                self.counters.snapshots += 1;
                let Stock { tree, version, writers, lives, .. } = &self.stock;
                let rest = || Rest { writes: writers.done(), sessions: lives.opened() };
                Telling::snapshot(now, request, prefixes, tree.clone(), *version, rest)
            }
        };
        if let Some(it) = self.peers.get_mut(&peer) {
            let from = telling.first.clone();
            it.telling = Some(telling);
            self.turn_page(now, peer, request, from);
        }
    }

    pub(super) fn turn_page(&mut self, now: Instant, peer: P, request: u64, from: Bytes) {
        let Some(it) = self.peers.get_mut(&peer) else { return };
        let telling = it.telling.as_mut().filter(|telling| telling.request == request);
        let page = telling.and_then(|telling| {
            telling.asked = now;
            let Stock { tree, version, log, .. } = &self.stock;
            telling.page(from, self.config.page, tree, *version, log)
        });
        match page {
            Some(page) => {
                if matches!(page, Command::Rows { next: Next::End { .. }, .. }) {
                    it.telling = None;
                }
                self.say(&peer, page);
            }
            None => {
                it.telling = None;
                self.counters.gone += 1;
                self.say(&peer, Command::Gone { request });
            }
        }
    }

    pub(super) fn is_told_everything(&self, peer: &P) -> bool {
        let telling = self.peers.get(peer).and_then(|peer| peer.telling.as_ref());
        telling.is_some_and(Telling::is_snapshot)
    }

    pub(super) fn snapshots(&self) -> usize {
        let tellings = self.peers.values().filter_map(|peer| peer.telling.as_ref());
        tellings.filter(|telling| telling.is_snapshot()).count()
    }
}
