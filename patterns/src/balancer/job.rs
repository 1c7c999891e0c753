//! What is to be done, and how it went.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;

/// Names a task at its broker. No other task of this broker, or of one before it at the same place, has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// Names a worker: the same when its process was started again, if whoever starts it says so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub [u8; 16]);

/// What a client wants done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    /// Names the job among all of this broker: what is submitted twice is done once. At most 255 octets, at least one.
    pub key: Bytes,
    /// Higher goes first.
    pub priority: u8,
    /// Jobs with the same one are done one after the other, in the order in which they were submitted. At most 255
    /// octets.
    pub order: Option<Bytes>,
    /// Keys of the jobs that must have ended well before. They must be known when this one is submitted.
    pub after: Vec<Bytes>,
    /// Only workers that have all of these get it.
    pub tags: Vec<String>,
    /// How long an attempt may take.
    pub hard_limit: Option<Duration>,
    /// How long an attempt may show no progress.
    pub stall_timeout: Option<Duration>,
    /// How often it is tried, if not as often as the broker says.
    pub max_attempts: Option<u16>,
    /// What the worker is to know.
    pub payload: Bytes,
}

impl Job {
    /// A job with this key, and all else as it is by default.
    pub fn new(key: impl Into<Bytes>, payload: impl Into<Bytes>) -> Self {
        Self { key: key.into(), payload: payload.into(), ..Self::default() }
    }

    /// Octets that it holds, and some for the room that a task takes.
    pub(crate) fn weight(&self) -> usize {
        let after: usize = self.after.iter().map(Bytes::len).sum();
        self.payload.len() + self.key.len() + self.order.as_ref().map_or(0, Bytes::len) + after + 256
    }
}

/// How a worker says that an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Well.
    Done,
    /// Not well, and it may go better another time.
    Failed,
    /// Not well, and it never will.
    Hopeless,
    /// It was cancelled.
    Cancelled,
}

/// What a worker says when an attempt is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How it went.
    pub status: Status,
    /// A process's exit code, or whatever the worker's program uses it for.
    pub code: i32,
    /// How long it took.
    pub took: Duration,
    /// The result, or what is to be known of the failure.
    pub payload: Bytes,
}

/// How a task ended for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Well.
    Done,
    /// It was tried as often as it may be, or a worker said that trying is useless.
    Dead,
    /// A job that it was to come after did not end well.
    Skipped,
    /// Somebody cancelled it.
    Cancelled,
}

/// What a client is told in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// How often it was tried.
    pub attempts: u16,
    /// What the last worker said, if one did.
    pub code: i32,
    /// The result, or what is to be known of the failure.
    pub payload: Bytes,
}

/// Why an attempt was not the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The worker said that it failed.
    Failed {
        /// The exit code.
        code: i32,
    },
    /// The worker went away, or was silent for too long.
    WorkerLost,
    /// It took longer than it may.
    HardLimit,
    /// It showed no progress for longer than it may.
    Stalled,
}

/// One attempt that did not go well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Whose it was.
    pub worker: WorkerId,
    /// What went wrong.
    pub setback: Setback,
}

impl fmt::Display for Setback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { code } => write!(f, "it failed with {code}"),
            Self::WorkerLost => f.write_str("its worker was lost"),
            Self::HardLimit => f.write_str("it took longer than its hard limit"),
            Self::Stalled => f.write_str("it showed no progress for as long as its stall timeout"),
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Of what it is displayed as: 16 hexadecimal digits.
impl FromStr for TaskId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkerId({self})")
    }
}
