//! What a run keeps to and what comes of it, however its orders travel.

use std::{fmt, time::Duration};

use crate::protocol::Copied;

#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// How many workers the barrier wants, and how many it takes at the deadline.
    pub(crate) workers: usize,
    pub(crate) min: usize,
    pub(crate) ready_timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) job_timeout: Option<Duration>,
    pub(crate) grace: Duration,
}

impl Rules {
    /// When a job is missed: its worker stops it by itself at the job timeout; it has the time to tell.
    pub(crate) fn missed_after(&self) -> Option<Duration> {
        Some(self.job_timeout? + self.grace)
    }
}

/// What has become of a job.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum State {
    #[default]
    Open,
    /// A result is being put in place.
    Accepted,
    Done(Outcome),
    Failed(String),
}

impl State {
    pub(crate) fn is_settled(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Failed(_))
    }
}

/// The result that counts, and whose it is (nobody's, for a worker without a name).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) worker: String,
    pub(crate) attempt: u32,
    pub(crate) copied: Copied,
}

/// Why not everything was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Waited in vain for workers.
    TimedOut(String),
    Interrupted,
    NobodyLeft,
}

/// What there is when the last worker has gone.
#[derive(Debug)]
pub(crate) struct Results {
    /// Of every job.
    pub(crate) states: Vec<State>,
    /// Whoever was started or was ever ready.
    pub(crate) workers: Vec<String>,
    pub(crate) duplicates: u64,
    pub(crate) resent: u64,
    pub(crate) trouble: Option<Trouble>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(why) => f.write_str(why),
            Self::Interrupted => f.write_str("interrupted"),
            Self::NobodyLeft => f.write_str("no worker is left"),
        }
    }
}
