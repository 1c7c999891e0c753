//! Who decides what: [`Server`] and [`Replica`], plain state machines.

mod replica;
mod server;
#[cfg(test)]
mod tests;

pub use replica::{Health, News, Replica, ReplicaConfig, ReplicaCounters, ReplicaInput, ReplicaOutput};
pub use server::{Config, Counters, Held, Input, Output, Record, Server, Status};
