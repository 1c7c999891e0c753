//! The client's side: it asks, and asks again. Pure; [`Machine`] says how it is driven.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;

use crate::Machine;
use crate::peering::wire::{Body, ClientCommand, Failure, Spoken};
use crate::timers::Timers;

/// How a client goes about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resend {
    /// After so long without a reply it asks again. 2 s.
    pub every: Duration,
    /// How long it wants a reply at all. 30 s.
    pub within: Duration,
}

impl Default for Resend {
    fn default() -> Self {
        Self { every: Duration::from_secs(2), within: Duration::from_secs(30) }
    }
}

/// Why there is no reply. The request may have been done nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// None has come in time.
    #[error("no reply has come in time")]
    NoReply,
    /// The broker says that there will be none.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The socket was closed.
    #[error("the client's socket was closed")]
    Closed,
    /// There is nothing in it.
    #[error("a request has at least one frame")]
    Empty,
}

/// What can happen to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientInput {
    /// Somebody wants something done.
    Request(u64, Resend, Body),
    /// And does not want it any more.
    Withdraw(u64),
    /// A message has come.
    Heard(Vec<Bytes>),
}

/// What a client wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientOutput {
    /// Say this.
    Send(Vec<Bytes>),
    /// This came of the request.
    Settled(u64, Result<Body, RequestError>),
}

/// A client.
#[derive(Debug)]
pub struct Client {
    session: u64,
    number: u64,
    rng: Rng,
    open: BTreeMap<u64, Open>,
    timers: Timers<Timer>,
    /// Replies to requests that have had one.
    late: u64,
    output: VecDeque<ClientOutput>,
}

#[derive(Debug)]
struct Open {
    body: Body,
    resend: Resend,
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Again(u64),
    Over(u64),
}

impl Client {
    /// One that has asked nothing yet. `seed` is all its chance.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let session = rng.u64(1..);
        let (open, timers, output) = (BTreeMap::new(), Timers::default(), VecDeque::new());
        Self { session, number: 0, rng, open, timers, late: 0, output }
    }

    /// Replies that nobody waited for any more.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// How many requests have no reply.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    fn ask(&mut self, now: Instant, id: u64) {
        let Some(it) = self.open.get(&id) else { return };
        let (ttl, body) = (it.until.saturating_duration_since(now), it.body.clone());
        self.timers.set(Timer::Again(id), now + it.resend.every);
        self.say(&ClientCommand::Request { id, ttl: ttl.max(Duration::from_millis(1)), body });
    }

    fn heard(&mut self, now: Instant, frames: Vec<Bytes>) {
        match ClientCommand::decode(frames) {
            // This one knows nothing of what was asked, perhaps.
            Ok((_, ClientCommand::Hail)) => {
                self.open.keys().copied().collect::<Vec<_>>().into_iter().for_each(|id| self.ask(now, id));
            }
            Ok((_, ClientCommand::Reply { id, body })) => self.settle(id, Ok(body)),
            Ok((_, ClientCommand::Failed { id, failure })) => self.settle(id, Err(failure.into())),
            Ok((_, ClientCommand::Busy { id, retry_after })) if self.open.contains_key(&id) => {
                // Not all who were turned away together come again together.
                let wait = retry_after.mul_f64(0.5 + self.rng.f64());
                self.timers.set(Timer::Again(id), now + wait);
            }
            _ => {}
        }
    }

    fn settle(&mut self, id: u64, result: Result<Body, RequestError>) {
        self.timers.clear(Timer::Again(id));
        self.timers.clear(Timer::Over(id));
        if self.open.remove(&id).is_some() {
            self.output.push_back(ClientOutput::Settled(id, result));
        } else {
            self.late += 1;
        }
    }

    fn say(&mut self, command: &ClientCommand) {
        let frames = command.encode(self.session, self.number);
        self.number += 1;
        self.output.push_back(ClientOutput::Send(frames));
    }
}

impl Machine for Client {
    type Input = ClientInput;
    type Output = ClientOutput;

    fn handle(&mut self, now: Instant, input: ClientInput) {
        match input {
            ClientInput::Request(id, resend, body) => {
                let until = now + resend.within;
                self.open.insert(id, Open { body, resend, until });
                self.timers.set(Timer::Over(id), until);
                self.ask(now, id);
            }
            ClientInput::Withdraw(id) => {
                if self.open.remove(&id).is_some() {
                    self.timers.clear(Timer::Again(id));
                    self.timers.clear(Timer::Over(id));
                    self.say(&ClientCommand::Withdraw { id });
                }
            }
            ClientInput::Heard(frames) => self.heard(now, frames),
        }
    }

    fn wake(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Again(id) => self.ask(now, id),
                Timer::Over(id) => {
                    self.settle(id, Err(RequestError::NoReply));
                    self.say(&ClientCommand::Withdraw { id });
                }
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
