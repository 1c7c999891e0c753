//! Can a peer hurt us? One test for each row of the list of bad inputs, and each twice: against a listening PULL and
//! against a listening PUSH, over loopback, while a well-behaved libzmq peer works on the same socket.
//!
//! A row says what the attacker sends and what becomes of it. The [`arena`] adds what holds for all of them: the good
//! peer is served throughout, nothing of the attacker is delivered that the row does not expect, and afterwards
//! memory and descriptors are back where they were. A number in a name is the row of the list.

mod arena;
mod deadlines;
mod frames;
mod greetings;
mod guard;
mod handshakes;
mod metadata;
mod security;
