//! How a broker is.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use super::Broker;
use crate::peering::wire::{Card, PeerStatus, Status};

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    /// How it is.
    pub fn status(&self, now: Instant) -> Status {
        let counts = self.requests.counts;
        let mut peers: Vec<_> = self
            .peers
            .values()
            .map(|it| PeerStatus {
                card: it.card.clone().unwrap_or_else(|| Card {
                    name: String::new(),
                    cloud: it.cloud.clone(),
                    state: String::new(),
                }),
                link: it.link,
                free: it.report.free,
                slots: it.state.slots,
                queue: it.state.queue,
                sent: it.has() as u32,
                usable: it.usable(),
                rtt: it.rtt(),
                age: now - it.heard,
            })
            .collect();
        peers.sort_by(|one, other| one.card.cmp(&other.card));
        Status {
            name: self.config.card.name.clone(),
            clients: self.clients.len() as u32,
            workers: self.crew.len() as u32,
            slots: self.crew.slots(),
            free: self.crew.free(),
            queue: self.requests.waiting() as u32,
            local: counts.local,
            remote: counts.remote,
            foreign: counts.foreign,
            service: self.crew.service(),
            is_leaving: self.leaving.is_some(),
            counters: self.counters,
            peers,
        }
    }
}

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    /// What must be so after whatever has happened. For those who try it in a simulated world.
    ///
    /// # Errors
    /// What is not.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.requests.waiting() > 0 && self.crew.free() > 0 {
            return Err(format!("{} wait while {} are free", self.requests.waiting(), self.crew.free()));
        }
        let sent: usize = self.peers.values().map(super::peer::Peer::has).sum();
        let known = self.requests.places();
        if known.remote != sent || known.queued != self.requests.waiting() {
            return Err(format!("{sent} were sent, {} wait: {known:?}", self.requests.waiting()));
        }
        let open: usize = self.clients.values().map(super::clients::Client::open).sum();
        if known.wanted != open {
            return Err(format!("clients that are there wait for {open}: {known:?}"));
        }
        if known.unwanted > 0 {
            return Err(format!("nobody wants what waits: {known:?}"));
        }
        Ok(())
    }
}
