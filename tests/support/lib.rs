//! What the tests of zmtp share: a scripted peer that says exactly what it is told to, libzmq sockets on threads of
//! their own, peers in processes of their own, deadlines for every wait, and what the process holds on to.
//!
//! Nothing here pretends to be a socket or a network: the peer writes real octets into a real stream, and libzmq is
//! libzmq.

mod child;
mod deadline;
mod pair;
mod peer;
mod process;
mod relay;
mod script;
mod watch;
mod zap;
mod zmq;

pub use child::{Child, from_line, to_line};
pub use deadline::{until, within};
pub use pair::{join, meet, meet_by, pair, settle};
pub use peer::{Door, Peer, Received};
pub use process::{allow_descriptors, connections, descriptors, quiet_port, resident};
pub use relay::Relay;
pub use script::{
    Greeting, Ready, cancel, claim, command, frame, greeting, more, ping, ready, session, subscribe,
};
pub use watch::{event, failure, failure_and_retry};
pub use zap::{Asked, answer};
pub use zmq::{Watched, Zmq};

/// Where any free port is.
pub const ANY_PORT: &str = "tcp://127.0.0.1:*";

/// An endpoint where nobody listens, yet.
pub fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("tcp://{}", listener.local_addr().expect("an address"))
}

/// The id that a peer may choose for itself.
pub fn id(name: &str) -> zmtp::RoutingId {
    name.try_into().expect("1 to 255 octets, the first not 0")
}
