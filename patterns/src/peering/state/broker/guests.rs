//! cloudfe: brokers that delegate to this one.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use super::place::Place;
use super::requests::{From, Request};
use super::{Broker, Event, Face, Notice, Output, Timer};
use crate::flow::{Arrival, Inflow};
use crate::peering::wire::{Card, LinkCommand, MAX_PATH, Receipt, Refusal, Rejection, Report, Spoken};
use crate::wire::Header;

/// Somebody who has dialled.
#[derive(Debug, Default)]
pub(super) struct Guest {
    /// Who it is, once it has said so and may delegate.
    name: Option<String>,
    session: u64,
    /// The last task that has come.
    seen: u64,
    /// What it has delegated, by what it calls it.
    tasks: BTreeMap<u64, u64>,
    inflow: Inflow,
    number: u64,
}

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    pub(super) fn guest(&mut self, now: Instant, guest: P, event: Event) {
        match event {
            Event::Joined { .. } => {
                self.guests.insert(guest.clone(), Guest::default());
                self.say_to_guest(&guest, &LinkCommand::Hail);
            }
            Event::Heard(frames) => match LinkCommand::decode(frames) {
                Ok((header, command)) => self.heard_guest(now, guest, header, command),
                Err(_) => self.counters.malformed += 1,
            },
            Event::Left => self.guest_left(&guest),
        }
    }

    fn heard_guest(&mut self, now: Instant, guest: P, header: Header, command: LinkCommand) {
        if let LinkCommand::Hello { card } = command {
            return self.greet(now, guest, header, card);
        }
        let Some(it) = self.guests.get_mut(&guest) else { return };
        if it.name.is_none() {
            // It was meant for an earlier connection.
            return;
        }
        match it.inflow.arrive(header.session, header.number) {
            Arrival::InOrder => {}
            Arrival::Again => return,
            // A task may be lost: it learns that by having to come again.
            Arrival::AfterGap => {
                self.output.push_back(Output::Evict(Face::Cloud, guest.clone()));
                return self.guest_left(&guest);
            }
        }
        match command {
            LinkCommand::Task { task, request, hops, path, left, body } => {
                it.seen = task;
                let refusal = if path.contains(&self.config.card.name) {
                    Some(Refusal::Loop)
                } else if self.leaving.is_some() {
                    Some(Refusal::Draining)
                } else if left.is_zero() {
                    Some(Refusal::Expired)
                } else {
                    None
                };
                if let Some(refusal) = refusal {
                    return self.refuse(&guest, task, refusal);
                }
                let it = Request {
                    from: From::Guest(guest.clone(), task),
                    body,
                    place: Place::Queued,
                    arrived: now,
                    deadline: now + left,
                    hops,
                    path,
                    origin: request,
                    avoid: Vec::new(),
                    losses: 0,
                };
                self.be_given(now, &guest, task, it);
            }
            LinkCommand::Cancel { task } => {
                if let Some(request) = it.tasks.get(&task).copied() {
                    self.let_go(request);
                }
            }
            _ => self.counters.malformed += 1,
        }
    }

    /// Somebody says who it is.
    fn greet(&mut self, now: Instant, guest: P, header: Header, card: Card) {
        let own = &self.config.card;
        let rejection = if card.name == own.name && card.cloud == own.cloud {
            // Another one at the same place would not have got the place.
            Some(Rejection::Itself)
        } else if card.name == own.name {
            Some(Rejection::Name { cloud: own.cloud.clone() })
        } else {
            self.namesake(&card).map(|cloud| Rejection::Name { cloud })
        };
        if let Some(rejection) = rejection {
            if let Rejection::Name { cloud } = &rejection {
                let (name, here, there) = (card.name, cloud.clone(), card.cloud);
                self.notice(Notice::Collision { name, here, there });
            }
            return self.say_to_guest(&guest, &LinkCommand::Reject { rejection });
        }
        // An earlier connection of the same one is of no use to anybody.
        let is_earlier = |(peer, it): (&P, &Guest)| {
            (it.name.as_ref() == Some(&card.name) && *peer != guest).then(|| peer.clone())
        };
        if let Some(earlier) = self.guests.iter().find_map(is_earlier) {
            self.output.push_back(Output::Evict(Face::Cloud, earlier.clone()));
            self.guest_left(&earlier);
        }
        let Some(it) = self.guests.get_mut(&guest) else { return };
        let is_again = it.name.is_some() && it.session == header.session;
        it.name = Some(card.name.clone());
        it.session = header.session;
        it.inflow.restart(header.session, header.number);
        if !is_again {
            it.seen = 0;
        }
        let (card, report) = (card, self.report_to(&guest));
        let own = self.config.card.clone();
        self.say_to_guest(&guest, &LinkCommand::Welcome { card: own, report });
        self.learn(now, card.cloud);
    }

    /// A task has come. It does not wait here: a worker is free, or another peer is to do it, or it goes back.
    fn be_given(&mut self, now: Instant, guest: &P, task: u64, request: Request<P>) {
        let has_room = self.requests.bytes() < self.config.queue_bytes;
        if self.crew.free() > self.reserve() && has_room {
            self.accept(now, guest, task, request);
        } else if request.hops == 0 || request.path.len() >= MAX_PATH {
            let refusal = if self.config.is_relay { Refusal::Hops } else { Refusal::Full };
            self.refuse(guest, task, refusal);
        } else if has_room && self.has_peer_for(&request) {
            self.accept(now, guest, task, request);
        } else {
            self.refuse(guest, task, Refusal::Full);
        }
    }

    fn accept(&mut self, now: Instant, guest: &P, task: u64, request: Request<P>) {
        self.counters.foreign += 1;
        let deadline = request.deadline;
        let number = self.requests.insert(request);
        self.timers.set(Timer::Expire(number), deadline);
        if let Some(it) = self.guests.get_mut(guest) {
            it.tasks.insert(task, number);
        }
        self.pass_on(now, number);
    }

    pub(super) fn refuse(&mut self, guest: &P, task: u64, refusal: Refusal) {
        self.counters.refusals += 1;
        let report = self.report_to(guest);
        self.say_to_guest(guest, &LinkCommand::Refuse { task, refusal, report });
    }

    fn guest_left(&mut self, guest: &P) {
        let Some(it) = self.guests.remove(guest) else { return };
        for request in it.tasks.into_values() {
            self.let_go(request);
        }
    }

    pub(super) fn forget_task(&mut self, guest: &P, task: u64) {
        if let Some(it) = self.guests.get_mut(guest) {
            it.tasks.remove(&task);
        }
    }

    /// How much more this broker takes, for nobody in particular or as to what has been seen.
    pub(super) fn report(&mut self, seen: u64) -> Report {
        self.told += 1;
        Report { number: self.told, free: self.offered(), seen }
    }

    pub(super) fn report_to(&mut self, guest: &P) -> Report {
        let seen = self.guests.get(guest).map_or(0, |it| it.seen);
        self.report(seen)
    }

    pub(super) fn receipts(&self) -> Vec<Receipt> {
        let receipt = |it: &Guest| {
            let (name, session, task) = (it.name.clone()?, it.session, it.seen);
            Some(Receipt { name, session, task })
        };
        self.guests.values().filter_map(receipt).take(crate::peering::wire::MAX_SEEN).collect()
    }

    pub(super) fn say_to_guest(&mut self, guest: &P, command: &LinkCommand) {
        let Some(it) = self.guests.get_mut(guest) else {
            self.counters.dropped += 1;
            return;
        };
        let frames = command.encode(self.session, it.number);
        it.number += 1;
        self.output.push_back(Output::Say(Face::Cloud, guest.clone(), frames));
    }

    /// To all, when there is nothing more to do. It comes after all replies, which it would not on any other connection.
    pub(super) fn say_bye(&mut self) {
        let guests: Vec<_> = self.guests.keys().cloned().collect();
        for guest in guests {
            self.say_to_guest(&guest, &LinkCommand::Bye);
        }
    }
}
