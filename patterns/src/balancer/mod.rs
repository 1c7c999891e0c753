//! Work to those who said that they are free.
//!
//! One broker, any number of workers and clients, each with one connection to it (DEALER to ROUTER), so that "ready"
//! and "can receive" are never out of step. A worker says how many tasks it takes (READY), and gets no more than that.
//!
//! # What is promised
//!
//! | when | a job | its result |
//! |---|---|---|
//! | a worker dies, is cut off or freezes | is tried again, by default three times in all | exactly one is accepted |
//! | with `max_attempts` 1 | is begun once at most, but for the next row | |
//! | a worker is told to go and stops it | goes to another, and that costs no attempt | |
//! | a worker comes back in time, the same process | goes on where it is | |
//! | the broker dies, with a journal | is known to the next one, its attempts too | kept until it is claimed |
//! | the broker dies, without | is submitted again by its client | one per client that lives |
//! | a client dies | goes on | kept for whoever submits the key again, up to a bound |
//! | a job is submitted twice | is done once, until its result was claimed | goes to whoever asked last |
//!
//! Order: by priority, then by submission; what comes back has its old place. With an ordering key one job of a key is
//! begun at a time, in the order of submission. `after` begins a job when others have ended well, and skips it if one
//! did not. Nothing else is promised about the order in which jobs end.
//!
//! Whether a worker lives and whether its task moves are two questions: a lease lives as long as its worker lives, be it
//! nine hours. Limits on time are the job's own, and off unless set.

mod broker;
mod client;
pub mod job;
mod journal;
mod pivot;
mod shell;
pub mod state;
pub mod wire;
mod worker;

pub use broker::{Balancer, TooFew};
pub use client::{Client, Handle, SubmitError};
pub use job::{Ending, Job, Outcome};
pub use journal::Journal;
pub use pivot::{MOST_COMPLAINT, MOST_RESULT, Pivot};
pub use state::{Config, Dead, Expect, Notice};
pub use worker::{Failure, Gone, Task, Worker, WorkerConfig};
