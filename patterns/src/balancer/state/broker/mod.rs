//! The broker: who does what, and what becomes of it. Pure; [`Machine`] says how it is driven.
//!
//! ```text
//! worker   (none) ──HELLO──► there ──READY n──► idle ──TASK──► busy ──DONE──► idle ...
//!                              │ late: suspect, nothing new, keeps what it has
//!                              │ gone, or silent for too long
//!                              ▼
//!                            away ──same session back in time──► there, goes on with what it had
//!                              └──── too late, or another session──► lost: its tasks go to others
//!
//! task     blocked ──► queued ──► leased ──► ended (done, dead, skipped, cancelled)
//!                        ▲           │
//!                        └─ waiting ◄┘  failed, lost, too slow: until it was tried as often as it may be
//! ```
//!
//! What it knows of a task is written to the journal, if there is one, before anybody is told.

mod crew;
mod dead;
mod gate;
mod queue;
mod record;

mod status;
mod submissions;
mod task;
mod workers;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crew::Crew;
pub use dead::Dead;
use dead::Graveyard;
use fastrand::Rng;
pub use gate::Expect;
use gate::Gate;
use queue::{Lanes, Queue};
pub use record::Record;
use rustc_hash::FxHashMap;
pub use status::{Presence, Status, WorkerStatus};
use task::Task;

use crate::Machine;
use crate::backoff::Backoff;
use crate::balancer::job::{Ending, Setback, TaskId, WorkerId};
use crate::balancer::wire::Command;
use crate::flow::{Arrival, Inflow};
use crate::timers::Timers;
use crate::wire::{Header, Malformed};

/// How a broker goes about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How many workers there are to be before work begins. None unless set.
    pub expect: Option<Expect>,
    /// How often workers speak at least, if they do not want it otherwise. 1 s.
    pub beat: Duration,
    /// After so many beats without a word a worker counts as gone. 3.
    pub liveness: u32,
    /// How long a worker that is gone may take to come back and go on with what it has. 500 ms.
    pub resume_grace: Duration,
    /// How often a job is tried that says nothing about it. 3.
    pub max_attempts: u16,
    /// How long to wait before trying again what has failed. From 1 s to 60 s.
    pub backoff: Backoff,
    /// How long a cancelled or drained worker may take. 30 s.
    pub drain_grace: Duration,
    /// The most jobs that have not ended. 100,000.
    pub queue: usize,
    /// The most octets of them. 256 MiB.
    pub queue_bytes: usize,
    /// The most results that nobody has claimed. 10,000; the oldest are forgotten.
    pub results: usize,
    /// The most octets of them. 64 MiB.
    pub results_bytes: usize,
    /// The most tasks that were tried as often as they may be and are kept with their history: [`Broker::dead`]. 10,000;
    /// the oldest are forgotten.
    pub dead: usize,
    /// The most octets of them. 64 MiB.
    pub dead_bytes: usize,
    /// Whether plain REQ workers and clients, and those of MDP/0.2, are served too: [`Interpreter`]. Off: whoever can
    /// connect could make a job of anything.
    ///
    /// [`Interpreter`]: crate::balancer::state::Interpreter
    pub legacy: bool,
    /// Whether what happens to tasks is written down: [`Output::Record`]. Off.
    pub journal: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            expect: None,
            beat: Duration::from_secs(1),
            liveness: 3,
            resume_grace: Duration::from_millis(500),
            max_attempts: 3,
            backoff: Backoff::default(),
            drain_grace: Duration::from_secs(30),
            queue: 100_000,
            queue_bytes: 256 << 20,
            results: 10_000,
            results_bytes: 64 << 20,
            dead: 10_000,
            dead_bytes: 64 << 20,
            legacy: false,
            journal: false,
        }
    }
}

/// What can happen to a broker. `P` names a connection.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "the large one is the one that comes, and is moved once")]
pub enum Input<P> {
    /// Somebody is there.
    Joined(P),
    /// Somebody has said something.
    Heard(P, Result<(Header, Command), Malformed>),
    /// A connection is gone.
    Left(P),
    /// So many records, counted since this broker was made, survive whatever happens.
    Synced(u64),
    /// Try this dead task again.
    Retry(TaskId),
    /// Let this dead task go.
    LetGo(TaskId),
    /// No more jobs. Workers go when what there is has been done, or `now`.
    Drain {
        /// Whether to let what is queued lie, and to call back what is being done.
        now: bool,
    },
}

/// What a broker wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<P> {
    /// Say this, with this number.
    Send(P, u64, Command),
    /// Disconnect this peer. It may come again.
    Evict(P),
    /// Write this down, and say when it is safe.
    Record(Record),
    /// Tell whoever watches.
    Notice(Notice),
}

/// What whoever watches a broker may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Work begins: so many workers are ready.
    Open(usize),
    /// The time to wait for workers is up, and only so many are ready. No work is done.
    TooFew(usize),
    /// A worker with so many slots is there, or there again.
    Came(WorkerId, u16),
    /// A worker is gone and what it had goes to others.
    Lost(WorkerId),
    /// A task went to a worker.
    Leased(TaskId, WorkerId),
    /// An attempt of this worker did not go well. If it was the last one, the end of the task is told as well.
    SetBack(TaskId, WorkerId, Setback),
    /// A task came back from a worker that has not done it, which costs no attempt.
    Returned(TaskId, WorkerId),
    /// A task has ended.
    Ended(TaskId, Ending),
    /// All workers have gone, and so many jobs are left undone.
    Drained(usize),
}

/// What has happened so far, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Jobs that were taken into the queue.
    pub submitted: u64,
    /// Jobs that were known already.
    pub known: u64,
    /// Jobs that found the queue full.
    pub busy: u64,
    /// Jobs that cannot be done here.
    pub refused: u64,
    /// Attempts that were begun.
    pub leased: u64,
    /// Attempts that were given back, or never arrived, and cost nothing.
    pub returned: u64,
    /// Attempts that did not go well.
    pub setbacks: u64,
    /// Tasks that ended well.
    pub done: u64,
    /// Tasks that ended otherwise.
    pub not_done: u64,
    /// Results that came twice.
    pub duplicate_results: u64,
    /// Results of attempts that were somebody else's by then.
    pub stale_results: u64,
    /// Results that nobody claimed before there were too many.
    pub results_forgotten: u64,
    /// Tasks that were tried as often as they may be, of which there were too many.
    pub dead_forgotten: u64,
    /// Workers that were lost.
    pub workers_lost: u64,
    /// Messages that were not of the protocol, or of no use from whom they came.
    pub malformed: u64,
    /// Messages that came twice.
    pub doubled: u64,
    /// Connections that were ended since a message was missing.
    pub gaps: u64,
}

/// The broker.
#[derive(Debug)]
pub struct Broker<P> {
    config: Config,
    rng: Rng,
    gate: Gate,
    peers: FxHashMap<P, Party>,
    crew: Crew<P>,
    tasks: BTreeMap<TaskId, Task<P>>,
    /// Open tasks, and ended ones that are unclaimed.
    keys: FxHashMap<Bytes, TaskId>,
    /// How jobs ended whose results were claimed. Only for those that are to come after them.
    past: FxHashMap<Bytes, Ending>,
    past_order: VecDeque<Bytes>,
    queue: Queue,
    lanes: Lanes,
    /// Unclaimed results, oldest first. May hold names of tasks that are claimed.
    results: VecDeque<TaskId>,
    unclaimed: usize,
    unclaimed_bytes: usize,
    graves: Graveyard,
    open: usize,
    open_bytes: usize,
    next_task: u64,
    connections: u64,
    submissions: u64,
    timers: Timers<Timer>,
    draining: Option<Draining>,
    /// Records that were asked for and that are safe.
    recorded: u64,
    synced: u64,
    output: VecDeque<Output<P>>,
    /// What may be said once so many records are safe.
    held_back: VecDeque<(u64, Output<P>)>,
    counters: Counters,
}

/// Who is at the other end of a connection.
#[derive(Debug, Default)]
struct Party {
    inflow: Inflow,
    /// The number of what is said to it next.
    number: u64,
    /// When it was asked who it is.
    hailed: Option<Instant>,
    role: Role,
}

/// What it has shown itself to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Role {
    #[default]
    Unknown,
    Client,
    Worker(WorkerId),
}

#[derive(Debug, Clone, Copy)]
struct Draining {
    now: bool,
    /// The workers were told, and must be gone by then.
    until: Option<Instant>,
    is_over: bool,
}

/// What is due at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Gate,
    Drain,
    Hand(WorkerId),
    Task(TaskId),
}

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    /// A broker without tasks. `seed` is all its chance, and keeps the names of its tasks apart from those of others.
    pub fn new(config: Config, seed: u64, now: Instant) -> Self {
        let mut rng = Rng::with_seed(seed);
        let gate = Gate::new(config.expect, now);
        let mut broker = Self {
            config,
            gate,
            peers: FxHashMap::default(),
            crew: Crew::default(),
            tasks: BTreeMap::new(),
            keys: FxHashMap::default(),
            past: FxHashMap::default(),
            past_order: VecDeque::new(),
            queue: Queue::default(),
            lanes: Lanes::default(),
            results: VecDeque::new(),
            unclaimed: 0,
            unclaimed_bytes: 0,
            graves: Graveyard::default(),
            open: 0,
            open_bytes: 0,
            next_task: rng.u64(..) & !0xffff_ffff,
            rng,
            connections: 0,
            submissions: 0,
            timers: Timers::default(),
            draining: None,
            recorded: 0,
            synced: 0,
            output: VecDeque::new(),
            held_back: VecDeque::new(),
            counters: Counters::default(),
        };
        if let Some(deadline) = broker.gate.deadline() {
            broker.timers.set(Timer::Gate, deadline);
        }
        broker
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many records are safe of how many, counted since this broker was made.
    pub fn records(&self) -> (u64, u64) {
        (self.synced.min(self.recorded), self.recorded)
    }

    /// How many jobs have not ended.
    pub fn open(&self) -> usize {
        self.open
    }

    /// How many workers are there and have been ready.
    pub fn ready(&self) -> usize {
        self.crew.ready()
    }

    fn heard(&mut self, now: Instant, peer: P, said: Result<(Header, Command), Malformed>) {
        let Some(party) = self.peers.get_mut(&peer) else { return };
        let Ok((header, command)) = said else {
            self.counters.malformed += 1;
            return;
        };
        match party.inflow.arrive(header.session, header.number) {
            Arrival::InOrder => {}
            Arrival::Again => {
                self.counters.doubled += 1;
                return;
            }
            Arrival::AfterGap => {
                // Whatever was lost: both sides find out when it introduces itself again.
                self.counters.gaps += 1;
                self.emit(Output::Evict(peer.clone()));
                self.left(now, &peer);
                return;
            }
        }
        match (party.role, command) {
            (Role::Client, Command::Hello(_)) => self.counters.malformed += 1,
            (_, Command::Hello(hello)) => self.hello(now, peer, header, &hello),
            (Role::Worker(worker), command) => self.heard_worker(now, worker, command),
            (Role::Client, Command::Beat) => self.say(peer, Command::Beat),
            (Role::Unknown, Command::Greet) => party.role = Role::Client,
            // Whoever it is was lost, and has not noticed.
            (Role::Unknown, _) => self.hail(now, peer),
            (Role::Client, Command::Greet) => {}
            (Role::Client, Command::Submit { job }) => self.submit(peer, job),
            (Role::Client, Command::Claimed { key }) => self.claimed(&key),
            (Role::Client, Command::Withdraw { key }) => self.withdraw(now, &key),
            (Role::Client, _) => self.counters.malformed += 1,
        }
    }

    /// Asks who it is, once a beat: what was on its way meanwhile is from before it has heard that.
    fn hail(&mut self, now: Instant, peer: P) {
        let beat = self.config.beat;
        let Some(party) = self.peers.get_mut(&peer) else { return };
        if party.hailed.is_none_or(|before| now >= before + beat) {
            party.hailed = Some(now);
            self.say(peer, Command::Hail);
        }
    }

    fn left(&mut self, now: Instant, peer: &P) {
        let Some(party) = self.peers.remove(peer) else { return };
        if let Role::Worker(worker) = party.role {
            self.gone(now, worker);
        }
    }

    /// Gives tasks to workers, as long as there are both.
    fn dispatch(&mut self, now: Instant) {
        if self.gate != Gate::Open || self.draining.is_some_and(|draining| draining.now) {
            return;
        }
        let mut from = 0;
        while !self.queue.is_empty()
            && let Some((turn, worker)) = self.crew.idle_from(from)
        {
            match self.crew.get(worker).and_then(|hand| self.queue.best(&hand.tags)) {
                Some(task) => self.lease(now, task, worker),
                None => from = turn + 1,
            }
        }
    }

    fn look_at_gate(&mut self, now: Instant) {
        if self.gate.deadline().is_none() {
            return;
        }
        let ready = self.crew.ready();
        if self.gate.look(now, ready) {
            self.timers.clear(Timer::Gate);
            let notice = if self.gate == Gate::Open { Notice::Open(ready) } else { Notice::TooFew(ready) };
            self.emit(Output::Notice(notice));
        }
    }

    fn due(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Gate => self.look_at_gate(now),
            Timer::Hand(worker) => self.look_at_hand(now, worker),
            Timer::Task(task) => self.look_at_task(now, task),
            Timer::Drain => {
                for worker in self.crew.names() {
                    self.dismiss(now, worker);
                }
            }
        }
    }

    /// After everything else: is there nothing left to wait for?
    fn look_at_drain(&mut self, now: Instant) {
        let Some(draining) = &mut self.draining else { return };
        if draining.until.is_none() && (draining.now || self.open == 0) {
            let until = now + self.config.drain_grace;
            draining.until = Some(until);
            let (is_now, grace) = (draining.now, self.config.drain_grace);
            self.timers.set(Timer::Drain, until);
            for worker in self.crew.names() {
                self.order(now, worker, Command::Drain { now: is_now, grace });
                self.crew.change(worker, |hand| hand.is_draining = true);
            }
        }
        let Some(draining) = &mut self.draining else { return };
        if draining.until.is_some() && !draining.is_over && self.crew.is_empty() {
            draining.is_over = true;
            self.timers.clear(Timer::Drain);
            let left = self.open;
            self.emit(Output::Notice(Notice::Drained(left)));
        }
    }

    fn say(&mut self, peer: P, command: Command) {
        if let Some(party) = self.peers.get_mut(&peer) {
            let number = party.number;
            party.number += 1;
            self.emit(Output::Send(peer, number, command));
        }
    }

    /// This connection is no worker's any more.
    fn unname(&mut self, peer: Option<&P>) {
        if let Some(party) = peer.and_then(|peer| self.peers.get_mut(peer)) {
            party.role = Role::Unknown;
        }
    }

    /// Nothing is said that stands on a record which is not safe yet.
    fn emit(&mut self, output: Output<P>) {
        if self.recorded > self.synced {
            self.held_back.push_back((self.recorded, output));
        } else {
            self.output.push_back(output);
        }
    }

    fn record(&mut self, record: impl FnOnce() -> Record) {
        if self.config.journal {
            self.output.push_back(Output::Record(record()));
            self.recorded += 1;
        }
    }

    fn settle(&mut self, now: Instant) {
        self.dispatch(now);
        self.look_at_drain(now);
        #[cfg(test)]
        self.check();
    }
}

impl<P: Clone + Eq + Hash + Debug> Machine for Broker<P> {
    type Input = Input<P>;
    type Output = Output<P>;

    fn handle(&mut self, now: Instant, input: Input<P>) {
        match input {
            Input::Joined(peer) => {
                // Whoever still hears an old connection takes nothing of this one for something that it knows.
                let number = self.connections << CONNECTION;
                self.connections += 1;
                self.peers.insert(peer.clone(), Party { number, ..Party::default() });
                self.hail(now, peer);
            }
            Input::Heard(peer, said) => self.heard(now, peer, said),
            Input::Left(peer) => self.left(now, &peer),
            Input::Synced(records) => {
                self.synced = self.synced.max(records);
                while let Some((_, output)) = self.held_back.pop_front_if(|(after, _)| *after <= records) {
                    self.output.push_back(output);
                }
            }
            Input::Retry(task) => self.retry(task),
            Input::LetGo(task) => self.let_go(task),
            Input::Drain { now: is_now } => {
                let draining =
                    self.draining.get_or_insert(Draining { now: false, until: None, is_over: false });
                if is_now && !draining.now {
                    (draining.now, draining.until) = (true, None);
                }
            }
        }
        self.settle(now);
    }

    fn wake(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop(now) {
            self.due(now, timer);
        }
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<Output<P>> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}

/// The bits of a number that count the messages of one connection.
const CONNECTION: u32 = 40;

/// What is true between any two inputs.
#[cfg(any(test, feature = "harness"))]
impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    pub(crate) fn check(&self) {
        let mut held = BTreeMap::new();
        for (worker, hand) in self.crew.iter() {
            // I2: never more than it has slots for.
            assert!(hand.held.len() + usize::from(hand.credit) <= usize::from(hand.slots), "{worker}");
            for (task, attempt) in &hand.held {
                // I1: a task is at one worker, in one session.
                assert_eq!(held.insert(*task, worker), None, "{task} is at two workers");
                assert!(self.tasks[task].is_leased_to(worker, hand.session, *attempt), "{task} at {worker}");
            }
        }
        let mut open = 0;
        for (id, task) in &self.tasks {
            open += usize::from(task.is_open());
            assert_eq!(self.keys[&task.job.key], *id);
            if task.leased().is_some() {
                assert!(held.contains_key(id), "{id} is nowhere");
                let order = task.job.order.as_ref();
                assert!(order.is_none_or(|order| self.lanes.is_first(order, *id)), "{id} is out of order");
                assert_eq!(task.waits_for, 0, "{id} is too early");
            }
        }
        // I3: nothing is counted twice, and nothing is forgotten.
        assert_eq!((open, self.tasks.len()), (self.open, self.keys.len()));
        // I4: nothing waits while somebody could do it.
        if self.gate == Gate::Open && self.draining.is_none_or(|draining| !draining.now) {
            let mut from = 0;
            while let Some((turn, worker)) = self.crew.idle_from(from) {
                let best = self.crew.get(worker).and_then(|hand| self.queue.best(&hand.tags));
                assert_eq!(best, None, "{worker} could do it");
                from = turn + 1;
            }
        }
        // I5: a drained broker has nothing out.
        if self.draining.is_some_and(|draining| draining.is_over) {
            assert!(held.is_empty());
        }
    }
}
