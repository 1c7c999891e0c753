//! What each transport adds to the sockets: who may come in, where things are in the system, what is left behind.

mod ipc;
mod socks;
mod stopping;
mod story;
mod tcp;
