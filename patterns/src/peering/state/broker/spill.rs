//! What is done here, and what elsewhere: a request leaves when no worker is free and waiting would take longer than the
//! way.
//!
//! ```text
//! here   = requests that wait x time of a task / slots, or the time that it has waited already
//! there  = way there and back + requests that wait there x time of a task there / slots there
//! leave if here > there x 1.2 + 2 ms, and it is the oldest that leaves
//! ```
//!
//! Of the peers that take something, two are drawn, and the better one is chosen: on old information it is worse to choose
//! the best of all, since all others do so too.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::place::Place;
use super::requests::{From, Request};
use super::{Broker, Dial, Timer};
use crate::peering::wire::Refusal;

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    /// Nobody waits while a worker is free, and nobody for longer than it would take elsewhere.
    pub(super) fn dispatch(&mut self, now: Instant) {
        while let Some(first) = self.requests.first() {
            if !self.give(now, first) && !self.spill(now, first) {
                return;
            }
        }
        self.timers.clear(Timer::Spill);
    }

    fn spill(&mut self, now: Instant, request: u64) -> bool {
        let Some(it) = self.requests.get(request) else { return false };
        let arrived = it.arrived;
        let Some((dial, there)) = self.choose(request) else { return false };
        let there = there * self.config.spill_percent / 100 + self.config.spill_margin;
        let here = self.wait().max(now - arrived);
        if self.leaving.is_none() && here <= there {
            // Waiting may turn out to take longer than it should.
            self.timers.set(Timer::Spill, arrived + there + Duration::from_micros(1));
            return false;
        }
        self.delegate(now, dial, request);
        true
    }

    /// How long whoever comes now has to wait.
    fn wait(&self) -> Duration {
        match self.crew.slots() {
            0 => Duration::MAX,
            slots => self.crew.service().mul_f64(self.requests.waiting() as f64 / f64::from(slots)),
        }
    }

    /// The peer that is to have it, and how long it takes until it is begun there.
    fn choose(&mut self, request: u64) -> Option<(Dial, Duration)> {
        let it = self.requests.get(request)?;
        let suitable: Vec<_> = self.suitable(it).map(|(dial, wait)| (wait, dial)).collect();
        let drawn = self.rng.choose_multiple(suitable, 2);
        drawn.into_iter().min().map(|(wait, dial)| (dial, wait))
    }

    fn suitable<'a>(&'a self, request: &'a Request<P>) -> impl Iterator<Item = (Dial, Duration)> + 'a {
        let may_go = request.hops > 0;
        self.peers.iter().filter_map(move |(dial, it)| {
            let name = &it.card.as_ref()?.name;
            let is_fit = may_go
                && it.usable() > 0
                && it.has() < self.config.window
                && !request.avoid.contains(dial)
                && !request.path.contains(name);
            is_fit.then(|| (*dial, it.wait()))
        })
    }

    pub(super) fn has_peer_for(&self, request: &Request<P>) -> bool {
        self.suitable(request).next().is_some()
    }

    /// It has no place any more. One of ours waits again, in front of all that came after it.
    pub(super) fn come_home(&mut self, now: Instant, request: u64) {
        // Whoever has gone while it was done may come again for what came of it, and not for what waits.
        if let Some(From::Client(None, _)) = self.requests.get(request).map(|it| &it.from) {
            self.counters.withdrawn += 1;
            return self.let_go(request);
        }
        self.requests.put(request, Place::Queued);
        self.pass_on(now, request);
    }

    /// A task of another broker does not wait: it is given to somebody, or goes back.
    pub(super) fn pass_on(&mut self, now: Instant, request: u64) {
        let Some(it) = self.requests.get(request) else { return };
        let From::Guest(guest, task) = it.from.clone() else { return };
        if self.crew.free() > self.reserve() && self.give(now, request) {
            return;
        }
        match self.choose(request) {
            Some((dial, _)) => self.delegate(now, dial, request),
            None => {
                self.let_go(request);
                self.refuse(&guest, task, Refusal::Full);
            }
        }
    }

    /// So many tasks of others would find a worker at once.
    pub(super) fn offered(&self) -> u32 {
        if self.leaving.is_some() {
            return 0;
        }
        let waiting = self.requests.waiting() as u32;
        let own = self.crew.free().saturating_sub(self.reserve()).saturating_sub(waiting);
        let others = self.peers.values().filter(|_| self.config.is_relay).map(|it| it.usable());
        own + others.sum::<u32>()
    }

    /// Slots that are not offered to others.
    pub(super) fn reserve(&self) -> u32 {
        (u64::from(self.crew.slots()) * u64::from(self.config.reserve_percent) / 100) as u32
    }
}
