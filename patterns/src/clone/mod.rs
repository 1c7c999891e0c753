//! One state, many replicas: a server puts all changes in one order, and every client has what there is, or the part of it
//! that it follows, in its own memory, where reading never waits. The design of RFC 12, without its races.
//!
//! # What is promised
//!
//! | when | what there is | a write |
//! |---|---|---|
//! | always, but between a loss and the beat that shows it | a replica is how it was at the server at some moment, all of it | done once, however often it is said again, or not at all |
//! | all is well | at most one way behind | answered when it is done; its version can be waited for |
//! | a message is lost, for whatever reason | the next beat shows it, and what was missed is asked for | said again until it is answered |
//! | a client was away for a while | it is told what came since, if that is still kept; else everything | |
//! | the server is silent | the replica says that it is stale, and can be read | waits |
//! | the server dies, with a [`Store`] | is there when it is started again, but for what had no answer yet | done once, also over that |
//! | the server of a pair dies ([`Paired`]) | the standby has it, but for the last changes | done once, also over that; one that was answered as [`Durable::Standby`] is not lost |
//! | the server dies, without any of these | is lost; the next one is another, in a later epoch | those without an answer are done by the next one |
//!
//! Order: all replicas see the same changes in the same order; changes of one write happen together, and what one client
//! writes one after the other is done in that order. A watcher is told of every change under its prefix, or that it is to
//! look at what there is now.
//!
//! A key can last for ever, for a time, or as long as a [`Session`]: as its client is there.
//!
//! Programs that run beside one of two servers, the one that decides, are switched on and off by a [`Supervisor`].
//!
//! Clients of RFC 12 ([`Chp`]) are promised no more than RFC 12 does.
//!
//! Keys are 1 to 1,024 octets, any octets; values any octets, and an empty one is a value.

mod chp;
mod client;
mod modules;
mod operator;
mod pair;
mod place;
mod server;
mod session;
pub mod state;
mod store;
mod tree;
mod version;
mod watch;
pub mod wire;
mod wires;

pub use chp::Chp;
pub use client::{Client, ClientConfig, State, WriteError};
pub use modules::{Supervisor, Switch};
pub use operator::Operator;
pub use pair::{Diverged, Paired, Path, witness};
pub use place::Place;
pub use server::{Server, Sockets};
pub use session::Session;
pub use state::{
    Config, Counters, Health, ModulesConfig, News, NodeStatus, PairConfig, ReplicaConfig, ReplicaCounters,
    Status,
};
pub use store::Store;
pub use tree::{Difference, Entry, Iter, Sums, Tree};
pub use version::{Version, VersionError};
pub use watch::{Watch, Watched};
pub use wire::{Change, Changed, Durable, Lasts, Order, Refusal, Report, Role, To, Update, When};
