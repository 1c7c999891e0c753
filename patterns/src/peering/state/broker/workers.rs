//! localbe: workers, who are told what to do and say what came of it.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use bytes::Bytes;

use super::crew::Speech;
use super::place::Place;
use super::{Broker, Event, Face, Notice, Output, Timer};
use crate::flow::Arrival;
use crate::peering::wire::{Body, Failure, Spoken, WorkerCommand, is_spoken};
use crate::wire::Header;

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    pub(super) fn worker(&mut self, now: Instant, peer: P, event: Event) {
        if let Event::Joined { speaks } = event {
            let worker = self.crew.join(peer, now);
            if speaks {
                self.hail(now, worker);
            }
            return;
        }
        let Some(worker) = self.crew.find(&peer) else { return };
        match event {
            Event::Heard(frames) if is_spoken(&frames) => match WorkerCommand::decode(frames) {
                Ok((header, command)) => self.heard_worker(now, worker, header, command),
                Err(_) => self.counters.malformed += 1,
            },
            Event::Heard(frames) => self.heard_plain_worker(now, worker, &frames),
            Event::Left => self.worker_left(now, worker),
            Event::Joined { .. } => {}
        }
    }

    fn heard_worker(&mut self, now: Instant, worker: u64, header: Header, command: WorkerCommand) {
        let Some(it) = self.crew.get_mut(worker) else { return };
        it.heard = now;
        let is_known = it.inflow.is_of(header.session);
        if let WorkerCommand::Hello { .. } = command {
            it.speech = Speech::Ours;
            it.inflow.restart(header.session, header.number);
        } else if it.speech != Speech::Ours {
            // It has not said who it is. What it says may have been meant for an earlier connection.
            if now >= it.next_beat {
                self.hail(now, worker);
            }
            return;
        } else {
            match it.inflow.arrive(header.session, header.number) {
                Arrival::InOrder => {}
                Arrival::Again => return,
                // What it has said may have been the end of a task: begin anew.
                Arrival::AfterGap => {
                    self.crew.sign(worker, 0);
                    return self.say_to_worker(worker, &WorkerCommand::Hail);
                }
            }
        }
        match command {
            WorkerCommand::Hello { slots } => {
                let had = self.crew.take_all(worker);
                self.crew.sign(worker, slots.into());
                if is_known {
                    // It only begins anew: what it had was not its end.
                    for request in had {
                        self.counters.requeued += 1;
                        self.come_home(now, request);
                    }
                } else {
                    self.give_back(now, had);
                }
                self.look_after(now, worker);
            }
            WorkerCommand::Beat => {}
            WorkerCommand::Done { task, body } => self.done(now, worker, task, body),
            WorkerCommand::Failed { task } => {
                if let Some(request) = self.crew.end(now, worker, task, false) {
                    self.try_again(now, request, Failure::Refused);
                }
            }
            WorkerCommand::Bye => self.crew.sign(worker, 0),
            WorkerCommand::Hail | WorkerCommand::Task { .. } => self.counters.malformed += 1,
        }
    }

    /// A REQ socket says READY, and then sends back what it was sent: an address, an empty frame, and its reply.
    fn heard_plain_worker(&mut self, now: Instant, worker: u64, frames: &[Bytes]) {
        let Some(it) = self.crew.get_mut(worker) else { return };
        it.heard = now;
        match frames {
            [delimiter, word] if delimiter.is_empty() && READY.contains(&&word[..]) => {
                it.speech = Speech::Plain;
                // What it had it has forgotten: it was started again behind the same connection.
                let had = self.crew.take_all(worker);
                self.crew.sign(worker, 1);
                self.give_back(now, had);
            }
            [delimiter, address, after, body @ ..]
                if delimiter.is_empty() && after.is_empty() && !body.is_empty() && address.len() == 8 =>
            {
                let task = address.iter().fold(0, |task, octet| task << 8 | u64::from(*octet));
                self.done(now, worker, task, body.to_vec());
            }
            _ => {
                self.counters.malformed += 1;
                // Whatever it had, nobody knows what came of it; and it waits for the next.
                for request in self.crew.take_all(worker) {
                    self.try_again(now, request, Failure::Refused);
                }
            }
        }
    }

    fn done(&mut self, now: Instant, worker: u64, task: u64, body: Body) {
        match self.crew.end(now, worker, task, true) {
            Some(request) => {
                // It may be somewhere else by now, or over.
                let is_here = |place| matches!(place, Place::Local { task: its, .. } if its == task);
                if self.requests.get(request).is_some_and(|it| is_here(it.place)) {
                    self.settle(now, request, body);
                } else {
                    self.counters.late += 1;
                }
            }
            None => self.counters.late += 1,
        }
    }

    fn worker_left(&mut self, now: Instant, worker: u64) {
        self.timers.clear(Timer::Worker(worker));
        let had = self.crew.leave(worker);
        if !had.is_empty() {
            self.counters.lost_workers += 1;
            self.notice(Notice::WorkerLost);
        }
        self.give_back(now, had);
    }

    /// One that speaks is spoken to now and then, so that it notices what it has missed. If it has been silent for long,
    /// it has to come again, and has nothing then.
    pub(super) fn beat(&mut self, now: Instant, worker: u64) {
        let Some(it) = self.crew.get_mut(worker) else { return };
        if now > it.next_beat + self.config.worker_beat {
            // It was this one that was away. What the worker has said meanwhile was not heard yet.
            it.heard = now;
        }
        if now < it.heard + LIVENESS * self.config.worker_beat {
            self.look_after(now, worker);
            return self.say_to_worker(worker, &WorkerCommand::Beat);
        }
        let peer = it.peer.clone();
        self.output.push_back(Output::Evict(Face::Workers, peer));
        self.worker_left(now, worker);
    }

    /// It is to say who it is.
    fn hail(&mut self, now: Instant, worker: u64) {
        if let Some(it) = self.crew.get_mut(worker) {
            it.next_beat = now + self.config.worker_beat;
        }
        self.say_to_worker(worker, &WorkerCommand::Hail);
    }

    fn look_after(&mut self, now: Instant, worker: u64) {
        let next = now + self.config.worker_beat;
        if let Some(it) = self.crew.get_mut(worker) {
            it.next_beat = next;
            self.timers.set(Timer::Worker(worker), next);
        }
    }

    /// Their worker is lost. They may have been its end.
    fn give_back(&mut self, now: Instant, requests: Vec<u64>) {
        for request in requests {
            self.try_again(now, request, Failure::Lost);
        }
    }

    fn try_again(&mut self, now: Instant, request: u64, failure: Failure) {
        let Some(it) = self.requests.get_mut(request) else { return };
        it.losses += 1;
        if it.losses > 1 {
            self.counters.failed += 1;
            return self.fail(request, failure);
        }
        self.counters.requeued += 1;
        self.come_home(now, request);
    }

    /// Gives the request to a worker, if one is free.
    pub(super) fn give(&mut self, now: Instant, request: u64) -> bool {
        let Some((worker, task)) = self.crew.give(now, request) else { return false };
        self.requests.put(request, Place::Local { worker, task });
        let body = self.requests.get(request).map_or_else(Vec::new, |it| it.body.clone());
        let Some(it) = self.crew.get_mut(worker) else { return false };
        if it.speech == Speech::Ours {
            self.say_to_worker(worker, &WorkerCommand::Task { task, body });
        } else {
            let mut frames = vec![Bytes::new(), Bytes::copy_from_slice(&task.to_be_bytes()), Bytes::new()];
            frames.extend(body);
            let peer = it.peer.clone();
            self.output.push_back(Output::Say(Face::Workers, peer, frames));
        }
        true
    }

    fn say_to_worker(&mut self, worker: u64, command: &WorkerCommand) {
        let Some(it) = self.crew.get_mut(worker) else { return };
        let frames = command.encode(self.session, it.number);
        it.number += 1;
        let peer = it.peer.clone();
        self.output.push_back(Output::Say(Face::Workers, peer, frames));
    }
}

/// After so many beats without a word a worker counts as lost.
const LIVENESS: u32 = 3;
/// What REQ workers say first.
const READY: [&[u8]; 2] = [b"\x01", b"READY"];
