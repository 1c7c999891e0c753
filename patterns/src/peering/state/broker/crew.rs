//! The workers of a cluster: who is free, and how long a task takes.

use std::collections::VecDeque;
use std::hash::Hash;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::flow::Inflow;

/// A worker that is connected.
#[derive(Debug)]
pub(super) struct Worker<P> {
    pub(super) peer: P,
    pub(super) speech: Speech,
    /// How many tasks it can have at a time.
    pub(super) slots: u32,
    /// What it has: tasks, the request of each, and since when.
    pub(super) has: FxHashMap<u64, (u64, Instant)>,
    pub(super) heard: Instant,
    /// When it is spoken to next.
    pub(super) next_beat: Instant,
    pub(super) inflow: Inflow,
    /// Counts what it is told.
    pub(super) number: u64,
    /// It stands in the line of those who are free.
    is_in_line: bool,
}

impl<P> Worker<P> {
    fn room(&self) -> u32 {
        self.slots.saturating_sub(self.has.len() as u32)
    }
}

/// How a worker speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// It has not said anything yet.
    Silent,
    /// As a plain REQ socket.
    Plain,
    /// ZPP.
    Ours,
}

/// All workers.
#[derive(Debug)]
pub(super) struct Crew<P> {
    workers: FxHashMap<u64, Worker<P>>,
    numbers: FxHashMap<P, u64>,
    /// Who is free, and has been for longest; with some who are not any more.
    line: VecDeque<u64>,
    next: u64,
    slots: u32,
    free: u32,
    tasks: u64,
    service: Option<Duration>,
}

impl<P> Default for Crew<P> {
    fn default() -> Self {
        Self {
            workers: FxHashMap::default(),
            numbers: FxHashMap::default(),
            line: VecDeque::new(),
            next: 0,
            slots: 0,
            free: 0,
            tasks: 0,
            service: None,
        }
    }
}

impl<P: Clone + Eq + Hash> Crew<P> {
    pub(super) fn join(&mut self, peer: P, now: Instant) -> u64 {
        self.next += 1;
        let (number, speech) = (self.next, Speech::Silent);
        let (has, inflow) = (FxHashMap::default(), Inflow::default());
        let it = Worker {
            peer: peer.clone(),
            speech,
            slots: 0,
            has,
            heard: now,
            next_beat: now,
            inflow,
            number: 0,
            is_in_line: false,
        };
        self.workers.insert(number, it);
        self.numbers.insert(peer, number);
        number
    }

    /// Says what it had.
    pub(super) fn leave(&mut self, worker: u64) -> Vec<u64> {
        self.sign(worker, 0);
        let had = self.take_all(worker);
        if let Some(it) = self.workers.remove(&worker) {
            self.numbers.remove(&it.peer);
        }
        had
    }

    pub(super) fn find(&self, peer: &P) -> Option<u64> {
        self.numbers.get(peer).copied()
    }

    pub(super) fn get_mut(&mut self, worker: u64) -> Option<&mut Worker<P>> {
        self.workers.get_mut(&worker)
    }

    /// Does this to it, and sees whether it is free then.
    fn change<T>(&mut self, worker: u64, change: impl FnOnce(&mut Worker<P>) -> T) -> Option<T> {
        let it = self.workers.get_mut(&worker)?;
        let (slots, room) = (it.slots, it.room());
        let result = change(it);
        self.slots = self.slots - slots + it.slots;
        self.free = self.free - room + it.room();
        if it.room() > 0 && !std::mem::replace(&mut it.is_in_line, true) {
            self.line.push_back(worker);
        }
        Some(result)
    }

    /// It takes so many tasks at a time from now on.
    pub(super) fn sign(&mut self, worker: u64, slots: u32) {
        self.change(worker, |it| it.slots = slots);
    }

    /// Takes everything from it.
    pub(super) fn take_all(&mut self, worker: u64) -> Vec<u64> {
        let had =
            self.change(worker, |it| it.has.drain().map(|(_, (request, _))| request).collect::<Vec<_>>());
        let mut had = had.unwrap_or_default();
        had.sort_unstable();
        had
    }

    /// Gives the request to whoever has been free for longest. Says to whom, and what it is called there.
    pub(super) fn give(&mut self, now: Instant, request: u64) -> Option<(u64, u64)> {
        let task = self.tasks + 1;
        while let Some(worker) = self.line.pop_front() {
            let given = self.change(worker, |it| {
                it.is_in_line = false;
                it.room() > 0 && it.has.insert(task, (request, now)).is_none()
            });
            if given == Some(true) {
                self.tasks = task;
                return Some((worker, task));
            }
        }
        None
    }

    /// It has ended this task. Says of which request that was; none if it did not have it.
    pub(super) fn end(&mut self, now: Instant, worker: u64, task: u64, is_done: bool) -> Option<u64> {
        let (request, since) = self.change(worker, |it| it.has.remove(&task))??;
        if is_done {
            let took = now - since;
            self.service =
                Some(self.service.map_or(took, |service| service.mul_f64(0.9) + took.mul_f64(0.1)));
        }
        Some(request)
    }

    /// How many tasks all of them can have.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    /// How many more they take.
    pub(super) fn free(&self) -> u32 {
        self.free
    }

    /// How long a task takes: what comes later counts for more. Until there was one, nothing.
    pub(super) fn service(&self) -> Duration {
        self.service.unwrap_or_default()
    }

    /// How many are there that work.
    pub(super) fn len(&self) -> usize {
        self.workers.values().filter(|it| it.slots > 0).count()
    }
}
