//! Is the story true? Sockets of ours against sockets of ours and against scripted peers: what the documentation
//! promises, a test for each sentence.
//!
//! Where time matters the clock is paused and the peers are streams in memory: time passes when nothing else is left
//! to happen. The clauses of RFC 30 that a test shows stand at its head.

mod cancelling;
mod closing;
mod combining;
mod inproc;
mod leaving;
mod receiving;
mod reconnecting;
mod routing;
mod sending;
mod watching;
