//! What a replica's owner writes: said until there is an answer, and to each server in its order.

use std::time::{Duration, Instant};

use super::{Replica, ReplicaOutput, Timer};
use crate::clone::version::Version;
use crate::clone::wire::{Change, Command, Durable, Outcome, Refusal, Standing};

impl Replica {
    /// Somebody wants this changed. Says by which number its outcome will be known.
    pub fn write(&mut self, now: Instant, durable: Durable, changes: Vec<Change>) -> u64 {
        self.written += 1;
        let number = self.written;
        self.writes.insert(number, (durable, changes));
        if self.is_hailed() {
            self.say_write(number);
        }
        self.timers.set_first(Timer::Writes, now + REPEAT);
        number
    }

    /// How many writes have no outcome yet.
    pub fn open(&self) -> usize {
        self.writes.len()
    }

    pub(super) fn write_all(&mut self, now: Instant) {
        for number in self.writes.keys().copied().collect::<Vec<_>>() {
            self.say_write(number);
        }
        self.timers.set(Timer::Writes, now + REPEAT);
    }

    /// Whether it is connected to a server that decides.
    pub(super) fn is_hailed(&self) -> bool {
        self.hailed.as_ref().is_some_and(|hailed| hailed.standing == Standing::Active)
    }

    fn say_write(&mut self, number: u64) {
        let Some((durable, changes)) = self.writes.get(&number).cloned() else { return };
        let settled = self.writes.first_key_value().map_or(number, |(first, _)| *first) - 1;
        // It is meant for who has hailed, and for no earlier one.
        let hailed = self.hailed.as_ref().map_or(0, |hailed| hailed.epoch);
        let version = self.latest().max(Version { epoch: hailed, seq: 0 });
        let after = self.writes.range(..number).next_back().map_or(0, |(before, _)| *before);
        self.say(Command::Write { number, settled, after, version, durable, changes });
    }

    /// Nothing was answered for a while.
    pub(super) fn repeat_writes(&mut self, now: Instant) {
        if self.writes.is_empty() {
            return;
        }
        self.repetitions = self.repetitions.saturating_add(1);
        if self.is_hailed() {
            self.write_all(now);
        }
        self.timers.set(Timer::Writes, now + REPEAT * (1 << self.repetitions.min(2)));
    }

    pub(super) fn answered(&mut self, now: Instant, number: u64, outcome: Outcome) {
        self.repetitions = 0;
        if outcome == Outcome::Refused(Refusal::NotActive) {
            // Another will take it. Where to go from here the hail says.
            return;
        }
        if self.writes.remove(&number).is_some() {
            self.output.push_back(ReplicaOutput::Written(number, outcome));
            self.timers.set(Timer::Writes, now + REPEAT);
        }
    }
}

/// How long nothing may be answered before it is said again; twice as long each time, up to 4 s.
const REPEAT: Duration = Duration::from_secs(1);
