//! Between brokers: on a link one delegates, and the other one does. For the other way there is another link.

use std::time::Duration;

use bytes::Bytes;

use super::{Body, Card, MAX_PATH, Report, Spoken, measured, micros, name, none, some};
use crate::wire::{Malformed, Reader, Writer};

/// What two brokers say to each other on a link that the first has dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkCommand {
    /// Second to first: say who you are. The first word on a connection.
    Hail,
    /// First to second.
    Hello {
        /// Who it is.
        card: Card,
    },
    /// Second to first: it may delegate.
    Welcome {
        /// Who this is.
        card: Card,
        /// What it takes.
        report: Report,
    },
    /// Second to first: it may not.
    Reject {
        /// Why.
        rejection: Rejection,
    },
    /// First to second: do this, if somebody is free.
    Task {
        /// Counts the tasks of this link, from 1.
        task: u64,
        /// What the broker calls it that had it from a client.
        request: u64,
        /// How often it may be delegated from here.
        hops: u8,
        /// Who has had it so far, first the one that had it from a client.
        path: Vec<String>,
        /// How long it is wanted.
        left: Duration,
        /// What.
        body: Body,
    },
    /// First to second: it is not wanted any more.
    Cancel {
        /// Which.
        task: u64,
    },
    /// Second to first: it is done.
    Reply {
        /// Which.
        task: u64,
        /// How long it was here.
        took: Duration,
        /// What it takes now.
        report: Report,
        /// What came of it.
        body: Body,
    },
    /// Second to first: somebody else is to do it.
    Refuse {
        /// Which.
        task: u64,
        /// Why.
        refusal: Refusal,
        /// What it takes now.
        report: Report,
    },
    /// Second to first: it leaves, and has said all that it had to say.
    Bye,
}

/// Why a broker may not delegate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// There is another broker of that name.
    Name {
        /// Where the other one takes tasks.
        cloud: String,
    },
    /// It has dialled itself.
    Itself,
}

/// Why a task is somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody is free.
    Full,
    /// The broker is leaving.
    Draining,
    /// It may not be delegated any further.
    Hops,
    /// Its time was over.
    Expired,
    /// It has been here before.
    Loop,
    /// It was given to workers and they were lost, or could not do it.
    Lost,
}

impl Refusal {
    const ALL: [Self; 6] = [Self::Full, Self::Draining, Self::Hops, Self::Expired, Self::Loop, Self::Lost];
}

impl Spoken for LinkCommand {
    fn number(&self) -> u8 {
        match self {
            Self::Hail => 32,
            Self::Hello { .. } => 33,
            Self::Welcome { .. } => 34,
            Self::Reject { .. } => 35,
            Self::Task { .. } => 36,
            Self::Cancel { .. } => 37,
            Self::Reply { .. } => 38,
            Self::Refuse { .. } => 39,
            Self::Bye => 40,
        }
    }

    fn write(&self, fields: Writer) -> Writer {
        match self {
            Self::Hail | Self::Bye => fields,
            Self::Hello { card } => card.write(fields),
            Self::Welcome { card, report } => report.write(card.write(fields)),
            Self::Reject { rejection: Rejection::Name { cloud } } => fields.u8(0).octets(cloud.as_bytes()),
            Self::Reject { rejection: Rejection::Itself } => fields.u8(1),
            Self::Task { task, request, hops, path, left, .. } => {
                let fields = fields.u64(*task).u64(*request).u8(*hops).duration(*left);
                fields.list(path, |fields, name| fields.octets(name.as_bytes()))
            }
            Self::Cancel { task } => fields.u64(*task),
            Self::Reply { task, took, report, .. } => report.write(fields.u64(*task)).u32(micros(*took)),
            Self::Refuse { task, refusal, report } => report.write(fields.u64(*task)).u8(*refusal as u8),
        }
    }

    fn read(command: u8, fields: &mut Reader<'_>, body: Body) -> Result<Self, Malformed> {
        if !matches!(command, 36 | 38) {
            none(&body)?;
        }
        Ok(match command {
            32 => Self::Hail,
            33 => Self::Hello { card: Card::read(fields)? },
            34 => Self::Welcome { card: Card::read(fields)?, report: Report::read(fields)? },
            35 => Self::Reject { rejection: Rejection::read(fields)? },
            36 => Self::Task {
                task: fields.u64("task")?,
                request: fields.u64("request")?,
                hops: fields.u8("hops")?,
                left: fields.duration("left")?,
                path: fields.list("path", MAX_PATH, name)?,
                body: some(body)?,
            },
            37 => Self::Cancel { task: fields.u64("task")? },
            38 => Self::Reply {
                task: fields.u64("task")?,
                report: Report::read(fields)?,
                took: measured(fields, "took")?,
                body: some(body)?,
            },
            39 => Self::Refuse {
                task: fields.u64("task")?,
                report: Report::read(fields)?,
                refusal: fields.one_of("refusal", &Refusal::ALL)?,
            },
            40 => Self::Bye,
            unknown => return Err(Malformed::Command(unknown)),
        })
    }

    fn body(&self) -> &[Bytes] {
        match self {
            Self::Task { body, .. } | Self::Reply { body, .. } => body,
            _ => &[],
        }
    }
}

impl Rejection {
    fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        match fields.u8("rejection")? {
            0 => Ok(Self::Name { cloud: fields.text("cloud", super::MAX_PLACE)? }),
            1 => Ok(Self::Itself),
            _ => Err(Malformed::Field("rejection")),
        }
    }
}
