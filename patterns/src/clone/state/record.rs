//! What a server has, what it writes down of that, and what it finds when it is started again.

use std::time::Duration;

use crate::clone::tree::Tree;
use crate::clone::version::Version;
#[cfg(test)]
use crate::clone::wire::Changed;
use crate::clone::wire::{Update, Writing};

/// What is written down together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The changes of one write.
    Batch(Vec<Update>),
    /// Nobody needs to know any more what this writer has written.
    Forget(u64),
    /// No lower epoch than this is begun here any more, and this is where earlier ones have ended.
    Epoch(u64, Vec<Version>),
    /// This is all that there is, whatever was written down before.
    Whole(Held),
}

/// What a server has, or had, as it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// The last change.
    pub version: Version,
    /// The highest epoch that was heard of.
    pub epoch: u64,
    /// Where earlier epochs have ended: the last few.
    pub ends: Vec<Version>,
    /// What there is.
    pub tree: Tree,
    /// Writes that may be said again, and what came of them. In the order of their numbers.
    pub writes: Vec<(Writing, Version)>,
    /// Sessions that are open, and their times.
    pub sessions: Vec<(u64, Duration)>,
}

#[cfg(test)]
impl Held {
    /// What a record makes of it.
    pub(in crate::clone) fn apply(&mut self, record: Record) {
        match record {
            Record::Forget(writer) => self.writes.retain(|(write, _)| write.writer != writer),
            Record::Epoch(epoch, ends) => (self.epoch, self.ends) = (self.epoch.max(epoch), ends),
            Record::Whole(held) => *self = Self { epoch: self.epoch.max(held.epoch), ..held },
            Record::Batch(updates) => updates.into_iter().for_each(|update| self.change(update)),
        }
    }

    fn change(&mut self, update: Update) {
        self.tree.apply(&update);
        let Update { version, until, change, writer, .. } = update;
        self.version = version;
        if let Changed::Opened { session, .. } | Changed::Closed(session) = change {
            self.sessions.retain(|(other, _)| *other != session);
        }
        if let Changed::Opened { session, ttl } = change {
            self.sessions.push((session, ttl));
        }
        if let Some(write) = writer {
            let is_in_its_place =
                |it: &Writing| it.writer == write.writer && it.number % 1024 == write.number % 1024;
            self.writes.retain(|(other, _)| !is_in_its_place(other));
            self.writes.push((write, Version { seq: until, ..version }));
        }
    }

    pub(in crate::clone) fn in_order(mut self) -> Self {
        self.writes.sort_unstable();
        self.sessions.sort_unstable();
        self
    }
}
