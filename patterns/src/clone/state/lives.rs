//! What does not last for ever: keys with a time of their own, and sessions with the keys that last with them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use crate::clone::tree::Tree;
use crate::clone::wire::Lasts;

/// All of it. When that time is over is the server's business.
#[derive(Debug, Default)]
pub(super) struct Lives {
    ttls: BTreeMap<Bytes, Duration>,
    sessions: BTreeMap<u64, Session>,
}

/// A session, and what lasts with it.
#[derive(Debug, Default)]
struct Session {
    /// None if keys are known that last with it, and it is not.
    ttl: Option<Duration>,
    keys: BTreeSet<Bytes>,
}

impl Lives {
    /// Of all keys that there are. What is known of sessions stays, but for their keys.
    pub(super) fn recount(&mut self, tree: &Tree) {
        self.ttls.clear();
        self.sessions.values_mut().for_each(|session| session.keys.clear());
        tree.iter(b"").for_each(|(key, entry)| self.begin(key, entry.lasts));
    }

    /// This key has been set.
    pub(super) fn begin(&mut self, key: &Bytes, lasts: Lasts) {
        match lasts {
            Lasts::Forever => {}
            Lasts::For(ttl) => _ = self.ttls.insert(key.clone(), ttl),
            Lasts::With(session) => _ = self.sessions.entry(session).or_default().keys.insert(key.clone()),
        }
    }

    /// This key does not stand any more for what it did.
    pub(super) fn end(&mut self, key: &Bytes, lasts: Lasts) {
        match lasts {
            Lasts::Forever => {}
            Lasts::For(_) => _ = self.ttls.remove(key),
            Lasts::With(session) => {
                if let Some(it) = self.sessions.get_mut(&session) {
                    it.keys.remove(key);
                }
            }
        }
    }

    pub(super) fn open(&mut self, session: u64, ttl: Duration) {
        self.sessions.entry(session).or_default().ttl = Some(ttl);
    }

    pub(super) fn close(&mut self, session: u64) {
        self.sessions.remove(&session);
    }

    /// These are open, and no others.
    pub(super) fn open_only(&mut self, sessions: impl IntoIterator<Item = (u64, Duration)>) {
        self.sessions.values_mut().for_each(|session| session.ttl = None);
        sessions.into_iter().for_each(|(session, ttl)| self.open(session, ttl));
        self.sessions.retain(|_, session| session.ttl.is_some() || !session.keys.is_empty());
    }

    /// How long this session stays open when its client is not heard, if it is open.
    pub(super) fn ttl(&self, session: u64) -> Option<Duration> {
        self.sessions.get(&session)?.ttl
    }

    /// What lasts with it.
    pub(super) fn keys(&self, session: u64) -> impl ExactSizeIterator<Item = &Bytes> {
        static NONE: BTreeSet<Bytes> = BTreeSet::new();
        self.sessions.get(&session).map_or(&NONE, |session| &session.keys).iter()
    }

    /// Keys with a time of their own.
    pub(super) fn ttls(&self) -> impl Iterator<Item = (&Bytes, Duration)> {
        self.ttls.iter().map(|(key, ttl)| (key, *ttl))
    }

    /// All sessions, and their times; of one that is not known, but has keys, none.
    pub(super) fn sessions(&self) -> impl ExactSizeIterator<Item = (u64, Option<Duration>)> {
        self.sessions.iter().map(|(session, it)| (*session, it.ttl))
    }

    /// Those that are open.
    pub(super) fn opened(&self) -> Vec<(u64, Duration)> {
        self.sessions().filter_map(|(session, ttl)| Some((session, ttl?))).collect()
    }
}
