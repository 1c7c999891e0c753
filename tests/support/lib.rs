//! What the tests of zmtp share: a scripted peer that says exactly what it is told to, libzmq sockets on threads of
//! their own, deadlines for every wait, and what the process holds on to.
//!
//! Nothing here pretends to be a socket or a network: the peer writes real octets into a real stream, and libzmq is
//! libzmq.

mod deadline;
mod pair;
mod peer;
mod process;
mod script;
mod zmq;

pub use deadline::{until, within};
pub use pair::{join, pair, settle};
pub use peer::{Door, Peer, Received};
pub use process::{descriptors, resident};
pub use script::{Greeting, Ready, claim, command, frame, greeting, more, ping, ready, session};
pub use zmq::{Watched, Zmq};

/// Where any free port is.
pub const ANY_PORT: &str = "tcp://127.0.0.1:*";

/// An endpoint where nobody listens, yet.
pub fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("tcp://{}", listener.local_addr().expect("an address"))
}
