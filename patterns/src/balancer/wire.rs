//! ZBP/1: what brokers, workers and clients say to each other.
//!
//! ```text
//! frame 0   header, protocol AA B1, and the fields of the command, in the order in which they stand below
//! frame 1   the payload, if the command has one
//! ```
//!
//! Durations are milliseconds in 32 bits; 0 stands for none where there may be none.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::job::{Ending, Job, Outcome, Report, Status, TaskId, WorkerId};
use crate::wire::{Header, MAX_FIELDS, Malformed, Protocol, Reader, Writer};

/// One attempt at a task, as both sides name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    /// Which task.
    pub task: TaskId,
    /// Which attempt, counted from 1.
    pub attempt: u16,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Broker to whoever it does not know: say who you are, and what you have in hand. The first word on a connection,
    /// so that the broker's messages are counted from here.
    Hail,
    /// Both ways, when there was nothing else to say.
    Beat,
    /// Worker to broker.
    Hello(Hello),
    /// Worker to broker: it takes so many tasks more.
    Ready {
        /// How many.
        credit: u16,
    },
    /// Worker to broker: an attempt goes on.
    Progress {
        /// Which.
        lease: Lease,
        /// How far it is, in thousandths.
        permille: u16,
        /// What it is doing.
        note: String,
    },
    /// Worker to broker: an attempt is over. Said again until the broker has heard it.
    Done {
        /// Which.
        lease: Lease,
        /// How it went.
        report: Report,
        /// The worker takes so many tasks more.
        credit: u16,
    },
    /// Worker to broker: an attempt was not begun and goes to somebody else. It costs nothing.
    Return {
        /// Which.
        lease: Lease,
    },
    /// Worker to broker: it takes no more tasks and is about to go.
    Bye,
    /// Broker to worker: it is one of the crew.
    Welcome {
        /// The number of the HELLO that this answers. Only an answer to the last one counts.
        hello: u64,
        /// How often both sides speak at least.
        beat: Duration,
        /// What it has in hand and goes on with. It drops everything else.
        keep: Vec<Lease>,
    },
    /// Broker to worker: another worker has that name.
    Reject,
    /// Broker to worker: an attempt at this job.
    Task {
        /// Which.
        lease: Lease,
        /// What.
        job: Arc<Job>,
    },
    /// Broker to worker: it was heard that this attempt is over.
    Heard {
        /// Which.
        lease: Lease,
        /// Whether that counts.
        verdict: Verdict,
    },
    /// Broker to worker: this attempt is to end.
    Cancel {
        /// Which.
        lease: Lease,
        /// How long it may take to end.
        grace: Duration,
    },
    /// Broker to worker: no more tasks. It goes when it has none.
    Drain {
        /// Whether it is to give back or end what it has.
        now: bool,
        /// How long that may take.
        grace: Duration,
    },
    /// Client to broker that has hailed it: here is a client. What it says is counted from here.
    Greet,
    /// Client to broker.
    Submit {
        /// What.
        job: Arc<Job>,
    },
    /// Broker to client: the job is in the queue, or was.
    Accepted {
        /// Its key.
        key: Bytes,
        /// What it is called now.
        task: TaskId,
    },
    /// Broker to client: the queue is full.
    Busy {
        /// Whose job is meant.
        key: Bytes,
        /// When to ask again at the earliest.
        retry_after: Duration,
    },
    /// Broker to client: this job cannot be done here.
    Refused {
        /// Whose job is meant.
        key: Bytes,
        /// Why.
        refusal: Refusal,
    },
    /// Broker to client: how a job ended. Said again whenever the client submits it again.
    Result {
        /// Its key.
        key: Bytes,
        /// How.
        outcome: Outcome,
    },
    /// Client to broker: it has the result.
    Claimed {
        /// Of this job.
        key: Bytes,
    },
    /// Client to broker: this job is not wanted any more.
    Withdraw {
        /// Its key.
        key: Bytes,
    },
}

/// How a worker introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Its name.
    pub worker: WorkerId,
    /// Where it is.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// How many tasks it can have at a time.
    pub slots: u16,
    /// How many it takes in its life; 0 is any number.
    pub max_tasks: u32,
    /// How often it would speak at least.
    pub beat: Duration,
    /// What it is good for.
    pub tags: Vec<String>,
    /// What it has begun, or ended without being heard.
    pub in_hand: Vec<Lease>,
}

/// What the end of an attempt counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the task's result, or one of its failures.
    Accepted,
    /// It was heard before.
    Duplicate,
    /// The attempt was somebody else's affair by then.
    Stale,
}

/// Why a job cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A key has 1 to 255 octets, so has an ordering key.
    #[error("a key has 1 to 255 octets")]
    Key,
    /// One of the jobs that it is to come after is not known here.
    #[error("it is to come after a job that was not submitted here, or was forgotten since")]
    After,
    /// The broker takes no more jobs.
    #[error("the broker is draining and takes no more jobs")]
    Draining,
    /// It has more tags, or jobs to come after, than there is room for, or a tag is too long.
    #[error("a job comes after 64 others at most, and has 64 tags at most, each of 255 octets at most")]
    TooMany,
}

impl Command {
    /// The frames of a message, after the routing id if there is one.
    pub fn encode(&self, session: u64, number: u64) -> (Vec<u8>, Option<Bytes>) {
        let command = self.number();
        let header = Header { command, session, number }.encode(Protocol::Balancer);
        (self.write(Writer::after(&header)).end(), self.payload().cloned())
    }

    /// # Errors
    /// What is wrong with it.
    pub fn decode<F: AsRef<[u8]> + Into<Bytes>>(
        frames: impl IntoIterator<Item = F>,
    ) -> Result<(Header, Self), Malformed> {
        let mut frames = frames.into_iter();
        let first = frames.next().ok_or(Malformed::Magic)?;
        let (header, fields) = Header::decode(Protocol::Balancer, first.as_ref())?;
        let payload = frames.next().map(Into::into);
        if frames.next().is_some() {
            return Err(Malformed::Frames);
        }
        if fields.len() > MAX_FIELDS {
            return Err(Malformed::Field("fields"));
        }
        let command = Self::read(header.command, &mut Reader::new(fields), payload)?;
        Ok((header, command))
    }

    fn number(&self) -> u8 {
        match self {
            Self::Hail => 0,
            Self::Beat => 1,
            Self::Hello(_) => 2,
            Self::Ready { .. } => 3,
            Self::Progress { .. } => 4,
            Self::Done { .. } => 5,
            Self::Return { .. } => 6,
            Self::Bye => 7,
            Self::Welcome { .. } => 8,
            Self::Reject => 9,
            Self::Task { .. } => 10,
            Self::Heard { .. } => 11,
            Self::Cancel { .. } => 12,
            Self::Drain { .. } => 13,
            Self::Submit { .. } => 14,
            Self::Accepted { .. } => 15,
            Self::Busy { .. } => 16,
            Self::Refused { .. } => 17,
            Self::Result { .. } => 18,
            Self::Claimed { .. } => 19,
            Self::Withdraw { .. } => 20,
            Self::Greet => 21,
        }
    }

    fn payload(&self) -> Option<&Bytes> {
        match self {
            Self::Done { report, .. } => Some(&report.payload),
            Self::Task { job, .. } | Self::Submit { job } => Some(&job.payload),
            Self::Result { outcome, .. } => Some(&outcome.payload),
            _ => None,
        }
    }

    fn write(&self, fields: Writer) -> Writer {
        match self {
            Self::Hail | Self::Beat | Self::Bye | Self::Reject | Self::Greet => fields,
            Self::Hello(hello) => hello.write(fields),
            Self::Ready { credit } => fields.u16(*credit),
            Self::Progress { lease, permille, note } => {
                lease.write(fields).u16(*permille).octets(note.as_bytes())
            }
            Self::Done { lease, report, credit } => {
                let fields = lease.write(fields).u8(report.status as u8).u32(report.code as u32);
                fields.duration(report.took).u16(*credit)
            }
            Self::Return { lease } => lease.write(fields),
            Self::Welcome { hello, beat, keep } => {
                let fields = fields.u64(*hello).duration(*beat);
                fields.list(keep, |fields, lease| lease.write(fields))
            }
            Self::Task { lease, job } => job.write(lease.write(fields)),
            Self::Heard { lease, verdict } => lease.write(fields).u8(*verdict as u8),
            Self::Cancel { lease, grace } => lease.write(fields).duration(*grace),
            Self::Drain { now, grace } => fields.u8(u8::from(*now)).duration(*grace),
            Self::Submit { job } => job.write(fields),
            Self::Accepted { key, task } => fields.octets(key).u64(task.0),
            Self::Busy { key, retry_after } => fields.octets(key).duration(*retry_after),
            Self::Refused { key, refusal } => fields.octets(key).u8(*refusal as u8),
            Self::Result { key, outcome } => outcome.write(fields.octets(key)),
            Self::Claimed { key } | Self::Withdraw { key } => fields.octets(key),
        }
    }

    fn read(command: u8, fields: &mut Reader<'_>, payload: Option<Bytes>) -> Result<Self, Malformed> {
        let has_payload = matches!(command, 5 | 10 | 14 | 18);
        if has_payload != payload.is_some() {
            return Err(Malformed::Frames);
        }
        let payload = payload.unwrap_or_default();
        Ok(match command {
            0 => Self::Hail,
            1 => Self::Beat,
            2 => Self::Hello(Hello::read(fields)?),
            3 => Self::Ready { credit: fields.u16("credit")? },
            4 => Self::Progress {
                lease: Lease::read(fields)?,
                permille: fields.u16("permille")?.min(1000),
                note: fields.text("note", MAX_NOTE)?,
            },
            5 => Self::Done {
                lease: Lease::read(fields)?,
                report: Report {
                    status: fields.one_of("status", &Status::ALL)?,
                    code: fields.u32("code")? as i32,
                    took: fields.duration("took")?,
                    payload,
                },
                credit: fields.u16("credit")?,
            },
            6 => Self::Return { lease: Lease::read(fields)? },
            7 => Self::Bye,
            8 => Self::Welcome {
                hello: fields.u64("hello")?,
                beat: fields.duration("beat")?,
                keep: fields.list("keep", MAX_IN_HAND, Lease::read)?,
            },
            9 => Self::Reject,
            10 => Self::Task { lease: Lease::read(fields)?, job: Arc::new(Job::read(fields, payload)?) },
            11 => {
                Self::Heard { lease: Lease::read(fields)?, verdict: fields.one_of("verdict", &Verdict::ALL)? }
            }
            12 => Self::Cancel { lease: Lease::read(fields)?, grace: fields.duration("grace")? },
            13 => Self::Drain { now: fields.u8("now")? != 0, grace: fields.duration("grace")? },
            14 => Self::Submit { job: Arc::new(Job::read(fields, payload)?) },
            15 => Self::Accepted { key: key(fields, "key")?, task: TaskId(fields.u64("task")?) },
            16 => Self::Busy { key: key(fields, "key")?, retry_after: fields.duration("retry after")? },
            17 => {
                Self::Refused { key: key(fields, "key")?, refusal: fields.one_of("refusal", &Refusal::ALL)? }
            }
            18 => Self::Result { key: key(fields, "key")?, outcome: Outcome::read(fields, payload)? },
            19 => Self::Claimed { key: key(fields, "key")? },
            20 => Self::Withdraw { key: key(fields, "key")? },
            21 => Self::Greet,
            unknown => return Err(Malformed::Command(unknown)),
        })
    }
}

impl Lease {
    pub(crate) fn write(&self, fields: Writer) -> Writer {
        fields.u64(self.task.0).u16(self.attempt)
    }

    pub(crate) fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { task: TaskId(fields.u64("task")?), attempt: fields.u16("attempt")? })
    }
}

impl Hello {
    pub(crate) fn write(&self, fields: Writer) -> Writer {
        self.worker
            .write(fields)
            .octets(self.host.as_bytes())
            .u32(self.pid)
            .u16(self.slots)
            .u32(self.max_tasks)
            .duration(self.beat)
            .list(&self.tags, |fields, tag| fields.octets(tag.as_bytes()))
            .list(&self.in_hand, |fields, lease| lease.write(fields))
    }

    pub(crate) fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            worker: WorkerId::read(fields)?,
            host: fields.text("host", 255)?,
            pid: fields.u32("pid")?,
            slots: fields.u16("slots")?,
            max_tasks: fields.u32("max tasks")?,
            beat: fields.duration("beat")?,
            tags: fields.list("tags", MAX_TAGS, |fields| fields.text("tag", 255))?,
            in_hand: fields.list("in hand", MAX_IN_HAND, Lease::read)?,
        })
    }
}

impl WorkerId {
    pub(crate) fn write(&self, fields: Writer) -> Writer {
        let number = u128::from_be_bytes(self.0);
        fields.u64((number >> 64) as u64).u64(number as u64)
    }

    pub(crate) fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (high, low) = (fields.u64("worker")?, fields.u64("worker")?);
        Ok(Self((u128::from(high) << 64 | u128::from(low)).to_be_bytes()))
    }
}

/// Without its payload, which is a frame of its own.
impl Outcome {
    pub(crate) fn write(&self, fields: Writer) -> Writer {
        fields.u8(self.ending as u8).u16(self.attempts).u32(self.code as u32)
    }

    pub(crate) fn read(fields: &mut Reader<'_>, payload: Bytes) -> Result<Self, Malformed> {
        let ending = fields.one_of("ending", &Ending::ALL)?;
        Ok(Self { ending, attempts: fields.u16("attempts")?, code: fields.u32("code")? as i32, payload })
    }
}

impl Job {
    /// Whether there is room for it in a command. One for which there is none would be no command to whoever reads it.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let is_key = |key: &Bytes| (1..=255).contains(&key.len());
        if ![&self.key].into_iter().chain(&self.order).chain(&self.after).all(is_key) {
            return Err(Refusal::Key);
        }
        let is_tag = |tag: &String| tag.len() <= 255;
        if self.after.len() > MAX_AFTER || self.tags.len() > MAX_TAGS || !self.tags.iter().all(is_tag) {
            return Err(Refusal::TooMany);
        }
        Ok(())
    }

    pub(crate) fn write(&self, fields: Writer) -> Writer {
        fields
            .octets(&self.key)
            .u8(self.priority)
            .octets(self.order.as_deref().unwrap_or_default())
            .list(&self.after, |fields, key| fields.octets(key))
            .list(&self.tags, |fields, tag| fields.octets(tag.as_bytes()))
            .duration(self.hard_limit.unwrap_or_default())
            .duration(self.stall_timeout.unwrap_or_default())
            .u16(self.max_attempts.unwrap_or_default())
    }

    pub(crate) fn read(fields: &mut Reader<'_>, payload: Bytes) -> Result<Self, Malformed> {
        let some = |limit: Duration| (!limit.is_zero()).then_some(limit);
        Ok(Self {
            key: key(fields, "key")?,
            priority: fields.u8("priority")?,
            order: Some(key(fields, "order")?).filter(|order| !order.is_empty()),
            after: fields.list("after", MAX_AFTER, |fields| key(fields, "after"))?,
            tags: fields.list("tags", MAX_TAGS, |fields| fields.text("tag", 255))?,
            hard_limit: some(fields.duration("hard limit")?),
            stall_timeout: some(fields.duration("stall timeout")?),
            max_attempts: Some(fields.u16("max attempts")?).filter(|most| *most > 0),
            payload,
        })
    }
}

impl Status {
    const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Hopeless, Self::Cancelled];
}

impl Ending {
    const ALL: [Self; 4] = [Self::Done, Self::Dead, Self::Skipped, Self::Cancelled];
}

impl Verdict {
    const ALL: [Self; 3] = [Self::Accepted, Self::Duplicate, Self::Stale];
}

impl Refusal {
    const ALL: [Self; 4] = [Self::Key, Self::After, Self::Draining, Self::TooMany];
}

/// Keys, tags and leases of one command, and octets of a note. Together they fit into its fields.
const MAX_AFTER: usize = 64;
const MAX_TAGS: usize = 64;
const MAX_IN_HAND: usize = 4096;
pub(crate) const MAX_NOTE: usize = 1024;

fn key(fields: &mut Reader<'_>, name: &'static str) -> Result<Bytes, Malformed> {
    let key = fields.octets(name)?;
    if key.len() > 255 { Err(Malformed::Field(name)) } else { Ok(Bytes::copy_from_slice(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Command> {
        let lease = Lease { task: TaskId(77), attempt: 3 };
        let (beat, grace) = (Duration::from_millis(1000), Duration::from_millis(30_000));
        let key = Bytes::from_static(b"nightly/home");
        let job = Job {
            priority: 9,
            order: Some("disk".into()),
            after: vec!["one".into(), "two".into()],
            tags: vec!["ssd".into()],
            hard_limit: Some(Duration::from_secs(3600)),
            stall_timeout: Some(Duration::from_millis(1)),
            max_attempts: Some(5),
            ..Job::new(key.clone(), "rsync")
        };
        let job = Arc::new(job);
        let hello = Hello {
            worker: WorkerId([7; 16]),
            host: "alpha".into(),
            pid: 4711,
            slots: 8,
            max_tasks: 1,
            beat,
            tags: vec!["ssd".into(), "x86".into()],
            in_hand: vec![lease],
        };
        let report = Report { status: Status::Failed, code: -9, took: grace, payload: "no space".into() };
        let outcome = Outcome { ending: Ending::Dead, attempts: 3, code: 1, payload: "no space".into() };
        vec![
            Command::Hail,
            Command::Beat,
            Command::Hello(hello),
            Command::Ready { credit: 8 },
            Command::Progress { lease, permille: 500, note: "half".into() },
            Command::Done { lease, report, credit: 1 },
            Command::Return { lease },
            Command::Bye,
            Command::Welcome { hello: 3, beat, keep: vec![lease] },
            Command::Reject,
            Command::Task { lease, job: job.clone() },
            Command::Heard { lease, verdict: Verdict::Stale },
            Command::Cancel { lease, grace },
            Command::Drain { now: true, grace },
            Command::Greet,
            Command::Submit { job: Arc::new(Job::new("k", "")) },
            Command::Submit { job },
            Command::Accepted { key: key.clone(), task: TaskId(77) },
            Command::Busy { key: key.clone(), retry_after: beat },
            Command::Refused { key: key.clone(), refusal: Refusal::After },
            Command::Result { key: key.clone(), outcome },
            Command::Claimed { key: key.clone() },
            Command::Withdraw { key },
        ]
    }

    /// As frames on the wire.
    fn frames(command: &Command) -> Vec<Bytes> {
        let (head, payload) = command.encode(5, 6);
        std::iter::once(Bytes::from(head)).chain(payload).collect()
    }

    #[test]
    fn every_command_is_read_as_it_was_written() {
        for command in all() {
            let (header, read) = Command::decode(frames(&command)).unwrap();
            assert_eq!(read, command);
            assert_eq!((header.session, header.number), (5, 6));
        }
    }

    #[test]
    fn a_command_that_is_cut_off_or_has_a_frame_too_few_or_many_is_refused() {
        for command in all() {
            let frames = frames(&command);
            for len in Header::LEN..frames[0].len() {
                let mut cut = frames.clone();
                cut[0] = frames[0].slice(..len);
                assert!(matches!(Command::decode(cut), Err(Malformed::Field(_))), "{command:?} {len}");
            }
            let more = [&frames[..], &[Bytes::new()]].concat();
            assert_eq!(Command::decode(more), Err(Malformed::Frames));
            let fewer = frames[..frames.len() - 1].to_vec();
            let missing = if fewer.is_empty() { Malformed::Magic } else { Malformed::Frames };
            assert_eq!(Command::decode(fewer), Err(missing));
        }
    }

    #[test]
    fn values_that_nobody_has_are_refused_by_name() {
        let lease = Lease { task: TaskId(1), attempt: 1 };
        let (mut head, _) = Command::Heard { lease, verdict: Verdict::Stale }.encode(0, 0);
        *head.last_mut().unwrap() = 3;
        assert_eq!(Command::decode([Bytes::from(head)]), Err(Malformed::Field("verdict")));

        let (mut head, _) = Command::Beat.encode(0, 0);
        head[4] = 99;
        assert_eq!(Command::decode([Bytes::from(head)]), Err(Malformed::Command(99)));

        let long = Command::Submit { job: Arc::new(Job::new(vec![b'k'; 256], "")) };
        assert_eq!(Command::decode(frames(&long)), Err(Malformed::Field("key")));
    }
}
