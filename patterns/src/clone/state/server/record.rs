//! What a server writes down, and what it finds when it is started again.

use bytes::Bytes;

use crate::clone::tree::Entry;
use crate::clone::version::Version;
use crate::clone::wire::{Update, Writing};

/// What is written down together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The changes of one write.
    Batch(Vec<Update>),
    /// Nobody needs to know any more what this writer has written.
    Forget(u64),
}

/// What was written down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// The last change.
    pub version: Version,
    /// What there is.
    pub entries: Vec<(Bytes, Entry)>,
    /// Writes that may be said again, and what came of them. In the order of their numbers.
    pub writes: Vec<(Writing, Version)>,
}

#[cfg(test)]
impl Held {
    /// What a record makes of it.
    pub(in crate::clone) fn apply(&mut self, record: Record) {
        use crate::clone::wire::Changed;

        let updates = match record {
            Record::Forget(writer) => return self.writes.retain(|(write, _)| write.writer != writer),
            Record::Batch(updates) => updates,
        };
        for Update { version, until, key, change, writer } in updates {
            self.version = version;
            self.entries.retain(|(other, _)| *other != key);
            if let Changed::Set { value, ttl } = change {
                self.entries.push((key, Entry { value, version, ttl }));
            }
            if let Some(write) = writer {
                let is_in_its_place =
                    |it: &Writing| it.writer == write.writer && it.number % 1024 == write.number % 1024;
                self.writes.retain(|(other, _)| !is_in_its_place(other));
                self.writes.push((write, Version { seq: until, ..version }));
            }
        }
    }

    pub(in crate::clone) fn in_order(mut self) -> Self {
        self.entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.writes.sort_unstable();
        self
    }
}
