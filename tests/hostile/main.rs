//! Can a peer hurt us? One test for each row of the list of bad inputs, each against listening sockets of all the types
//! that it could mean something to, over loopback, while a well-behaved libzmq peer works on the same socket.
//!
//! A row says what the attacker sends and what becomes of it. The [`arena`] adds what holds for all of them: the good
//! peer is served throughout, nothing of the attacker is delivered that the row does not expect, and afterwards
//! memory and descriptors are back where they were. A number in a name is the row of the list.

mod arena;
mod crowds;
mod deadlines;
mod envelopes;
mod floods;
mod frames;
mod greetings;
mod guard;
mod handshakes;
mod limits;
mod local;
mod metadata;
mod queues;
mod security;
mod subscribers;
