//! `zmtp peer`: many clusters, one cloud.
//!
//! The parts that its verbs share, over `zmtp_patterns::peering`. `listen.rs` is where a broker is, `limits.rs` how it goes
//! about it, `notices.rs` says what happens to it. `task.rs` is what a worker does. `operators.rs` asks a broker how it is,
//! `table.rs` and `map.rs` show that. `crowd.rs` is many clients, `tally.rs` counts what comes of their requests. `bench/`
//! measures.
//! `simulate.rs` is a cloud on a virtual clock, `picture.rs` draws it.

pub(crate) mod bench;
pub(crate) mod crowd;
pub(crate) mod limits;
pub(crate) mod listen;
pub(crate) mod map;
pub(crate) mod notices;
pub(crate) mod operators;
pub(crate) mod picture;
pub(crate) mod simulate;
pub(crate) mod table;
pub(crate) mod tally;
pub(crate) mod task;
