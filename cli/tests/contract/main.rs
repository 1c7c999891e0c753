//! The contract of the socket verbs, row by row, with real processes of the command and real libzmq at the
//! other end.
//!
//! A test waits for what it expects (a line, the end of a process) and never longer than
//! [`support::DEADLINE`].

mod support;

mod balance;
mod clone;
mod doctor;
mod end;
mod exchange;
mod exit;
mod input;
#[cfg(target_os = "linux")]
mod memory;
mod options;
mod output;
mod peer;
mod place;
mod proxy;
mod pubsub;
mod reqrep;
mod security;
mod signals;
mod usage;
mod watching;
