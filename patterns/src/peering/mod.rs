//! Many clusters, one cloud: work that has no free worker here goes to one elsewhere.
//!
//! ```text
//!   clients ──► localfe ┐                        ┌ cloudbe ──► cloudfe of each other broker   what it delegates
//!                       ├──  Broker (a cluster) ─┤
//!   workers ──► localbe ┘                        ├ cloudfe ◄── cloudbe of each other broker   what it is delegated
//!                                                ├ statefe ──► statebe of each other broker   how the others are
//!                                                └ statebe ◄── statefe of each other broker   how it is
//! ```
//!
//! Clients and workers know their own broker and nothing else; plain REQ sockets will do. Brokers find one another: one
//! address of any of them is enough, and they come and go at any time.
//!
//! What is promised: each attempt goes to one worker at most, and one reply at most comes back for each request of a
//! [`Client`]. A request is done once at least if its client keeps asking; it may be done more than once when a worker, a
//! cluster or a connection is lost. Nothing is promised of the order of requests, and nothing survives its broker.

pub mod sim;
pub mod state;
pub mod wire;

mod broker;
mod client;
mod operator;
mod place;
mod shell;
mod worker;

pub use broker::{Broker, Sockets};
pub use client::Client;
pub use operator::Operator;
pub use place::Place;
pub use state::{Config, Notice, OnPeerLoss, RequestError, Resend};
pub use wire::{Counters, Failure, LinkStatus, PeerStatus, Rejection, Status};
pub use worker::Worker;
