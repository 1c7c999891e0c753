//! A job, and what may become of it and of the orders sent for it.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::outcome::State;

#[derive(Debug, Default)]
pub(crate) struct Job {
    pub(crate) state: State,
    /// Orders sent for it.
    pub(crate) attempts: u32,
    /// The attempts that have failed. One may do so twice: lost with its worker, then reported after all.
    pub(super) failures: BTreeSet<u32>,
    pub(super) last_failure: Option<String>,
}

impl Job {
    pub(super) fn is_settled(&self) -> bool {
        self.state.is_settled()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Duplicate,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The job waits to be sent again.
    Again,
    /// It has failed too often.
    GivenUp,
    /// Another attempt of it waits or is in flight.
    StillTrying,
    /// It had its result already.
    Settled,
}

/// A flight that will not end any more: job, attempt, and what follows.
pub(crate) type Lost = (usize, u32, Next);

/// A report about an order that was never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unknown;

/// An order on its way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) job: usize,
    pub(super) attempt: u32,
    /// Since when it is in its present state: sent, or started.
    pub(super) since: Instant,
    /// Who has started it, where that is known.
    pub(super) worker: Option<String>,
}

impl Flight {
    /// When it is overdue; an order that nobody has started is so at `last_start`.
    pub(super) fn end(&self, limit: Duration, last_start: Option<Instant>) -> Instant {
        match (&self.worker, last_start) {
            (None, Some(last_start)) => last_start,
            _ => self.since + limit,
        }
    }

    pub(super) fn by(&self, worker: &str) -> bool {
        self.worker.as_deref() == Some(worker)
    }
}
