//! The client's side: a job is submitted until the broker has it, and again to every broker that does not know it,
//! until there is a result.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustc_hash::FxHashMap;

use crate::Machine;
use crate::balancer::job::{Job, Outcome, TaskId};
use crate::balancer::wire::{Command, Refusal};
use crate::flow::{Arrival, Inflow};
use crate::timers::Timers;
use crate::wire::{Header, Malformed};

/// What can happen to a client.
#[derive(Debug)]
pub enum ClientInput {
    /// The broker has said something.
    Heard(Result<(Header, Command), Malformed>),
    /// Somebody wants this done. One job of each key at a time.
    Submit(Arc<Job>),
    /// Somebody does not want it any more.
    Withdraw(Bytes),
}

/// What a client wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientOutput {
    /// Say this, with this number.
    Send(u64, Command),
    /// The broker has the job of this key.
    Accepted(Bytes, TaskId),
    /// The broker's queue is full: the job of this key is submitted again later.
    Busy(Bytes),
    /// The broker does not take the job of this key.
    Refused(Bytes, Refusal),
    /// The job of this key has ended.
    Ended(Bytes, Outcome),
}

/// The client.
#[derive(Debug)]
pub struct Client {
    beat: Duration,
    inflow: Inflow,
    number: u64,
    is_hailed: bool,
    /// What has no result yet, in the order of submission.
    open: BTreeMap<u64, Wish>,
    keys: FxHashMap<Bytes, u64>,
    submissions: u64,
    timers: Timers<Timer>,
    said: Option<Instant>,
    output: VecDeque<ClientOutput>,
}

#[derive(Debug)]
struct Wish {
    job: Arc<Job>,
    /// Nobody wants it any more: the broker is told whenever it is told of the job.
    is_withdrawn: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Beat,
    Again(u64),
}

impl Client {
    /// A client without jobs. `beat` is how often it makes sure of its broker while it waits for results.
    pub fn new(beat: Duration) -> Self {
        Self {
            beat,
            inflow: Inflow::default(),
            number: 0,
            is_hailed: false,
            open: BTreeMap::new(),
            keys: FxHashMap::default(),
            submissions: 0,
            timers: Timers::default(),
            said: None,
            output: VecDeque::new(),
        }
    }

    /// How many jobs have no result yet.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn heard(&mut self, now: Instant, said: Result<(Header, Command), Malformed>) {
        let Ok((header, command)) = said else { return };
        if command == Command::Hail {
            self.inflow.restart(header.session, header.number);
            self.is_hailed = true;
            self.say(now, Command::Greet);
            return self.submit_all(now);
        }
        match self.inflow.arrive(header.session, header.number) {
            Arrival::Again => return,
            Arrival::AfterGap => self.submit_all(now),
            Arrival::InOrder => {}
        }
        match command {
            Command::Accepted { key, task } => {
                if let Some(number) = self.keys.get(&key) {
                    self.timers.clear(Timer::Again(*number));
                    self.output.push_back(ClientOutput::Accepted(key, task));
                }
            }
            Command::Busy { key, retry_after } => {
                if let Some(number) = self.keys.get(&key) {
                    self.timers.set(Timer::Again(*number), now + retry_after);
                    self.output.push_back(ClientOutput::Busy(key));
                }
            }
            Command::Refused { key, refusal } if self.close(&key) => {
                self.output.push_back(ClientOutput::Refused(key, refusal));
            }
            Command::Result { key, outcome } => {
                // Also of what was claimed before: that may not have been heard.
                self.say(now, Command::Claimed { key: key.clone() });
                if self.close(&key) {
                    self.output.push_back(ClientOutput::Ended(key, outcome));
                }
            }
            _ => {}
        }
    }

    /// Whether it was open.
    fn close(&mut self, key: &Bytes) -> bool {
        let Some(number) = self.keys.remove(key) else { return false };
        self.timers.clear(Timer::Again(number));
        self.open.remove(&number).is_some()
    }

    fn submit_all(&mut self, now: Instant) {
        for number in self.open.keys().copied().collect::<Vec<_>>() {
            self.submit(now, number);
        }
    }

    fn submit(&mut self, now: Instant, number: u64) {
        let Some(Wish { job, is_withdrawn }) = self.open.get(&number) else { return };
        let (job, withdrawn) = (Arc::clone(job), is_withdrawn.then(|| job.key.clone()));
        if !self.is_hailed {
            // A broker that is there has said so by then, or answers the beat.
            return self.timers.set_first(Timer::Beat, now + self.beat);
        }
        self.timers.clear(Timer::Again(number));
        self.say(now, Command::Submit { job });
        if let Some(key) = withdrawn {
            self.say(now, Command::Withdraw { key });
        }
    }

    /// Says something, if it has not lately and waits for something.
    fn beat(&mut self, now: Instant) {
        let due = self.said.map_or(now, |said| said + self.beat);
        match self.open.is_empty() {
            true => {}
            false if now < due => self.timers.set(Timer::Beat, due),
            false => self.say(now, Command::Beat),
        }
    }

    fn say(&mut self, now: Instant, command: Command) {
        self.output.push_back(ClientOutput::Send(self.number, command));
        self.number += 1;
        self.said = Some(now);
        self.timers.set_first(Timer::Beat, now + self.beat);
    }
}

impl Machine for Client {
    type Input = ClientInput;
    type Output = ClientOutput;

    fn handle(&mut self, now: Instant, input: ClientInput) {
        match input {
            ClientInput::Heard(said) => self.heard(now, said),
            ClientInput::Submit(job) => {
                let number = self.submissions;
                self.submissions += 1;
                self.keys.insert(job.key.clone(), number);
                self.open.insert(number, Wish { job, is_withdrawn: false });
                self.submit(now, number);
            }
            ClientInput::Withdraw(key) => {
                let wish = self.keys.get(&key).and_then(|number| self.open.get_mut(number));
                if let Some(wish) = wish.filter(|wish| !wish.is_withdrawn) {
                    wish.is_withdrawn = true;
                    if self.is_hailed {
                        self.say(now, Command::Withdraw { key });
                    }
                }
            }
        }
    }

    fn wake(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Again(number) => self.submit(now, number),
                Timer::Beat => self.beat(now),
            }
        }
    }

    fn poll_output(&mut self) -> Option<ClientOutput> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}
