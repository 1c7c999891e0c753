//! Does libzmq agree? The same stories with real libzmq 4.3.5 on the other side: messages both ways, both roles; and
//! scripted peers that talk to libzmq's socket and to ours alike, to compare what becomes of them.
//!
//! A number in a name is the row of the list of interoperability cases.

mod both;
mod flow;
mod framing;
mod greetings;
mod handshakes;
mod interrupted;
mod leaving;
mod pairs;
mod sizes;
