//! What the server and its workers say to each other: two sockets, frames of text.
//!
//! | orders, PUSH (server, binds) to PULL (worker) | |
//! | --- | --- |
//! | `backup` job attempt source destination | copy the folder `source` into the new folder `destination` |
//! | `KILL` | exit |
//!
//! | reports, PUSH (worker) to PULL (server, binds) | |
//! | --- | --- |
//! | `ready` worker | this worker can be given orders |
//! | `started` worker job attempt | |
//! | `done` worker job attempt files bytes milliseconds digest | |
//! | `failed` worker job attempt text | |
//! | `bye` worker | this worker has read `KILL` and exits |
//! | `1` | a worker without a name: it is ready, or has finished one of its jobs |
//!
//! Numbers are decimal. A worker without a name may send `done` and `failed` with an empty name instead of
//! `1`.
//!
//! With a balancer between them there are no such messages. An order is the payload of a job, a [`Task`]; `done`
//! and `failed` are what its worker says of it in the end, a [`Report`]; both in JSON.
//!
//! Decoding trusts nobody: names and texts are cut to a sane length, numbers must be numbers, and what does
//! not fit is [`Malformed`]. Whether a report makes sense at this moment is not asked here but by the desk.

use std::{fmt, path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use zmtp::Message;
use zmtp_patterns::balancer::job::WorkerId;

/// What the server asks of whichever worker reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    Backup(Task),
    Kill,
}

/// What a worker tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    Ready { worker: String },
    Started { worker: String, job: usize, attempt: u32 },
    Done { worker: String, job: usize, attempt: u32, copied: Copied },
    Failed { worker: String, job: usize, attempt: u32, text: String },
    Bye { worker: String },
    One,
}

/// One folder to copy, and for the how-manieth time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) job: usize,
    pub(crate) attempt: u32,
    pub(crate) source: String,
    pub(crate) destination: String,
}

/// What a worker has copied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copied {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    /// BLAKE3 over the names and contents of the whole folder, in hexadecimal.
    pub(crate) digest: String,
}

impl Order {
    pub(crate) fn encode(&self) -> Message {
        match self {
            Self::Kill => Message::new(KILL),
            Self::Backup(task) => Message::new(BACKUP)
                .with(task.job.to_string())
                .with(task.attempt.to_string())
                .with(task.source.as_str())
                .with(task.destination.as_str()),
        }
    }

    pub(crate) fn decode(message: &Message) -> Result<Self, Malformed> {
        match Fields::of(message) {
            fields if fields.are(KILL, 1) => Ok(Self::Kill),
            fields if fields.are(BACKUP, 5) => Ok(Self::Backup(Task {
                job: fields.number(1, "job")?,
                attempt: fields.number(2, "attempt")?,
                source: fields.text(3, "source")?,
                destination: fields.text(4, "destination")?,
            })),
            fields => Err(fields.malformed("an order")),
        }
    }
}

impl Task {
    pub(crate) fn to_payload(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data")
    }

    /// The task of a payload, at its how-manieth lease: each is an attempt of its own, and has a place of its own.
    pub(crate) fn from_payload(payload: &[u8], lease: u16) -> Result<Self, Malformed> {
        let mut task: Self = serde_json::from_slice(payload).map_err(|error| Malformed(error.to_string()))?;
        task.attempt = task.attempt.saturating_add(u32::from(lease).saturating_sub(1));
        let destination = Path::new(&task.destination).with_extension(task.attempt.to_string());
        task.destination = destination.to_string_lossy().into_owned();
        Ok(task)
    }
}

impl Report {
    pub(crate) fn to_payload(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data")
    }

    /// Looked at as closely as a message.
    pub(crate) fn from_payload(payload: &[u8]) -> Result<Self, Malformed> {
        let report: Self = serde_json::from_slice(payload).map_err(|error| Malformed(error.to_string()))?;
        Self::decode(&report.encode())
    }

    pub(crate) fn encode(&self) -> Message {
        let start = |word: &'static str, worker: &str| Message::new(word).with(worker);
        match self {
            Self::One => Message::new(ONE),
            Self::Ready { worker } => start(READY, worker),
            Self::Bye { worker } => start(BYE, worker),
            Self::Started { worker, job, attempt } => {
                start(STARTED, worker).with(job.to_string()).with(attempt.to_string())
            }
            Self::Done { worker, job, attempt, copied } => start(DONE, worker)
                .with(job.to_string())
                .with(attempt.to_string())
                .with(copied.files.to_string())
                .with(copied.bytes.to_string())
                .with(copied.took.as_millis().to_string())
                .with(copied.digest.as_str()),
            Self::Failed { worker, job, attempt, text } => {
                start(FAILED, worker).with(job.to_string()).with(attempt.to_string()).with(text.as_str())
            }
        }
    }

    pub(crate) fn decode(message: &Message) -> Result<Self, Malformed> {
        match Fields::of(message) {
            fields if fields.are(ONE, 1) => Ok(Self::One),
            fields if fields.are(READY, 2) => Ok(Self::Ready { worker: fields.name(1)? }),
            fields if fields.are(BYE, 2) => Ok(Self::Bye { worker: fields.name(1)? }),
            fields if fields.are(STARTED, 4) => Ok(Self::Started {
                worker: fields.name(1)?,
                job: fields.number(2, "job")?,
                attempt: fields.number(3, "attempt")?,
            }),
            fields if fields.are(DONE, 8) => Ok(Self::Done {
                worker: fields.name_or_none(1)?,
                job: fields.number(2, "job")?,
                attempt: fields.number(3, "attempt")?,
                copied: Copied {
                    files: fields.number(4, "files")?,
                    bytes: fields.number(5, "bytes")?,
                    took: Duration::from_millis(fields.number(6, "milliseconds")?),
                    digest: fields.text(7, "digest")?,
                },
            }),
            fields if fields.are(FAILED, 5) => Ok(Self::Failed {
                worker: fields.name_or_none(1)?,
                job: fields.number(2, "job")?,
                attempt: fields.number(3, "attempt")?,
                text: fields.text(4, "text")?,
            }),
            fields => Err(fields.malformed("a report")),
        }
    }
}

/// A message that is neither an order nor a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Fields<'a>(&'a Message);

impl<'a> Fields<'a> {
    fn of(message: &'a Message) -> Self {
        Self(message)
    }

    fn are(&self, word: &str, count: usize) -> bool {
        self.0.first() == word.as_bytes() && self.0.frame_count() == count
    }

    fn text(&self, at: usize, what: &str) -> Result<String, Malformed> {
        let bytes = self.0.get(at).unwrap_or_default();
        if bytes.len() > LONGEST_TEXT {
            return Err(Malformed(format!(
                "{what} of {} bytes, at most {LONGEST_TEXT} expected",
                bytes.len()
            )));
        }
        String::from_utf8(bytes.to_vec()).map_err(|_| Malformed(format!("{what} that is not UTF-8")))
    }

    fn number<N: std::str::FromStr>(&self, at: usize, what: &str) -> Result<N, Malformed> {
        let text = self.text(at, what)?;
        text.parse().map_err(|_| Malformed(format!("{what} {text:?}, a number expected")))
    }

    fn name(&self, at: usize) -> Result<String, Malformed> {
        match self.name_or_none(at)? {
            name if name.is_empty() => Err(Malformed("an empty worker name".into())),
            name => Ok(name),
        }
    }

    fn name_or_none(&self, at: usize) -> Result<String, Malformed> {
        let name = self.text(at, "worker")?;
        match name_fault(&name) {
            Some(fault) => Err(Malformed(format!("worker {name:?} {fault}"))),
            None => Ok(name),
        }
    }

    fn malformed(&self, expected: &str) -> Malformed {
        let word = self.0.first();
        let word = String::from_utf8_lossy(&word[..word.len().min(20)]).into_owned();
        Malformed(format!("{word:?} with {} frames is not {expected}", self.0.frame_count()))
    }
}

/// What a worker of this name is called where names are short.
pub(crate) fn worker_id(name: &str) -> WorkerId {
    let mut id = [0; 16];
    id.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..16]);
    WorkerId(id)
}

/// What is wrong with a worker's name, if anything: names stand in tables and on terminals.
pub(crate) fn name_fault(name: &str) -> Option<&'static str> {
    if name.len() > LONGEST_NAME {
        Some("is longer than 60 bytes")
    } else if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        Some("has a space or control character in it")
    } else {
        None
    }
}

const BACKUP: &str = "backup";
const KILL: &str = "KILL";
const READY: &str = "ready";
const STARTED: &str = "started";
const DONE: &str = "done";
const FAILED: &str = "failed";
const BYE: &str = "bye";
const ONE: &str = "1";

const LONGEST_NAME: usize = 60;
/// Linux's PATH_MAX, and more than the tail of an error output that anybody reads.
pub(crate) const LONGEST_TEXT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(frames: &[&str]) -> Message {
        let (first, rest) = frames.split_first().unwrap();
        rest.iter().fold(Message::new(first.to_string()), |message, frame| message.with(frame.to_string()))
    }

    #[test]
    fn an_order_is_what_the_table_says() {
        let task = Task { job: 7, attempt: 2, source: "/home/a".into(), destination: "/mnt/7.2".into() };
        let order = Order::Backup(task);

        assert_eq!(order.encode(), message(&["backup", "7", "2", "/home/a", "/mnt/7.2"]));
        assert_eq!(Order::decode(&order.encode()), Ok(order));
        assert_eq!(Order::Kill.encode(), message(&["KILL"]));
        assert_eq!(Order::decode(&message(&["KILL"])), Ok(Order::Kill));
    }

    #[test]
    fn every_report_comes_back_as_it_was_sent() {
        let (worker, job, attempt) = ("w1".to_owned(), 3, 1);
        let copied =
            Copied { files: 4, bytes: 1 << 40, took: Duration::from_millis(1500), digest: "ab".into() };
        for report in [
            Report::Ready { worker: worker.clone() },
            Report::Started { worker: worker.clone(), job, attempt },
            Report::Done { worker: worker.clone(), job, attempt, copied: copied.clone() },
            Report::Done { worker: String::new(), job, attempt, copied },
            Report::Failed { worker: worker.clone(), job, attempt, text: "exit code 1: no such file".into() },
            Report::Bye { worker },
            Report::One,
        ] {
            assert_eq!(Report::decode(&report.encode()), Ok(report));
        }
    }

    #[test]
    fn every_lease_of_a_task_is_an_attempt_with_a_place_of_its_own() {
        let task = |attempt, destination: &str| Task {
            job: 7,
            attempt,
            source: "/home/a".into(),
            destination: destination.into(),
        };
        let payload = task(3, "/mnt/1.d/7.3").to_payload();
        assert_eq!(Task::from_payload(&payload, 1), Ok(task(3, "/mnt/1.d/7.3")));
        assert_eq!(Task::from_payload(&payload, 4), Ok(task(6, "/mnt/1.d/7.6")));
        assert!(Task::from_payload(b"{}", 1).is_err());
    }

    #[test]
    fn a_report_in_a_payload_is_looked_at_as_closely_as_a_message() {
        let failed = |worker: &str, text: &str| Report::Failed {
            worker: worker.into(),
            job: 3,
            attempt: 1,
            text: text.into(),
        };
        let report = failed("w1", "exit code 1");
        assert_eq!(Report::from_payload(&report.to_payload()), Ok(report));
        let long = "x".repeat(LONGEST_TEXT + 1);
        for wrong in [failed("a b", ""), failed("w", &long)] {
            assert!(Report::from_payload(&wrong.to_payload()).is_err(), "{wrong:?}");
        }
        assert!(Report::from_payload(b"its worker was lost").is_err());
    }

    #[test]
    fn the_articles_payload_is_a_report() {
        assert_eq!(Report::decode(&message(&["1"])), Ok(Report::One));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let long = "x".repeat(LONGEST_TEXT + 1);
        for (frames, fault) in [
            (&["hello"][..], r#""hello" with 1 frames is not a report"#),
            (&["ready"], r#""ready" with 1 frames is not a report"#),
            (&["ready", ""], "an empty worker name"),
            (&["ready", "a b"], r#"worker "a b" has a space or control character in it"#),
            (&["started", "w", "seven", "1"], r#"job "seven", a number expected"#),
            (&["started", "w", "-7", "1"], r#"job "-7", a number expected"#),
            (&["failed", "w", "7", "1", &long], "text of 4097 bytes, at most 4096 expected"),
            (&["done", "w", "7", "1", "1", "1", "1"], r#""done" with 7 frames is not a report"#),
        ] {
            assert_eq!(Report::decode(&message(frames)).unwrap_err().to_string(), fault);
        }
        assert!(Order::decode(&message(&["backup", "1", "1", "/a"])).is_err());
        assert!(Report::decode(&Message::new(&b"ready"[..]).with(&b"\xff"[..])).is_err());
    }
}
