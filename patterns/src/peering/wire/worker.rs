//! Between a broker and its workers.

use bytes::Bytes;

use super::{Body, Spoken, none, some};
use crate::wire::{Malformed, Reader, Writer};

/// What workers and brokers say to each other. A plain REQ socket says READY, and then its replies, without any of this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerCommand {
    /// Broker to worker: say who you are. The first word on a connection, and whenever the broker has lost count.
    Hail,
    /// Worker to broker: it has nothing in hand, and takes so many tasks at a time.
    Hello {
        /// How many.
        slots: u16,
    },
    /// Both ways, now and then.
    Beat,
    /// Broker to worker: do this.
    Task {
        /// What to call it.
        task: u64,
        /// What.
        body: Body,
    },
    /// Worker to broker: it is done.
    Done {
        /// Which.
        task: u64,
        /// What came of it.
        body: Body,
    },
    /// Worker to broker: it cannot do it, perhaps another one can.
    Failed {
        /// Which.
        task: u64,
    },
    /// Worker to broker: it takes no more tasks.
    Bye,
}

impl Spoken for WorkerCommand {
    fn number(&self) -> u8 {
        match self {
            Self::Hail => 16,
            Self::Hello { .. } => 17,
            Self::Beat => 18,
            Self::Task { .. } => 19,
            Self::Done { .. } => 20,
            Self::Failed { .. } => 21,
            Self::Bye => 22,
        }
    }

    fn write(&self, fields: Writer) -> Writer {
        match self {
            Self::Hail | Self::Beat | Self::Bye => fields,
            Self::Hello { slots } => fields.u16(*slots),
            Self::Task { task, .. } | Self::Done { task, .. } | Self::Failed { task } => fields.u64(*task),
        }
    }

    fn read(command: u8, fields: &mut Reader<'_>, body: Body) -> Result<Self, Malformed> {
        if !matches!(command, 19 | 20) {
            none(&body)?;
        }
        Ok(match command {
            16 => Self::Hail,
            17 => Self::Hello { slots: fields.u16("slots")? },
            18 => Self::Beat,
            19 => Self::Task { task: fields.u64("task")?, body: some(body)? },
            20 => Self::Done { task: fields.u64("task")?, body: some(body)? },
            21 => Self::Failed { task: fields.u64("task")? },
            22 => Self::Bye,
            unknown => return Err(Malformed::Command(unknown)),
        })
    }

    fn body(&self) -> &[Bytes] {
        match self {
            Self::Task { body, .. } | Self::Done { body, .. } => body,
            _ => &[],
        }
    }
}
