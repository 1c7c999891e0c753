//! Is the story true? Sockets of ours against sockets of ours and against scripted peers: what the documentation
//! promises, a test for each sentence.
//!
//! Where time matters the clock is paused and the peers are streams in memory: time passes when nothing else is left
//! to happen. The clauses of RFC 28 to 31 that a test shows stand at its head.

mod authenticating;
mod cancelling;
mod closing;
mod combining;
mod conflate;
mod dealer;
mod endpoints;
mod heartbeats;
mod identities;
mod inproc;
mod leaving;
mod pair;
mod publishing;
mod publishing_otherwise;
mod receiving;
mod reconnecting;
mod rep;
mod req;
mod req_otherwise;
mod router;
mod routing;
mod sending;
mod slow_peers;
mod split;
mod storms;
mod subscribing;
mod tail;
mod transports;
mod watching;
mod xpub;
mod xsub;
