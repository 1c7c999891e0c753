//! Brokers, workers and clients over real sockets.

mod support;
mod work;
