//! The brain of the classic server: what to do next, given what has happened. Pure: the time is an argument, sockets and
//! processes are somebody else's ([`crate::server`]).
//!
//! ```text
//! Gathering --barrier open--> Working --all settled, or nobody left--> Stopping --everybody gone--> Over
//!     |                          |                                        ^
//!     |                          +--only nameless workers--> Draining ----+
//!     +--deadline, too few ready----------------------------------------->+
//! ```
//!
//! **Working.** At most one order per ready worker is on its way. PUSH hands them out in turn and cannot
//! address: a slow worker still gets every n-th order, and one that is attached without being ready gets its
//! share too. What is lost with a worker is sent again. Credit, addressed orders and fairness by speed need
//! one connection per worker in both directions; the balancer of the `patterns` crate has them.
//!
//! **Draining.** Workers that say `1` instead of a name may never tell of their jobs, so they get every order
//! at once and `KILL` behind it, as in the article this example follows; a worker reads it when it is
//! through. At most once, and no second attempt.
//!
//! **Stopping.** One `KILL` for every attached peer is right only if nobody joins, leaves or blocks
//! meanwhile. So there are rounds of it until nobody is attached and no process of ours is left, for the
//! grace time at most.

mod crew;
mod job;
mod ledger;
mod output;
mod phases;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use self::{
    crew::{Barrier, Crew},
    job::Verdict,
    ledger::Ledger,
    phases::Phase,
};
use crate::{
    events::Event,
    outcome::{Outcome, Results, Rules, Trouble},
    protocol::{Copied, Malformed, Report},
};

pub(crate) use self::output::Output;

#[derive(Debug)]
pub(crate) struct Desk {
    rules: Rules,
    folders: Vec<String>,
    phase: Phase,
    barrier: Barrier,
    ledger: Ledger,
    crew: Crew,
    outputs: VecDeque<Output>,
    /// The socket had no room for an order: not before then.
    no_room_until: Option<Instant>,
    /// Since when nobody has been attached while there was work.
    lonely_since: Option<Instant>,
    /// A worker without a name has told of a finished job.
    nameless_report: bool,
    trouble: Option<Trouble>,
}

impl Desk {
    pub(crate) fn new(now: Instant, rules: Rules, folders: Vec<String>) -> Self {
        let barrier = Barrier {
            wanted: rules.workers,
            least: rules.min,
            patience: rules.ready_timeout,
            deadline: now + rules.ready_timeout,
        };
        Self {
            ledger: Ledger::new(folders.len(), rules.retries),
            rules,
            folders,
            phase: Phase::Gathering,
            barrier,
            crew: Crew::default(),
            outputs: VecDeque::new(),
            no_room_until: None,
            lonely_since: None,
            nameless_report: false,
            trouble: None,
        }
    }

    pub(crate) fn handle_spawned(&mut self, worker: &str, pid: u32) {
        self.crew.handle_spawned(worker);
        self.tell(Event::WorkerStarted { worker: worker.to_owned(), pid });
    }

    pub(crate) fn handle_exit(&mut self, now: Instant, worker: &str, how: &str) {
        if self.crew.handle_exit(worker) {
            self.tell(Event::WorkerExited { worker: worker.to_owned(), how: how.to_owned() });
            let lost = self.ledger.handle_death(worker);
            self.tell_lost(lost);
        }
        self.turn(now);
    }

    /// Peers have joined and left the orders socket; so many are on the reports socket, and whatever those
    /// that have left it had said before has been handed to [`Self::handle_report`].
    pub(crate) fn handle_peers(&mut self, now: Instant, joined: usize, lost: usize, reporting: usize) {
        self.crew.handle_peers(joined, lost, reporting);
        if lost > 0 && matches!(self.phase, Phase::Working) {
            self.tell(Event::PeerLost { attached: self.crew.attached() });
            for job in self.ledger.handle_peer_lost() {
                self.tell(Event::Again { job, folder: self.folders[job].clone() });
            }
        }
        self.turn(now);
    }

    pub(crate) fn handle_report(&mut self, now: Instant, report: Result<Report, Malformed>) {
        self.ledger.handle_report(now);
        match report {
            Ok(Report::Ready { worker }) => {
                if self.crew.handle_ready(&worker) {
                    self.tell_ready(worker);
                }
            }
            Ok(Report::One) => self.handle_one(),
            Ok(Report::Started { worker, job, attempt }) => self.handle_started(now, worker, job, attempt),
            Ok(Report::Done { worker, job, attempt, copied }) => {
                self.handle_done(worker, job, attempt, copied)
            }
            Ok(Report::Failed { worker, job, attempt, text }) => {
                self.nameless_report |= worker.is_empty();
                match self.ledger.handle_failed(job, attempt, &text) {
                    Ok(next) => self.tell_failed(worker, job, attempt, text, next),
                    Err(_) => self.ignore(format!("failure of job {job}, attempt {attempt} by {worker:?}")),
                }
            }
            Ok(Report::Bye { worker }) => {
                self.crew.handle_bye(&worker);
                let lost = self.ledger.handle_death(&worker);
                self.tell(Event::Bye { worker });
                self.tell_lost(lost);
            }
            Err(malformed) => self.ignore(malformed.to_string()),
        }
        self.turn(now);
    }

    /// The answer to [`Output::Commit`].
    pub(crate) fn handle_committed(
        &mut self,
        now: Instant,
        job: usize,
        outcome: Outcome,
        fault: Option<String>,
    ) {
        match fault {
            None => {
                let Outcome { worker, attempt, copied: Copied { files, bytes, digest, .. } } =
                    outcome.clone();
                let folder = self.folders[job].clone();
                self.tell(Event::Done { job, attempt, folder, worker, files, bytes, digest });
                self.ledger.settle(job, outcome);
            }
            Some(text) => {
                let next = self.ledger.reopen(job, outcome.attempt, &text);
                self.tell_failed(outcome.worker, job, outcome.attempt, text, next);
            }
        }
        self.turn(now);
    }

    /// The answer to [`Output::Send`].
    pub(crate) fn handle_sent(&mut self, job: usize, attempt: u32) {
        self.tell(Event::Sent { job, attempt, folder: self.folders[job].clone() });
    }

    /// The answer to [`Output::Send`] when no attached peer has room.
    pub(crate) fn handle_no_room(&mut self, now: Instant, job: usize, attempt: u32) {
        self.ledger.put_back(job, attempt);
        self.no_room_until = Some(now + NO_ROOM_PAUSE);
    }

    /// Somebody wants us to stop now; the second time at once.
    pub(crate) fn handle_interrupt(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Stopping { deadline, .. } => *deadline = now,
            Phase::Over => {}
            _ => {
                self.outputs.push_back(Output::Terminate);
                self.stop(now, "interrupted", Some(Trouble::Interrupted));
            }
        }
        self.turn(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let (Phase::Working | Phase::Draining(_), Some(limit)) = (&self.phase, self.rules.missed_after()) {
            let lost = self.ledger.handle_overdue(now, limit);
            self.tell_lost(lost);
        }
        self.turn(now);
    }

    /// When [`Self::handle_timeout`] wants to be called, if nothing else happens before.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let overdue = || self.ledger.next_overdue(self.rules.missed_after()?);
        match &self.phase {
            Phase::Gathering => Some(self.barrier.deadline),
            Phase::Working => {
                let lonely = self.lonely_since.map(|since| since + self.rules.ready_timeout);
                [lonely, self.no_room_until, overdue()].into_iter().flatten().min()
            }
            Phase::Draining(rounds) => [Some(rounds.next), overdue()].into_iter().flatten().min(),
            Phase::Stopping { rounds, deadline, .. } => Some(rounds.next.min(*deadline)),
            Phase::Over => None,
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over) && self.outputs.is_empty()
    }

    /// Once it is over.
    pub(crate) fn results(&self) -> Results {
        Results {
            states: self.ledger.jobs().iter().map(|job| job.state.clone()).collect(),
            workers: self.crew.names().map(ToOwned::to_owned).collect(),
            duplicates: self.ledger.duplicates(),
            resent: self.ledger.resent(),
            trouble: self.trouble.clone(),
        }
    }

    fn handle_started(&mut self, now: Instant, worker: String, job: usize, attempt: u32) {
        if self.crew.has_exited(&worker) {
            return; // its last words; the job is waiting again already
        }
        match self.ledger.handle_started(now, &worker, job, attempt) {
            Ok(lost) => {
                self.tell_lost(lost);
                let folder = self.folders[job].clone();
                self.tell(Event::Started { job, attempt, folder, worker });
            }
            Err(_) => self.ignore(format!("start of job {job}, attempt {attempt} by {worker:?}")),
        }
    }

    fn handle_done(&mut self, worker: String, job: usize, attempt: u32, copied: Copied) {
        self.nameless_report |= worker.is_empty();
        match self.ledger.handle_done(job, attempt) {
            Ok(Verdict::Accepted) => {
                let outcome = Outcome { worker, attempt, copied };
                self.outputs.push_back(Output::Commit { job, outcome });
            }
            Ok(Verdict::Duplicate) => {
                let folder = self.folders[job].clone();
                self.tell(Event::Duplicate { job, attempt, folder, worker });
            }
            Err(_) => self.ignore(format!("result of job {job}, attempt {attempt} by {worker:?}")),
        }
    }

    /// A nameless worker is ready, or a nameless worker has finished a job. As many are ready as there are
    /// peers without a name. Where the guess is wrong because a newcomer's two connections overtook each
    /// other, its counterpart comes along later and the sum is right.
    fn handle_one(&mut self) {
        let newcomer = self.crew.attached() > self.crew.named() + self.crew.unnamed();
        if newcomer || matches!(self.phase, Phase::Gathering) {
            self.crew.handle_unnamed_ready();
            self.tell_ready("(no name)".into());
        } else if let Some((job, attempt)) = self.ledger.oldest_unnamed() {
            self.handle_done(String::new(), job, attempt, Copied::default());
        } else {
            self.ignore("1, and no order is on its way to a worker without a name".into());
        }
    }
}

const NO_ROOM_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
