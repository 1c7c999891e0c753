//! CURVE (RFC 25 and 26): keys, handshake and boxes as plain state machines. No I/O, no clock, no runtime.
//!
//! ```text
//!   client                                    server
//!   Client::new      ── HELLO ──────────►     Server::hello
//!   Client::welcome  ◄────────── WELCOME ──
//!                    ── INITIATE ───────►     Server::initiate   and the application decides
//!   Client::ready    ◄──────────── READY ──   Server::ready
//!   Session          ◄────── MESSAGE ──────►  Session
//! ```
//!
//! What goes in and out are whole command bodies, that is, frames without their headers; only [`Session::seal`] writes
//! whole frames. A body has the same form in ZMTP 3.0 and 3.1 (R26-GRAM-12). Metadata passes through as octets.
//! Randomness is an argument, [`Random`], so that a handshake can be repeated octet by octet.
//!
//! The names are the RFC's: C and S are the permanent keys of client and server, C' and S' those of one connection, K
//! is the key of the cookie, and small letters are the secret halves.
//!
//! ```
//! use std::sync::Arc;
//! use zmtp::curve::{Client, Flags, KeyPair, OsRandom, Server};
//!
//! let (ours, theirs) = (Arc::new(KeyPair::generate()?), Arc::new(KeyPair::generate()?));
//! let (mut client, hello) = Client::new(Arc::clone(&ours), theirs.public(), &mut OsRandom)?;
//! let mut server = Server::new(theirs);
//!
//! let welcome = server.hello(&hello, &mut OsRandom)?;
//! let initiate = client.welcome(&welcome, b"metadata", &mut OsRandom)?;
//! let initiated = server.initiate(&initiate)?;
//! assert_eq!(initiated.client, ours.public());
//! let (ready, mut inside) = server.ready(b"metadata")?;
//! let (_, mut outside) = client.ready(&ready)?;
//!
//! let mut frame = Vec::new();
//! outside.seal(Flags::default(), b"hello", &mut frame)?;
//! let body = &mut frame[2..];
//! let (_, payload) = inside.open_in_place(body)?;
//! assert_eq!(body[payload], *b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ERROR is not encrypted, and only a server sends it (R26-GRAM-09, R26-GEN-06): a client's caller looks for it before
//! it hands a body over, and a server that refuses a client after [`Server::initiate`] writes it instead of READY.
//!
//! # What it stands on
//!
//! X25519 is that of `x25519-dalek`. Boxes are XSalsa20-Poly1305 of `dryoc`, which finds the processor's vector units
//! by itself; short MESSAGEs take a shorter way over `salsa20` ([`Session`]). Whatever a Diffie-Hellman exchange gives
//! is judged before it is used: a point of low order, or one that is not written in the one way an honest peer writes
//! it, ends the connection.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod boxes;
mod client;
mod error;
mod keys;
mod random;
mod server;
mod session;
#[cfg(test)]
mod tests;
pub mod z85;

pub use client::Client;
pub use error::{Error, Step};
pub use keys::{KeyPair, PublicKey, SecretKey};
pub use random::{NoRandomness, OsRandom, Random};
pub use server::{Initiated, Server};
pub use session::{Flags, Session};

/// The longest INITIATE or READY that is accepted, as for every command before READY.
const MAX_COMMAND: usize = 8 * 1024;
