//! How a replica comes to know what there is: a fence, so that no change is missed, and then page by page.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::live::Proof;
use super::{Health, News, Replica, ReplicaOutput, Timer};
use crate::clone::tree::{Entry, Sums, Tree};
use crate::clone::version::Version;
use crate::clone::wire::{Changed, Command, Next, Rows, Standing, Update, What, fence};
use crate::wire::Malformed;

/// How far it is.
#[derive(Debug)]
pub(super) enum Phase {
    /// The server has said nothing yet.
    Away,
    /// It waits before it tries again.
    Resting,
    /// Nobody decides: it waits for this server, which may be about to.
    Asking {
        /// How often it has asked for one.
        asked: u32,
    },
    /// It waits for the answer to its fence.
    Fencing {
        /// How often it has asked.
        asked: u32,
    },
    /// It is being told.
    Syncing(Syncing),
    /// It follows.
    Live,
}

#[derive(Debug)]
pub(super) struct Syncing {
    request: u64,
    /// How often it has asked for the same.
    asked: u32,
    have: Option<Version>,
    /// What was told so far, and where the next page begins.
    told: Option<(Told, Bytes)>,
    /// A page that has come, and is read while the next one is on its way.
    unread: Bytes,
}

#[derive(Debug)]
enum Told {
    Snapshot(Tree),
    Delta(Vec<Update>),
}

impl Syncing {
    /// What was told so far, all of it read.
    fn read_on(&mut self, what: What) -> Result<Told, Malformed> {
        let mut told = match self.told.take() {
            Some((told, _)) => told,
            None if what == What::Snapshot => Told::Snapshot(Tree::default()),
            None => Told::Delta(Vec::new()),
        };
        told.read(&std::mem::take(&mut self.unread))?;
        Ok(told)
    }
}

impl Told {
    /// What a page says of keys. Gives back what it says of writes and sessions.
    fn read(&mut self, rows: &[u8]) -> Result<Vec<Update>, Malformed> {
        let rows = Rows::read(rows)?;
        let mut noted = Vec::new();
        match self {
            Self::Delta(updates) => {
                updates.extend(rows.into_iter().filter(|update| update.change != Changed::Noted));
            }
            Self::Snapshot(tree) => {
                let mut entries = Vec::with_capacity(rows.len());
                for update in rows {
                    match update.change {
                        Changed::Set { value, lasts } => {
                            entries.push((update.key, Entry { value, version: update.version, lasts }));
                        }
                        Changed::Noted | Changed::Opened { .. } => noted.push(update),
                        // There is nothing else in a snapshot.
                        _ => {}
                    }
                }
                tree.append(entries);
            }
        }
        Ok(noted)
    }
}

/// Changes that wait until what was before them is known.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    updates: VecDeque<Update>,
    bytes: usize,
}

impl Replica {
    /// Asks for an answer that is published after all that was published before: when it arrives, what is published can be
    /// heard.
    pub(super) fn fence(&mut self, now: Instant) {
        self.unfence();
        let nonce = self.rng.u128(..);
        self.nonce = Some(nonce);
        self.timers.clear(Timer::Rest);
        self.output.push_back(ReplicaOutput::Subscribe(fence(nonce)));
        self.phase = Phase::Fencing { asked: 0 };
        self.ask_again(now);
    }

    pub(super) fn passed(&mut self, now: Instant, nonce: u128) {
        if matches!(self.phase, Phase::Fencing { .. }) && self.nonce == Some(nonce) {
            self.unfence();
            let have = (self.proof.version != Version::default()).then_some(self.proof.version);
            self.sync(now, have);
        }
    }

    /// Another server decides: where is it?
    pub(super) fn turned_away(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        // Once around at once, then with pauses.
        if (self.failures as usize) < self.config.servers {
            return self.move_on(now);
        }
        self.rest(now);
    }

    /// Nobody decides that this server knows of: it is asked to.
    pub(super) fn ask_for_it(&mut self, now: Instant, beat: Duration) {
        if matches!(self.phase, Phase::Asking { .. }) {
            return self.timers.set(Timer::Ask, now + beat);
        }
        self.unfence();
        self.buffer = Waiting::default();
        if self.health == Health::Live {
            self.become_(Health::Stale);
        }
        self.timers.clear(Timer::Rest);
        self.phase = Phase::Asking { asked: 0 };
        self.ask_again(now);
    }

    fn sync(&mut self, now: Instant, have: Option<Version>) {
        self.buffer = Waiting::default();
        self.batch.clear();
        self.requests += 1;
        let (request, unread) = (self.requests, Bytes::new());
        self.phase = Phase::Syncing(Syncing { request, asked: 0, have, told: None, unread });
        self.ask_again(now);
    }

    /// Asks for what it waits for, until it has asked too often.
    pub(super) fn ask_again(&mut self, now: Instant) {
        let latest = self.latest();
        let (command, asked) = match &mut self.phase {
            Phase::Asking { asked } => (Command::Fence { nonce: 0, version: latest }, asked),
            Phase::Fencing { asked } => {
                let Some(nonce) = self.nonce else { return };
                (Command::Fence { nonce, version: latest }, asked)
            }
            Phase::Syncing(Syncing { request, asked, have, told: None, .. }) => {
                let (prefixes, have) = (self.config.prefixes.clone(), *have);
                (Command::Sync { request: *request, prefixes, have }, asked)
            }
            Phase::Syncing(Syncing { request, asked, told: Some((_, from)), .. }) => {
                (Command::Page { request: *request, from: from.clone() }, asked)
            }
            _ => return,
        };
        *asked += 1;
        let asked = *asked;
        if asked > TRIES {
            return match self.phase {
                Phase::Asking { .. } => self.move_on(now),
                _ => self.rest(now),
            };
        }
        self.timers.set(Timer::Ask, now + ANSWER * (1 << asked.min(6)));
        self.say(command);
    }

    /// Something went wrong: not again at once, and not all replicas at the same time.
    pub(super) fn rest(&mut self, now: Instant) {
        self.unfence();
        self.buffer = Waiting::default();
        self.phase = Phase::Resting;
        self.failures = self.failures.saturating_add(1);
        self.timers.clear(Timer::Ask);
        self.timers.set(Timer::Rest, now + self.config.backoff.wait(self.failures, &mut self.rng));
        if self.health == Health::Live {
            self.become_(Health::Stale);
        }
    }

    pub(super) fn rested(&mut self, now: Instant) {
        match &self.hailed {
            // Twice with each server, then the next one's turn.
            Some(hailed)
                if hailed.standing == Standing::Active
                    && (self.failures % 2 == 1 || self.config.servers == 1) =>
            {
                self.fence(now);
            }
            _ => self.move_on(now),
        }
    }

    pub(super) fn wait(&mut self, now: Instant, request: u64, retry_after: Duration) {
        if let Phase::Syncing(syncing) = &mut self.phase
            && syncing.request == request
        {
            syncing.asked = 0;
            self.timers.set(Timer::Ask, now + retry_after.mul_f64(0.5 + self.rng.f64()));
        }
    }

    pub(super) fn gone(&mut self, now: Instant, request: u64) {
        if matches!(&self.phase, Phase::Syncing(syncing) if syncing.request == request) {
            self.rest(now);
        }
    }

    /// What is published while it is being told waits, up to a bound.
    pub(super) fn keep(&mut self, now: Instant, update: Update) {
        let Waiting { updates, bytes } = &mut self.buffer;
        *bytes += update.key.len() + update.value().map_or(0, Bytes::len) + size_of::<Update>();
        updates.push_back(update);
        if *bytes > self.config.buffer {
            self.counters.overflows += 1;
            self.rest(now);
        }
    }

    /// A page has come. One that was asked for twice is taken once. The next one is asked for before this one is read.
    pub(super) fn read(
        &mut self,
        now: Instant,
        request: u64,
        what: What,
        from: &Bytes,
        next: Next,
        rows: Bytes,
    ) {
        let Phase::Syncing(syncing) = &mut self.phase else { return };
        let is_first = syncing.told.is_none();
        let is_expected = match &syncing.told {
            None => true,
            Some((Told::Snapshot(_), expected)) => what == What::Snapshot && from == expected,
            Some((Told::Delta(_), expected)) => what == What::Delta && from == expected,
        };
        if syncing.request != request || !is_expected {
            return;
        }
        let Ok(mut told) = syncing.read_on(what) else { return self.is_malformed(now) };
        match next {
            Next::Page(next) if is_first || next > *from => {
                (syncing.told, syncing.asked, syncing.unread) = (Some((told, next)), 0, rows);
                self.ask_again(now);
                self.timers.set(Timer::Read, now);
            }
            Next::Page(_) => self.rest(now),
            Next::End { version, sums } => match told.read(&rows) {
                Ok(noted) => self.told(now, told, version, &sums, &noted),
                Err(_) => self.is_malformed(now),
            },
        }
    }

    /// There is time to read what has come.
    pub(super) fn read_on(&mut self, now: Instant) {
        let Phase::Syncing(syncing) = &mut self.phase else { return };
        let Some((told, _)) = &mut syncing.told else { return };
        if told.read(&std::mem::take(&mut syncing.unread)).is_err() {
            self.is_malformed(now);
        }
    }

    fn is_malformed(&mut self, now: Instant) {
        self.counters.malformed += 1;
        self.rest(now);
    }

    /// It has been told all: is it what the server has?
    fn told(&mut self, now: Instant, told: Told, version: Version, sums: &[Sums], noted: &[Update]) {
        let is_snapshot = matches!(told, Told::Snapshot(_));
        let (tree, news) = match told {
            Told::Snapshot(tree) => {
                self.counters.snapshots += 1;
                (tree, News::Resync { from: self.stock.version, to: version })
            }
            Told::Delta(updates) => {
                self.counters.deltas += 1;
                if self.is_standby {
                    self.stock.note(now, &updates);
                }
                self.catch_up(updates, version)
            }
        };
        if version.epoch < self.epoch {
            self.counters.deposed += 1;
            return self.rest(now);
        }
        if !self.config.prefixes.iter().map(|prefix| tree.sums(prefix)).eq(sums.iter().copied()) {
            self.counters.mismatches += 1;
            // Then from the beginning.
            self.proof = Proof::default();
            return self.rest(now);
        }
        self.epoch = version.epoch;
        self.take(tree, version, &news);
        if self.is_standby && is_snapshot {
            // What it has done itself may have been in vain, and then was not done.
            self.stock.note_only(now, noted);
        }
        self.proof = Proof::of(&self.stock.tree, version);
        self.phase = Phase::Live;
        self.failures = 0;
        self.timers.clear(Timer::Ask);
        self.listen(now);
        self.tell(news);
        self.become_(Health::Live);
        for update in std::mem::take(&mut self.buffer).updates {
            self.follow(now, update);
        }
    }

    /// This is what there is now.
    fn take(&mut self, tree: Tree, version: Version, news: &News) {
        if !self.is_standby {
            (self.stock.tree, self.stock.version) = (tree, version);
            return;
        }
        if let News::Changed(updates) = news {
            updates.iter().for_each(|update| self.stock.change(update.clone().at_home()));
        }
        // All that there was in between is in the log, or it begins anew.
        if self.stock.version != version || self.stock.tree.sums(b"") != tree.sums(b"") {
            self.stock.replace(tree, version);
        }
    }

    /// What comes of these changes since the last state that was proven, and what is new of them: all that comes after
    /// what it has heard already, if it has missed nothing.
    fn catch_up(&self, mut updates: Vec<Update>, to: Version) -> (Tree, News) {
        let mut tree = self.proof.tree.clone();
        let new = updates.split_off(updates.partition_point(|update| update.version <= self.stock.version));
        let heard = updates.len() as u64;
        updates.iter().for_each(|update| _ = tree.apply(update));
        let is_same = heard == self.proof.since && tree.sums(b"") == self.stock.tree.sums(b"");
        new.iter().for_each(|update| _ = tree.apply(update));
        (tree, if is_same { News::Changed(new) } else { News::Resync { from: self.stock.version, to } })
    }

    pub(super) fn tell(&mut self, news: News) {
        match news {
            News::Changed(mut updates) => {
                let is_told = |update: &Update| !update.key.is_empty() || self.is_standby;
                updates.retain(|update| is_told(update) && update.change != Changed::Epoch);
                if !updates.is_empty() {
                    self.output.push_back(ReplicaOutput::News(News::Changed(updates)));
                }
            }
            news => self.output.push_back(ReplicaOutput::News(news)),
        }
    }
}

/// How long an answer may take at first; twice as long each time.
const ANSWER: Duration = Duration::from_millis(25);
/// How often it asks for the same.
const TRIES: u32 = 8;
