//! Work by turns: the PUSH and PULL pair that everybody writes first, with the handshake that it lacks.
//!
//! ```text
//!                     PUSH, binds      orders: jobs, KILL      PULL, connects
//!               ┌───────────────────────────────────────────────────────►┐
//!   Ventilator ─┤                                                        ├─ Worker, one of many
//!               └◄───────────────────────────────────────────────────────┘
//!                     PULL, binds      reports: 1, done        PUSH, connects
//! ```
//!
//! A PUSH that has one worker gives it everything: whoever comes later finds nothing, and is never told to stop. So the
//! [`Ventilator`] waits until its workers have said that they are ready. That is not enough either, since what is said on
//! one connection says nothing of the other: it waits until as many are attached to its PUSH, too. Then each of them gets
//! its turn. Stop orders go out in rounds, one for each that is attached at that time, until all have gone.
//!
//! Worker and ventilator say what the article says that this pattern is known from, so each works with the other one's
//! counterpart, written with whatever library. What they say is in [`wire`].
//!
//! # What PUSH and PULL cannot give
//!
//! | | |
//! |---|---|
//! | redelivery | A job is sent once, and done once at most. What a worker had in its queue is lost with it, and with its connection. It is [`Unreported`](Ending::Unreported) then, which may also mean: done. |
//! | a bounded prefetch | Workers are sent as much as goes into their queues. There it waits, and nobody else gets at it. No high-water mark changes that: the system's buffers hold thousands of small orders. |
//! | fairness by speed | Orders go by turns. Who is slow gets as many as who is fast, until queues are full. |
//! | addresses | Nobody can be told alone: to stop, to give up a job. |
//! | names | A ready report does not say whose it is. Who says it twice counts twice; so it is the lower one of both counts that opens the barrier. |
//!
//! The [balancer](crate::balancer) has all of these.
//!
//! # Example
//!
//! ```
//! use zmtp_patterns::classic::{Config, Ending, Expect, Job, Ventilator, Worker};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (orders, reports) = (Ventilator::orders().build(), Ventilator::reports().build());
//! let orders_at = orders.bind("tcp://127.0.0.1:*").await?;
//! let reports_at = reports.bind("tcp://127.0.0.1:*").await?;
//!
//! for _ in 0..3 {
//!     let (orders, reports) = (Worker::orders().build(), Worker::reports().build());
//!     orders.connect(orders_at.clone())?;
//!     reports.connect(reports_at.clone())?;
//!     tokio::spawn(Worker::new(orders, reports).run(async |machine| {
//!         if machine == "E" { Err("no such machine") } else { Ok(()) }
//!     }));
//! }
//!
//! let config = Config { expect: Expect::All(3), ..Config::default() };
//! let jobs = ["A", "B", "C", "D", "E"].map(|machine| Job::new(machine).expect("it has a name"));
//! let summary = Ventilator::new(orders, reports, config).run(jobs).await?;
//! assert_eq!(summary.jobs[0], ("A".into(), Ending::Done));
//! assert_eq!(summary.jobs[4], ("E".into(), Ending::Failed("no such machine".into())));
//! # Ok(())
//! # }
//! ```

pub mod state;
mod ventilator;
pub mod wire;
mod worker;

pub use state::{Config, Ending, Expect, Notice, Summary, TooFew, Twice};
pub use ventilator::{RunError, Ventilator};
pub use wire::{Job, JobError};
pub use worker::{Gone, Worker};
