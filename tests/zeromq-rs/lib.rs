//! Does a second implementation agree? The same stories as with libzmq, with the crate `zeromq` on the other side:
//! written in Rust, by other people, and ZMTP 3.0 where we speak 3.1.
//!
//! Each pair of types in both roles, with messages of every shape. What the crate lacks, and where it differs from
//! libzmq, is in `docs/interop-zeromq-rs.md`; nothing of that is worked around in ours.
#![cfg(test)]

mod both;
mod dealer_router;
mod limits;
mod process;
mod pub_sub;
mod push_pull;
mod reconnecting;
mod req_rep;
mod story;
