//! How a replica follows, and how it finds out that it does not.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;

use super::{Health, News, Replica};
use crate::clone::tree::{Sums, Tree};
use crate::clone::version::Version;
use crate::clone::wire::Update;

/// The last state that the server has confirmed.
#[derive(Debug, Default)]
pub(super) struct Proof {
    pub(super) version: Version,
    pub(super) tree: Tree,
    /// How many changes were heard of since.
    pub(super) since: u64,
    /// The prefixes about which a beat was right, and of which version that was.
    right: (Version, BTreeSet<Bytes>),
}

impl Proof {
    pub(super) fn of(tree: &Tree, version: Version) -> Self {
        Self { version, tree: tree.clone(), ..Self::default() }
    }
}

impl Replica {
    /// A change has been published. Those of a batch happen together.
    pub(super) fn follow(&mut self, now: Instant, update: Update) {
        if update.version <= self.stock.version {
            return;
        }
        if self.batch.last().is_some_and(|last| update.version.seq > last.until) {
            self.happen(now);
        }
        if self.batch.last().is_some_and(|last| update.version <= last.version) {
            return;
        }
        let is_last = update.version.seq == update.until;
        if is_last && self.batch.is_empty() {
            return self.happen_together(now, vec![update]);
        }
        self.batch.push(update);
        if is_last {
            self.happen(now);
        }
    }

    /// All that there is of a batch.
    fn happen(&mut self, now: Instant) {
        let updates = std::mem::take(&mut self.batch);
        self.happen_together(now, updates);
    }

    fn happen_together(&mut self, now: Instant, updates: Vec<Update>) {
        let Some(last) = updates.last() else { return };
        if self.is_standby && !self.is_next(&updates) {
            return self.has_missed(now);
        }
        self.proof.since += updates.len() as u64;
        let last = last.version;
        if self.is_standby {
            self.stock.note(now, &updates);
            updates.iter().for_each(|update| self.stock.change(update.clone().at_home()));
        } else {
            updates.iter().for_each(|update| _ = self.stock.tree.apply(update));
        }
        self.stock.version = last;
        self.tell(News::Changed(updates));
    }

    /// Whether this is the next batch, all of it: a standby says of no change that it has it unless it has all before.
    fn is_next(&self, updates: &[Update]) -> bool {
        let numbers = (1..).map(|number| self.stock.version.seq.saturating_add(number));
        let is_whole = updates.last().is_some_and(|last| last.version.seq == last.until);
        is_whole && updates.iter().map(|update| update.version.seq).eq(numbers.take(updates.len()))
    }

    fn has_missed(&mut self, now: Instant) {
        self.counters.mismatches += 1;
        self.become_(Health::Stale);
        self.fence(now);
    }

    /// A beat says how it should be.
    pub(super) fn compare(&mut self, now: Instant, prefix: &Bytes, version: Version, sums: Option<Sums>) {
        if version < self.stock.version || !self.config.prefixes.contains(prefix) {
            return;
        }
        if self.batch.last().is_some_and(|last| version.seq >= last.until) {
            self.happen(now);
        }
        if !self.batch.is_empty() {
            return;
        }
        let is_other = sums.is_some_and(|sums| self.stock.tree.sums(prefix) != sums);
        if is_other || self.is_standby && version != self.stock.version {
            return self.has_missed(now);
        }
        self.stock.version = version;
        self.become_(Health::Live);
        if sums.is_none() {
            return;
        }
        if self.proof.right.0 != version {
            self.proof.right = (version, BTreeSet::new());
        }
        self.proof.right.1.insert(prefix.clone());
        if self.proof.right.1.len() == self.config.prefixes.len() {
            self.proof = Proof::of(&self.stock.tree, version);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Machine;
    use crate::clone::state::{ReplicaConfig, ReplicaInput, ReplicaOutput};
    use crate::clone::wire::{Changed, Command, Lasts, Next, Publication, Standing, What};
    use crate::wire::Header;

    const HEADER: Header = Header { command: 0, session: 1, number: 0 };

    fn version(seq: u64) -> Version {
        Version { epoch: 1, seq }
    }

    fn heard(command: Command) -> ReplicaInput {
        ReplicaInput::Heard(Ok((HEADER, command)))
    }

    fn published(publication: Publication) -> ReplicaInput {
        ReplicaInput::Published(Ok((HEADER, publication)))
    }

    /// What it says next.
    fn said(replica: &mut Replica) -> Command {
        loop {
            match replica.poll_output() {
                Some(ReplicaOutput::Send(_, command)) => return command,
                Some(_) => {}
                None => panic!("it says nothing"),
            }
        }
    }

    /// A replica that follows a server without a key, at version 1.
    fn follower(now: Instant) -> Replica {
        let mut replica = Replica::new(ReplicaConfig::default(), 1, now);
        let beat = std::time::Duration::from_millis(250);
        replica.handle(now, heard(Command::Hail { version: version(1), standing: Standing::Active, beat }));
        let Command::Fence { nonce, .. } = said(&mut replica) else { panic!("a fence comes first") };
        replica.handle(now, published(Publication::Passed { nonce, version: version(1) }));
        let Command::Sync { request, .. } = said(&mut replica) else { panic!("then it wants to be told") };
        let next = Next::End { version: version(1), sums: vec![Sums::default()] };
        let (from, rows) = (Bytes::new(), Bytes::new());
        replica.handle(now, heard(Command::Rows { request, what: What::Snapshot, from, next, rows }));
        assert_eq!((replica.version(), replica.health()), (version(1), Health::Live));
        replica
    }

    #[test]
    fn a_replica_that_missed_a_change_does_not_say_that_it_has_it() {
        let now = Instant::now();
        let mut replica = follower(now);
        let sums = Some(Sums { count: 1, digest: 7 });
        let (prefix, version_then) = (Bytes::new(), version(2));
        replica.handle(now, published(Publication::Beat { prefix, version: version_then, sums }));
        assert_eq!((replica.version(), replica.health()), (version(1), Health::Stale));
    }

    /// The one who publishes may have been started again, with nothing, and be heard of that before it says so.
    #[test]
    fn what_a_later_epoch_publishes_is_no_change_of_what_an_earlier_one_has_left() {
        let now = Instant::now();
        let later = Version { epoch: 2, seq: 1 };
        let change = Changed::Set { value: "new".into(), lasts: Lasts::Forever };
        let update = Update { version: later, until: 1, key: "door".into(), change, writer: None };
        let beat = |sums| Publication::Beat { prefix: Bytes::new(), version: later, sums };
        for first in [Publication::Update(update), beat(None), beat(Some(Sums::default()))] {
            let mut replica = follower(now);
            replica.handle(now, published(first));
            assert_eq!((replica.version(), replica.health()), (version(1), Health::Stale));
            assert_eq!(replica.tree().iter(b"").count(), 0);
            let Command::Fence { version: latest, .. } = said(&mut replica) else { panic!("it asks anew") };
            assert_eq!(latest, Version { epoch: 2, seq: 0 });
        }
    }
}
