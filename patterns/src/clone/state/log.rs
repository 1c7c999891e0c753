//! The last changes, for those who missed some.

use std::collections::VecDeque;

use crate::clone::version::Version;
use crate::clone::wire::Update;

/// Changes one after the other, as many as there is room for.
#[derive(Debug, Clone)]
pub(in crate::clone) struct Log {
    /// What was before the first of them.
    base: Version,
    updates: VecDeque<Update>,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

impl Log {
    pub(super) fn new(base: Version, most: usize, most_bytes: usize) -> Self {
        Self { base, updates: VecDeque::new(), bytes: 0, most, most_bytes }
    }

    /// What was before this version is not known.
    pub(super) fn begin(&mut self, version: Version) {
        self.updates.clear();
        (self.base, self.bytes) = (version, 0);
    }

    pub(super) fn push(&mut self, update: Update) {
        if update.version.seq != self.end() {
            self.begin(Version { seq: update.version.seq.saturating_sub(1), ..update.version });
        }
        self.bytes += cost(&update);
        self.updates.push_back(update);
        while self.updates.len() > self.most || self.bytes > self.most_bytes {
            let Some(oldest) = self.updates.pop_front() else { break };
            self.bytes -= cost(&oldest);
            self.base = oldest.version;
        }
    }

    /// What was before the first of them.
    pub(super) fn base(&self) -> Version {
        self.base
    }

    /// The number of the change that came after this version, if that was one of this history and all since are here.
    pub(super) fn after(&self, version: Version) -> Option<u64> {
        let is_known = version == self.base || self.at(version.seq).is_some_and(|it| it.version == version);
        is_known.then(|| version.seq.saturating_add(1))
    }

    /// All changes from this one on. None if it is not here any more.
    pub(super) fn from(&self, seq: u64) -> Option<impl Iterator<Item = &Update>> {
        let skipped = seq.checked_sub(self.base.seq.saturating_add(1))?;
        Some(self.updates.iter().skip(usize::try_from(skipped).ok()?))
    }

    /// All changes that come after this version, as far as they are here: it may be of another history.
    pub(super) fn beyond(&self, version: Version) -> impl Iterator<Item = &Update> {
        self.updates.iter().filter(move |update| update.version > version)
    }

    fn at(&self, seq: u64) -> Option<&Update> {
        let index = seq.checked_sub(self.base.seq.saturating_add(1))?;
        self.updates.get(usize::try_from(index).ok()?)
    }

    /// The number of the change that comes next.
    pub(super) fn end(&self) -> u64 {
        self.base.seq.saturating_add(1 + self.updates.len() as u64)
    }

    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

fn cost(update: &Update) -> usize {
    update.key.len() + update.value().map_or(0, |value| value.len()) + size_of::<Update>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clone::wire::{Changed, Lasts};

    #[test]
    fn who_missed_what_is_still_there_gets_it_and_others_are_told_that_it_is_gone() {
        let version = |epoch, seq| Version { epoch, seq };
        let mut log = Log::new(version(1, 9), 4, 1 << 20);
        assert_eq!(log.after(version(1, 9)), Some(10));
        for seq in 10..16 {
            let epoch = if seq < 14 { 1 } else { 2 };
            let version = version(epoch, seq);
            log.push(Update { version, until: seq, key: "k".into(), change: Changed::Deleted, writer: None });
        }
        assert_eq!((log.len(), log.after(version(1, 10))), (4, None));
        assert_eq!(log.after(version(1, 11)), Some(12));
        assert_eq!(log.after(version(1, 13)), Some(14));
        // The same number in another history.
        assert_eq!(log.after(version(1, 14)), None);
        assert_eq!(log.after(version(2, 15)), Some(16));
        assert_eq!(log.after(version(2, 16)), None);
        let seqs = |from| log.from(from).map(|updates| updates.map(|it| it.version.seq).collect::<Vec<_>>());
        assert_eq!(seqs(11), None);
        assert_eq!(seqs(14), Some(vec![14, 15]));
        assert_eq!(seqs(16), Some(vec![]));
    }

    #[test]
    fn it_has_no_more_octets_than_it_may() {
        let mut log = Log::new(Version::default(), 1000, 3000);
        for seq in 1..100 {
            let change = Changed::Set { value: vec![0; 500].into(), lasts: Lasts::Forever };
            let version = Version { epoch: 1, seq };
            log.push(Update { version, until: seq, key: "k".into(), change, writer: None });
            assert!(log.bytes() <= 3000 && log.len() > 0);
        }
    }
}
