//! The state machines of the balancer: what a broker, a worker and a client know, and what they do about it. Pure: see
//! [`Machine`](crate::Machine).

mod broker;
mod client;
mod legacy;
mod worker;

pub use broker::{
    Broker, Config, Counters, Dead, Expect, Input, Notice, Output, Presence, Record, Status, WorkerStatus,
};
pub use client::{Client, ClientInput, ClientOutput};
pub use legacy::{Interpreter, LegacyInput, LegacyOutput};
pub use worker::{Worker, WorkerConfig, WorkerInput, WorkerOutput};

#[cfg(test)]
mod tests;
