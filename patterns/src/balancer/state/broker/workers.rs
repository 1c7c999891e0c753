//! What workers say, and what becomes of them.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::record::Record;
use super::task::{Leased, Phase, Task};
use super::{Broker, Config, Notice, Output, Role, Timer};
use crate::balancer::job::{Attempt, Ending, Job, Outcome, Report, Setback, Status, TaskId, WorkerId};
use crate::balancer::wire::{Command, Hello, Lease, Verdict};
use crate::wire::Header;

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    pub(super) fn hello(&mut self, now: Instant, peer: P, header: Header, hello: &Hello) {
        let session = header.session;
        let worker = hello.worker;
        if let Some(Role::Worker(before)) = self.peers.get(&peer).map(|party| party.role)
            && before != worker
        {
            // A connection is one worker.
            self.gone(now, before);
        }
        if let Some(hand) = self.crew.get(worker) {
            let is_there = hand.peer.as_ref().is_some_and(|known| *known != peer);
            if hand.session != session && is_there {
                return self.say(peer, Command::Reject);
            }
            if is_there && let Some(old) = hand.peer.clone() {
                // The same process on a new connection: the old one is dead, and nobody has noticed.
                self.peers.remove(&old);
                self.emit(Output::Evict(old));
            }
        }
        let beat = hello.beat.clamp(SHORTEST_BEAT, LONGEST_BEAT);
        let mut keep = Vec::new();
        let before = self.crew.remove(worker);
        self.crew.take_in(hello, session, peer.clone(), beat, now);
        if let Some(old) = before.as_ref().filter(|old| old.session == session) {
            self.crew.change(worker, |hand| (hand.done, hand.failed) = (old.done, old.failed));
        }
        for (task, attempt) in before.iter().flat_map(|hand| &hand.held) {
            let lease = Lease { task: *task, attempt: *attempt };
            let same = before.as_ref().is_some_and(|hand| hand.session == session);
            if !same {
                self.set_back(now, *task, Setback::WorkerLost, None);
            } else if hello.in_hand.contains(&lease) {
                keep.push(lease);
            } else {
                // It never came there.
                self.take_back(*task);
            }
        }
        if let Some(old) = before.filter(|hand| hand.session != session) {
            self.counters.workers_lost += u64::from(!old.held.is_empty());
        }
        let draining = self.draining.and_then(|draining| draining.until.map(|_| draining.now));
        self.crew.change(worker, |hand| {
            hand.held = keep.iter().map(|lease| (lease.task, lease.attempt)).collect();
            hand.is_draining = draining.is_some();
        });
        if let Some(party) = self.peers.get_mut(&peer) {
            party.role = Role::Worker(worker);
        }
        for lease in &keep {
            if let Some(deadline) = self.tasks.get(&lease.task).and_then(Task::deadline) {
                self.timers.set(Timer::Task(lease.task), deadline);
            }
        }
        self.timers.set(Timer::Hand(worker), now + beat);
        self.order(now, worker, Command::Welcome { hello: header.number, beat, keep });
        if let Some(now_too) = draining {
            let grace = self.config.drain_grace;
            self.order(now, worker, Command::Drain { now: now_too, grace });
        }
        self.emit(Output::Notice(Notice::Came(worker, hello.slots)));
    }

    pub(super) fn heard_worker(&mut self, now: Instant, worker: WorkerId, command: Command) {
        let was_suspect = self.crew.change(worker, |hand| {
            hand.heard = now;
            std::mem::take(&mut hand.is_suspect)
        });
        if was_suspect == Some(true) {
            self.look_at_hand(now, worker);
        }
        match command {
            Command::Beat => {}
            Command::Ready { credit } => self.ready_for(now, worker, credit),
            Command::Progress { lease, .. } => self.progress(now, worker, lease),
            Command::Done { lease, report, credit } => {
                let verdict = self.done(now, worker, lease, report);
                self.order(now, worker, Command::Heard { lease, verdict });
                self.ready_for(now, worker, credit);
            }
            Command::Return { lease } => {
                if self.holds(worker, lease) {
                    self.crew.change(worker, |hand| hand.held.remove(&lease.task));
                    self.take_back(lease.task);
                }
            }
            Command::Bye => self.dismiss(now, worker),
            _ => self.counters.malformed += 1,
        }
    }

    fn ready_for(&mut self, now: Instant, worker: WorkerId, credit: u16) {
        self.crew.change(worker, |hand| hand.grant(credit));
        self.look_at_gate(now);
    }

    fn holds(&self, worker: WorkerId, lease: Lease) -> bool {
        self.crew.get(worker).is_some_and(|hand| hand.held.get(&lease.task) == Some(&lease.attempt))
    }

    fn progress(&mut self, now: Instant, worker: WorkerId, lease: Lease) {
        if self.holds(worker, lease)
            && let Some(Phase::Leased(leased)) = self.tasks.get_mut(&lease.task).map(|task| &mut task.phase)
        {
            leased.moved = now;
        }
    }

    fn done(&mut self, now: Instant, worker: WorkerId, lease: Lease, report: Report) -> Verdict {
        let session = self.crew.get(worker).map_or(0, |hand| hand.session);
        if !self.holds(worker, lease) {
            let heard = self.tasks.get(&lease.task).and_then(|task| task.heard);
            if heard == Some((lease, worker, session)) {
                self.counters.duplicate_results += 1;
                return Verdict::Duplicate;
            }
            self.counters.stale_results += 1;
            return Verdict::Stale;
        }
        self.crew.change(worker, |hand| {
            hand.held.remove(&lease.task);
            match report.status {
                Status::Done => hand.done += 1,
                Status::Failed | Status::Hopeless => hand.failed += 1,
                Status::Cancelled => {}
            }
        });
        let Some(task) = self.tasks.get_mut(&lease.task) else { return Verdict::Stale };
        task.heard = Some((lease, worker, session));
        let was_cancelled = task.leased().is_some_and(|leased| leased.cancelled.is_some());
        let (code, attempts) = (report.code, task.attempts.len() as u16 + 1);
        let end = |ending, payload| Outcome { ending, attempts, code, payload };
        match report.status {
            Status::Done => self.end(lease.task, end(Ending::Done, report.payload)),
            Status::Hopeless => self.end(lease.task, end(Ending::Dead, report.payload)),
            Status::Cancelled | Status::Failed if was_cancelled => {
                self.end(lease.task, end(Ending::Cancelled, report.payload));
            }
            // Its worker was told to go, which is nobody's failure. What we have cancelled is ours no more by then.
            Status::Cancelled => self.take_back(lease.task),
            Status::Failed => {
                self.set_back(now, lease.task, Setback::Failed { code }, Some(report));
            }
        }
        Verdict::Accepted
    }

    /// A task goes to an idle worker.
    pub(super) fn lease(&mut self, now: Instant, id: TaskId, worker: WorkerId) {
        let session = self.crew.get(worker).map_or(0, |hand| hand.session);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        self.queue.remove(&task.needs, task.place(id));
        // A worker may give back as often as it likes.
        task.leases = task.leases.wrapping_add(1);
        task.phase = Phase::Leased(Leased { worker, session, since: now, moved: now, cancelled: None });
        let lease = Lease { task: id, attempt: task.leases };
        let job = Arc::clone(&task.job);
        if let Some(deadline) = task.deadline() {
            self.timers.set(Timer::Task(id), deadline);
        }
        self.crew.change(worker, |hand| {
            hand.credit -= 1;
            hand.left = hand.left.map(|left| left - 1);
            hand.held.insert(id, lease.attempt);
        });
        self.crew.rotate(worker);
        self.counters.leased += 1;
        self.record(|| Record::Leased { lease, worker, session });
        self.order(now, worker, Command::Task { lease, job });
        self.emit(Output::Notice(Notice::Leased(id, worker)));
    }

    /// An attempt that was not begun: it costs nothing, and the task has its old place.
    pub(super) fn take_back(&mut self, id: TaskId) {
        self.counters.returned += 1;
        self.record(|| Record::Returned { task: id });
        self.timers.clear(Timer::Task(id));
        if let Some(leased) = self.tasks.get(&id).and_then(Task::leased) {
            self.emit(Output::Notice(Notice::Returned(id, leased.worker)));
        }
        self.enqueue(id);
    }

    /// An attempt that did not go well.
    pub(super) fn set_back(&mut self, now: Instant, id: TaskId, setback: Setback, report: Option<Report>) {
        self.counters.setbacks += 1;
        self.timers.clear(Timer::Task(id));
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Some(Leased { worker, cancelled, .. }) = task.leased() else { return };
        task.attempts.push(Attempt { worker, setback });
        let attempts = task.attempts.len() as u16;
        let most = most_attempts(&self.config, &task.job);
        self.record(|| Record::SetBack { task: id, attempt: Attempt { worker, setback } });
        self.emit(Output::Notice(Notice::SetBack(id, worker, setback)));
        if attempts >= most || cancelled.is_some() {
            let ending = if cancelled.is_some() { Ending::Cancelled } else { Ending::Dead };
            let (code, payload) = match report {
                Some(report) => (report.code, report.payload),
                // No worker has said what went wrong.
                None => (0, setback.to_string().into()),
            };
            return self.end(id, Outcome { ending, attempts, code, payload });
        }
        if setback == Setback::WorkerLost {
            return self.enqueue(id);
        }
        let wait = self.config.backoff.wait(attempts.into(), &mut self.rng);
        if let Some(task) = self.tasks.get_mut(&id) {
            task.phase = Phase::Waiting;
            self.timers.set(Timer::Task(id), now + wait);
        }
    }

    /// Its connection is gone, or it has been silent for too long: it may come back.
    pub(super) fn gone(&mut self, now: Instant, worker: WorkerId) {
        let until = now + self.config.resume_grace;
        let holds_something = self.crew.change(worker, |hand| {
            (hand.peer, hand.credit, hand.away_until) = (None, 0, Some(until));
            !hand.held.is_empty()
        });
        match holds_something {
            Some(true) => self.timers.set(Timer::Hand(worker), until),
            Some(false) => self.dismiss(now, worker),
            None => {}
        }
    }

    /// It will not come back: what it has goes to others.
    pub(super) fn dismiss(&mut self, now: Instant, worker: WorkerId) {
        self.timers.clear(Timer::Hand(worker));
        let Some(hand) = self.crew.remove(worker) else { return };
        self.unname(hand.peer.as_ref());
        self.counters.workers_lost += u64::from(!hand.held.is_empty());
        for task in hand.held.into_keys() {
            self.set_back(now, task, Setback::WorkerLost, None);
        }
        self.emit(Output::Notice(Notice::Lost(worker)));
    }

    /// Says something to a worker that is there.
    pub(super) fn order(&mut self, now: Instant, worker: WorkerId, command: Command) {
        let peer = self.crew.change(worker, |hand| {
            hand.said = now;
            hand.peer.clone()
        });
        if let Some(peer) = peer.flatten() {
            self.say(peer, command);
        }
    }

    /// Is it late, and does it know that we are there?
    pub(super) fn look_at_hand(&mut self, now: Instant, worker: WorkerId) {
        let Some(hand) = self.crew.get(worker) else { return };
        if let Some(until) = hand.away_until {
            if now >= until {
                self.dismiss(now, worker);
            } else {
                self.timers.set(Timer::Hand(worker), until);
            }
            return;
        }
        let (beat, heard, said) = (hand.beat, hand.heard, hand.said);
        let lost_at = heard + beat * self.config.liveness.max(2);
        if now >= lost_at {
            let peer = hand.peer.clone();
            self.unname(peer.as_ref());
            return self.gone(now, worker);
        }
        let suspect_at = heard + beat * 2;
        if now >= suspect_at {
            self.crew.change(worker, |hand| hand.is_suspect = true);
        }
        let mut beat_at = said + beat;
        if now >= beat_at {
            self.order(now, worker, Command::Beat);
            beat_at = now + beat;
        }
        let next = if now >= suspect_at { lost_at } else { suspect_at.min(lost_at) };
        self.timers.set(Timer::Hand(worker), next.min(beat_at));
    }

    /// Has an attempt taken too long, or has the wait for the next one?
    pub(super) fn look_at_task(&mut self, now: Instant, id: TaskId) {
        let Some(task) = self.tasks.get(&id) else { return };
        let Some(leased) = task.leased() else {
            if matches!(task.phase, Phase::Waiting) {
                self.enqueue(id);
            }
            return;
        };
        let Some(deadline) = task.deadline() else { return };
        if now < deadline {
            return self.timers.set(Timer::Task(id), deadline);
        }
        let lease = Lease { task: id, attempt: task.leases };
        let is_hard = task.job.hard_limit.is_some_and(|limit| now >= leased.since + limit);
        self.crew.change(leased.worker, |hand| {
            hand.held.remove(&id);
            hand.failed += u64::from(leased.cancelled.is_none());
        });
        let setback = if is_hard { Setback::HardLimit } else { Setback::Stalled };
        self.set_back(now, id, setback, None);
        // Told when it is written down: or whoever is told has an end of it that the next broker would not count.
        self.order(now, leased.worker, Command::Cancel { lease, grace: Duration::ZERO });
    }
}

/// How often a job may be tried.
pub(super) fn most_attempts(config: &Config, job: &Job) -> u16 {
    job.max_attempts.unwrap_or(config.max_attempts).max(1)
}

/// The least and the most that a worker may ask for.
const SHORTEST_BEAT: Duration = Duration::from_millis(10);
const LONGEST_BEAT: Duration = Duration::from_secs(30);
