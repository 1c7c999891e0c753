//! The client's side: a replica of what the server has, or of part of it. Pure; [`Machine`] says how it is driven.
//!
//! ```text
//! Away ──HAIL──► Fencing ──the answer is published──► Syncing ──last page, and its sums are right──► Live
//!                   ▲   every subscription is in force    │  what is published meanwhile waits        │
//!                   └───── too late, too much, wrong ─────┴────────── a beat's sums are not ours ──────┘
//! ```
//!
//! Whatever gets lost, and for whatever reason, a beat shows it: it says how many entries there are under a prefix, and
//! the sum of their digests. A replica goes back to the last state that was proven so, and is told what came since.

mod live;
mod sessions;
mod sync;
mod writes;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use live::Proof;
use sessions::Holding;
use sync::{Phase, Waiting};

use super::record::Held;
use super::server::tidy;
use super::stock::Stock;
use crate::Machine;
use crate::backoff::Backoff;
use crate::clone::tree::Tree;
use crate::clone::version::Version;
use crate::clone::wire::{
    Change, Command, Durable, MAX_PREFIXES, Outcome, Publication, Standing, Update, beats, fence, updates,
};
use crate::timers::Timers;
use crate::wire::{Header, Malformed};

/// How a replica goes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaConfig {
    /// What it follows: keys that begin with one of these, at most 60. Everything, unless set.
    pub prefixes: Vec<Bytes>,
    /// How many servers there are to choose from. 1.
    pub servers: usize,
    /// The most octets of changes that wait until it is told what was before them. 64 MiB.
    pub buffer: usize,
    /// How long to wait when something went wrong. From 100 ms to 10 s.
    pub backoff: Backoff,
}

impl Default for ReplicaConfig {
    fn default() -> Self {
        Self {
            prefixes: vec![Bytes::new()],
            servers: 1,
            buffer: 64 << 20,
            backoff: Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(10) },
        }
    }
}

/// What can happen to a replica.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "the large one is the one that comes, and is moved once")]
pub enum ReplicaInput {
    /// The server has said something.
    Heard(Result<(Header, Command), Malformed>),
    /// The server has published something.
    Published(Result<(Header, Publication), Malformed>),
}

/// What a replica wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicaOutput {
    /// Drop the connections that there are, and make new ones to this server.
    Dial(usize),
    /// Subscribe to this topic.
    Subscribe(Bytes),
    /// And not any more.
    Unsubscribe(Bytes),
    /// Say this, with this number.
    Send(u64, Command),
    /// This became of the write with this number.
    Written(u64, Outcome),
    /// This session is open until then at least, or it is over.
    Session {
        /// Which.
        session: u64,
        /// Until when. None if it is over.
        until: Option<Instant>,
    },
    /// Tell those who watch.
    News(News),
}

/// What those who watch a replica are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// These changes, all at once, and no others since the last news.
    Changed(Vec<Update>),
    /// What has changed in between is not known one by one: look at what there is now.
    Resync {
        /// The last that was known.
        from: Version,
        /// This is how it is now.
        to: Version,
    },
    /// How it is has changed.
    Health(Health),
}

/// Whether a replica can be believed to be what the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// It has never been told what there is.
    #[default]
    Joining,
    /// It follows.
    Live,
    /// The server is silent, or the replica has missed something: it is as it was.
    Stale,
}

/// What has happened since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplicaCounters {
    /// Times that it was told everything.
    pub snapshots: u64,
    /// Times that it was told what it had missed.
    pub deltas: u64,
    /// Times that the server's sums were not its own.
    pub mismatches: u64,
    /// Times that more was published than it could keep, while it was being told what had been before.
    pub overflows: u64,
    /// What came from a server that does not decide any more, and was dropped.
    pub deposed: u64,
    /// Messages that are of no such protocol.
    pub malformed: u64,
}

/// The replica.
#[derive(Debug)]
pub struct Replica {
    config: ReplicaConfig,
    rng: Rng,
    /// Which server it is connected to.
    server: usize,
    /// What that one has said, since.
    hailed: Option<Hailed>,
    phase: Phase,
    health: Health,
    stock: Stock,
    /// Whether it keeps all that a server needs to go on.
    is_standby: bool,
    /// The highest epoch that it has heard of: what is of a lower one counts for nothing.
    epoch: u64,
    proof: Proof,
    /// Changes whose batch is not complete yet.
    batch: Vec<Update>,
    /// Changes that wait until it is told what was before them.
    buffer: Waiting,
    nonce: Option<u128>,
    requests: u64,
    /// Times in a row that something went wrong.
    failures: u32,
    /// What it has written, without an answer.
    writes: BTreeMap<u64, (Durable, Vec<Change>)>,
    /// How many it has written.
    written: u64,
    /// Sessions that it keeps open.
    sessions: BTreeMap<u64, Holding>,
    /// Times in a row that writes were said again.
    repetitions: u32,
    number: u64,
    timers: Timers<Timer>,
    counters: ReplicaCounters,
    output: VecDeque<ReplicaOutput>,
}

#[derive(Debug)]
struct Hailed {
    session: u64,
    standing: Standing,
    epoch: u64,
    beat: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The server is silent.
    Silence,
    /// It has not answered.
    Ask,
    /// It may be asked again.
    Rest,
    /// Writes have no answer.
    Writes,
    /// A session is to stay open.
    Keep(u64),
    /// A page has come.
    Read,
}

impl Replica {
    /// A replica of nothing.
    pub fn new(config: ReplicaConfig, seed: u64, now: Instant) -> Self {
        Self::with(config, seed, now, Stock::new(Held::default(), 0, 0, now))
    }

    /// That of a server that follows another one, and has this.
    pub(super) fn standby(config: ReplicaConfig, seed: u64, now: Instant, stock: Stock) -> Self {
        Self { is_standby: true, ..Self::with(config, seed, now, stock) }
    }

    fn with(config: ReplicaConfig, seed: u64, now: Instant, stock: Stock) -> Self {
        let mut prefixes = tidy(config.prefixes);
        prefixes.truncate(MAX_PREFIXES);
        let mut replica = Self {
            config: ReplicaConfig { prefixes, ..config },
            rng: Rng::with_seed(seed),
            server: 0,
            hailed: None,
            phase: Phase::Away,
            health: Health::Joining,
            epoch: stock.version.epoch,
            proof: Proof::of(&stock.tree, stock.version),
            stock,
            is_standby: false,
            batch: Vec::new(),
            buffer: Waiting::default(),
            nonce: None,
            requests: 0,
            failures: 0,
            writes: BTreeMap::new(),
            written: 0,
            sessions: BTreeMap::new(),
            repetitions: 0,
            number: 0,
            timers: Timers::default(),
            counters: ReplicaCounters::default(),
            output: VecDeque::new(),
        };
        replica.dial(now, 0);
        replica
    }

    /// What it has.
    pub fn tree(&self) -> &Tree {
        &self.stock.tree
    }

    /// Up to which change.
    pub fn version(&self) -> Version {
        self.stock.version
    }

    /// All that it has.
    pub(super) fn stock(&self) -> &Stock {
        &self.stock
    }

    /// The same, at the end.
    pub(super) fn into_stock(self) -> Stock {
        self.stock
    }

    /// Whether it can be believed.
    pub fn health(&self) -> Health {
        self.health
    }

    /// Which of its servers it follows, if that one says that it decides.
    pub fn server(&self) -> Option<usize> {
        let hailed = self.hailed.as_ref()?;
        (hailed.standing == Standing::Active).then_some(self.server)
    }

    /// What has happened.
    pub fn counters(&self) -> ReplicaCounters {
        self.counters
    }

    fn dial(&mut self, now: Instant, server: usize) {
        (self.server, self.hailed, self.phase, self.nonce) = (server, None, Phase::Away, None);
        self.batch.clear();
        self.timers.clear(Timer::Ask);
        self.timers.clear(Timer::Rest);
        self.output.push_back(ReplicaOutput::Dial(server));
        for prefix in &self.config.prefixes {
            self.output.push_back(ReplicaOutput::Subscribe(updates(prefix)));
            self.output.push_back(ReplicaOutput::Subscribe(beats(prefix)));
        }
        self.timers.set(Timer::Silence, now + self.patience());
    }

    /// How long a server may take to say anything at all.
    fn patience(&self) -> Duration {
        if self.config.servers > 1 { UNHAILED / 2 } else { UNHAILED }
    }

    /// The server is silent: this is not what it was. Then another is tried, or new connections to the same.
    fn is_silent(&mut self, now: Instant) {
        let beat = self.hailed.as_ref().map_or(UNHAILED, |hailed| hailed.beat);
        if self.health == Health::Live {
            self.become_(Health::Stale);
            if self.config.servers <= 1 {
                return self.timers.set(Timer::Silence, now + beat * (GIVEN_UP - LATE));
            }
        }
        self.failures = self.failures.saturating_add(1);
        self.move_on(now);
    }

    fn move_on(&mut self, now: Instant) {
        if self.health == Health::Live {
            self.become_(Health::Stale);
        }
        self.dial(now, (self.server + 1) % self.config.servers.max(1));
    }

    fn become_(&mut self, health: Health) {
        if std::mem::replace(&mut self.health, health) != health {
            self.output.push_back(ReplicaOutput::News(News::Health(health)));
        }
    }

    fn heard(&mut self, now: Instant, header: Header, command: Command) {
        match command {
            Command::Hail { version, standing, beat } => {
                let before = self.hailed.replace(Hailed {
                    session: header.session,
                    standing,
                    epoch: version.epoch,
                    beat,
                });
                self.timers.set(Timer::Silence, now + UNHAILED.max(beat * GIVEN_UP));
                match standing {
                    Standing::Passive => self.turned_away(now),
                    Standing::Vacant => self.ask_for_it(now, beat),
                    Standing::Active if version.epoch < self.epoch && self.config.servers > 1 => {
                        self.rest(now);
                    }
                    Standing::Active => {
                        let is_new = before.is_none_or(|before| {
                            before.session != header.session || before.standing != Standing::Active
                        });
                        if is_new || matches!(self.phase, Phase::Away | Phase::Resting | Phase::Asking { .. })
                        {
                            self.fence(now);
                        }
                        self.write_all(now);
                        self.keep_all(now);
                    }
                }
            }
            Command::Rows { request, what, from, next, rows } => {
                self.read(now, request, what, &from, next, rows);
            }
            Command::Wait { request, retry_after } => self.wait(now, request, retry_after),
            Command::Gone { request } => self.gone(now, request),
            Command::Written { number, outcome } => self.answered(now, number, outcome),
            Command::Kept { session, turn, is_open } => self.kept(session, turn, is_open),
            _ => self.counters.malformed += 1,
        }
    }

    fn published(&mut self, now: Instant, publication: Publication) {
        let version = match &publication {
            Publication::Update(update) => update.version,
            Publication::Beat { version, .. } | Publication::Passed { version, .. } => *version,
        };
        if version.epoch < self.epoch {
            self.counters.deposed += 1;
            return;
        }
        self.epoch = version.epoch;
        self.listen(now);
        if matches!(self.phase, Phase::Live) && version.epoch > self.stock.version.epoch {
            // An epoch may begin with less than this replica has, and then its first change says nothing of the rest.
            self.become_(Health::Stale);
            return self.fence(now);
        }
        match publication {
            Publication::Update(update) => match self.phase {
                Phase::Live => self.follow(now, update),
                Phase::Syncing(_) => self.keep(now, update),
                _ => {}
            },
            Publication::Beat { prefix, version, sums } => {
                if matches!(self.phase, Phase::Live) {
                    self.compare(now, &prefix, version, sums);
                }
            }
            Publication::Passed { nonce, .. } => self.passed(now, nonce),
        }
    }

    /// The last change that it has heard of. A server that knows less is to learn that.
    fn latest(&self) -> Version {
        self.stock.version.max(Version { epoch: self.epoch, seq: 0 })
    }

    /// The server has just been heard.
    fn listen(&mut self, now: Instant) {
        if let Some(hailed) = &self.hailed {
            // While it is being told there is no hurry: it does not say that it follows.
            let beats = if matches!(self.phase, Phase::Live) { LATE } else { GIVEN_UP };
            self.timers.set(Timer::Silence, now + hailed.beat * beats);
        }
    }

    fn say(&mut self, command: Command) {
        self.output.push_back(ReplicaOutput::Send(self.number, command));
        self.number += 1;
    }

    fn unfence(&mut self) {
        if let Some(nonce) = self.nonce.take() {
            self.output.push_back(ReplicaOutput::Unsubscribe(fence(nonce)));
        }
    }
}

impl Machine for Replica {
    type Input = ReplicaInput;
    type Output = ReplicaOutput;

    fn handle(&mut self, now: Instant, input: ReplicaInput) {
        match input {
            ReplicaInput::Heard(Ok((header, command))) => self.heard(now, header, command),
            ReplicaInput::Published(Ok((_, publication))) => self.published(now, publication),
            ReplicaInput::Heard(Err(_)) | ReplicaInput::Published(Err(_)) => self.counters.malformed += 1,
        }
    }

    fn wake(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Silence => self.is_silent(now),
                Timer::Ask => self.ask_again(now),
                Timer::Rest => self.rested(now),
                Timer::Writes => self.repeat_writes(now),
                Timer::Keep(session) => self.keep_open(now, session),
                Timer::Read => self.read_on(now),
            }
        }
    }

    fn poll_output(&mut self) -> Option<ReplicaOutput> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}

/// After so many beats without a word the replica is stale.
const LATE: u32 = 3;
/// After so many, it looks for another server.
const GIVEN_UP: u32 = 10;
/// How long a server may take to say anything at all.
const UNHAILED: Duration = Duration::from_secs(2);
