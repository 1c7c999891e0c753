//! The server: puts all changes in one order, tells everybody of them, and tells who comes what there is. Pure;
//! [`Machine`] says how it is driven.
//!
//! ```text
//! WRITE ──► are its conditions so? ──► numbered ──► tree, log ──► published ──► WRITTEN
//!
//! FENCE ──► published, behind all that was published before
//! SYNC  ──► what came since is in the log?  changes since      ┐ page by page, as fast as the client asks;
//!           else                            a copy of the tree ┘ a copy costs nothing and stops nobody
//! ```

mod pages;
mod sessions;

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use bytes::Bytes;
pub(in crate::clone) use pages::tidy;
use pages::{Rest, Telling};
use rustc_hash::FxHashMap;

use super::node::NodeStatus;
use super::record::{Held, Record};
use super::stock::Stock;
use crate::Machine;
use crate::clone::tree::Tree;
use crate::clone::version::Version;
use crate::clone::wire::{
    Change, Changed, Command, Durable, Lasts, MAX_CHANGES, MAX_KEY, Next, Outcome, Publication, Refusal,
    Standing, To, Update, When, Writing, at_home, beats_about,
};
use crate::timers::Timers;
use crate::wire::{Header, Malformed};

/// How a server goes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How often it publishes at least. 250 ms.
    pub beat: Duration,
    /// The most keys. 10,000,000.
    pub keys: u64,
    /// The most octets of keys and values. 4 GiB.
    pub bytes: u64,
    /// The most octets of a value. 16 MiB.
    pub value: usize,
    /// The most changes that are kept for those who missed them. 100,000.
    pub log: usize,
    /// The most octets of them. 64 MiB.
    pub log_bytes: usize,
    /// How many clients are told everything at a time. 16; others wait.
    pub snapshots: usize,
    /// The most sessions that are open at a time. 10,000.
    pub sessions: usize,
    /// The most keys that last with one of them. 10,000.
    pub session_keys: usize,
    /// About how many octets a page has. 64 KiB: a larger one keeps writers waiting; an entry is not divided.
    pub page: usize,
    /// How long a client may take to ask for its next page. 60 s.
    pub patience: Duration,
    /// Whether what is changed is written down, and writes are answered when it is: [`Output::Record`]. Off.
    pub store: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            beat: Duration::from_millis(250),
            keys: 10_000_000,
            bytes: 4 << 30,
            value: 16 << 20,
            log: 100_000,
            log_bytes: 64 << 20,
            snapshots: 16,
            sessions: 10_000,
            session_keys: 10_000,
            page: 64 << 10,
            patience: Duration::from_secs(60),
            store: false,
        }
    }
}

/// What can happen to a server. `P` names a connection to its ROUTER.
#[derive(Debug)]
pub enum Input<P> {
    /// Somebody is there.
    Joined(P),
    /// Somebody has said something.
    Heard(P, Result<(Header, Command), Malformed>),
    /// A connection is gone.
    Left(P),
    /// Somebody wants no answer.
    Fired(Result<(Header, Command), Malformed>),
    /// So many records, counted since this server was made, survive whatever happens.
    Synced(u64),
    /// This topic has its first subscriber.
    Subscribed(Bytes),
    /// It has lost its last one.
    Unsubscribed(Bytes),
}

/// What a server wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<P> {
    /// Say this, with this number.
    Send(P, u64, Command),
    /// Say this to everybody who has subscribed to its topic, with this number.
    Publish(u64, Publication),
    /// Write this down.
    Record(Record),
    /// Somebody has come here for the one who decides, and has heard of this. One of a pair only.
    Asked(Version),
    /// Somebody has heard of a later change than this server: it does not decide any more. One of a pair only.
    Outrun(Version),
}

/// How things are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The last change.
    pub version: Version,
    /// Keys that stand for something.
    pub keys: u64,
    /// Octets of keys and values.
    pub bytes: u64,
    /// Changes that are kept for those who missed them.
    pub log: usize,
    /// Octets of them.
    pub log_bytes: usize,
    /// Connections.
    pub clients: usize,
    /// Clients that have written lately.
    pub writers: usize,
    /// Prefixes that somebody follows.
    pub prefixes: usize,
    /// Clients that are being told everything.
    pub snapshots: usize,
    /// Sessions that are open.
    pub sessions: usize,
    /// If it is one of a pair: how that is.
    pub node: Option<NodeStatus>,
    /// What was counted.
    pub counters: Counters,
}

/// What has happened since the server was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Writes that were done.
    pub written: u64,
    /// Writes whose condition did not hold.
    pub conflicts: u64,
    /// Writes that were not taken.
    pub refused: u64,
    /// Writes that were said again, and done once.
    pub repeated: u64,
    /// Keys whose time was up, their own or that of a session.
    pub expired: u64,
    /// Sessions whose clients were not heard for their time.
    pub ended: u64,
    /// Times that a client was told everything.
    pub snapshots: u64,
    /// Times that a client was told what it had missed.
    pub deltas: u64,
    /// Times that a client had to wait for that.
    pub waits: u64,
    /// Times that a client came back too late for its next page.
    pub gone: u64,
    /// Messages that are of no such protocol.
    pub malformed: u64,
}

/// The server.
#[derive(Debug)]
pub struct Server<P> {
    config: Config,
    /// One of a pair does not take it on itself to decide.
    is_paired: bool,
    standing: Standing,
    stock: Stock,
    /// What the standby has for sure, if there is one that follows.
    standby: Option<Version>,
    peers: FxHashMap<P, Peer>,
    /// What somebody wants beats about, and where the next round begins if there are too many.
    prefixes: BTreeSet<Bytes>,
    next_prefix: Bytes,
    timers: Timers<Timer>,
    published: u64,
    recorded: u64,
    synced: u64,
    /// Answers that stand on what is not safe yet: on so many records.
    answers: VecDeque<(u64, P, Command)>,
    /// And those that stand on what the standby is to have.
    standby_answers: VecDeque<(Version, u64, P, Command)>,
    counters: Counters,
    output: VecDeque<Output<P>>,
}

#[derive(Debug, Default)]
struct Peer {
    number: u64,
    telling: Option<Telling>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Beat,
    Expiry(Bytes),
    Session(u64),
}

impl<P: Clone + Eq + Hash + Debug> Server<P> {
    /// A server with what was written down, in a later epoch than that was; in this one, if it is later. If there was a
    /// server with a higher one, it learns that from those who remember.
    pub fn new(config: Config, held: Held, epoch: u64, now: Instant) -> Self {
        let epoch = epoch.max(held.version.epoch + 1);
        let stock = Stock::new(held, config.log, config.log_bytes, now);
        let mut server = Self::idle(config, now);
        server.is_paired = false;
        server.begin(now, stock, epoch);
        server
    }

    /// One that decides nothing until it is told to: [`begin`](Self::begin).
    pub(super) fn idle(config: Config, now: Instant) -> Self {
        Self {
            stock: Stock::new(Held::default(), config.log, config.log_bytes, now),
            config,
            is_paired: true,
            standing: Standing::Vacant,
            standby: None,
            peers: FxHashMap::default(),
            prefixes: BTreeSet::new(),
            next_prefix: Bytes::new(),
            timers: Timers::default(),
            published: 0,
            recorded: 0,
            synced: 0,
            answers: VecDeque::new(),
            standby_answers: VecDeque::new(),
            counters: Counters::default(),
            output: VecDeque::new(),
        }
    }

    /// It decides from now on, in this epoch, and goes on with this.
    pub(super) fn begin(&mut self, now: Instant, stock: Stock, epoch: u64) {
        self.stock = stock;
        self.begin_lives(now);
        self.timers.set(Timer::Beat, now + self.config.beat);
        self.begin_epoch(epoch);
        self.standing = Standing::Active;
        self.hail_all();
    }

    /// It does not decide any more. Says what it had.
    pub(super) fn end(&mut self, now: Instant, standing: Standing) -> Stock {
        self.timers = Timers::default();
        self.standby = None;
        self.answers.clear();
        self.standby_answers.clear();
        self.peers.values_mut().for_each(|peer| peer.telling = None);
        let nothing = Stock::new(Held::default(), self.config.log, self.config.log_bytes, now);
        let stock = std::mem::replace(&mut self.stock, nothing);
        self.standing = Standing::Active;
        self.stand(standing, stock.version);
        stock
    }

    /// Who else decides, if anybody.
    pub(super) fn stand(&mut self, standing: Standing, version: Version) {
        self.stock.version = version;
        if std::mem::replace(&mut self.standing, standing) != standing {
            self.hail_all();
        }
    }

    /// The standby has everything up to here. None if there is none that follows.
    pub(super) fn confirmed(&mut self, standby: Option<Version>) {
        self.standby = standby;
        self.answer();
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    /// How many records are safe. Without a store nothing is to be waited for.
    pub(super) fn synced(&self) -> u64 {
        self.synced
    }

    pub(super) fn count_malformed(&mut self) {
        self.counters.malformed += 1;
    }

    /// How many records there were.
    pub(super) fn recorded(&self) -> u64 {
        self.recorded
    }

    /// All that there is, as it is now.
    pub fn tree(&self) -> &Tree {
        &self.stock.tree
    }

    /// The last change.
    pub fn version(&self) -> Version {
        self.stock.version
    }

    /// How things are.
    pub fn status(&self) -> Status {
        Status {
            version: self.stock.version,
            keys: self.stock.tree.len(),
            bytes: self.stock.bytes,
            log: self.stock.log.len(),
            log_bytes: self.stock.log.bytes(),
            clients: self.peers.len(),
            writers: self.stock.writers.len(),
            prefixes: self.prefixes.len(),
            snapshots: self.snapshots(),
            sessions: self.stock.lives.sessions().len(),
            node: None,
            counters: self.counters,
        }
    }

    fn heard(&mut self, now: Instant, peer: P, header: Header, command: Command) {
        match command {
            _ if self.standing != Standing::Active => self.turn_away(&peer, command),
            Command::Fence { nonce, version } => {
                if self.goes_on(version) {
                    let version = self.stock.version;
                    self.publish(Publication::Passed { nonce, version });
                }
            }
            Command::Sync { request, prefixes, have } => self.tell(now, peer, request, prefixes, have),
            Command::Page { request, from } => self.turn_page(now, peer, request, from),
            Command::Write { number, settled, version, durable, changes } => {
                if self.goes_on(version) {
                    let write = Writing { writer: header.session, number };
                    let outcome = self.write_once(now, write, settled, durable, changes);
                    self.reply(peer, durable, Command::Written { number, outcome }, outcome);
                }
            }
            Command::Keep { session, turn, version } => {
                if self.goes_on(version) {
                    self.keep(now, &peer, session, turn);
                }
            }
            _ => self.counters.malformed += 1,
        }
    }

    /// Another decides, or nobody.
    fn turn_away(&mut self, peer: &P, command: Command) {
        match command {
            Command::Fence { version, .. } => {
                self.output.push_back(Output::Asked(version));
                self.hail(peer);
            }
            Command::Sync { request, .. } | Command::Page { request, .. } => {
                self.say(peer, Command::Gone { request });
            }
            Command::Write { number, .. } => {
                self.counters.refused += 1;
                let outcome = Outcome::Refused(Refusal::NotActive);
                self.say(peer, Command::Written { number, outcome });
            }
            // Another one keeps it open.
            Command::Keep { .. } => {}
            _ => self.counters.malformed += 1,
        }
    }

    /// Does it, unless that was done.
    fn write_once(
        &mut self,
        now: Instant,
        write: Writing,
        settled: u64,
        durable: Durable,
        changes: Vec<Change>,
    ) -> Outcome {
        let known = self.stock.writers.known(now, write, settled);
        for forgotten in self.stock.writers.forgotten() {
            self.record(Record::Forget(forgotten));
        }
        if let Some(outcome) = known {
            self.counters.repeated += 1;
            return outcome;
        }
        if durable == Durable::Standby && self.standby.is_none() {
            self.counters.refused += 1;
            return Outcome::Refused(Refusal::NoStandby);
        }
        let outcome = self.write(now, Some(write), changes);
        self.stock.writers.settle(now, write, outcome);
        outcome
    }

    fn reply(&mut self, peer: P, durable: Durable, command: Command, outcome: Outcome) {
        match (durable, outcome) {
            (Durable::Standby, Outcome::Done(version)) => {
                self.standby_answers.push_back((version, self.recorded, peer, command));
            }
            _ => self.answers.push_back((self.recorded, peer, command)),
        }
        self.answer();
    }

    /// Whether it still decides. If somebody knows a later version than this server, it has lost what it knew, and what it
    /// numbers from now on comes after all that was; one of a pair has been outrun by the other.
    fn goes_on(&mut self, version: Version) -> bool {
        if version <= self.stock.version || version.epoch >= LAST_EPOCH {
            return true;
        }
        if self.is_paired {
            self.output.push_back(Output::Outrun(version));
            return false;
        }
        self.begin_epoch(version.epoch + 1);
        self.hail_all();
        true
    }

    fn begin_epoch(&mut self, epoch: u64) {
        let seq = self.stock.version.seq.saturating_add(1);
        let version = Version { epoch, seq };
        let update = Update { version, until: seq, key: Bytes::new(), change: Changed::Epoch, writer: None };
        self.stock.change(update.clone());
        self.record(Record::Batch(vec![update.clone()]));
        self.publish(Publication::Update(update));
    }

    fn hail_all(&mut self) {
        for peer in self.peers.keys().cloned().collect::<Vec<_>>() {
            self.hail(&peer);
        }
    }

    fn hail(&mut self, peer: &P) {
        let (version, standing, beat) = (self.stock.version, self.standing, self.config.beat);
        self.say(peer, Command::Hail { version, standing, beat });
    }

    /// Begins to tell it what there is.
    fn tell(&mut self, now: Instant, peer: P, request: u64, prefixes: Vec<Bytes>, have: Option<Version>) {
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

    fn turn_page(&mut self, now: Instant, peer: P, request: u64, from: Bytes) {
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

    fn is_told_everything(&self, peer: &P) -> bool {
        let telling = self.peers.get(peer).and_then(|peer| peer.telling.as_ref());
        telling.is_some_and(Telling::is_snapshot)
    }

    fn snapshots(&self) -> usize {
        let tellings = self.peers.values().filter_map(|peer| peer.telling.as_ref());
        tellings.filter(|telling| telling.is_snapshot()).count()
    }

    /// Changes everything that is to be changed, or nothing.
    fn write(&mut self, now: Instant, writer: Option<Writing>, changes: Vec<Change>) -> Outcome {
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

    fn check(&self, changes: &[Change]) -> Result<(), Refusal> {
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
    fn change(
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

    pub(super) fn record(&mut self, record: Record) {
        if self.config.store {
            self.recorded += 1;
            self.output.push_back(Output::Record(record));
        }
    }

    /// Gives those answers that stand on nothing that could be lost.
    fn answer(&mut self) {
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

    /// Who follows the first of several changes and not the last would wait for the end of the batch.
    fn end_batch(&mut self, keys: &[Bytes]) {
        let Some((last, others)) = keys.split_last().filter(|(_, others)| !others.is_empty()) else { return };
        let is_open =
            |prefix: &&Bytes| !last.starts_with(prefix) && others.iter().any(|key| key.starts_with(prefix));
        for prefix in self.prefixes.iter().filter(is_open).cloned().collect::<Vec<_>>() {
            self.beat_about(prefix, true);
        }
    }

    fn beat(&mut self, now: Instant) {
        self.timers.set(Timer::Beat, now + self.config.beat);
        let from_there = self.prefixes.range(self.next_prefix.clone()..);
        let round: Vec<_> =
            from_there.chain(self.prefixes.range(..self.next_prefix.clone())).cloned().collect();
        for (number, prefix) in round.iter().enumerate() {
            self.beat_about(prefix.clone(), number < AT_ONCE);
        }
        self.next_prefix = round.get(AT_ONCE).cloned().unwrap_or_default();
        for peer in self.peers.values_mut() {
            peer.telling.take_if(|telling| now.duration_since(telling.asked) > self.config.patience);
        }
    }

    fn beat_about(&mut self, prefix: Bytes, with_sums: bool) {
        let (version, sums) = (self.stock.version, with_sums.then(|| self.stock.tree.sums(&prefix)));
        self.publish(Publication::Beat { prefix, version, sums });
    }

    fn publish(&mut self, publication: Publication) {
        self.output.push_back(Output::Publish(self.published, publication));
        self.published += 1;
    }

    pub(super) fn say(&mut self, peer: &P, command: Command) {
        if let Some(it) = self.peers.get_mut(peer) {
            self.output.push_back(Output::Send(peer.clone(), it.number, command));
            it.number += 1;
        }
    }
}

impl<P: Clone + Eq + Hash + Debug> Machine for Server<P> {
    type Input = Input<P>;
    type Output = Output<P>;

    fn handle(&mut self, now: Instant, input: Input<P>) {
        match input {
            Input::Joined(peer) => {
                self.peers.insert(peer.clone(), Peer::default());
                self.hail(&peer);
            }
            Input::Left(peer) => _ = self.peers.remove(&peer),
            Input::Heard(peer, Ok((header, command))) => self.heard(now, peer, header, command),
            Input::Fired(Ok((_, Command::Write { changes, .. }))) => match self.standing {
                Standing::Active => _ = self.write(now, None, changes),
                _ => self.counters.refused += 1,
            },
            Input::Heard(_, Err(_)) | Input::Fired(_) => self.counters.malformed += 1,
            Input::Synced(records) => {
                self.synced = self.synced.max(records);
                self.answer();
            }
            Input::Subscribed(topic) => self.prefixes.extend(beats_about(&topic)),
            Input::Unsubscribed(topic) => {
                if let Some(prefix) = beats_about(&topic) {
                    self.prefixes.remove(&prefix);
                }
            }
        }
    }

    fn wake(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Beat => self.beat(now),
                Timer::Expiry(key) => {
                    self.counters.expired += 1;
                    let until = self.stock.version.seq + 1;
                    let update = self.change(now, until, key, Changed::Expired, None);
                    self.record(Record::Batch(vec![update]));
                }
                Timer::Session(session) => self.expire(now, session),
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output<P>> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}

/// How much would be new if all of it were.
fn octets(change: &Change) -> usize {
    let value = if let To::Value { value, .. } = &change.to { value.len() } else { 0 };
    change.key.len() + value
}

/// So many prefixes are looked at in each round of beats; the others are looked at in the next.
const AT_ONCE: usize = 1000;
/// No honest server comes so far.
pub(super) const LAST_EPOCH: u64 = u64::MAX / 2;
