//! Sessions: open as long as their clients are heard, and what lasts with them goes when they do, all at once.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use bytes::Bytes;

use super::{Record, Server, Timer};
use crate::clone::wire::{Change, Changed, Command, Lasts, Refusal, To, Writing};

impl<P: Clone + Eq + Hash + Debug> Server<P> {
    /// From the beginning: all that does not last for ever is to last so long at least.
    pub(super) fn begin_lives(&mut self, now: Instant) {
        for (key, ttl) in self.stock.lives.ttls() {
            self.timers.set(Timer::Expiry(key.clone()), now + ttl);
        }
        for (session, ttl) in self.stock.lives.sessions() {
            self.timers.set(Timer::Session(session), now + ttl.unwrap_or_default());
        }
    }

    /// Its client is there.
    pub(super) fn keep(&mut self, now: Instant, peer: &P, session: u64, turn: u64) {
        let ttl = self.stock.lives.ttl(session);
        if let Some(ttl) = ttl {
            self.timers.set(Timer::Session(session), now + ttl);
        }
        self.say(peer, Command::Kept { session, turn, is_open: ttl.is_some() });
    }

    /// Whether there are such sessions, and room for them and what is to last with them.
    pub(super) fn check_sessions(&self, changes: &[Change]) -> Result<(), Refusal> {
        let opens = |change: &&Change| matches!(change.to, To::Open { .. });
        let opened = changes.iter().filter(opens).count();
        if opened > 0 && self.stock.lives.sessions().len() + opened > self.config.sessions {
            return Err(Refusal::Full);
        }
        for change in changes {
            let To::Value { lasts: Lasts::With(session), .. } = change.to else { continue };
            let is_this =
                |change: &Change| matches!(change.to, To::Open { session: it, .. } if it == session);
            if self.stock.lives.ttl(session).is_none() && !changes.iter().any(is_this) {
                return Err(Refusal::Session);
            }
            if self.stock.lives.keys(session).len() + changes.len() > self.config.session_keys {
                return Err(Refusal::Full);
            }
        }
        Ok(())
    }

    /// It is over, and with it all that was to last with it: one batch.
    pub(super) fn close(&mut self, now: Instant, session: u64, how: &Changed, writer: Option<Writing>) {
        self.timers.clear(Timer::Session(session));
        let keys: Vec<_> = self.stock.lives.keys(session).cloned().collect();
        let until = self.stock.version.seq + keys.len() as u64 + 1;
        let mut updates: Vec<_> =
            keys.iter().map(|key| self.change(now, until, key.clone(), how.clone(), writer)).collect();
        updates.push(self.change(now, until, Bytes::new(), Changed::Closed(session), writer));
        self.record(Record::Batch(updates));
        self.end_batch(&[&keys[..], &[Bytes::new()]].concat());
    }

    /// Its client was not heard for its time.
    pub(super) fn expire(&mut self, now: Instant, session: u64) {
        self.counters.ended += 1;
        self.counters.expired += self.stock.lives.keys(session).len() as u64;
        self.close(now, session, &Changed::Expired, None);
    }
}
