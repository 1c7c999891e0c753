//! The workers as the broker sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::queue::Tags;
use crate::balancer::job::{TaskId, WorkerId};
use crate::balancer::wire::Hello;

/// One worker, there or expected back.
#[derive(Debug)]
pub(crate) struct Hand<P> {
    /// Its process: one that was started again is somebody else.
    pub(crate) session: u64,
    /// Its connection. `None` while it is away.
    pub(crate) peer: Option<P>,
    /// Until when it may come back and go on.
    pub(crate) away_until: Option<Instant>,
    pub(crate) host: String,
    pub(crate) pid: u32,
    pub(crate) tags: Tags,
    pub(crate) slots: u16,
    /// How many tasks it takes now. Never more than slots without a task.
    pub(crate) credit: u16,
    /// How many it takes in its life, if there is a number.
    pub(crate) left: Option<u32>,
    /// What it has in hand, and which attempts those are.
    pub(crate) held: BTreeMap<TaskId, u16>,
    /// How its attempts went since it came.
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) beat: Duration,
    pub(crate) heard: Instant,
    pub(crate) said: Instant,
    /// It has been ready once.
    pub(crate) was_ready: bool,
    /// It is late with a sign of life: it gets nothing new, and keeps what it has.
    pub(crate) is_suspect: bool,
    /// It gets nothing new and goes when it has nothing.
    pub(crate) is_draining: bool,
    /// Its place among the idle.
    turn: Option<u64>,
}

impl<P> Hand<P> {
    fn is_idle(&self) -> bool {
        let may = !self.is_suspect && !self.is_draining && self.left != Some(0);
        self.peer.is_some() && may && self.credit > 0
    }

    /// It takes so many tasks more.
    pub(crate) fn grant(&mut self, credit: u16) {
        let room = usize::from(self.slots).saturating_sub(self.held.len());
        self.credit = self.credit.saturating_add(credit).min(room as u16);
        self.was_ready |= credit > 0;
    }
}

/// All workers, and which of them is next.
#[derive(Debug)]
pub(crate) struct Crew<P> {
    hands: BTreeMap<WorkerId, Hand<P>>,
    /// Who gets the next task, in order: whoever has waited longest.
    idle: BTreeMap<u64, WorkerId>,
    turns: u64,
}

impl<P> Default for Crew<P> {
    fn default() -> Self {
        Self { hands: BTreeMap::new(), idle: BTreeMap::new(), turns: 0 }
    }
}

impl<P> Crew<P> {
    /// Takes in a worker that has introduced itself, in place of whoever had its name.
    pub(crate) fn take_in(&mut self, hello: &Hello, session: u64, peer: P, beat: Duration, now: Instant) {
        self.insert(hello, session, Some(peer), beat, now);
    }

    /// Expects a worker back that nobody has seen in this life.
    pub(crate) fn take_in_away(&mut self, hello: &Hello, session: u64, until: Instant, now: Instant) {
        self.insert(hello, session, None, Duration::ZERO, now);
        self.change(hello.worker, |hand| hand.away_until = Some(until));
    }

    fn insert(&mut self, hello: &Hello, session: u64, peer: Option<P>, beat: Duration, now: Instant) {
        self.remove(hello.worker);
        let hand = Hand {
            session,
            peer,
            away_until: None,
            host: hello.host.clone(),
            pid: hello.pid,
            tags: hello.tags.iter().cloned().collect::<BTreeSet<_>>(),
            slots: hello.slots,
            credit: 0,
            left: (hello.max_tasks > 0).then_some(hello.max_tasks),
            held: BTreeMap::new(),
            done: 0,
            failed: 0,
            beat,
            heard: now,
            said: now,
            was_ready: false,
            is_suspect: false,
            is_draining: false,
            turn: None,
        };
        self.hands.insert(hello.worker, hand);
    }

    pub(crate) fn get(&self, worker: WorkerId) -> Option<&Hand<P>> {
        self.hands.get(&worker)
    }

    /// Changes a worker, and sees whether it is idle then.
    pub(crate) fn change<R>(
        &mut self,
        worker: WorkerId,
        change: impl FnOnce(&mut Hand<P>) -> R,
    ) -> Option<R> {
        let hand = self.hands.get_mut(&worker)?;
        let result = change(hand);
        match (hand.is_idle(), hand.turn) {
            (true, None) => {
                hand.turn = Some(self.turns);
                self.idle.insert(self.turns, worker);
                self.turns += 1;
            }
            (false, Some(turn)) => {
                hand.turn = None;
                self.idle.remove(&turn);
            }
            _ => {}
        }
        Some(result)
    }

    /// It has got a task: everybody else is before it now.
    pub(crate) fn rotate(&mut self, worker: WorkerId) {
        if let Some(hand) = self.hands.get_mut(&worker)
            && let Some(turn) = hand.turn
        {
            self.idle.remove(&turn);
            self.idle.insert(self.turns, worker);
            hand.turn = Some(self.turns);
            self.turns += 1;
        }
    }

    pub(crate) fn remove(&mut self, worker: WorkerId) -> Option<Hand<P>> {
        let hand = self.hands.remove(&worker)?;
        if let Some(turn) = hand.turn {
            self.idle.remove(&turn);
        }
        Some(hand)
    }

    /// The first idle worker from this turn on, and its turn.
    pub(crate) fn idle_from(&self, turn: u64) -> Option<(u64, WorkerId)> {
        self.idle.range(turn..).next().map(|(turn, worker)| (*turn, *worker))
    }

    /// How many different workers are there and have been ready.
    pub(crate) fn ready(&self) -> usize {
        self.hands.values().filter(|hand| hand.peer.is_some() && hand.was_ready).count()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (WorkerId, &Hand<P>)> {
        self.hands.iter().map(|(worker, hand)| (*worker, hand))
    }

    pub(crate) fn names(&self) -> Vec<WorkerId> {
        self.hands.keys().copied().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hands.is_empty()
    }
}
