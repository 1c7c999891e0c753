//! What makes a socket a PUSH or a ROUTER: one page each, over the shared parts of [`route`](crate::route).
//!
//! A pattern is a plain state machine. It is called under its socket's lock, sees pipes and messages, and knows no
//! task, waker or clock.
//!
//! Much of what it sees comes from strangers: the lints that would let their bytes panic us are denied.
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

mod dealer;
mod pair;
mod publish;
mod publisher;
mod pull;
mod push;
mod rep;
mod req;
mod router;
mod subscribe;
mod xpub;

use std::fmt::Debug;

pub use dealer::Dealer;
pub use pair::Pair;
pub use publish::Pub;
pub use pull::Pull;
pub use push::Push;
#[cfg(all(feature = "harness", feature = "tokio"))]
pub(crate) use rep::MAX_HOPS;
pub use rep::Rep;
pub use req::Req;
pub use router::{Notify, Router};
pub(crate) use subscribe::Subscribes;
pub use subscribe::{Sub, Xsub};
pub use xpub::{Report, Xpub};

use crate::error::{RecvError, SendErrorKind};
use crate::message::Message;
use crate::monitor::{Cause, Refusal};
use crate::peer::PeerId;
use crate::pipe::{Delivery, Note, Parcel, Patience, Pipes, Toll, View};
use crate::routing_id::RoutingId;
use crate::wire::{self, SocketType};

/// A socket type. Sealed: the types are those that ZeroMQ's stable specifications know.
#[allow(private_bounds, reason = "sealed")]
pub trait Pattern: Behaviour {}

/// A socket type that sends.
#[allow(private_bounds, reason = "sealed")]
pub trait Sends: Pattern + Sending {}

/// A socket type that receives.
#[allow(private_bounds, reason = "sealed")]
pub trait Receives: Pattern + Receiving {}

/// A socket type whose sending and receiving are independent of each other, so that two tasks can share it: see
/// [`split`](crate::Socket::split). Not REQ and REP, which take turns.
pub trait Splits: Sends + Receives {}

/// A socket type that can name itself towards a ROUTER.
pub trait Identified: Pattern {}

/// A socket type whose pipes can be set to keep only their newest message.
pub trait Conflates: Pattern {}

/// How a pattern takes part in the life of its peers.
pub(crate) trait Behaviour: Debug + Sized + Send + 'static {
    const TYPE: SocketType;

    /// Whether room at one peer is room for any message. Else everybody who waits to send looks again.
    const ANY_ROOM_DOES: bool = true;

    /// Settings of this type alone.
    type Options: Clone + Debug + Default + Send + Sync + 'static;

    /// What its receiving task holds for itself, outside the lock.
    type Intake: Debug + Send + Sync + Unpin + 'static;

    fn new(options: &Self::Options) -> Self;

    fn intake(&self, options: &Self::Options) -> Self::Intake;

    /// Whether a peer has this routing id.
    fn knows(&self, _name: &RoutingId) -> bool {
        false
    }

    /// How many messages its receiving task has found unwanted.
    fn unwanted(&self) -> u64 {
        0
    }

    /// How many topics there are: of each subscriber together, or its own.
    #[cfg(feature = "metrics")]
    fn subscription_count(&self) -> usize {
        0
    }

    /// The pipe takes messages from now on: its peer has joined, or is being dialled.
    fn attach(&mut self, pipes: &mut Pipes, peer: PeerId);

    /// The pipe takes no more messages. May be told twice.
    fn detach(&mut self, pipes: &mut Pipes, peer: PeerId);

    /// The peer has finished its handshake; one that was dialled may do so again and again.
    ///
    /// # Errors
    /// There is no place for it.
    fn join(&mut self, _pipes: &mut Pipes, _peer: PeerId) -> Result<(), Refusal> {
        Ok(())
    }

    /// The connection of a peer that had joined has ended. If the peer `comes_back` its pipe waits for that.
    fn part(&mut self, _pipes: &mut Pipes, _peer: PeerId, _cause: &Cause, _comes_back: bool) {}

    /// The peer's outgoing pipe was full and has room again.
    fn writable(&mut self, _peer: PeerId) {}

    /// The peer's outgoing pipe was full and has room again, but only for senders that would not wait.
    fn eased(&mut self, _peer: PeerId) {}

    /// The peer's incoming pipe was empty, or its last messages have been worked off, and there are some now.
    fn readable(&mut self, _peer: PeerId) {}

    /// Whose messages are thrown away before one is sent; asked until there is nobody.
    fn forget(&mut self) -> Option<PeerId> {
        None
    }

    /// Looks at what has come from a peer, and passes on what is to be received: every message, unless the type has
    /// more to say.
    ///
    /// # Errors
    /// The peer broke a rule; its connection is closed.
    fn take_in(
        &mut self,
        _pipes: &mut Pipes,
        _peer: PeerId,
        delivery: Delivery,
    ) -> Result<Option<Parcel>, wire::Error> {
        match delivery {
            Delivery::Messages(chunk) => Ok(Some(chunk.into())),
            // A command that means nothing to this type.
            Delivery::Subscription(_) => Ok(None),
        }
    }
}

pub(crate) trait Sending: Behaviour {
    /// Whether a message that finds no room waits for it, instead of being dropped.
    fn waits(&self) -> bool {
        true
    }

    /// Whether it is our turn.
    fn may_send(&self) -> Result<(), SendErrorKind> {
        Ok(())
    }

    /// Queues the message, or gives it back and says why.
    fn send(&mut self, pipes: &mut Pipes, message: View<'_>, patience: Patience)
    -> Result<(), SendErrorKind>;

    /// Whether a message would be taken now, as far as can be told without it.
    fn has_room(&self, pipes: &mut Pipes) -> bool;
}

pub(crate) trait Receiving: Behaviour {
    /// Whether messages are received one by one under the lock, since each changes whose turn it is.
    const IN_TURN: bool = false;

    /// Whose messages are to be taken next.
    fn next(&mut self) -> Option<PeerId>;

    /// Whether a message that begins with this frame is for the user at all.
    fn wants(_intake: &mut Self::Intake, _first_frame: &[u8]) -> bool {
        true
    }

    /// What the user gets of a message, if anything.
    fn accept(_intake: &mut Self::Intake, _source: Source<'_>, message: Message) -> Option<Message> {
        Some(message)
    }

    /// Whether it is our turn.
    fn may_recv(&self) -> Result<(), RecvError> {
        Ok(())
    }

    /// The same as [`accept`](Self::accept), for types that take turns.
    fn accept_in_turn(&mut self, _pipes: &mut Pipes, _peer: PeerId, message: Message) -> Option<Message> {
        Some(message)
    }
}

/// Where a received message comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) peer: PeerId,
    /// What a ROUTER calls it.
    pub(crate) routing_id: Option<&'a RoutingId>,
    /// The message is empty and stands for this.
    pub(crate) note: Option<&'a Note>,
}

/// So many more have been dropped for this reason.
fn count(dropped: &mut u64, more: usize) {
    *dropped = dropped.saturating_add(more as u64);
}

/// For types that receive nothing.
#[allow(clippy::unnecessary_wraps, reason = "the body of `take_in`")]
fn nothing(pipes: &mut Pipes, delivery: &Delivery) -> Result<Option<Parcel>, wire::Error> {
    if let Delivery::Messages(chunk) = delivery {
        count(&mut pipes.drops.unwanted, chunk.messages());
        pipes.toll.add(Toll::unwanted(chunk.messages(), chunk.size()));
    }
    Ok(None)
}

/// Puts an empty message in front of everything else that goes to a peer, so that a ROUTER there learns of us.
fn probe(pipes: &mut Pipes, peer: PeerId) {
    greet(pipes, peer, Some(&Message::from("")));
}

/// Puts a message in front of everything else that goes to a peer.
fn greet(pipes: &mut Pipes, peer: PeerId, hello: Option<&Message>) {
    if let (Some(pipe), Some(hello)) = (pipes.get_mut(peer), hello) {
        pipe.out.push_front(hello);
    }
}
