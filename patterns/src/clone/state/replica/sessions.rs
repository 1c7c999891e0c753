//! Sessions that a replica's owner has opened: the server is told, three times in each one's time, that they are to stay
//! open.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Replica, ReplicaOutput, Timer};
use crate::clone::wire::Command;

/// A session that is open as far as is known.
#[derive(Debug)]
pub(super) struct Holding {
    ttl: Duration,
    /// It is open until then at least.
    until: Instant,
    turn: u64,
    /// Turns without an answer, and when they were said.
    said: VecDeque<(u64, Instant)>,
}

impl Replica {
    /// Keeps this session open, which was opened by a write that was handed over then.
    pub fn hold(&mut self, now: Instant, session: u64, ttl: Duration, since: Instant) {
        let holding = Holding { ttl, until: since + ttl, turn: 0, said: VecDeque::new() };
        self.sessions.insert(session, holding);
        self.keep_open(now, session);
    }

    /// Does not keep it open any more.
    pub fn release(&mut self, session: u64) {
        self.sessions.remove(&session);
        self.timers.clear(Timer::Keep(session));
    }

    pub(super) fn keep_all(&mut self, now: Instant) {
        for session in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.keep_open(now, session);
        }
    }

    pub(super) fn keep_open(&mut self, now: Instant, session: u64) {
        let (is_hailed, version) = (self.is_hailed(), self.latest());
        let Some(it) = self.sessions.get_mut(&session) else { return };
        self.timers.set(Timer::Keep(session), now + (it.ttl / 3).max(SHORTEST));
        if is_hailed {
            it.turn += 1;
            it.said.push_back((it.turn, now));
            if it.said.len() > SAID {
                it.said.pop_front();
            }
            let turn = it.turn;
            self.say(Command::Keep { session, turn, version });
        }
    }

    pub(super) fn kept(&mut self, session: u64, turn: u64, is_open: bool) {
        let Some(it) = self.sessions.get_mut(&session) else { return };
        let Some((_, said)) = it.said.iter().find(|(said, _)| *said == turn).copied() else { return };
        it.said.retain(|(said, _)| *said > turn);
        if is_open {
            it.until = it.until.max(said + it.ttl);
            self.output.push_back(ReplicaOutput::Session { session, until: Some(it.until) });
        } else {
            self.release(session);
            self.output.push_back(ReplicaOutput::Session { session, until: None });
        }
    }
}

/// It is not said more often than that.
const SHORTEST: Duration = Duration::from_millis(1);
/// How many turns may be answered yet.
const SAID: usize = 16;
