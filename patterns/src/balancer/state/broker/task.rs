//! One task, from its submission until its result is claimed.

use std::sync::Arc;
use std::time::Instant;

use super::queue::{Place, Tags};
use crate::balancer::job::{Attempt, Job, Outcome, TaskId, WorkerId};
use crate::balancer::wire::Lease;

#[derive(Debug)]
pub(crate) struct Task<P> {
    pub(crate) job: Arc<Job>,
    pub(crate) needs: Tags,
    /// Counts the broker's submissions.
    pub(crate) submitted: u64,
    pub(crate) phase: Phase,
    /// How many leases there were, given back ones included: each has a number of its own.
    pub(crate) leases: u16,
    /// What went wrong so far. These count.
    pub(crate) attempts: Vec<Attempt>,
    /// Jobs that must end well before this one may begin.
    pub(crate) waits_for: usize,
    /// Who waits for this one.
    pub(crate) waited_for_by: Vec<TaskId>,
    /// Who is told of the end: whoever has submitted it last.
    pub(crate) client: Option<P>,
    /// What was heard last of any worker, with its worker and session: hearing it again changes nothing.
    pub(crate) heard: Option<(Lease, WorkerId, u64)>,
}

#[derive(Debug)]
pub(crate) enum Phase {
    /// Others come first: those it waits for, or those of its lane.
    Blocked,
    /// Its turn comes.
    Queued,
    /// It is tried again later.
    Waiting,
    Leased(Leased),
    Ended(Outcome),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Leased {
    pub(crate) worker: WorkerId,
    pub(crate) session: u64,
    pub(crate) since: Instant,
    /// When the worker last showed progress.
    pub(crate) moved: Instant,
    /// Somebody wants it to end, by then at the latest.
    pub(crate) cancelled: Option<Instant>,
}

impl<P> Task<P> {
    pub(crate) fn new(job: Arc<Job>, submitted: u64, client: Option<P>) -> Self {
        Self {
            needs: job.tags.iter().cloned().collect(),
            job,
            submitted,
            phase: Phase::Blocked,
            leases: 0,
            attempts: Vec::new(),
            waits_for: 0,
            waited_for_by: Vec::new(),
            client,
            heard: None,
        }
    }

    pub(crate) fn place(&self, task: TaskId) -> Place {
        Place { priority: std::cmp::Reverse(self.job.priority), submitted: self.submitted, task }
    }

    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Ended(_))
    }

    pub(crate) fn leased(&self) -> Option<Leased> {
        match self.phase {
            Phase::Leased(leased) => Some(leased),
            _ => None,
        }
    }

    /// Whether this worker, in this session, has this attempt.
    #[cfg(any(test, feature = "harness"))]
    pub(crate) fn is_leased_to(&self, worker: WorkerId, session: u64, attempt: u16) -> bool {
        let by = |leased: Leased| leased.worker == worker && leased.session == session;
        self.leases == attempt && self.leased().is_some_and(by)
    }

    /// When the attempt has taken too long in one way or another.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let leased = self.leased()?;
        let hard = self.job.hard_limit.map(|limit| leased.since + limit);
        let stall = self.job.stall_timeout.map(|limit| leased.moved + limit);
        [hard, stall, leased.cancelled].into_iter().flatten().min()
    }
}
