//! `backup` as people run it: a server, its workers, signals, exit codes; every one a process.
//!
//! The naive servers that it is compared with are in [`naive`], on our PUSH and on libzmq's.

mod barrier;
mod command_line;
mod deaths;
mod demo;
mod naive;
mod nameless;
mod stop;
mod support;
