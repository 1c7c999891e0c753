//! The worker's side: it says how many tasks it takes, and what came of each. Pure; [`Machine`] says how it is driven.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;

use crate::Machine;
use crate::flow::{Arrival, Inflow};
use crate::peering::wire::{Body, Spoken, WorkerCommand};

/// What can happen to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerInput {
    /// A message has come.
    Heard(Vec<Bytes>),
    /// A task is over. Without a body it could not be done.
    Over(u64, Option<Body>),
    /// Take no more tasks, and go when there are none.
    Drain,
}

/// What a worker wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerOutput {
    /// Say this.
    Send(Vec<Bytes>),
    /// Begin this task.
    Start(u64, Body),
    /// It has no task any more, and takes none.
    Gone,
}

/// A worker.
#[derive(Debug)]
pub struct Worker {
    slots: u16,
    beat: Duration,
    session: u64,
    number: u64,
    inflow: Inflow,
    /// Tasks that the broker knows that it has.
    has: BTreeSet<u64>,
    /// All that have been begun and are not over, those of earlier connections too.
    running: usize,
    is_draining: bool,
    is_gone: bool,
    next_beat: Instant,
    output: VecDeque<WorkerOutput>,
}

impl Worker {
    /// One that takes so many tasks at a time, and speaks so often at least. `seed` is all its chance.
    pub fn new(slots: u16, beat: Duration, seed: u64, now: Instant) -> Self {
        Self {
            slots: slots.max(1),
            beat,
            session: Rng::with_seed(seed).u64(1..),
            number: 0,
            inflow: Inflow::default(),
            has: BTreeSet::new(),
            running: 0,
            is_draining: false,
            is_gone: false,
            next_beat: now + beat,
            output: VecDeque::new(),
        }
    }

    fn heard(&mut self, now: Instant, frames: Vec<Bytes>) {
        let Ok((header, command)) = WorkerCommand::decode(frames) else { return };
        if command == WorkerCommand::Hail {
            self.inflow.restart(header.session, header.number);
            return self.begin(now);
        }
        match self.inflow.arrive(header.session, header.number) {
            Arrival::InOrder => {}
            Arrival::Again => return,
            // A task is lost: the broker is to know that this one does not have it.
            Arrival::AfterGap => return self.begin(now),
        }
        if let WorkerCommand::Task { task, body } = command {
            self.has.insert(task);
            self.running += 1;
            self.output.push_back(WorkerOutput::Start(task, body));
        }
    }

    /// It has nothing, as far as the broker is concerned: what it has begun goes to another one, and is over when it is.
    fn begin(&mut self, now: Instant) {
        self.has.clear();
        let running = self.running.try_into().unwrap_or(u16::MAX);
        let slots = if self.is_draining { 0 } else { self.slots.saturating_sub(running) };
        self.say(now, &WorkerCommand::Hello { slots });
    }

    fn over(&mut self, now: Instant, task: u64, body: Option<Body>) {
        self.running = self.running.saturating_sub(1);
        if self.has.remove(&task) {
            let body = body.filter(|body| !body.is_empty());
            let over = body.map_or(WorkerCommand::Failed { task }, |body| WorkerCommand::Done { task, body });
            self.say(now, &over);
        } else if self.running == 0 && self.has.is_empty() {
            // It can have all its slots again.
            self.begin(now);
        }
    }

    fn go_if_done(&mut self) {
        if self.is_draining && self.running == 0 && !self.is_gone {
            self.is_gone = true;
            self.output.push_back(WorkerOutput::Gone);
        }
    }

    fn say(&mut self, now: Instant, command: &WorkerCommand) {
        let frames = command.encode(self.session, self.number);
        self.number += 1;
        self.next_beat = now + self.beat;
        self.output.push_back(WorkerOutput::Send(frames));
    }
}

impl Machine for Worker {
    type Input = WorkerInput;
    type Output = WorkerOutput;

    fn handle(&mut self, now: Instant, input: WorkerInput) {
        match input {
            WorkerInput::Heard(frames) => self.heard(now, frames),
            WorkerInput::Over(task, body) => self.over(now, task, body),
            WorkerInput::Drain => {
                self.is_draining = true;
                self.say(now, &WorkerCommand::Bye);
            }
        }
        self.go_if_done();
    }

    fn wake(&mut self, now: Instant) {
        if now >= self.next_beat && !self.is_gone {
            self.say(now, &WorkerCommand::Beat);
        }
    }

    fn poll_output(&mut self) -> Option<WorkerOutput> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        (!self.is_gone).then_some(self.next_beat)
    }
}
