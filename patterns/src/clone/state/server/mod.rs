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

mod beats;
mod config;
mod pages;
mod sessions;
mod status;
mod tell;
mod writes;

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use bytes::Bytes;
pub use config::Config;
use pages::Telling;
pub(in crate::clone) use pages::tidy;
use rustc_hash::FxHashMap;
pub use status::{Counters, Status};

use super::record::{Held, Record};
use super::stock::Stock;
use crate::Machine;
use crate::clone::tree::Tree;
use crate::clone::version::Version;
use crate::clone::wire::{
    Changed, Command, Outcome, Publication, Refusal, Standing, Update, Writing, beats_about,
};
use crate::timers::Timers;
use crate::wire::{Header, Malformed};

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
            Command::Write { version, .. } if version.epoch < self.stock.version.epoch => {
                // It was said to who decided before, and may have an answer. If it has none it is said again, to who has
                // hailed.
                self.counters.repeated += 1;
            }
            Command::Write { number, settled, after, version, durable, changes } => {
                let write = Writing { writer: header.session, number };
                if self.goes_on(version)
                    && let Some(outcome) = self.write_once(now, write, settled, after, durable, changes)
                {
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

    pub(super) fn record(&mut self, record: Record) {
        if self.config.store {
            self.recorded += 1;
            self.output.push_back(Output::Record(record));
        }
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

/// No honest server comes so far.
pub(super) const LAST_EPOCH: u64 = u64::MAX / 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clone::wire::{Change, Durable, Lasts, To, When};

    /// It was answered, perhaps, by who decided then, and comes late.
    #[test]
    fn a_write_that_was_said_to_an_earlier_epoch_is_not_done_by_a_later_one() {
        let now = Instant::now();
        let mut server = Server::<u32>::new(Config::default(), Held::default(), 3, now);
        let write = |epoch| {
            let to = To::Value { value: "on".into(), lasts: Lasts::Forever };
            let changes = vec![Change { key: "lamp".into(), to, when: When::Absent }];
            let version = Version { epoch, seq: 0 };
            Command::Write { number: 1, settled: 0, after: 0, version, durable: Durable::Server, changes }
        };
        let header = Header { command: 0, session: 7, number: 0 };
        server.handle(now, Input::Joined(1));
        server.handle(now, Input::Heard(1, Ok((header, write(2)))));
        assert_eq!((server.status().keys, server.status().counters.repeated), (0, 1));
        server.handle(now, Input::Heard(1, Ok((header, write(3)))));
        assert_eq!((server.status().keys, server.status().counters.repeated), (1, 1));
    }
}
