//! What clients want, from the queue to the result.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::record::Record;
use super::task::{Phase, Task};
use super::{Broker, Notice, Output, Timer};
use crate::balancer::job::{Ending, Job, Outcome, TaskId};
use crate::balancer::wire::{Command, Lease, Refusal};

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    pub(super) fn submit(&mut self, client: P, job: Arc<Job>) {
        let key = job.key.clone();
        if let Some(id) = self.keys.get(&key).copied() {
            self.counters.known += 1;
            return self.submit_again(client, id);
        }
        if let Some(refusal) = self.refusal(&job) {
            self.counters.refused += 1;
            return self.say(client, Command::Refused { key, refusal });
        }
        if !self.has_room(job.weight()) {
            self.counters.busy += 1;
            let retry_after = RETRY_AFTER.mul_f64(0.5 + self.rng.f64());
            return self.say(client, Command::Busy { key, retry_after });
        }
        self.counters.submitted += 1;
        let id = TaskId(self.next_task);
        self.next_task += 1;
        self.record(|| Record::Submitted { task: id, job: Arc::clone(&job) });
        self.insert(id, job, Some(client.clone()));
        self.say(client, Command::Accepted { key, task: id });
        self.begin(id);
    }

    /// Whether the queue has room for a job of so many octets.
    pub(super) fn has_room(&self, weight: usize) -> bool {
        self.open < self.config.queue && self.open_bytes + weight <= self.config.queue_bytes
    }

    /// Why a job cannot be done here, if it cannot.
    fn refusal(&self, job: &Job) -> Option<Refusal> {
        if let Err(refusal) = job.check() {
            return Some(refusal);
        }
        if self.draining.is_some() {
            return Some(Refusal::Draining);
        }
        let is_known = |key: &Bytes| self.keys.contains_key(key) || self.past.contains_key(key);
        (!job.after.iter().all(is_known)).then_some(Refusal::After)
    }

    /// The client has a right to hear what it may have missed.
    fn submit_again(&mut self, client: P, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.client = Some(client.clone());
        let key = task.job.key.clone();
        let answer = match &task.phase {
            Phase::Ended(outcome) => Command::Result { key, outcome: outcome.clone() },
            _ => Command::Accepted { key, task: id },
        };
        self.say(client, answer);
    }

    /// A new task, which is not in the queue yet.
    pub(super) fn insert(&mut self, id: TaskId, job: Arc<Job>, client: Option<P>) {
        self.submissions += 1;
        self.open += 1;
        self.open_bytes += job.weight();
        self.keys.insert(job.key.clone(), id);
        if let Some(order) = &job.order {
            self.lanes.join(order, id);
        }
        self.tasks.insert(id, Task::new(job, self.submissions, client));
    }

    /// Finds out what it has to wait for.
    pub(super) fn begin(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get(&id) else { return };
        for key in task.job.after.clone() {
            let ending = match self.keys.get(&key).map(|other| (*other, self.tasks.get_mut(other))) {
                Some((other, Some(first))) if first.is_open() && other != id => {
                    first.waited_for_by.push(id);
                    if let Some(task) = self.tasks.get_mut(&id) {
                        task.waits_for += 1;
                    }
                    continue;
                }
                Some((_, Some(Task { phase: Phase::Ended(outcome), .. }))) => Some(outcome.ending),
                _ => self.past.get(&key).copied(),
            };
            if ending != Some(Ending::Done) {
                return self.end(id, skipped());
            }
        }
        self.enqueue(id);
    }

    /// It waits for a worker, if it waits for nothing else.
    pub(super) fn enqueue(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id).filter(|task| task.is_open()) else { return };
        let is_first = task.job.order.as_ref().is_none_or(|order| self.lanes.is_first(order, id));
        if task.waits_for == 0 && is_first {
            task.phase = Phase::Queued;
            self.queue.insert(&task.needs, task.place(id));
        } else {
            task.phase = Phase::Blocked;
        }
    }

    /// It has ended, and with it those that were to come after it, unless it ended well.
    pub(super) fn end(&mut self, id: TaskId, outcome: Outcome) {
        let mut ended = vec![(id, outcome)];
        while let Some((id, outcome)) = ended.pop() {
            let ending = outcome.ending;
            for next in self.close(id, outcome) {
                let Some(task) = self.tasks.get_mut(&next).filter(|task| task.is_open()) else { continue };
                task.waits_for -= 1;
                if ending == Ending::Done {
                    self.enqueue(next);
                } else {
                    ended.push((next, skipped()));
                }
            }
        }
        self.forget_results();
    }

    /// Says who has waited for it.
    fn close(&mut self, id: TaskId, outcome: Outcome) -> Vec<TaskId> {
        self.timers.clear(Timer::Task(id));
        let Some(task) = self.tasks.get_mut(&id).filter(|task| task.is_open()) else { return Vec::new() };
        if matches!(task.phase, Phase::Queued) {
            self.queue.remove(&task.needs, task.place(id));
        }
        self.open -= 1;
        self.open_bytes -= task.job.weight();
        let ending = outcome.ending;
        if ending != Ending::Dead {
            Arc::make_mut(&mut task.job).payload = Bytes::new();
        }
        let (key, client, order) = (task.job.key.clone(), task.client.clone(), task.job.order.clone());
        let next = std::mem::take(&mut task.waited_for_by);
        self.unclaimed += 1;
        self.unclaimed_bytes += outcome.payload.len() + task.job.payload.len();
        self.results.push_back(id);
        task.phase = Phase::Ended(outcome.clone());
        self.record(|| Record::Ended { task: id, outcome: outcome.clone() });
        match ending {
            Ending::Done => self.counters.done += 1,
            _ => self.counters.not_done += 1,
        }
        if let Some(first) = order.and_then(|order| self.lanes.leave(&order, id)) {
            self.enqueue(first);
        }
        if let Some(client) = client {
            self.say(client, Command::Result { key, outcome });
        }
        self.emit(Output::Notice(Notice::Ended(id, ending)));
        next
    }

    /// The client has the result: the key is free again.
    pub(super) fn claimed(&mut self, key: &Bytes) {
        let Some(id) = self.keys.get(key).copied() else { return };
        self.part_with(id);
    }

    /// Nobody needs to be told of it any more.
    fn part_with(&mut self, id: TaskId) -> bool {
        match self.tasks.get(&id).map(|task| &task.phase) {
            Some(Phase::Ended(outcome)) if outcome.ending == Ending::Dead => self.bury(id),
            Some(Phase::Ended(_)) => {
                self.record(|| Record::Claimed { task: id });
                self.forget(id);
            }
            _ => return false,
        }
        true
    }

    /// Only how it ended is remembered, for a while.
    pub(super) fn forget(&mut self, id: TaskId) -> Option<(Task<P>, Outcome)> {
        if self.tasks.get(&id).is_none_or(Task::is_open) {
            return None;
        }
        let mut task = self.tasks.remove(&id)?;
        let Phase::Ended(outcome) = std::mem::replace(&mut task.phase, Phase::Blocked) else { return None };
        self.unclaimed -= 1;
        self.unclaimed_bytes -= outcome.payload.len() + task.job.payload.len();
        self.keys.remove(&task.job.key);
        if self.past.insert(task.job.key.clone(), outcome.ending).is_none() {
            self.past_order.push_back(task.job.key.clone());
        }
        if self.past_order.len() > self.config.results
            && let Some(oldest) = self.past_order.pop_front()
        {
            self.past.remove(&oldest);
        }
        Some((task, outcome))
    }

    /// Nobody has claimed the oldest results, and there are too many.
    fn forget_results(&mut self) {
        while self.unclaimed > self.config.results || self.unclaimed_bytes > self.config.results_bytes {
            let Some(oldest) = self.results.pop_front() else { return };
            self.counters.results_forgotten += u64::from(self.part_with(oldest));
        }
        // Claimed ones are taken out from time to time.
        if self.results.len() > 2 * self.unclaimed + 64 {
            let tasks = &self.tasks;
            self.results.retain(|task| tasks.contains_key(task));
        }
    }

    /// A job is not wanted any more.
    pub(super) fn withdraw(&mut self, now: Instant, key: &Bytes) {
        let Some(id) = self.keys.get(key).copied() else { return };
        let grace = self.config.drain_grace;
        let Some(task) = self.tasks.get_mut(&id).filter(|task| task.is_open()) else { return };
        let lease = Lease { task: id, attempt: task.leases };
        match &mut task.phase {
            Phase::Leased(leased) => {
                let worker = leased.worker;
                leased.cancelled.get_or_insert(now + grace);
                if let Some(deadline) = task.deadline() {
                    self.timers.set(Timer::Task(id), deadline);
                }
                self.order(now, worker, Command::Cancel { lease, grace });
            }
            _ => {
                let attempts = task.attempts.len() as u16;
                let cancelled =
                    Outcome { ending: Ending::Cancelled, attempts, code: 0, payload: Bytes::new() };
                self.end(id, cancelled);
            }
        }
    }
}

fn skipped() -> Outcome {
    let payload = Bytes::from_static(b"a job that it was to come after did not end well");
    Outcome { ending: Ending::Skipped, attempts: 0, code: 0, payload }
}

/// About when a client whose job found the queue full asks again.
const RETRY_AFTER: Duration = Duration::from_millis(200);
