//! localfe: what clients want, and what they are told.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::place::Place;
use super::replies::Known;
use super::requests::{From, Request};
use super::{Broker, Event, Face, Output, Timer};
use crate::peering::wire::{Body, ClientCommand, Failure, LinkCommand, Refusal, Spoken, is_spoken};

/// Somebody who asks.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// Requests in hand that came on this connection.
    open: BTreeSet<u64>,
    /// Counts what it is told.
    number: u64,
}

impl Client {
    /// How many replies it waits for.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }
}

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    pub(super) fn client(&mut self, now: Instant, client: P, event: Event) {
        match event {
            Event::Joined { speaks } => {
                self.clients.insert(client.clone(), Client::default());
                if speaks {
                    self.say_to_client(&client, &ClientCommand::Hail);
                }
            }
            Event::Heard(frames) if is_spoken(&frames) => match ClientCommand::decode(frames) {
                Ok((header, command)) => self.heard_client(now, client, header.session, command),
                Err(_) => self.counters.malformed += 1,
            },
            Event::Heard(frames) => self.heard_plain(now, client, frames),
            Event::Left => self.client_left(client),
        }
    }

    fn heard_client(&mut self, now: Instant, client: P, session: u64, command: ClientCommand) {
        match command {
            ClientCommand::Request { id, ttl, body } => {
                let key = (session, id);
                match self.replies.get(key) {
                    Some(Known::Replied(body)) => {
                        self.counters.repeated += 1;
                        let body = body.clone();
                        self.say_to_client(&client, &ClientCommand::Reply { id, body });
                    }
                    Some(Known::Open(request)) => {
                        self.counters.repeated += 1;
                        self.come_back(*request, client, key);
                    }
                    None => self.ask(now, client, key, ttl, body),
                }
            }
            ClientCommand::Withdraw { id } => {
                if let Some(Known::Open(request)) = self.replies.get((session, id)) {
                    let request = *request;
                    self.counters.withdrawn += 1;
                    self.let_go(request);
                }
            }
            ClientCommand::Ask => {
                let status = Box::new(self.status(now));
                self.say_to_client(&client, &ClientCommand::Told { status });
            }
            ClientCommand::Leave { grace } => {
                self.say_to_client(&client, &ClientCommand::Leaving);
                self.leave(now, grace);
            }
            _ => self.counters.malformed += 1,
        }
    }

    /// It asks again, perhaps on another connection: that is where the reply goes.
    fn come_back(&mut self, request: u64, client: P, key: (u64, u64)) {
        let Some(it) = self.requests.get_mut(request) else { return };
        let from = From::Client(Some(client.clone()), key);
        if let From::Client(Some(before), _) = std::mem::replace(&mut it.from, from) {
            self.forget_open(&before, request);
        }
        if let Some(client) = self.clients.get_mut(&client) {
            client.open.insert(request);
        }
    }

    fn ask(&mut self, now: Instant, client: P, key: (u64, u64), ttl: Duration, body: Body) {
        if self.requests.len() >= self.config.queue || self.requests.bytes() >= self.config.queue_bytes {
            self.counters.busy += 1;
            return self.say_to_client(&client, &ClientCommand::Busy { id: key.1, retry_after: RETRY });
        }
        let ttl = if ttl.is_zero() { self.config.ttl } else { ttl };
        let request = self.take(now, client.clone(), From::Client(Some(client), key), ttl, body);
        self.replies.open(key, request);
    }

    /// The frames up to the first empty one, with it, stand before the reply too. A REQ socket's envelope is the empty
    /// frame only; whoever asks through a ROUTER has more.
    fn heard_plain(&mut self, now: Instant, client: P, mut frames: Vec<Bytes>) {
        let envelope = frames.iter().position(Bytes::is_empty).map_or(0, |at| at + 1);
        let body = frames.split_off(envelope);
        // Where nobody can be told that there is no room, there is some: then no more is read.
        if body.is_empty() || self.requests.bytes() >= 2 * self.config.queue_bytes {
            self.counters.malformed += 1;
            return;
        }
        self.take(now, client.clone(), From::Plain(client, frames), self.config.ttl, body);
    }

    fn take(&mut self, now: Instant, client: P, from: From<P>, ttl: Duration, body: Body) -> u64 {
        self.counters.requests += 1;
        let deadline = now + ttl;
        let request = self.requests.insert(Request {
            from,
            body,
            place: Place::Queued,
            arrived: now,
            deadline,
            hops: self.config.hops,
            path: Vec::new(),
            origin: 0,
            avoid: Vec::new(),
            losses: 0,
        });
        self.timers.set(Timer::Expire(request), deadline);
        if let Some(client) = self.clients.get_mut(&client) {
            client.open.insert(request);
        }
        request
    }

    /// What it has asked is not wanted any more, unless it may come again and ask for it.
    fn client_left(&mut self, client: P) {
        let Some(it) = self.clients.remove(&client) else { return };
        for request in it.open {
            match self.requests.get_mut(request) {
                Some(Request { from: From::Client(client, _), place, .. }) if *place != Place::Queued => {
                    *client = None;
                }
                _ => {
                    self.counters.withdrawn += 1;
                    self.let_go(request);
                }
            }
        }
    }

    /// It is over: this came of it.
    pub(super) fn settle(&mut self, now: Instant, request: u64, body: Body) {
        let Some(it) = self.close(request) else {
            self.counters.late += 1;
            return;
        };
        match it.from {
            From::Plain(client, mut frames) => {
                frames.extend(body);
                self.counters.replies += 1;
                self.say_frames(client, frames);
            }
            From::Client(client, key) => {
                self.counters.replies += 1;
                let reply = ClientCommand::Reply { id: key.1, body: body.clone() };
                self.say_if_there(client, &reply);
                self.replies.reply(now, key, body);
            }
            From::Guest(guest, task) => {
                let took = now - it.arrived;
                let report = self.report_to(&guest);
                self.say_to_guest(&guest, &LinkCommand::Reply { task, took, report, body });
            }
        }
    }

    /// It is over, and nothing came of it.
    pub(super) fn fail(&mut self, request: u64, failure: Failure) {
        let Some(it) = self.close(request) else { return };
        match it.from {
            // There is no word for it in its language: it asks again.
            From::Plain(..) => {}
            From::Client(client, (_, id)) => {
                self.say_if_there(client, &ClientCommand::Failed { id, failure });
            }
            From::Guest(guest, task) => {
                let refusal = if failure == Failure::Expired { Refusal::Expired } else { Refusal::Lost };
                self.refuse(&guest, task, refusal);
            }
        }
    }

    /// Nobody wants it any more.
    pub(super) fn let_go(&mut self, request: u64) {
        if let Some(Place::Remote { dial, task }) = self.requests.get(request).map(|it| it.place) {
            self.cancel(dial, task);
        }
        self.close(request);
    }

    pub(super) fn expire(&mut self, request: u64) {
        if self.requests.get(request).is_none() {
            return;
        }
        self.counters.expired += 1;
        if let Some(Place::Remote { dial, task }) = self.requests.get(request).map(|it| it.place) {
            self.cancel(dial, task);
        }
        self.fail(request, Failure::Expired);
    }

    /// It is not in hand any more.
    fn close(&mut self, request: u64) -> Option<Request<P>> {
        let it = self.requests.remove(request)?;
        self.timers.clear(Timer::Expire(request));
        match &it.from {
            From::Plain(client, _) => self.forget_open(client, request),
            From::Client(client, key) => {
                self.replies.forget(*key);
                if let Some(client) = client {
                    self.forget_open(client, request);
                }
            }
            From::Guest(guest, task) => self.forget_task(guest, *task),
        }
        Some(it)
    }

    fn forget_open(&mut self, client: &P, request: u64) {
        if let Some(client) = self.clients.get_mut(client) {
            client.open.remove(&request);
        }
    }

    fn say_if_there(&mut self, client: Option<P>, command: &ClientCommand) {
        match client {
            Some(client) => self.say_to_client(&client, command),
            None => self.counters.dropped += 1,
        }
    }

    fn say_to_client(&mut self, client: &P, command: &ClientCommand) {
        let Some(it) = self.clients.get_mut(client) else {
            self.counters.dropped += 1;
            return;
        };
        let frames = command.encode(self.session, it.number);
        it.number += 1;
        self.output.push_back(Output::Say(Face::Clients, client.clone(), frames));
    }

    fn say_frames(&mut self, client: P, frames: Vec<Bytes>) {
        if self.clients.contains_key(&client) {
            self.output.push_back(Output::Say(Face::Clients, client, frames));
        } else {
            self.counters.dropped += 1;
        }
    }
}

/// When to ask a broker again that has no room.
const RETRY: Duration = Duration::from_millis(100);
