//! What clients want changed: done once, all of it or nothing, and answered when it is safe.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use bytes::Bytes;

use super::{Record, Server, Timer};
use crate::clone::state::writers::Said;
use crate::clone::version::Version;
use crate::clone::wire::{
    Change, Changed, Command, Durable, Lasts, MAX_CHANGES, MAX_KEY, Outcome, Publication, Refusal, To,
    Update, When, Writing, at_home,
};

impl<P: Clone + Eq + Hash + Debug> Server<P> {
    /// Does it, unless that was done. None if it cannot be done yet, since one that was said before it was lost on the way:
    /// both are said again.
    pub(super) fn write_once(
        &mut self,
        now: Instant,
        write: Writing,
        settled: u64,
        after: u64,
        durable: Durable,
        changes: Vec<Change>,
    ) -> Option<Outcome> {
        let said = self.stock.writers.said(now, write, settled, after);
        for forgotten in self.stock.writers.forgotten() {
            self.record(Record::Forget(forgotten));
        }
        match said {
            Said::First => {}
            Said::Again(outcome) => {
                self.counters.repeated += 1;
                return Some(outcome);
            }
            Said::Early => {
                self.counters.early += 1;
                return None;
            }
        }
        let outcome = if durable == Durable::Standby && self.standby.is_none() {
            self.counters.refused += 1;
            Outcome::Refused(Refusal::NoStandby)
        } else {
            self.write(now, Some(write), changes)
        };
        self.stock.writers.settle(now, write, outcome);
        Some(outcome)
    }

    pub(super) fn reply(&mut self, peer: P, durable: Durable, command: Command, outcome: Outcome) {
        match (durable, outcome) {
            (Durable::Standby, Outcome::Done(version)) => {
                self.standby_answers.push_back((version, self.recorded, peer, command));
            }
            _ => self.answers.push_back((self.recorded, peer, command)),
        }
        self.answer();
    }

    /// Changes everything that is to be changed, or nothing.
    pub(super) fn write(&mut self, now: Instant, writer: Option<Writing>, changes: Vec<Change>) -> Outcome {
        if let Err(refusal) = self.check(&changes) {
            self.counters.refused += 1;
            return Outcome::Refused(refusal);
        }
        for (number, change) in changes.iter().enumerate().filter(|(_, it)| it.when != When::Always) {
            let entry = self.stock.tree.get(&change.key);
            let current = entry.map(|entry| entry.version);
            let is_so = match change.when {
                When::Always => true,
                When::Absent => current.is_none(),
                When::Unchanged(version) => current == Some(version),
                When::Held(session) => entry.is_some_and(|entry| entry.lasts == Lasts::With(session)),
            };
            if !is_so {
                self.counters.conflicts += 1;
                return Outcome::Conflict { change: number as u16, current };
            }
        }
        self.counters.written += 1;
        if let [Change { to: To::Close(session), .. }] = changes[..] {
            self.close(now, session, &Changed::Deleted, writer);
            return Outcome::Done(self.stock.version);
        }
        let until = self.stock.version.seq + changes.len() as u64;
        let keys: Vec<_> = changes.iter().map(|change| change.key.clone()).collect();
        let mut updates = Vec::new();
        for Change { key, to, .. } in changes {
            let change = match to {
                To::Value { value, lasts } => Changed::Set { value: at_home(value), lasts },
                To::Nothing => Changed::Deleted,
                To::Open { session, ttl } => Changed::Opened { session, ttl },
                // It comes alone.
                To::Close(session) => Changed::Closed(session),
            };
            updates.push(self.change(now, until, key, change, writer));
        }
        self.record(Record::Batch(updates));
        self.end_batch(&keys);
        Outcome::Done(self.stock.version)
    }

    pub(super) fn check(&self, changes: &[Change]) -> Result<(), Refusal> {
        if changes.is_empty() || changes.len() > MAX_CHANGES {
            return Err(Refusal::Changes);
        }
        let (mut keys, mut bytes) = (self.stock.tree.len(), self.stock.bytes);
        let added: usize = changes.iter().map(octets).sum();
        // Most often there is room for all of it, whether there is something like it or not.
        let has_room = keys + MAX_CHANGES as u64 <= self.config.keys
            && bytes.saturating_add(added as u64) <= self.config.bytes;
        let mut adds = false;
        for change in changes {
            let is_of_none = matches!(change.to, To::Open { .. } | To::Close(_));
            if change.key.is_empty() != is_of_none || change.key.len() > MAX_KEY {
                return Err(Refusal::Key);
            }
            if matches!(change.to, To::Close(_)) && changes.len() > 1 {
                return Err(Refusal::Changes);
            }
            if let To::Value { value, .. } = &change.to {
                if value.len() > self.config.value {
                    return Err(Refusal::Value);
                }
                adds = true;
                let before = if has_room { None } else { self.stock.tree.get(&change.key) };
                keys += u64::from(before.is_none());
                bytes += (change.key.len() + value.len()) as u64;
                bytes -= before.map_or(0, |before| (change.key.len() + before.value.len()) as u64).min(bytes);
            }
        }
        if adds && (keys > self.config.keys || bytes > self.config.bytes) {
            return Err(Refusal::Full);
        }
        self.check_sessions(changes)
    }

    /// The next change of all.
    pub(super) fn change(
        &mut self,
        now: Instant,
        until: u64,
        key: Bytes,
        change: Changed,
        writer: Option<Writing>,
    ) -> Update {
        let Version { epoch, seq } = self.stock.version;
        let version = Version { epoch, seq: seq + 1 };
        self.timers.clear(Timer::Expiry(key.clone()));
        match &change {
            Changed::Set { lasts: Lasts::For(ttl), .. } => {
                self.timers.set(Timer::Expiry(key.clone()), now + *ttl);
            }
            Changed::Opened { session, ttl } => self.timers.set(Timer::Session(*session), now + *ttl),
            _ => {}
        }
        let update = Update { version, until, key, change, writer };
        self.stock.change(update.clone());
        self.publish(Publication::Update(update.clone()));
        update
    }

    /// Gives those answers that stand on nothing that could be lost.
    pub(super) fn answer(&mut self) {
        while let Some((_, peer, command)) = self.answers.pop_front_if(|(after, ..)| *after <= self.synced) {
            self.say(&peer, command);
        }
        let (standby, synced) = (self.standby, self.synced);
        let is_safe = |version: Version, after: u64| after <= synced && Some(version) <= standby;
        while let Some((.., peer, command)) =
            self.standby_answers.pop_front_if(|(version, after, ..)| is_safe(*version, *after))
        {
            self.say(&peer, command);
        }
    }
}

/// How much would be new if all of it were.
fn octets(change: &Change) -> usize {
    let value = if let To::Value { value, .. } = &change.to { value.len() } else { 0 };
    change.key.len() + value
}
