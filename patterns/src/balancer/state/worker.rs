//! The worker's side: it says what it is free for, goes on with what it has whatever becomes of the broker, and repeats
//! a result until that was heard.
//!
//! ```text
//! ──HAIL──► hello said ──WELCOME──► ready ──TASK──► running ──DONE──► reporting ──HEARD──► ready
//!               ▲                                        │
//!               └───────── HAIL, or a message missing ───┘
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Machine;
use crate::balancer::job::{Job, Report, WorkerId};
use crate::balancer::wire::{Command, Hello, Lease};
use crate::flow::{Arrival, Inflow};
use crate::wire::{Header, Malformed};

/// What a worker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerConfig {
    /// Its name. A process that takes another's place may have the same.
    pub worker: WorkerId,
    /// Where it is.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// How many tasks it can have at a time. At least one.
    pub slots: u16,
    /// How many tasks it takes in its life, if there is a number.
    pub max_tasks: Option<u32>,
    /// How often it speaks at least. The broker may want it otherwise.
    pub beat: Duration,
    /// What it is good for.
    pub tags: Vec<String>,
}

/// What can happen to a worker.
#[derive(Debug)]
pub enum WorkerInput {
    /// The broker has said something.
    Heard(Result<(Header, Command), Malformed>),
    /// A task goes on.
    Progress {
        /// Which attempt.
        lease: Lease,
        /// How far it is, in thousandths.
        permille: u16,
        /// What it is doing.
        note: String,
    },
    /// A task is over.
    Done {
        /// Which attempt.
        lease: Lease,
        /// How it went.
        report: Report,
    },
    /// No more tasks: what there is has this long to end.
    Drain {
        /// Whether it is stopped at once.
        now: bool,
        /// How long that may take.
        grace: Duration,
    },
}

/// What a worker wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerOutput {
    /// Say this, with this number.
    Send(u64, Command),
    /// Begin with a task.
    Start(Lease, Arc<Job>),
    /// End this attempt, whose result nobody wants or which takes too long, within this time.
    Stop(Lease, Duration),
    /// Another worker that is there has the same name. It is asked again and again.
    Rejected,
    /// There is nothing left to do.
    Gone,
}

/// The worker.
#[derive(Debug)]
pub struct Worker {
    config: WorkerConfig,
    inflow: Inflow,
    number: u64,
    /// The number of the last HELLO.
    hello: Option<u64>,
    is_welcome: bool,
    running: BTreeSet<Lease>,
    /// Over, and not heard yet.
    results: BTreeMap<Lease, Report>,
    /// How many tasks more the broker may send.
    granted: u16,
    left: Option<u32>,
    /// When it must be gone.
    draining: Option<Instant>,
    is_gone: bool,
    said: Instant,
    output: VecDeque<WorkerOutput>,
}

impl Worker {
    /// A worker that waits to be hailed.
    pub fn new(config: WorkerConfig, now: Instant) -> Self {
        Self {
            left: config.max_tasks,
            config,
            inflow: Inflow::default(),
            number: 0,
            hello: None,
            is_welcome: false,
            running: BTreeSet::new(),
            results: BTreeMap::new(),
            granted: 0,
            draining: None,
            is_gone: false,
            said: now,
            output: VecDeque::new(),
        }
    }

    /// How many tasks it has begun and not ended.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    fn heard(&mut self, now: Instant, said: Result<(Header, Command), Malformed>) {
        let Ok((header, command)) = said else { return };
        if command == Command::Hail {
            self.inflow.restart(header.session, header.number);
            return self.hello(now);
        }
        match self.inflow.arrive(header.session, header.number) {
            Arrival::Again => return,
            // Whatever it was: the broker says it again to who introduces himself.
            Arrival::AfterGap => return self.hello(now),
            Arrival::InOrder => {}
        }
        match command {
            Command::Reject => self.output.push_back(WorkerOutput::Rejected),
            // An answer to an earlier HELLO knows too little of what we have.
            Command::Welcome { hello, .. } if self.hello != Some(hello) => {}
            Command::Welcome { beat, keep, .. } => self.welcome(now, beat, &keep),
            // What came before the broker has heard what we have: it will find that we do not have this.
            Command::Task { .. } if !self.is_welcome => {}
            Command::Task { lease, job } => {
                self.granted = self.granted.saturating_sub(1);
                self.left = self.left.map(|left| left.saturating_sub(1));
                if self.draining.is_some() {
                    return self.say(now, Command::Return { lease });
                }
                self.running.insert(lease);
                self.output.push_back(WorkerOutput::Start(lease, job));
            }
            Command::Heard { lease, .. } => {
                self.results.remove(&lease);
                self.offer(now);
            }
            Command::Cancel { lease, grace } if self.running.contains(&lease) => {
                self.output.push_back(WorkerOutput::Stop(lease, grace));
            }
            Command::Drain { now: at_once, grace } => self.drain(now, at_once, grace),
            _ => {}
        }
    }

    /// Introduces itself, once more if need be. Until it is welcome it says nothing else.
    fn hello(&mut self, now: Instant) {
        if self.is_gone {
            return;
        }
        (self.hello, self.is_welcome, self.granted) = (Some(self.number), false, 0);
        let in_hand = self.running.iter().chain(self.results.keys()).copied().collect();
        let hello = Hello {
            worker: self.config.worker,
            host: self.config.host.clone(),
            pid: self.config.pid,
            slots: self.config.slots,
            // One that takes none any more has something to end, and is draining.
            max_tasks: self.left.map_or(0, |left| left.max(1)),
            beat: self.config.beat,
            tags: self.config.tags.clone(),
            in_hand,
        };
        self.say(now, Command::Hello(hello));
    }

    fn welcome(&mut self, now: Instant, beat: Duration, keep: &[Lease]) {
        (self.is_welcome, self.config.beat) = (true, beat);
        let dropped: Vec<_> = self.running.iter().filter(|lease| !keep.contains(lease)).copied().collect();
        for lease in dropped {
            self.output.push_back(WorkerOutput::Stop(lease, Duration::ZERO));
        }
        self.results.retain(|lease, _| keep.contains(lease));
        for (lease, report) in self.results.clone() {
            self.say(now, Command::Done { lease, report, credit: 0 });
        }
        self.offer(now);
    }

    /// How many tasks more it can have than the broker knows.
    fn free(&self) -> u16 {
        if self.draining.is_some() || !self.is_welcome {
            return 0;
        }
        // Results that nobody has heard take no slot, until there are more of them than slots.
        let slots = usize::from(self.config.slots);
        let taken = self.running.len() + self.results.len().saturating_sub(slots) + usize::from(self.granted);
        let free = slots.saturating_sub(taken);
        let left = self.left.map_or(usize::MAX, |left| left as usize).saturating_sub(self.granted.into());
        free.min(left) as u16
    }

    fn offer(&mut self, now: Instant) {
        let credit = self.free();
        if credit > 0 {
            self.granted += credit;
            self.say(now, Command::Ready { credit });
        }
    }

    fn done(&mut self, now: Instant, lease: Lease, report: Report) {
        if !self.running.remove(&lease) {
            return;
        }
        self.results.insert(lease, report.clone());
        if self.is_welcome {
            let credit = self.free();
            self.granted += credit;
            self.say(now, Command::Done { lease, report, credit });
        }
    }

    fn drain(&mut self, now: Instant, at_once: bool, grace: Duration) {
        self.draining = Some(now + grace);
        if at_once {
            for lease in &self.running {
                self.output.push_back(WorkerOutput::Stop(*lease, grace));
            }
        }
    }

    fn say(&mut self, now: Instant, command: Command) {
        self.said = now;
        self.output.push_back(WorkerOutput::Send(self.number, command));
        self.number += 1;
    }

    /// Goes when there is nothing left to do.
    fn settle(&mut self, now: Instant) {
        let is_idle = self.running.is_empty() && self.results.is_empty();
        let is_spent = self.draining.is_some() || self.left == Some(0);
        let is_late = self.draining.is_some_and(|until| now >= until);
        if !self.is_gone && (is_idle && is_spent || is_late) {
            self.is_gone = true;
            self.say(now, Command::Bye);
            self.output.push_back(WorkerOutput::Gone);
        }
    }
}

impl Machine for Worker {
    type Input = WorkerInput;
    type Output = WorkerOutput;

    fn handle(&mut self, now: Instant, input: WorkerInput) {
        match input {
            WorkerInput::Heard(said) => self.heard(now, said),
            WorkerInput::Progress { lease, permille, note } => {
                if self.is_welcome && self.running.contains(&lease) {
                    self.say(now, Command::Progress { lease, permille, note });
                }
            }
            WorkerInput::Done { lease, report } => self.done(now, lease, report),
            WorkerInput::Drain { now: at_once, grace } => self.drain(now, at_once, grace),
        }
        self.settle(now);
    }

    fn wake(&mut self, now: Instant) {
        if !self.is_gone && now >= self.said + self.config.beat {
            // Unless it is welcome, a beat is answered with the question who it is.
            self.say(now, Command::Beat);
        }
        self.settle(now);
    }

    fn poll_output(&mut self) -> Option<WorkerOutput> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        let beat = (!self.is_gone).then(|| self.said + self.config.beat);
        [beat, self.draining.filter(|_| !self.is_gone)].into_iter().flatten().min()
    }
}
