//! Who decides what: [`Server`] and [`Replica`], plain state machines; [`Node`], one of a pair of servers, which is the one
//! or the other; and the [`Witness`] of such pairs.

mod lives;
mod log;
mod modules;
mod node;
mod pair;
mod record;
mod replica;
mod server;
mod stock;
#[cfg(test)]
mod tests;
mod witness;
mod writers;

pub use modules::{Modules, ModulesConfig, ModulesInput, ModulesOutput, Sight};
pub use node::{Node, NodeInput, NodeOutput, NodeStatus};
pub use pair::PairConfig;
pub use record::{Held, Record};
pub use replica::{Health, News, Replica, ReplicaConfig, ReplicaCounters, ReplicaInput, ReplicaOutput};
pub use server::{Config, Counters, Input, Output, Server, Status};
pub use witness::{Witness, WitnessInput};
