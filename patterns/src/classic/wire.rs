//! What ventilator and workers say: two ways, one frame each.
//!
//! | orders | |
//! |---|---|
//! | `KILL` | exit |
//! | anything else | a job: its name, and after a tab or a line feed whatever else the worker is to know |
//!
//! | reports | |
//! |---|---|
//! | `1` | a worker is ready |
//! | `done` tab name | that job has ended well |
//! | `failed` tab name tab why | that job has ended, and not well |
//! | anything else | a job has ended, of which this says no more |
//!
//! The last line is for workers that know nothing of names: any word but `1` will do, one for each job. Such reports can
//! be counted, not attributed. Of a message with more frames only the first is read.

use bytes::Bytes;

/// An order that can be sent and told from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    order: Bytes,
    name: Bytes,
}

/// Why this is no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// It would stop a worker.
    #[error("KILL is the order to exit")]
    Kill,
    /// It begins with a tab or a line feed, or there is nothing in it.
    #[error("an order begins with the name of its job")]
    NoName,
    /// The name has more than [`LONGEST_NAME`] octets.
    #[error("a name of {0} octets, at most {LONGEST_NAME} are allowed")]
    LongName(usize),
}

impl Job {
    /// A job with this order. What stands in front of the first tab or line feed is its name: 1 to [`LONGEST_NAME`]
    /// octets, no other job's in the same run.
    ///
    /// # Errors
    /// [`JobError`] if it has no such name, or is `KILL`.
    pub fn new(order: impl Into<Bytes>) -> Result<Self, JobError> {
        let order = order.into();
        let end = order.iter().position(|octet| b"\t\n".contains(octet)).unwrap_or(order.len());
        match end {
            _ if order == KILL => Err(JobError::Kill),
            0 => Err(JobError::NoName),
            1..=LONGEST_NAME => Ok(Self { name: order.slice(..end), order }),
            _ => Err(JobError::LongName(end)),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &Bytes {
        &self.name
    }

    /// What a worker is sent.
    pub fn order(&self) -> &Bytes {
        &self.order
    }
}

/// What a worker tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// It can be given orders.
    Ready,
    /// The job of this name has ended well.
    Done(Bytes),
    /// The job of this name has ended, and not well, because of this.
    Failed(Bytes, String),
    /// Some job has ended.
    Nameless,
}

impl Report {
    /// The frame that says so. Reasons are cut at [`LONGEST_REASON`] octets.
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Ready => Bytes::from_static(READY),
            Self::Nameless => Bytes::from_static(b"done"),
            Self::Done(name) => [DONE, name].concat().into(),
            Self::Failed(name, why) => {
                let end = why.floor_char_boundary(LONGEST_REASON);
                [FAILED, name, b"\t", &why.as_bytes()[..end]].concat().into()
            }
        }
    }

    /// What this frame says. Everything says something.
    pub fn decode(frame: &[u8]) -> Self {
        if frame == READY {
            Self::Ready
        } else if let Some(name) = frame.strip_prefix(DONE) {
            Self::Done(Bytes::copy_from_slice(name))
        } else if let Some(rest) = frame.strip_prefix(FAILED) {
            let end = rest.iter().position(|octet| *octet == b'\t').unwrap_or(rest.len());
            let why = rest.get(end + 1..).unwrap_or_default();
            let why = String::from_utf8_lossy(&why[..why.len().min(LONGEST_REASON)]).into_owned();
            Self::Failed(Bytes::copy_from_slice(&rest[..end]), why)
        } else {
            Self::Nameless
        }
    }
}

/// The order to exit.
pub const KILL: &[u8] = b"KILL";
/// Octets in the name of a job, at most.
pub const LONGEST_NAME: usize = 255;
/// Octets of a reason that are told, at most.
pub const LONGEST_REASON: usize = 4096;

const READY: &[u8] = b"1";
const DONE: &[u8] = b"done\t";
const FAILED: &[u8] = b"failed\t";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_called_by_what_its_order_begins_with() {
        for (order, name) in [("A", "A"), ("A\trsync -a A:", "A"), ("home dirs\nline\ttab", "home dirs")] {
            let job = Job::new(order).unwrap();
            assert_eq!((&job.name()[..], &job.order()[..]), (name.as_bytes(), order.as_bytes()));
        }
        let long = "x".repeat(LONGEST_NAME);
        assert!(Job::new(long.clone()).is_ok());
        for (order, error) in [
            ("KILL".to_owned(), JobError::Kill),
            (String::new(), JobError::NoName),
            ("\tA".to_owned(), JobError::NoName),
            (long + "x", JobError::LongName(256)),
        ] {
            assert_eq!(Job::new(order), Err(error));
        }
    }

    #[test]
    fn reports_come_back_as_they_were_sent_and_ready_is_what_the_article_says() {
        for report in [
            Report::Ready,
            Report::Done("A".into()),
            Report::Failed("A".into(), "exit 1:\tno such file\n".into()),
            Report::Failed("A".into(), String::new()),
            Report::Nameless,
        ] {
            assert_eq!(Report::decode(&report.encode()), report);
        }
        assert_eq!(Report::Ready.encode(), "1");
    }

    #[test]
    fn what_says_nothing_of_a_name_is_a_report_nevertheless() {
        for frame in ["", "done", "done A", "finished", "2", "11", "\u{0}"] {
            assert_eq!(Report::decode(frame.as_bytes()), Report::Nameless, "{frame:?}");
        }
    }

    #[test]
    fn a_reason_is_cut_whoever_has_forgotten_to() {
        let why = "é".repeat(LONGEST_REASON);
        let cut = Report::Failed("A".into(), "é".repeat(LONGEST_REASON / 2));
        assert_eq!(Report::decode(&Report::Failed("A".into(), why.clone()).encode()), cut);
        assert_eq!(Report::decode(format!("failed\tA\t{why}").as_bytes()), cut);
        assert_eq!(Report::decode(b"failed\tA\t\xff"), Report::Failed("A".into(), "\u{fffd}".into()));
    }
}
