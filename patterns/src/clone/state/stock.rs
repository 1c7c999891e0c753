//! Everything that a server needs to go on where another has stopped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

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
    /// What does not last for ever, and how long it does.
    pub(super) mortal: BTreeMap<Bytes, Duration>,
    pub(super) log: Log,
    pub(super) writers: Writers,
}

impl Stock {
    /// With room for so many changes, and so many octets of them, for those who missed them.
    pub(super) fn new(held: Held, most: usize, most_bytes: usize, now: Instant) -> Self {
        let Held { version, tree, writes, .. } = held;
        let log = Log::new(version, most, most_bytes);
        let mut stock = Self {
            version,
            tree: Tree::default(),
            bytes: 0,
            mortal: BTreeMap::new(),
            log,
            writers: Writers::default(),
        };
        stock.replace(tree, version);
        for (write, version) in writes {
            stock.writers.settle(now, write, Outcome::Done(version));
        }
        stock
    }

    /// This is what there is now, however it came to be.
    pub(super) fn replace(&mut self, tree: Tree, version: Version) {
        self.bytes = tree.iter(b"").map(|(key, entry)| (key.len() + entry.value.len()) as u64).sum();
        let mortal = tree.iter(b"").filter_map(|(key, entry)| Some((key.clone(), entry.ttl?)));
        self.mortal = mortal.collect();
        self.log.begin(version);
        (self.tree, self.version) = (tree, version);
    }

    /// This has changed. Keys and values are kept as they are.
    pub(super) fn change(&mut self, update: Update) {
        let octets = |value: &Bytes| (update.key.len() + value.len()) as u64;
        let Update { version, ref key, ref change, .. } = update;
        let before = match change {
            Changed::Set { value, ttl } => {
                self.bytes += octets(value);
                match ttl {
                    Some(ttl) => _ = self.mortal.insert(key.clone(), *ttl),
                    None => _ = self.mortal.remove(key),
                }
                self.tree.insert(key.clone(), Entry { value: value.clone(), version, ttl: *ttl })
            }
            Changed::Deleted | Changed::Expired => {
                self.mortal.remove(key);
                self.tree.remove(key)
            }
            Changed::Epoch | Changed::Noted => None,
        };
        self.bytes -= before.as_ref().map_or(0, |entry| octets(&entry.value));
        self.version = version;
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

    /// And no others were.
    pub(super) fn note_only(&mut self, now: Instant, updates: &[Update]) {
        self.writers = Writers::default();
        self.note(now, updates);
    }

    /// What came after this version: as it was done, as far as that is kept; before that, what has become of it.
    pub(super) fn beyond(&self, version: Version) -> Vec<Update> {
        let base = self.log.base();
        let is_older = |entry: &Entry| entry.version > version && entry.version <= base;
        let set = |(key, entry): (&Bytes, &Entry)| {
            let change = Changed::Set { value: entry.value.clone(), ttl: entry.ttl };
            let (version, until) = (entry.version, entry.version.seq);
            Update { version, until, key: key.clone(), change, writer: None }
        };
        let entries = self.tree.iter(b"").filter(|(_, entry)| base > version && is_older(entry));
        let mut updates: Vec<_> = entries.map(set).collect();
        updates.sort_by_key(|update| update.version);
        updates.extend(self.log.beyond(version).cloned());
        updates.retain(|update| update.change != Changed::Epoch);
        updates
    }

    /// All of it, to be written down.
    pub(super) fn held(&self, epoch: u64, ends: &[Version]) -> Held {
        let (tree, writes) = (self.tree.clone(), self.writers.done());
        Held { version: self.version, epoch, ends: ends.to_vec(), tree, writes }
    }
}
