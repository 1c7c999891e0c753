//! A town to try the balancer in: a broker, workers and clients as processes of the simulated world, and a chronicle of
//! what workers and clients saw. What the broker believes is not asked.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;

use crate::Machine;
use crate::balancer::job::{Job, Outcome, Report, Status, WorkerId};
use crate::balancer::state::{
    Broker, Client, ClientInput, ClientOutput, Config, Input, Notice, Output, Record, Worker, WorkerConfig,
    WorkerInput, WorkerOutput,
};
use crate::balancer::wire::{Command, Lease};
use crate::sim::{Act, Boot, Happening, Link};
use crate::timers::Timers;

/// What was seen, by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// A worker's process, by its name and how often it was started, has begun.
    Begun {
        key: Bytes,
        lease: Lease,
        worker: (WorkerId, u32),
    },
    /// It is over, or the process was told to stop it.
    Over {
        key: Bytes,
        lease: Lease,
        worker: (WorkerId, u32),
        is_stopped: bool,
    },
    /// A client was told.
    Ended {
        key: Bytes,
        outcome: Outcome,
    },
    /// Of the broker's.
    Notice(Notice),
    /// Somebody has told the broker to try it again, or to know nothing of it any more.
    Disposed {
        key: Bytes,
    },
    /// The broker said that it does not take it.
    Refused {
        key: Bytes,
    },
    WorkerGone {
        worker: (WorkerId, u32),
    },
}

pub(super) type Chronicle = Rc<RefCell<Vec<(Instant, Seen)>>>;

/// The broker's process. Its disk keeps records, if it has a journal.
pub(super) struct BrokerProcess {
    broker: Broker<Link>,
    chronicle: Chronicle,
    session: u64,
    /// Records that the disk had before.
    before: usize,
    records: Shelf,
    rng: Rng,
    now: Instant,
}

/// What is on the disk of a broker, by number: the world keeps octets, and these are what they stand for.
pub(super) type Shelf = Rc<RefCell<Vec<Record>>>;

impl BrokerProcess {
    pub(super) fn start(boot: &Boot<'_>, config: Config, chronicle: Chronicle, records: Shelf) -> Self {
        records.borrow_mut().truncate(boot.records.len());
        let known: Vec<_> = records.borrow().clone();
        let broker = Broker::restore(config, boot.seed, boot.now, known);
        let (before, rng) = (boot.records.len(), Rng::with_seed(boot.seed));
        Self { broker, chronicle, session: boot.seed, before, records, rng, now: boot.now }
    }
}

impl BrokerProcess {
    fn dispose_of_a_dead_task(&mut self) {
        let dead: Vec<_> = self.broker.dead().collect();
        let Some(dead) = self.rng.choice(dead) else { return };
        let (key, task) = (dead.job.key, dead.task);
        self.chronicle.borrow_mut().push((self.now, Seen::Disposed { key }));
        let input = if self.rng.bool() { Input::Retry(task) } else { Input::LetGo(task) };
        self.broker.handle(self.now, input);
    }
}

impl Machine for BrokerProcess {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        self.now = now;
        let input = match happening {
            Happening::Joined(link, _) => Input::Joined(link),
            // It dials nobody.
            Happening::Lost(_) => return,
            Happening::Heard(link, frames) => Input::Heard(link, Command::decode(frames)),
            Happening::Left(link) => Input::Left(link),
            Happening::Synced(records) => Input::Synced(records.saturating_sub(self.before) as u64),
        };
        self.broker.handle(now, input);
    }

    fn wake(&mut self, now: Instant) {
        self.now = now;
        self.broker.wake(now);
        if self.rng.u8(..) == 0 {
            self.dispose_of_a_dead_task();
        }
    }

    fn poll_output(&mut self) -> Option<Act> {
        loop {
            return Some(match self.broker.poll_output()? {
                Output::Send(link, number, command) => {
                    Act::Send(link, frames(command.encode(self.session, number)))
                }
                Output::Evict(link) => Act::HangUp(link),
                Output::Record(record) => {
                    self.records.borrow_mut().push(record);
                    Act::Store(Bytes::new())
                }
                Output::Notice(notice) => {
                    self.chronicle.borrow_mut().push((self.now, Seen::Notice(notice)));
                    continue;
                }
            });
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.broker.next_deadline()
    }
}

/// A worker's process, whose tasks take a random time and go as their payload says.
pub(super) struct WorkerProcess {
    worker: Worker,
    me: (WorkerId, u32),
    session: u64,
    link: Link,
    running: BTreeMap<Lease, Arc<Job>>,
    ends: Timers<Lease>,
    longest: Duration,
    rng: Rng,
    chronicle: Chronicle,
    now: Instant,
    acts: VecDeque<Act>,
}

impl WorkerProcess {
    pub(super) fn start(
        boot: &Boot<'_>,
        config: WorkerConfig,
        longest: Duration,
        chronicle: Chronicle,
    ) -> Self {
        Self {
            me: (config.worker, boot.life),
            worker: Worker::new(config, boot.now),
            session: boot.seed,
            link: boot.link(0),
            running: BTreeMap::new(),
            ends: Timers::default(),
            longest,
            rng: Rng::with_seed(boot.seed),
            chronicle,
            now: boot.now,
            acts: VecDeque::new(),
        }
    }

    fn see(&self, seen: Seen) {
        self.chronicle.borrow_mut().push((self.now, seen));
    }

    fn over(&mut self, now: Instant, lease: Lease, status: Option<Status>) {
        self.ends.clear(lease);
        let Some(job) = self.running.remove(&lease) else { return };
        let is_stopped = status == Some(Status::Cancelled);
        self.see(Seen::Over { key: job.key.clone(), lease, worker: self.me, is_stopped });
        let status = status.unwrap_or(match &job.payload[..] {
            b"fails" => Status::Failed,
            b"hopeless" => Status::Hopeless,
            b"sometimes" if self.rng.bool() => Status::Failed,
            _ => Status::Done,
        });
        let report = Report { status, code: 0, took: Duration::ZERO, payload: job.key.clone() };
        self.worker.handle(now, WorkerInput::Done { lease, report });
    }

    fn turn(&mut self) {
        while let Some(output) = self.worker.poll_output() {
            match output {
                WorkerOutput::Send(number, command) => {
                    self.acts.push_back(Act::Send(self.link, frames(command.encode(self.session, number))));
                }
                WorkerOutput::Start(lease, job) => {
                    self.see(Seen::Begun { key: job.key.clone(), lease, worker: self.me });
                    self.running.insert(lease, job);
                    self.ends.set(lease, self.now + self.longest.mul_f64(self.rng.f64()));
                }
                WorkerOutput::Stop(lease, _) => self.over(self.now, lease, Some(Status::Cancelled)),
                WorkerOutput::Rejected => {}
                WorkerOutput::Gone => {
                    self.see(Seen::WorkerGone { worker: self.me });
                    self.acts.push_back(Act::Exit);
                }
            }
        }
    }
}

impl Machine for WorkerProcess {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        self.now = now;
        if let Happening::Heard(_, frames) = happening {
            self.worker.handle(now, WorkerInput::Heard(Command::decode(frames)));
        }
        self.turn();
    }

    fn wake(&mut self, now: Instant) {
        self.now = now;
        while let Some(lease) = self.ends.pop(now) {
            self.over(now, lease, None);
        }
        self.worker.wake(now);
        self.turn();
    }

    fn poll_output(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        [self.ends.next(), self.worker.next_deadline()].into_iter().flatten().min()
    }
}

/// A client's process. It remembers what it has submitted, also after it was killed.
pub(super) struct ClientProcess {
    client: Client,
    session: u64,
    link: Link,
    wants: Wants,
    /// When it submits what.
    plan: Timers<usize>,
    chronicle: Chronicle,
    now: Instant,
}

/// What a client wants, when, and whether it has it.
pub(super) type Wants = Rc<RefCell<Vec<Want>>>;

#[derive(Debug, Clone)]
pub(super) struct Want {
    pub(super) at: Instant,
    pub(super) job: Job,
    pub(super) is_over: bool,
    /// When it is not wanted any more.
    pub(super) withdrawn: Option<Instant>,
}

impl ClientProcess {
    pub(super) fn start(boot: &Boot<'_>, beat: Duration, wants: Wants, chronicle: Chronicle) -> Self {
        let mut plan = Timers::default();
        for (number, want) in wants.borrow().iter().enumerate().filter(|(_, want)| !want.is_over) {
            plan.set(2 * number, want.at.max(boot.now));
            if let Some(at) = want.withdrawn {
                plan.set(2 * number + 1, at.max(boot.now));
            }
        }
        let (session, link) = (boot.seed, boot.link(0));
        Self { client: Client::new(beat), session, link, wants, plan, chronicle, now: boot.now }
    }

    fn close(&self, key: &Bytes) {
        if let Some(want) = self.wants.borrow_mut().iter_mut().find(|want| want.job.key == *key) {
            want.is_over = true;
        }
    }
}

impl Machine for ClientProcess {
    type Input = Happening;
    type Output = Act;

    fn handle(&mut self, now: Instant, happening: Happening) {
        self.now = now;
        if let Happening::Heard(_, frames) = happening {
            self.client.handle(now, ClientInput::Heard(Command::decode(frames)));
        }
    }

    fn wake(&mut self, now: Instant) {
        self.now = now;
        while let Some(number) = self.plan.pop(now) {
            let job = self.wants.borrow()[number / 2].job.clone();
            let input = if number % 2 == 0 {
                ClientInput::Submit(Arc::new(job))
            } else {
                ClientInput::Withdraw(job.key)
            };
            self.client.handle(now, input);
        }
        self.client.wake(now);
    }

    fn poll_output(&mut self) -> Option<Act> {
        loop {
            let seen = match self.client.poll_output()? {
                ClientOutput::Send(number, command) => {
                    return Some(Act::Send(self.link, frames(command.encode(self.session, number))));
                }
                ClientOutput::Ended(key, outcome) => {
                    self.close(&key);
                    Seen::Ended { key, outcome }
                }
                ClientOutput::Refused(key, _) => {
                    self.close(&key);
                    Seen::Refused { key }
                }
                ClientOutput::Accepted(..) | ClientOutput::Busy(_) => continue,
            };
            self.chronicle.borrow_mut().push((self.now, seen));
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        [self.plan.next(), self.client.next_deadline()].into_iter().flatten().min()
    }
}

/// As they go through the world.
fn frames((head, payload): (Vec<u8>, Option<Bytes>)) -> Vec<Bytes> {
    std::iter::once(Bytes::from(head)).chain(payload).collect()
}

/// The name of the number-th worker.
pub(super) fn worker(number: usize) -> WorkerId {
    WorkerId((number as u128 + 1).to_be_bytes())
}
