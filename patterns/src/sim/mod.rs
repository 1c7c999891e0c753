//! A world of processes on a virtual clock, where everything that can go wrong does, again and again the same way.
//!
//! Processes are [`Machine`]s; what they say goes through a network that delays, loses and doubles it, connections are
//! cut, hosts parted, processes killed, frozen and started again, and disks forget what was not synced. All chance comes
//! from one seed: a run that went wrong can be had again with the same number.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use zmtp_patterns::Machine;
//! use zmtp_patterns::sim::{Act, Boot, Happening, Weather, World};
//!
//! /// Says what it hears back to who said it.
//! struct Echo(Vec<Act>);
//!
//! impl Machine for Echo {
//!     type Input = Happening;
//!     type Output = Act;
//!     fn handle(&mut self, _now: Instant, happening: Happening) {
//!         if let Happening::Heard(link, frames) = happening {
//!             self.0.push(Act::Send(link, frames));
//!         }
//!     }
//!     fn wake(&mut self, _now: Instant) {}
//!     fn poll_output(&mut self) -> Option<Act> {
//!         self.0.pop()
//!     }
//!     fn next_deadline(&self) -> Option<Instant> {
//!         None
//!     }
//! }
//!
//! let mut world = World::new(42, Weather::default());
//! let server = world.add(|_: &Boot<'_>| Box::new(Echo(Vec::new())));
//! let client = world.add(|boot: &Boot<'_>| Box::new(Echo(vec![Act::Send(boot.link(0), vec!["hello".into()])])));
//! world.dial(client, server);
//! world.run_for(Duration::from_secs(1));
//! assert!(world.delivered() > 100);
//! ```

mod disk;
mod network;
mod world;

use std::time::{Duration, Instant};

use bytes::Bytes;
pub use world::World;

use crate::Machine;

/// What the network carries.
pub type Frames = Vec<Bytes>;

/// A process in the simulated world.
pub trait Process: Machine<Input = Happening, Output = Act> {}

impl<M: Machine<Input = Happening, Output = Act>> Process for M {}

/// Names a process in the world, also after it was killed and started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(pub(crate) usize);

/// One side of a connection. Who dials has one link to each that it dials, which outlives connections, as a DEALER's
/// pipe does; who is dialled sees a new one each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(pub(crate) u32);

/// Where a process is dialled: it may have several such places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u8);

/// What can happen to a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// Somebody has dialled it, at this port.
    Joined(Link, Port),
    /// A message has come.
    Heard(Link, Frames),
    /// The connection of somebody who had dialled it is gone.
    Left(Link),
    /// The connection to somebody whom it had dialled is gone. There will be another one.
    Lost(Link),
    /// So many of its records, counted since its disk was new, survive whatever happens.
    Synced(usize),
}

/// What a process can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Sends a message. What goes to a link that is gone is lost; who dials keeps it until there is a connection.
    Send(Link, Frames),
    /// Ends a connection.
    HangUp(Link),
    /// Writes a record, which survives once [`Happening::Synced`] says so.
    Store(Bytes),
    /// Ends the process.
    Exit,
}

/// What a process finds when it starts.
#[derive(Debug)]
pub struct Boot<'a> {
    /// The time.
    pub now: Instant,
    /// Chance of its own.
    pub seed: u64,
    /// How often it was started before.
    pub life: u32,
    /// The records that its disk has.
    pub records: &'a [Bytes],
}

impl Boot<'_> {
    /// Its link to the one that it dials, counted in the order of [`World::dial`].
    pub fn link(&self, dial: u32) -> Link {
        Link(dial)
    }
}

/// How the network and the disks are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// The shortest and the longest time that a message takes. Those of one connection stay in order.
    pub delay: (Duration, Duration),
    /// The part of the messages that is lost without a word, from 0 to 1.
    pub loss: f64,
    /// The part of the messages that comes twice.
    pub doubled: f64,
    /// How long a syncing takes, at most.
    pub sync: Duration,
    /// How long who dials waits after a connection is gone, at most.
    pub redial: Duration,
}

impl Default for Weather {
    /// A quiet local network: nothing is lost.
    fn default() -> Self {
        Self {
            delay: (Duration::from_micros(50), Duration::from_millis(2)),
            loss: 0.0,
            doubled: 0.0,
            sync: Duration::from_millis(10),
            redial: Duration::from_millis(200),
        }
    }
}
