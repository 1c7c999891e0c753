//! What a broker publishes about itself, and of whom it has heard.

use std::time::Duration;

use bytes::Bytes;

use super::{Body, Card, MAX_PLACE, Spoken, measured, micros, name, none};
use crate::wire::{Malformed, Reader, Writer};

/// How a broker is. It is published when that changes, and now and then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Who this is.
    pub card: Card,
    /// Counts all that it has told of itself.
    pub number: u64,
    /// So many tasks of others would find a worker at once.
    pub free: u32,
    /// How many tasks its workers can have at a time.
    pub slots: u32,
    /// How many requests wait.
    pub queue: u32,
    /// How long a task takes here.
    pub service: Duration,
    /// It takes nothing more and is about to leave.
    pub is_leaving: bool,
    /// What it has received, by whom.
    pub seen: Vec<Receipt>,
    /// Some of those that it works with.
    pub known: Vec<Acquaintance>,
}

/// The last task that a broker has received from another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// From whom.
    pub name: String,
    /// In which of its lives.
    pub session: u64,
    /// The number of the task.
    pub task: u64,
}

/// A broker, and where it takes tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquaintance {
    /// Its name.
    pub name: String,
    /// Where.
    pub cloud: String,
}

impl Spoken for State {
    fn number(&self) -> u8 {
        48
    }

    fn write(&self, fields: Writer) -> Writer {
        let fields = self.card.write(fields).u64(self.number).u32(self.free).u32(self.slots).u32(self.queue);
        let fields = fields.u32(micros(self.service)).u8(u8::from(self.is_leaving));
        let fields = fields.list(&self.seen, |fields, seen| {
            fields.octets(seen.name.as_bytes()).u64(seen.session).u64(seen.task)
        });
        fields.list(&self.known, |fields, it| fields.octets(it.name.as_bytes()).octets(it.cloud.as_bytes()))
    }

    fn read(command: u8, fields: &mut Reader<'_>, body: Body) -> Result<Self, Malformed> {
        none(&body)?;
        if command != 48 {
            return Err(Malformed::Command(command));
        }
        Ok(Self {
            card: Card::read(fields)?,
            number: fields.u64("number")?,
            free: fields.u32("free")?,
            slots: fields.u32("slots")?,
            queue: fields.u32("queue")?,
            service: measured(fields, "service")?,
            is_leaving: fields.u8("is leaving")? != 0,
            seen: fields.list("seen", MAX_SEEN, |fields| {
                Ok(Receipt {
                    name: name(fields)?,
                    session: fields.u64("session")?,
                    task: fields.u64("task")?,
                })
            })?,
            known: fields.list("known", MAX_KNOWN, |fields| {
                Ok(Acquaintance { name: name(fields)?, cloud: fields.text("cloud", MAX_PLACE)? })
            })?,
        })
    }
}

impl State {
    /// What everybody subscribes to: the first octets of every one.
    pub fn topic() -> Bytes {
        Bytes::copy_from_slice(&(crate::wire::Protocol::Peering as u16).to_be_bytes())
    }
}

/// The most that it has receipts for: more have no room in a message.
pub(crate) const MAX_SEEN: usize = 500;
/// The most that it names.
pub(crate) const MAX_KNOWN: usize = 8;
