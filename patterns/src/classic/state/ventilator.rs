//! The ventilator's state machine.
//!
//! ```text
//! Gathering ── enough are there ──► Working ── all have ended ──────────► Stopping ── all have gone ──► over
//!     │                                │                                   ▲  ▲
//!     │                                └── somebody left ──► Draining ─────┘  │
//!     └── time is up, too few ────────────────────────────────────────────────┘
//! ```
//!
//! **Draining.** Whoever leaves while there is work may have had some of it, and nobody can say what. So nobody waits for
//! it: the stop orders go out behind the rest of the work, each of the others ends what it has and goes, and what is
//! unreported when all have gone stays so.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::crew::{Crew, Expect, TooFew};
use super::ledger::{Ending, Ledger, Twice, Verdict};
use super::rounds::Rounds;
use crate::Machine;
use crate::classic::wire::{Job, Report};

/// How long to wait, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How many workers there are to be before work begins.
    pub expect: Expect,
    /// How long to wait for them, and later for anybody, if there is work and nobody is attached.
    pub ready_within: Duration,
    /// How long all the work may take, from the first order on. `None` is as long as anybody is attached: a worker that
    /// neither works nor goes is waited for.
    pub work_within: Option<Duration>,
    /// How long to wait until all have gone, once there is no more work.
    pub grace: Duration,
}

impl Default for Config {
    /// The first worker will do, within 30 s; work takes what it takes; workers have 5 s to go.
    fn default() -> Self {
        Self {
            expect: Expect::Any,
            ready_within: Duration::from_secs(30),
            work_within: None,
            grace: Duration::from_secs(5),
        }
    }
}

/// What can happen to a ventilator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Pipes have come to and gone from the orders socket, and so many are at the reports socket. What those that have
    /// left had said comes before.
    Peers {
        /// New ones.
        joined: usize,
        /// Old ones.
        left: usize,
        /// All that there are now.
        reporting: usize,
    },
    /// Somebody says something.
    Report(Report),
    /// The order was sent.
    Sent,
    /// Nobody had room for the order.
    Full,
    /// Somebody may have room again.
    Room,
}

/// What a ventilator wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this order, and say [`Sent`](Input::Sent) or [`Full`](Input::Full) before anything else.
    Send(Bytes),
    /// Send so many stop orders, as far as there is room.
    Stop(usize),
    /// Tell this whom it concerns.
    Notice(Notice),
    /// There is nothing more to do, ever.
    Over(Result<Summary, TooFew>),
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Work begins, with so many attached.
    Open(usize),
    /// The job of this name has ended.
    Ended(Bytes, Ending),
    /// A job has ended, and nobody says which.
    EndedNameless,
    /// Somebody has reported an end that is known, or one more than there were jobs.
    Duplicate,
    /// Somebody has reported the end of a job that was not sent.
    Unknown,
    /// Somebody has come after work had begun; now so many are attached.
    Joined(usize),
    /// Somebody has gone while there was work; now so many are attached.
    Left(usize),
    /// Stop orders go out, for so many.
    Stopping(usize),
}

/// What has come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// What became of each job, by name, in the order in which they were given.
    pub jobs: Vec<(Bytes, Ending)>,
    /// Workers that were attached when work began.
    pub workers: usize,
    /// Connections of workers that came later, those of workers that came again included.
    pub late: usize,
    /// Reports without a name that were accepted.
    pub nameless: usize,
    /// Reports of ends that were known, or one more than there were jobs.
    pub duplicates: u64,
    /// Reports of jobs that had not been sent.
    pub unknown: u64,
    /// Workers that were still attached when the time to go was up.
    pub stayed: usize,
}

impl Summary {
    /// How many jobs somebody has reported as ended, well or not.
    pub fn ended(&self) -> usize {
        let named = |(_, ending): &&(Bytes, Ending)| matches!(ending, Ending::Done | Ending::Failed(_));
        self.jobs.iter().filter(named).count() + self.nameless
    }
}

/// A ventilator without sockets and a clock.
#[derive(Debug)]
pub struct Ventilator {
    config: Config,
    phase: Phase,
    crew: Crew,
    ledger: Ledger,
    /// Somebody has left while there was work.
    lost: bool,
    /// The answer to an order is due, or nobody has room.
    held: bool,
    /// Since when nobody has been attached while there was work.
    lonely_since: Option<Instant>,
    /// Attached when work began, and how many had ever been.
    opened_with: (usize, usize),
    too_few: Option<TooFew>,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum Phase {
    Gathering { until: Instant },
    Working { until: Option<Instant> },
    Draining { until: Option<Instant>, rounds: Rounds },
    Stopping { until: Instant, rounds: Rounds },
    Over,
}

impl Ventilator {
    /// A ventilator that waits for its workers from now on.
    ///
    /// # Errors
    /// [`Twice`], if two jobs have the same name.
    pub fn new(config: Config, jobs: impl IntoIterator<Item = Job>, now: Instant) -> Result<Self, Twice> {
        Ok(Self {
            phase: Phase::Gathering { until: now + config.ready_within },
            config,
            crew: Crew::default(),
            ledger: Ledger::new(jobs)?,
            lost: false,
            held: false,
            lonely_since: None,
            opened_with: (0, 0),
            too_few: None,
            outputs: VecDeque::new(),
        })
    }

    /// Whether [`Room`](Input::Room) is waited for.
    pub fn wants_room(&self) -> bool {
        self.held && matches!(self.phase, Phase::Working { .. })
    }

    /// Moves on as far as it goes.
    fn turn(&mut self, now: Instant) {
        match self.phase {
            Phase::Gathering { until } => self.gather(now, until),
            Phase::Working { until } => self.work(now, until),
            Phase::Draining { until, .. } => self.drain(now, until),
            Phase::Stopping { .. } => self.finish(now),
            Phase::Over => {}
        }
    }

    fn gather(&mut self, now: Instant, until: Instant) {
        let expect = self.config.expect;
        let enough = if now < until { expect.wanted() } else { expect.least() };
        if self.crew.present() >= enough {
            self.opened_with = (self.crew.attached, self.crew.ever_attached);
            self.tell(Notice::Open(self.crew.attached));
            let until = self.config.work_within.map(|within| now + within);
            self.phase = Phase::Working { until };
            self.work(now, until);
        } else if now >= until {
            self.too_few = Some(self.crew.too_few(expect));
            self.stop(now);
        }
    }

    fn work(&mut self, now: Instant, until: Option<Instant>) {
        if self.is_at_an_end(now, until) {
            return self.stop(now);
        }
        match self.ledger.next() {
            Some(order) if !self.held => {
                self.outputs.push_back(Output::Send(order.clone()));
                self.held = true;
            }
            None if self.lost => {
                self.phase = Phase::Draining { until, rounds: Rounds::new(now) };
                self.drain(now, until);
            }
            _ => {}
        }
    }

    fn drain(&mut self, now: Instant, until: Option<Instant>) {
        if self.crew.is_gone() || self.is_at_an_end(now, until) {
            return self.stop(now);
        }
        let Phase::Draining { rounds, .. } = &mut self.phase else { return };
        if rounds.is_due(now) {
            self.send_stops();
        }
    }

    /// All the work is done, or there is no time or nobody left for it.
    fn is_at_an_end(&mut self, now: Instant, until: Option<Instant>) -> bool {
        if self.crew.attached > 0 {
            self.lonely_since = None;
        } else {
            self.lonely_since.get_or_insert(now);
        }
        self.ledger.is_done() || [until, self.lonely_until()].into_iter().flatten().any(|until| now >= until)
    }

    fn lonely_until(&self) -> Option<Instant> {
        self.lonely_since.map(|since| since + self.config.ready_within)
    }

    fn stop(&mut self, now: Instant) {
        self.tell(Notice::Stopping(self.crew.attached));
        self.phase = Phase::Stopping { until: now + self.config.grace, rounds: Rounds::new(now) };
        self.finish(now);
    }

    fn finish(&mut self, now: Instant) {
        let Phase::Stopping { until, rounds } = &mut self.phase else { return };
        if self.crew.is_gone() || now >= *until {
            self.phase = Phase::Over;
            let result = self.too_few.map_or_else(|| Ok(self.summary()), Err);
            self.outputs.push_back(Output::Over(result));
        } else if rounds.is_due(now) {
            self.send_stops();
        }
    }

    fn send_stops(&mut self) {
        if self.crew.attached > 0 {
            self.outputs.push_back(Output::Stop(self.crew.attached));
        }
    }

    /// A newcomer need not wait for the next round.
    fn hasten(&mut self, now: Instant) {
        if let Phase::Draining { rounds, .. } | Phase::Stopping { rounds, .. } = &mut self.phase {
            *rounds = Rounds::new(now);
        }
    }

    fn handle_peers(&mut self, now: Instant, joined: usize, left: usize, reporting: usize) {
        self.crew.handle_peers(joined, left, reporting);
        if joined > 0 {
            self.hasten(now);
            if !matches!(self.phase, Phase::Gathering { .. }) {
                self.tell(Notice::Joined(self.crew.attached));
            }
        }
        if left > 0 && matches!(self.phase, Phase::Working { .. } | Phase::Draining { .. }) {
            self.lost = true;
            self.tell(Notice::Left(self.crew.attached));
        }
    }

    fn handle_report(&mut self, report: Report) {
        let (verdict, notice) = match report {
            Report::Ready => {
                self.crew.ready += 1;
                return;
            }
            Report::Nameless => (self.ledger.handle_nameless(), Notice::EndedNameless),
            Report::Done(name) => {
                (self.ledger.handle_named(&name, Ending::Done), Notice::Ended(name, Ending::Done))
            }
            Report::Failed(name, why) => {
                let ending = Ending::Failed(why);
                (self.ledger.handle_named(&name, ending.clone()), Notice::Ended(name, ending))
            }
        };
        self.tell(match verdict {
            Verdict::Accepted => notice,
            Verdict::Duplicate => Notice::Duplicate,
            Verdict::Unknown => Notice::Unknown,
        });
    }

    fn tell(&mut self, notice: Notice) {
        self.outputs.push_back(Output::Notice(notice));
    }

    fn summary(&mut self) -> Summary {
        let (workers, ever) = self.opened_with;
        Summary {
            workers,
            late: self.crew.ever_attached - ever,
            nameless: self.ledger.nameless,
            duplicates: self.ledger.duplicates,
            unknown: self.ledger.unknown,
            stayed: self.crew.attached,
            jobs: self.ledger.endings(),
        }
    }
}

impl Machine for Ventilator {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Peers { joined, left, reporting } => self.handle_peers(now, joined, left, reporting),
            Input::Report(report) => self.handle_report(report),
            Input::Sent => {
                self.ledger.handle_sent();
                self.held = false;
            }
            Input::Full => {}
            Input::Room => self.held = false,
        }
        self.turn(now);
    }

    fn wake(&mut self, now: Instant) {
        self.turn(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Gathering { until } => Some(*until),
            Phase::Working { until } => [*until, self.lonely_until()].into_iter().flatten().min(),
            Phase::Draining { until, rounds } => {
                [*until, self.lonely_until(), Some(rounds.next)].into_iter().flatten().min()
            }
            Phase::Stopping { until, rounds } => Some(rounds.next.min(*until)),
            Phase::Over => None,
        }
    }
}
