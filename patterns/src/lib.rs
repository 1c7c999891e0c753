//! Published messaging designs as production components, built on the public API of [`zmtp`].
//!
//! Each component is a folder with the same parts: `wire` (what is said), `state` (who decides what: plain state
//! machines, [`Machine`]), and the shells that give those sockets and clocks. What has no socket can be tested without
//! one: [`sim`] puts many machines into a world where messages are late, lost and doubled, and processes die.
//!
//! 1. [`balancer`]: work to those who said that they are free. A [`Pivot`](balancer::Pivot) makes a process
//!    of each task, and a [`Journal`](balancer::Journal) outlives the broker.
//!    [`classic`] is its plain face, PUSH and PULL, for workers that know no more than that.
//! 2. [`clone`]: one state, many replicas. A [`Store`](clone::Store) outlives the server, and so does a hot standby
//!    ([`Paired`](clone::Paired)).
//! 3. [`peering`]: many clusters, one cloud. What has no free worker in one cluster goes to another; brokers come and go at
//!    any time.
//! 4. Durable task pipes with a scheduler, and a central log with calibrated clocks and timeline pictures are to follow.
//!
//! The `backup` example of this repository is such a plain one with processes, retries and files around it.

pub mod balancer;
pub mod classic;
pub mod clone;
pub mod peering;
pub mod process;
pub mod sim;
pub mod wire;

#[cfg(feature = "harness")]
#[doc(hidden)]
pub mod harness;

mod answer;
mod backoff;
mod clock;
mod flow;
mod machine;
mod places;
mod store;
mod timers;

pub use backoff::Backoff;
pub use flow::{Arrival, Inflow};
pub use machine::Machine;
pub use store::StoreError;
pub use timers::Timers;
