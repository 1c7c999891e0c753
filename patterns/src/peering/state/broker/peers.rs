//! cloudbe and statefe: the brokers to which this one delegates, and what they say of themselves.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::peer::Peer;
use super::place::Place;
use super::{Broker, Dial, Event, Notice, OnPeerLoss, Output, Timer};
use crate::flow::Arrival;
use crate::peering::wire::{
    Acquaintance, Card, Failure, LinkCommand, LinkStatus, MAX_KNOWN, Refusal, Rejection, Report, Spoken,
    State,
};
use crate::wire::Header;

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    /// The operator wants it to work with the broker there.
    pub(super) fn join(&mut self, now: Instant, cloud: String) {
        if let Some(known) = self.at(&cloud) {
            known.is_given = true;
        } else if cloud != self.config.card.cloud {
            self.dial(now, cloud, true);
        }
    }

    /// There is a broker, says another one.
    pub(super) fn learn(&mut self, now: Instant, cloud: String) {
        if cloud != self.config.card.cloud && self.leaving.is_none() && self.at(&cloud).is_none() {
            self.dial(now, cloud, false);
        }
    }

    fn at(&mut self, cloud: &str) -> Option<&mut Peer> {
        let is_there =
            |it: &&mut Peer| it.cloud == cloud || it.card.as_ref().is_some_and(|card| card.cloud == cloud);
        self.peers.values_mut().find(is_there)
    }

    fn dial(&mut self, now: Instant, cloud: String, is_given: bool) {
        if self.peers.len() >= MAX_PEERS {
            return;
        }
        let dial = Dial(self.dials);
        self.dials += 1;
        self.output.push_back(Output::Dial(dial, cloud.clone()));
        self.peers.insert(dial, Peer::new(cloud, is_given, now));
        self.look_at(dial, now);
    }

    pub(super) fn peer(&mut self, now: Instant, dial: Dial, event: Event) {
        if !self.peers.contains_key(&dial) {
            return;
        }
        match event {
            // It speaks first.
            Event::Joined { .. } => {}
            Event::Heard(frames) => match LinkCommand::decode(frames) {
                Ok((header, command)) => self.heard_peer(now, dial, header, command),
                Err(_) => self.counters.malformed += 1,
            },
            Event::Left => self.lose(now, dial),
        }
    }

    fn heard_peer(&mut self, now: Instant, dial: Dial, header: Header, command: LinkCommand) {
        let Some(it) = self.peers.get_mut(&dial) else { return };
        if command == LinkCommand::Hail {
            // The last connection may have ended without our noticing.
            self.lose(now, dial);
            let Some(it) = self.peers.get_mut(&dial) else { return };
            it.inflow.restart(header.session, header.number);
            (it.link, it.since, it.heard) = (LinkStatus::Greeting, now, now);
            let card = self.config.card.clone();
            return self.tell(dial, &LinkCommand::Hello { card });
        }
        match it.inflow.arrive(header.session, header.number) {
            Arrival::InOrder => {}
            Arrival::Again => return,
            // An answer may be lost, and nobody would wait for it in vain.
            Arrival::AfterGap => {
                self.lose(now, dial);
                return self.output.push_back(Output::Redial(dial));
            }
        }
        it.heard = now;
        match command {
            LinkCommand::Welcome { card, report } => self.welcomed(now, dial, header.session, card, report),
            LinkCommand::Reject { rejection } => self.rejected(now, dial, rejection),
            LinkCommand::Reply { task, took, report, body } => {
                it.take(now, report);
                match it.end(task) {
                    Some((request, sent)) => {
                        it.measure((now - sent).saturating_sub(took));
                        self.settle(now, request, body);
                    }
                    None => self.counters.late += 1,
                }
            }
            LinkCommand::Refuse { task, refusal, report } => {
                it.take(now, report);
                if let Some((request, sent)) = it.end(task) {
                    it.measure(now - sent);
                    self.counters.refused += 1;
                    self.refused(now, dial, request, refusal);
                }
            }
            LinkCommand::Bye => self.has_said_bye(now, dial),
            _ => self.counters.malformed += 1,
        }
    }

    fn welcomed(&mut self, now: Instant, dial: Dial, session: u64, card: Card, report: Report) {
        if let Some(other) = self.names.get(&card.name).copied().filter(|other| *other != dial) {
            let is_there = |it: &Peer| matches!(it.link, LinkStatus::Up | LinkStatus::Stale);
            let is_given = self.peers.get(&dial).is_some_and(|it| it.is_given);
            match self.peers.get_mut(&other) {
                // Two ways to the same: one is enough.
                Some(it) if is_there(it) && it.session == session => {
                    it.is_given |= is_given;
                    return self.hang_up(now, dial);
                }
                Some(it) if is_there(it) => {
                    let here = it.card.as_ref().map_or_else(String::new, |card| card.cloud.clone());
                    self.notice(Notice::Collision { name: card.name, here, there: card.cloud });
                    // It is not this one's own name that is taken.
                    self.shelve(now, dial);
                    return;
                }
                // It is where it was not before.
                _ => self.hang_up(now, other),
            }
        }
        let Some(it) = self.peers.get_mut(&dial) else { return };
        let before = it.card.as_ref().map(|card| card.name.clone());
        if before.is_some_and(|before| before != card.name) {
            self.names.retain(|_, its| *its != dial);
        }
        let Some(it) = self.peers.get_mut(&dial) else { return };
        if it.card.as_ref().is_none_or(|before| before.state != card.state) {
            if let Some(before) = &it.card {
                self.output.push_back(Output::Unfollow(before.state.clone()));
            }
            self.output.push_back(Output::Follow(card.state.clone()));
        }
        it.measure(now - it.since);
        self.names.insert(card.name.clone(), dial);
        let name = card.name.clone();
        it.is(now, card, session, report);
        it.failures = 0;
        self.timers.clear(Timer::Redial(dial));
        if it.link != LinkStatus::Up {
            (it.link, it.since) = (LinkStatus::Up, now);
            self.notice(Notice::Up(name));
        }
        self.look_at(dial, now);
    }

    fn rejected(&mut self, now: Instant, dial: Dial, rejection: Rejection) {
        if rejection == Rejection::Itself {
            return self.hang_up(now, dial);
        }
        if let Some(cloud) = self.shelve(now, dial) {
            self.notice(Notice::Rejected { cloud, rejection });
        }
    }

    /// They do not work together for now. Says where that one is.
    fn shelve(&mut self, now: Instant, dial: Dial) -> Option<String> {
        let it = self.peers.get_mut(&dial)?;
        (it.link, it.since) = (LinkStatus::Rejected, now);
        let cloud = it.cloud.clone();
        // The other one of that name may go.
        self.timers.set(Timer::Redial(dial), now + self.config.backoff.longest);
        Some(cloud)
    }

    /// Somebody else is to do it.
    fn refused(&mut self, now: Instant, dial: Dial, request: u64, refusal: Refusal) {
        let Some(it) = self.requests.get_mut(request) else { return };
        match refusal {
            Refusal::Hops | Refusal::Loop => it.avoid.push(dial),
            Refusal::Lost => it.losses += 1,
            Refusal::Full | Refusal::Draining | Refusal::Expired => {}
        }
        if it.losses > 1 {
            self.counters.failed += 1;
            return self.fail(request, Failure::Lost);
        }
        self.come_home(now, request);
    }

    /// What a broker has published.
    pub(super) fn state(&mut self, now: Instant, frames: Vec<Bytes>) {
        let Ok((header, state)) = State::decode(frames) else {
            self.counters.malformed += 1;
            return;
        };
        let own = &self.config.card.name;
        let mine = state.seen.iter().find(|it| it.name == *own && it.session == self.session);
        let seen = mine.map_or(0, |it| it.task);
        let dial = self.names.get(&state.card.name).copied();
        if let Some(it) = dial.and_then(|dial| self.peers.get_mut(&dial))
            && it.session == header.session
            && matches!(it.link, LinkStatus::Up | LinkStatus::Stale)
        {
            it.heard = now;
            it.hear(now, &state, seen);
        }
        if self.config.gossip {
            for Acquaintance { name, cloud } in state.known {
                if name != self.config.card.name && !self.names.contains_key(&name) {
                    self.learn(now, cloud);
                }
            }
        }
    }

    /// Is it there, and does it hear us?
    pub(super) fn watch(&mut self, now: Instant, dial: Dial) {
        let (beat, forget) = (self.config.beat, self.config.forget);
        let (stale, down) = (beat * self.config.stale, beat * self.config.down);
        let Some(it) = self.peers.get_mut(&dial) else { return };
        if now > it.watched + beat {
            // It was this one that was away. What has come meanwhile was not heard yet.
            it.heard = it.heard.max(now - beat);
            return self.look_at(dial, now);
        }
        match it.link {
            LinkStatus::Up | LinkStatus::Stale => {
                it.was_up = now;
                let silence = it.silence(now);
                if silence > down {
                    self.lose(now, dial);
                    self.output.push_back(Output::Redial(dial));
                } else if silence > stale && it.link == LinkStatus::Up {
                    it.link = LinkStatus::Stale;
                    let name = it.card.as_ref().map_or_else(String::new, |card| card.name.clone());
                    self.notice(Notice::Stale(name));
                } else if silence <= stale && it.link == LinkStatus::Stale {
                    it.link = LinkStatus::Up;
                    let name = it.card.as_ref().map_or_else(String::new, |card| card.name.clone());
                    self.notice(Notice::Up(name));
                }
            }
            _ if now - it.was_up > forget && !it.is_given => return self.hang_up(now, dial),
            LinkStatus::Connecting | LinkStatus::Greeting if now - it.since > UNGREETED => {
                // What is planned already is not put off.
                let wait = self.config.backoff.wait(it.failures + 1, &mut self.rng);
                self.timers.set_first(Timer::Redial(dial), now + wait);
            }
            _ => {}
        }
        self.look_at(dial, now);
    }

    fn look_at(&mut self, dial: Dial, now: Instant) {
        let next = now + self.config.beat;
        if let Some(it) = self.peers.get_mut(&dial) {
            it.watched = next;
            self.timers.set(Timer::Peer(dial), next);
        }
    }

    pub(super) fn redial(&mut self, now: Instant, dial: Dial) {
        let Some(it) = self.peers.get_mut(&dial) else { return };
        if !matches!(it.link, LinkStatus::Up | LinkStatus::Stale) {
            it.failures = it.failures.saturating_add(1);
            (it.link, it.since) = (LinkStatus::Connecting, now);
            self.output.push_back(Output::Redial(dial));
        }
    }

    /// The link is lost, and all that was sent over it comes back.
    fn lose(&mut self, now: Instant, dial: Dial) {
        let Some(it) = self.peers.get_mut(&dial) else { return };
        let requests = it.restart();
        let was_there = matches!(it.link, LinkStatus::Up | LinkStatus::Stale);
        (it.link, it.since) = (LinkStatus::Connecting, now);
        if was_there {
            self.counters.lost_links += 1;
            let name = it.card.as_ref().map_or_else(String::new, |card| card.name.clone());
            self.notice(Notice::Down(name, requests.len()));
        }
        self.take_back(now, requests);
    }

    fn take_back(&mut self, now: Instant, requests: Vec<u64>) {
        for request in requests {
            self.counters.requeued += 1;
            match self.config.on_peer_loss {
                OnPeerLoss::Requeue => self.come_home(now, request),
                OnPeerLoss::Fail => self.fail(request, Failure::PeerLost),
            }
        }
    }

    fn has_said_bye(&mut self, now: Instant, dial: Dial) {
        let Some(it) = self.peers.get_mut(&dial) else { return };
        let name = it.card.as_ref().map_or_else(String::new, |card| card.name.clone());
        self.notice(Notice::Gone(name));
        let Some(it) = self.peers.get_mut(&dial) else { return };
        if it.is_given {
            it.link = LinkStatus::Connecting;
            let requests = it.restart();
            self.take_back(now, requests);
        } else {
            self.hang_up(now, dial);
        }
    }

    /// There is nothing to be said to it any more.
    fn hang_up(&mut self, now: Instant, dial: Dial) {
        let Some(mut it) = self.peers.remove(&dial) else { return };
        self.names.retain(|_, its| *its != dial);
        self.timers.clear(Timer::Peer(dial));
        self.timers.clear(Timer::Redial(dial));
        self.output.push_back(Output::Hangup(dial));
        if let Some(card) = &it.card {
            self.output.push_back(Output::Unfollow(card.state.clone()));
        }
        let requests = it.restart();
        self.take_back(now, requests);
    }

    /// Where a broker of the same name is, that is another one.
    pub(super) fn namesake(&self, card: &Card) -> Option<String> {
        let it = self.peers.get(self.names.get(&card.name)?)?;
        let cloud = &it.card.as_ref()?.cloud;
        let is_there = matches!(it.link, LinkStatus::Up | LinkStatus::Stale);
        (is_there && *cloud != card.cloud).then(|| cloud.clone())
    }

    /// Some of those that are there.
    pub(super) fn acquaintances(&mut self) -> Vec<Acquaintance> {
        if !self.config.gossip {
            return Vec::new();
        }
        let known = self.peers.values().filter(|it| it.link == LinkStatus::Up);
        let known = known.filter_map(|it| it.card.as_ref());
        let some = self.rng.choose_multiple(known, MAX_KNOWN);
        some.into_iter().map(|it| Acquaintance { name: it.name.clone(), cloud: it.cloud.clone() }).collect()
    }

    /// The task is not wanted any more.
    pub(super) fn cancel(&mut self, dial: Dial, task: u64) {
        if self.peers.get_mut(&dial).is_some_and(|it| it.end(task).is_some()) {
            self.tell(dial, &LinkCommand::Cancel { task });
        }
    }

    /// Gives the request to this peer.
    pub(super) fn delegate(&mut self, now: Instant, dial: Dial, request: u64) {
        let (Some(peer), Some(it)) = (self.peers.get_mut(&dial), self.requests.get(request)) else { return };
        let task = peer.send(now, request);
        let (hops, left) = (it.hops.saturating_sub(1), it.deadline.saturating_duration_since(now));
        let mut path = it.path.clone();
        path.push(self.config.card.name.clone());
        let (origin, body) = (if it.origin == 0 { request } else { it.origin }, it.body.clone());
        self.requests.put(request, Place::Remote { dial, task });
        self.counters.spilled += 1;
        let left = left.max(Duration::from_millis(1));
        self.tell(dial, &LinkCommand::Task { task, request: origin, hops, path, left, body });
    }

    fn tell(&mut self, dial: Dial, command: &LinkCommand) {
        if let Some(it) = self.peers.get_mut(&dial) {
            let frames = command.encode(self.session, it.number);
            it.number += 1;
            self.output.push_back(Output::Tell(dial, frames));
        }
    }
}

/// How long a peer may take until it has said who it is.
const UNGREETED: Duration = Duration::from_secs(2);
/// The most peers, whatever others say.
const MAX_PEERS: usize = 1000;
