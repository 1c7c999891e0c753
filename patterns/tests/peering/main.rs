//! Brokers, workers and clients over real sockets: see `docs/peering.md`, which has a row for each of these.

mod failures;
mod hostile;
mod support;
mod work;
