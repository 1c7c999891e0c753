//! Does libzmq agree? The same stories with real libzmq 4.3.5 on the other side: messages both ways, both roles; and
//! scripted peers that talk to libzmq's socket and to ours alike, to compare what becomes of them.
//!
//! A number in a name is the row of the list of interoperability cases.

mod both;
mod curve;
mod dealer_router;
mod deaths;
mod early;
mod endpoints;
mod fairness;
mod flow;
mod framing;
mod greetings;
mod handshakes;
mod heartbeats;
mod identities;
mod ids;
mod illegal_pairs;
mod immediate;
mod inproc;
mod interrupted;
mod ipc;
mod leaving;
mod lingering;
mod marks;
mod meetings;
mod monitors;
mod notices;
mod options;
mod pair;
mod pairs;
mod plain;
mod proxying;
mod pub_sub;
mod publishing;
mod redialling;
mod refusals;
mod req_rep;
mod request_states;
mod restarts;
mod routing;
mod sizes;
mod slow_subscribers;
mod stream;
mod subject;
mod subscribers;
mod subscribing;
mod tcp;
mod topics;
mod versions;
