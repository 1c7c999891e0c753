//! ZPP/1: what brokers say to each other, to their clients and to their workers.
//!
//! ```text
//! frame 0    header, protocol AA B2, and the fields of the command, in the order in which they stand in its description
//! frame 1..  the body, if the command has one: any number of frames that nobody looks into
//! ```
//!
//! Each face of a broker has a language of its own: [`ClientCommand`], [`WorkerCommand`], [`LinkCommand`], and [`State`],
//! which is published. Durations are microseconds in 32 bits where they are measured, else milliseconds.

mod client;
mod link;
mod state;
mod status;
mod worker;

use std::time::Duration;

use bytes::Bytes;
pub use client::{ClientCommand, Failure};
pub use link::{LinkCommand, Refusal, Rejection};
pub use state::{Acquaintance, Receipt, State};
pub(crate) use state::{MAX_KNOWN, MAX_SEEN};
pub use status::{Counters, LinkStatus, PeerStatus, Status};
pub use worker::WorkerCommand;

use crate::wire::{Header, MAX_FIELDS, Malformed, Protocol, Reader, Writer};

/// What is asked, and what is answered: frames that nobody looks into.
pub type Body = Vec<Bytes>;

/// How much more a broker takes of another one's work, as it is told with everything that it says to that one. A later one
/// replaces an earlier one, whatever way they have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Counts all that the broker has ever told of itself.
    pub number: u64,
    /// So many tasks would find a worker at once.
    pub free: u32,
    /// The last task of the one who is told that was there when they were counted.
    pub seen: u64,
}

/// Where a broker is: what others need to know to work with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Card {
    /// Its name, which no other one in the cloud has: 1 to 64 octets.
    pub name: String,
    /// Where it takes tasks of others.
    pub cloud: String,
    /// Where it publishes its state.
    pub state: String,
}

/// One of the languages.
pub trait Spoken: Sized {
    /// What the header calls it.
    fn number(&self) -> u8;
    /// Its fields.
    fn write(&self, fields: Writer) -> Writer;
    /// The same, the other way.
    ///
    /// # Errors
    /// What is wrong with it.
    fn read(command: u8, fields: &mut Reader<'_>, body: Body) -> Result<Self, Malformed>;
    /// The frames after the first.
    fn body(&self) -> &[Bytes] {
        &[]
    }

    /// The frames of a message, after the routing id if there is one.
    fn encode(&self, session: u64, number: u64) -> Vec<Bytes> {
        let header = Header { command: self.number(), session, number }.encode(Protocol::Peering);
        let head = self.write(Writer::after(&header)).end();
        let mut frames = Vec::with_capacity(1 + self.body().len());
        frames.push(Bytes::from(head));
        frames.extend_from_slice(self.body());
        frames
    }

    /// What was said.
    ///
    /// # Errors
    /// What is wrong with it.
    fn decode(frames: Vec<Bytes>) -> Result<(Header, Self), Malformed> {
        let mut body = frames;
        if body.is_empty() {
            return Err(Malformed::Magic);
        }
        let first = body.remove(0);
        let (header, fields) = Header::decode(Protocol::Peering, &first)?;
        if fields.len() > MAX_FIELDS {
            return Err(Malformed::Field("fields"));
        }
        Ok((header, Self::read(header.command, &mut Reader::new(fields), body)?))
    }
}

/// Whether this is said in one of the languages, and not in an older one.
pub fn is_spoken(frames: &[Bytes]) -> bool {
    frames.first().is_some_and(|first| first.starts_with(&(Protocol::Peering as u16).to_be_bytes()))
}

impl Report {
    fn write(self, fields: Writer) -> Writer {
        fields.u64(self.number).u32(self.free).u64(self.seen)
    }

    fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { number: fields.u64("number")?, free: fields.u32("free")?, seen: fields.u64("seen")? })
    }
}

impl Card {
    fn write(&self, fields: Writer) -> Writer {
        fields.octets(self.name.as_bytes()).octets(self.cloud.as_bytes()).octets(self.state.as_bytes())
    }

    fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            name: name(fields)?,
            cloud: fields.text("cloud", MAX_PLACE)?,
            state: fields.text("state", MAX_PLACE)?,
        })
    }
}

/// A broker's name.
fn name(fields: &mut Reader<'_>) -> Result<String, Malformed> {
    let name = fields.text("name", MAX_NAME)?;
    if name.is_empty() { Err(Malformed::Field("name")) } else { Ok(name) }
}

/// A command without a body.
fn none(body: &Body) -> Result<(), Malformed> {
    if body.is_empty() { Ok(()) } else { Err(Malformed::Frames) }
}

/// A command with one.
fn some(body: Body) -> Result<Body, Malformed> {
    if body.is_empty() { Err(Malformed::Frames) } else { Ok(body) }
}

/// What was measured.
fn micros(duration: Duration) -> u32 {
    duration.as_micros().try_into().unwrap_or(u32::MAX)
}

fn measured(fields: &mut Reader<'_>, name: &'static str) -> Result<Duration, Malformed> {
    Ok(Duration::from_micros(fields.u32(name)?.into()))
}

/// The most octets of a broker's name.
pub const MAX_NAME: usize = 64;
/// The most octets of an endpoint.
const MAX_PLACE: usize = 255;
/// The most brokers that a task may go through.
pub const MAX_PATH: usize = 4;

#[cfg(test)]
mod tests;
