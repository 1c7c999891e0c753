//! `zmtp balance`: jobs from standard input, commands as workers, and how it all went.
//!
//! The parts that its verbs share, over `zmtp_patterns::balancer`. `jobs.rs` makes a job of a line, `submit.rs` submits
//! them and waits, `report.rs` says how each ended, `crew.rs` runs the commands, `sink.rs` sends
//! results to others, `admin.rs` is what an operator
//! asks of a broker, `picture` draws a run, `bench` measures a broker.

pub(crate) mod admin;
pub(crate) mod bench;
pub(crate) mod crew;
pub(crate) mod jobs;
pub(crate) mod limits;
pub(crate) mod picture;
pub(crate) mod report;
pub(crate) mod sink;
pub(crate) mod submit;
