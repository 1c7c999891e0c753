//! Everything that a server needs to go on where another has stopped.

use std::time::Instant;

use bytes::Bytes;

use super::lives::Lives;
use super::log::Log;
use super::record::Held;
use super::writers::Writers;
use crate::clone::tree::{Entry, Tree};
use crate::clone::version::Version;
use crate::clone::wire::{Changed, Outcome, Update};

/// What there is, how it came to be, and what may be said again.
#[derive(Debug)]
pub(super) struct Stock {
    pub(super) version: Version,
    pub(super) tree: Tree,
    /// Octets of keys and values.
    pub(super) bytes: u64,
    pub(super) lives: Lives,
    pub(super) log: Log,
    pub(super) writers: Writers,
}

impl Stock {
    /// With room for so many changes, and so many octets of them, for those who missed them.
    pub(super) fn new(held: Held, most: usize, most_bytes: usize, now: Instant) -> Self {
        let Held { version, tree, writes, sessions, .. } = held;
        let log = Log::new(version, most, most_bytes);
        let mut stock = Self {
            version,
            tree: Tree::default(),
            bytes: 0,
            lives: Lives::default(),
            log,
            writers: Writers::default(),
        };
        stock.replace(tree, version);
        stock.lives.open_only(sessions);
        for (write, version) in writes {
            stock.writers.settle(now, write, Outcome::Done(version));
        }
        stock
    }

    /// This is what there is now, however it came to be.
    pub(super) fn replace(&mut self, tree: Tree, version: Version) {
        self.bytes = tree.iter(b"").map(|(key, entry)| (key.len() + entry.value.len()) as u64).sum();
        self.lives.recount(&tree);
        self.log.begin(version);
        (self.tree, self.version) = (tree, version);
    }

    /// This has changed. The log keeps it as it is.
    pub(super) fn change(&mut self, update: Update) {
        let octets = |value: &Bytes| (update.key.len() + value.len()) as u64;
        let Update { version, key, change, .. } = &update;
        let before = self.tree.apply(&update);
        if let Some(before) = &before {
            self.bytes -= octets(&before.value);
            self.lives.end(key, before.lasts);
        }
        match change {
            Changed::Set { value, lasts } => {
                self.bytes += octets(value);
                self.lives.begin(key, *lasts);
            }
            Changed::Opened { session, ttl } => self.lives.open(*session, *ttl),
            Changed::Closed(session) => self.lives.close(*session),
            _ => {}
        }
        self.version = *version;
        self.log.push(update);
    }

    /// The writes of these changes were done: each came to the last of its changes.
    pub(super) fn note(&mut self, now: Instant, updates: &[Update]) {
        for Update { version, until, writer, .. } in updates {
            if let Some(write) = writer.filter(|_| version.seq == *until) {
                self.writers.settle(now, write, Outcome::Done(*version));
            }
        }
    }

    /// And no others were; of sessions those are open that these say, and no others.
    pub(super) fn note_only(&mut self, now: Instant, updates: &[Update]) {
        self.writers = Writers::default();
        self.note(now, updates);
        self.lives.open_only(updates.iter().filter_map(|update| match update.change {
            Changed::Opened { session, ttl } => Some((session, ttl)),
            _ => None,
        }));
    }

    /// What came after this version: as it was done, as far as that is kept; before that, what has become of it.
    pub(super) fn beyond(&self, version: Version) -> Vec<Update> {
        let base = self.log.base();
        let is_older = |entry: &Entry| entry.version > version && entry.version <= base;
        let set = |(key, entry): (&Bytes, &Entry)| {
            let change = Changed::Set { value: entry.value.clone(), lasts: entry.lasts };
            let (version, until) = (entry.version, entry.version.seq);
            Update { version, until, key: key.clone(), change, writer: None }
        };
        let entries = self.tree.iter(b"").filter(|(_, entry)| base > version && is_older(entry));
        let mut updates: Vec<_> = entries.map(set).collect();
        updates.sort_by_key(|update| update.version);
        updates.extend(self.log.beyond(version).cloned());
        updates.retain(|update| !update.key.is_empty());
        updates
    }

    /// All of it, to be written down.
    pub(super) fn held(&self, epoch: u64, ends: &[Version]) -> Held {
        let (tree, writes) = (self.tree.clone(), self.writers.done());
        let sessions = self.lives.opened();
        Held { version: self.version, epoch, ends: ends.to_vec(), tree, writes, sessions }
    }
}
