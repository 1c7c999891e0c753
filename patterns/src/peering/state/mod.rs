//! Who decides what: plain state machines, without sockets or clocks.

mod broker;
mod client;
mod worker;

pub use broker::{Broker, Config, Dial, Event, Face, Input, Notice, OnPeerLoss, Output};
pub use client::{Client, ClientInput, ClientOutput, RequestError, Resend};
pub use worker::{Worker, WorkerInput, WorkerOutput};

#[cfg(test)]
mod tests;
