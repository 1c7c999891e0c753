//! What makes a socket a PUSH or a PULL: one page each, over the shared parts of [`route`](crate::route).
//!
//! A pattern is a plain state machine. It is called under its socket's lock, sees pipes and messages, and knows no
//! task, waker or clock.

mod pull;
mod push;

use std::fmt::Debug;

pub use pull::Pull;
pub use push::Push;

use crate::peer::PeerId;
use crate::pipe::{Form, Patience, Pipes};
use crate::wire::SocketType;

/// A socket type. Sealed: the types are [`Push`] and [`Pull`].
#[allow(private_bounds, reason = "sealed")]
pub trait Pattern: Behaviour {}

/// A socket type that sends.
#[allow(private_bounds, reason = "sealed")]
pub trait Sends: Pattern + Sending {}

/// A socket type that receives.
#[allow(private_bounds, reason = "sealed")]
pub trait Receives: Pattern + Receiving {}

/// How a pattern takes part in the life of its peers.
pub(crate) trait Behaviour: Debug + Default + Send + 'static {
    const TYPE: SocketType;
    /// Whether messages of peers mean anything to it.
    const RECEIVES: bool;

    /// There is a new pipe: a peer that has finished its handshake, or one that is being dialled.
    fn attach(&mut self, peer: PeerId);

    /// The pipe takes no more messages.
    fn detach(&mut self, peer: PeerId);

    /// The peer's outgoing pipe was full and has room again.
    fn writable(&mut self, _peer: PeerId) {}

    /// The peer's incoming pipe was empty, or its last messages have been worked off, and there are some now.
    fn readable(&mut self, _peer: PeerId) {}
}

pub(crate) trait Sending: Behaviour {
    /// Queues the message, or gives it back because nobody has room.
    fn send<F: Form>(&mut self, pipes: &mut Pipes, message: F, patience: Patience) -> Result<(), F>;

    /// Whether a message would be taken now.
    fn has_room(&self, pipes: &mut Pipes) -> bool;
}

pub(crate) trait Receiving: Behaviour {
    /// Whose messages are to be taken next.
    fn next(&mut self) -> Option<PeerId>;
}
