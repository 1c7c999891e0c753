//! How a broker is, for its operator.

use std::time::Duration;

use super::{Card, measured, micros};
use crate::wire::{Malformed, Reader, Writer};

/// How a broker is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Clients that are connected.
    pub clients: u32,
    /// Workers that are there.
    pub workers: u32,
    /// How many tasks they can have at a time.
    pub slots: u32,
    /// How many more they take.
    pub free: u32,
    /// Requests that wait.
    pub queue: u32,
    /// Requests of local clients that local workers have.
    pub local: u32,
    /// Requests of local clients that other clusters have.
    pub remote: u32,
    /// Tasks of other clusters.
    pub foreign: u32,
    /// How long a task takes.
    pub service: Duration,
    /// It takes nothing more and is about to leave.
    pub is_leaving: bool,
    /// What has happened.
    pub counters: Counters,
    /// The other brokers, by name.
    pub peers: Vec<PeerStatus>,
}

/// Another broker, as it is seen from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Who it is. The name is empty as long as it has not said.
    pub card: Card,
    /// How the link to it is.
    pub link: LinkStatus,
    /// What it has said that it takes.
    pub free: u32,
    /// How many tasks its workers can have at a time.
    pub slots: u32,
    /// Requests that wait there.
    pub queue: u32,
    /// Tasks that it has of us.
    pub sent: u32,
    /// How many more it would be given.
    pub usable: u32,
    /// How long a task takes to get there and back, without the work.
    pub rtt: Duration,
    /// How long ago it was heard.
    pub age: Duration,
}

/// How a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum LinkStatus {
    /// There is no connection.
    #[default]
    Connecting,
    /// There is one, and it is not said yet who that is.
    Greeting,
    /// It carries tasks.
    Up,
    /// It was not heard, or does not hear us: no tasks.
    Stale,
    /// The other one does not want us.
    Rejected,
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident),* $(,)?) => {
        /// What has happened since the broker was started.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[doc = $doc])* pub $name: u64,)*
        }

        impl Counters {
            /// All of them, by name.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }

            fn write(&self, fields: Writer) -> Writer {
                [$(self.$name),*].into_iter().fold(fields, Writer::u64)
            }

            fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
                Ok(Self { $($name: fields.u64(stringify!($name))?,)* })
            }
        }
    };
}

counters! {
    /// Requests of local clients.
    requests,
    /// Requests that came again while they were known.
    repeated,
    /// Replies to local clients.
    replies,
    /// Requests that found no room.
    busy,
    /// Requests whose time was over.
    expired,
    /// Requests that were given up after two workers.
    failed,
    /// Requests that their clients did not want any more, or whose clients have gone.
    withdrawn,
    /// Requests that went to other clusters, each time that they did.
    spilled,
    /// Of these, those that were refused there.
    refused,
    /// Requests that came back from a worker or a cluster that is lost.
    requeued,
    /// Tasks of other clusters that were taken.
    foreign,
    /// Those that were refused here.
    refusals,
    /// Results that nobody wanted any more.
    late,
    /// Replies to clients and clusters that have gone, or do not read.
    dropped,
    /// Messages that are of no such protocol, or of nobody from whom they could be.
    malformed,
    /// Workers that were lost.
    lost_workers,
    /// Links that were lost.
    lost_links,
}

impl LinkStatus {
    const ALL: [Self; 5] = [Self::Connecting, Self::Greeting, Self::Up, Self::Stale, Self::Rejected];
}

impl Status {
    pub(super) fn write(&self, fields: Writer) -> Writer {
        let fields = fields.octets(self.name.as_bytes());
        let numbers = [
            self.clients,
            self.workers,
            self.slots,
            self.free,
            self.queue,
            self.local,
            self.remote,
            self.foreign,
            micros(self.service),
        ];
        let fields = numbers.into_iter().fold(fields, Writer::u32).u8(u8::from(self.is_leaving));
        let peers = &self.peers[..self.peers.len().min(MAX_PEERS)];
        self.counters.write(fields).list(peers, |fields, peer| peer.write(fields))
    }

    pub(super) fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            name: super::name(fields)?,
            clients: fields.u32("clients")?,
            workers: fields.u32("workers")?,
            slots: fields.u32("slots")?,
            free: fields.u32("free")?,
            queue: fields.u32("queue")?,
            local: fields.u32("local")?,
            remote: fields.u32("remote")?,
            foreign: fields.u32("foreign")?,
            service: measured(fields, "service")?,
            is_leaving: fields.u8("is leaving")? != 0,
            counters: Counters::read(fields)?,
            peers: fields.list("peers", MAX_PEERS, PeerStatus::read)?,
        })
    }
}

impl PeerStatus {
    fn write(&self, fields: Writer) -> Writer {
        let Card { name, cloud, state } = &self.card;
        let fields = [name, cloud, state].into_iter().fold(fields, |fields, it| fields.octets(it.as_bytes()));
        let numbers =
            [self.free, self.slots, self.queue, self.sent, self.usable, micros(self.rtt), micros(self.age)];
        numbers.into_iter().fold(fields.u8(self.link as u8), Writer::u32)
    }

    fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            // Whoever has not said its name has none.
            card: Card {
                name: fields.text("name", super::MAX_NAME)?,
                cloud: fields.text("cloud", super::MAX_PLACE)?,
                state: fields.text("state", super::MAX_PLACE)?,
            },
            link: fields.one_of("link", &LinkStatus::ALL)?,
            free: fields.u32("free")?,
            slots: fields.u32("slots")?,
            queue: fields.u32("queue")?,
            sent: fields.u32("sent")?,
            usable: fields.u32("usable")?,
            rtt: measured(fields, "rtt")?,
            age: measured(fields, "age")?,
        })
    }
}

/// The most that a status tells of: more have no room in a message.
const MAX_PEERS: usize = 100;
