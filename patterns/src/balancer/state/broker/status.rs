//! How things are: a picture of the broker at one moment.

use std::fmt::Debug;
use std::hash::Hash;

use super::task::Phase;
use super::{Broker, Counters};
use crate::balancer::job::WorkerId;

/// The broker at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Tasks that wait for others.
    pub blocked: usize,
    /// Tasks that wait for a worker.
    pub queued: usize,
    /// Tasks that are tried again later.
    pub waiting: usize,
    /// Tasks that are being done.
    pub leased: usize,
    /// Tasks that have ended and whose results nobody has claimed.
    pub unclaimed: usize,
    /// Tasks that were tried as often as they may be and are kept.
    pub dead: usize,
    /// Everybody who is there or expected back.
    pub workers: Vec<WorkerStatus>,
    /// What has happened so far.
    pub counters: Counters,
}

/// A worker at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Its name.
    pub worker: WorkerId,
    /// Where it is.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// How many tasks it can have at a time.
    pub slots: u16,
    /// How many it has.
    pub busy: usize,
    /// How many it has done well since it came.
    pub done: u64,
    /// How many of its attempts failed or took too long since it came.
    pub failed: u64,
    /// How it is.
    pub presence: Presence,
}

/// How a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// There.
    There,
    /// There, and late with a sign of life: it gets nothing new.
    Suspect,
    /// It gets nothing new, and goes when it has nothing.
    Draining,
    /// Its connection is gone. It may come back and go on.
    Away,
}

impl<P: Clone + Eq + Hash + Debug> Broker<P> {
    /// How things are. Takes time in proportion to the tasks and workers there are.
    pub fn status(&self) -> Status {
        let count = |is: fn(&Phase) -> bool| self.tasks.values().filter(|task| is(&task.phase)).count();
        let workers = self.crew.iter().map(|(worker, hand)| WorkerStatus {
            worker,
            host: hand.host.clone(),
            pid: hand.pid,
            slots: hand.slots,
            busy: hand.held.len(),
            done: hand.done,
            failed: hand.failed,
            presence: match hand {
                hand if hand.peer.is_none() => Presence::Away,
                hand if hand.is_draining => Presence::Draining,
                hand if hand.is_suspect => Presence::Suspect,
                _ => Presence::There,
            },
        });
        Status {
            blocked: count(|phase| matches!(phase, Phase::Blocked)),
            queued: count(|phase| matches!(phase, Phase::Queued)),
            waiting: count(|phase| matches!(phase, Phase::Waiting)),
            leased: count(|phase| matches!(phase, Phase::Leased(_))),
            unclaimed: self.unclaimed,
            dead: self.count_dead(),
            workers: workers.collect(),
            counters: self.counters,
        }
    }
}
