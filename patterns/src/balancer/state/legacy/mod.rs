//! Peers that speak an older language on the broker's port: plain REQ workers and clients, and those of MDP/0.2
//! (ZeroMQ RFC 18). An interpreter stands between them and the broker, which hears its own language only.
//!
//! ```text
//! REQ worker ──"" READY──────────►┐                    ┌──HELLO, READY 1──►
//!            ◄─"" address "" job──┤ interpreter (pure) │◄─TASK────────────  broker
//!            ──"" address "" body─►                    └──DONE, READY 1───►
//! ```
//!
//! What their languages cannot say they do without: a job cannot be cancelled at them, and one who is gone is gone: what
//! it had goes to others at once. A connection is their sign of life, but an idle MDP worker beats for itself.

mod client;
mod envelope;
mod mdp;
mod req;

use std::collections::VecDeque;
use std::hash::Hash;
use std::time::{Duration, Instant};

use bytes::Bytes;
use client::Client;
use fastrand::Rng;
use mdp::MdpWorker;
use req::ReqWorker;
use rustc_hash::FxHashMap;

use super::Input;
use crate::Machine;
use crate::balancer::job::WorkerId;
use crate::balancer::wire::{Command, Hello, Lease};
use crate::wire::{Header, Malformed};

/// What can happen to an interpreter.
#[derive(Debug)]
pub enum LegacyInput<P> {
    /// Somebody is there, and does not say that it speaks the broker's language.
    Joined(P),
    /// It has said this.
    Heard(P, Vec<Bytes>),
    /// The broker has said this to it.
    Told(P, Command),
    /// It is gone.
    Left(P),
}

/// What an interpreter wants done.
#[derive(Debug)]
pub enum LegacyOutput<P> {
    /// Tell the broker.
    Tell(Input<P>),
    /// Say this to the peer.
    Send(P, Vec<Bytes>),
}

/// Stands between the broker and those who speak an older language.
#[derive(Debug)]
pub struct Interpreter<P> {
    guests: FxHashMap<P, Guest>,
    rng: Rng,
    next_beat: Option<Instant>,
    output: VecDeque<LegacyOutput<P>>,
}

#[derive(Debug)]
struct Guest {
    session: u64,
    number: u64,
    /// The broker's first question has been asked, who it is.
    is_hailed: bool,
    speech: Speech,
}

/// What a guest has shown itself to be.
#[derive(Debug)]
enum Speech {
    Silent,
    /// It speaks the broker's language after all.
    Native,
    ReqWorker(ReqWorker),
    MdpWorker(MdpWorker),
    Client(Client),
}

/// What an exchange with a guest leads to.
#[derive(Debug, Default)]
struct Said {
    to_broker: Vec<Command>,
    to_peer: Vec<Vec<Bytes>>,
    /// It said something that has no meaning here.
    wrong: Option<Malformed>,
    /// Whatever it was, it has ended that.
    is_over: bool,
}

impl<P: Clone + Eq + Hash> Interpreter<P> {
    /// One without guests. `seed` is all its chance.
    pub fn new(seed: u64) -> Self {
        Self {
            guests: FxHashMap::default(),
            rng: Rng::with_seed(seed),
            next_beat: None,
            output: VecDeque::new(),
        }
    }

    /// Whether what this peer says comes here.
    pub fn knows(&self, peer: &P) -> bool {
        self.guests.get(peer).is_some_and(|guest| !matches!(guest.speech, Speech::Native))
    }

    fn heard(&mut self, now: Instant, peer: &P, frames: &[Bytes]) {
        let Some(guest) = self.guests.get_mut(peer) else { return };
        let mut said = Said::default();
        match &mut guest.speech {
            Speech::Silent => match Command::decode(frames.iter().cloned()) {
                Err(Malformed::Magic) => {
                    guest.speech = Speech::begin(frames, &mut self.rng, &mut said);
                    guest.is_hailed = false;
                    self.output.push_back(LegacyOutput::Tell(Input::Joined(peer.clone())));
                }
                native => {
                    guest.speech = Speech::Native;
                    self.output.extend(
                        [Input::Joined(peer.clone()), Input::Heard(peer.clone(), native)]
                            .map(LegacyOutput::Tell),
                    );
                }
            },
            Speech::ReqWorker(worker) => worker.heard(frames, &mut said),
            Speech::MdpWorker(worker) => worker.heard(frames, &mut said),
            Speech::Client(client) => client.heard(frames, &mut self.rng, &mut said),
            Speech::Native => {}
        }
        guest.pass_on(peer, said, &mut self.output);
        self.next_beat.get_or_insert(now + BEAT);
    }

    fn told(&mut self, peer: &P, command: Command) {
        let Some(guest) = self.guests.get_mut(peer) else { return };
        if command == Command::Hail && !std::mem::replace(&mut guest.is_hailed, true) {
            // It has introduced itself without being asked.
            return;
        }
        let mut said = Said::default();
        match &mut guest.speech {
            Speech::ReqWorker(worker) => worker.told(command, &mut said),
            Speech::MdpWorker(worker) => worker.told(command, &mut said),
            Speech::Client(client) => client.told(command, &mut said),
            Speech::Silent | Speech::Native => {}
        }
        guest.pass_on(peer, said, &mut self.output);
    }

    fn left(&mut self, peer: P) {
        if let Some(mut guest) = self.guests.remove(&peer) {
            let mut said = Said::default();
            match &mut guest.speech {
                // It cannot come back and go on.
                Speech::ReqWorker(_) | Speech::MdpWorker(_) => said.to_broker.push(Command::Bye),
                Speech::Client(client) => client.left(&mut said),
                Speech::Silent | Speech::Native => {}
            }
            guest.pass_on(&peer, said, &mut self.output);
        }
        self.output.push_back(LegacyOutput::Tell(Input::Left(peer)));
    }
}

impl Guest {
    fn pass_on<P: Clone>(&mut self, peer: &P, said: Said, output: &mut VecDeque<LegacyOutput<P>>) {
        for command in said.to_broker {
            // The command is there already: nobody looks at its number in the header.
            let header = Header { command: 0, session: self.session, number: self.number };
            self.number += 1;
            output.push_back(LegacyOutput::Tell(Input::Heard(peer.clone(), Ok((header, command)))));
        }
        if let Some(wrong) = said.wrong {
            output.push_back(LegacyOutput::Tell(Input::Heard(peer.clone(), Err(wrong))));
        }
        output.extend(said.to_peer.into_iter().map(|frames| LegacyOutput::Send(peer.clone(), frames)));
        if said.is_over {
            // It may begin anew, as on a new connection.
            self.speech = Speech::Silent;
            output.push_back(LegacyOutput::Tell(Input::Left(peer.clone())));
        }
    }
}

impl Speech {
    /// What somebody is whose first words these are.
    fn begin(frames: &[Bytes], rng: &mut Rng, said: &mut Said) -> Self {
        let name = WorkerId(rng.u128(..).to_be_bytes());
        if req::is_ready(frames) {
            Self::ReqWorker(ReqWorker::begin(name, said))
        } else if mdp::is_worker(frames) {
            Self::MdpWorker(MdpWorker::begin(name, frames, said))
        } else {
            Self::Client(Client::begin(frames, rng, said))
        }
    }
}

impl<P: Clone + Eq + Hash> Machine for Interpreter<P> {
    type Input = LegacyInput<P>;
    type Output = LegacyOutput<P>;

    fn handle(&mut self, now: Instant, input: LegacyInput<P>) {
        match input {
            LegacyInput::Joined(peer) => {
                let guest =
                    Guest { session: self.rng.u64(..), number: 0, is_hailed: false, speech: Speech::Silent };
                self.guests.insert(peer, guest);
            }
            LegacyInput::Heard(peer, frames) => self.heard(now, &peer, &frames),
            LegacyInput::Told(peer, command) => self.told(&peer, command),
            LegacyInput::Left(peer) => self.left(peer),
        }
    }

    /// Their connections are up, and that is their sign of life.
    fn wake(&mut self, now: Instant) {
        if self.next_beat.is_none_or(|next| now < next) {
            return;
        }
        let lives = |guest: &Guest| match &guest.speech {
            Speech::ReqWorker(_) => true,
            Speech::MdpWorker(worker) => worker.is_busy(),
            _ => false,
        };
        for (peer, guest) in self.guests.iter_mut().filter(|(_, guest)| lives(guest)) {
            let said = Said { to_broker: vec![Command::Beat], ..Said::default() };
            guest.pass_on(peer, said, &mut self.output);
        }
        let is_worker = |guest: &Guest| matches!(guest.speech, Speech::ReqWorker(_) | Speech::MdpWorker(_));
        self.next_beat = self.guests.values().any(is_worker).then(|| now + BEAT);
    }

    fn poll_output(&mut self) -> Option<LegacyOutput<P>> {
        self.output.pop_front()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.next_beat
    }
}

/// What a guest that works says of itself.
fn hello(worker: WorkerId, host: &str, beat: Duration, tags: Vec<String>, in_hand: Vec<Lease>) -> Command {
    let host = host.to_owned();
    Command::Hello(Hello { worker, host, pid: 0, slots: 1, max_tasks: 0, beat, tags, in_hand })
}

/// How often a guest's connection counts as a sign of life.
const BEAT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
