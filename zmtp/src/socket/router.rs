//! What only a ROUTER can: name the peer it receives from and sends to.

use std::future::poll_fn;
use std::task::Poll;

use super::core::Core;
use super::sender::refused;
use super::{RecvHalf, SendHalf, Socket};
#[cfg(feature = "tokio")]
use crate::endpoint::{Endpoint, EndpointError};
#[cfg(feature = "tokio")]
use crate::error::ConnectError;
use crate::error::{RecvError, SendError, SendErrorKind};
use crate::message::Message;
use crate::monitor::Cause;
use crate::pattern::{Notify, Router, Source};
use crate::peer::PeerInfo;
use crate::pipe::{Encode, Ending, Form, Note};
use crate::routing_id::RoutingId;

/// What [`recv_event`](Socket::recv_event) of a ROUTER yields.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "a box would show in every match")]
pub enum RouterEvent {
    /// A message of this peer.
    Message(RoutingId, Message),
    /// This peer is ready; its messages follow.
    Joined(RoutingId, PeerInfo),
    /// This peer's connection has ended; its messages are all received.
    Left(RoutingId, Cause),
}

macro_rules! receives {
    ($($handle:ident),*) => {$(
        impl $handle<Router> {
            /// Receives the next message, and from whom it is.
            ///
            /// # Errors
            /// [`RecvError::Closed`].
            ///
            /// # Cancel safety
            /// If you drop the future, no message was taken.
            pub async fn recv_from(&mut self) -> Result<(RoutingId, Message), RecvError> {
                poll_fn(|cx| self.receiver.poll_next(&self.core, Some(cx), addressed)).await
            }

            /// Receives what happens next: a message, or a peer that came or went, each peer's events in their order. A peer
            /// that was dialled may come and go many times under one routing id.
            ///
            /// Peers whose connection ended while [`recv_hwm_bytes`](crate::Builder::recv_hwm_bytes) of what others left was
            /// still unreceived may go without a word.
            ///
            /// # Errors
            /// [`RecvError::Closed`].
            ///
            /// # Cancel safety
            /// If you drop the future, nothing was taken.
            pub async fn recv_event(&mut self) -> Result<RouterEvent, RecvError> {
                poll_fn(|cx| self.receiver.poll_next(&self.core, Some(cx), event)).await
            }

            /// Receives what happens next, if it has happened.
            ///
            /// # Errors
            /// [`RecvError::Empty`] when there is nothing now, else the same as [`recv_event`](Self::recv_event).
            pub fn try_recv_event(&mut self) -> Result<RouterEvent, RecvError> {
                match self.receiver.poll_next(&self.core, None, event) {
                    Poll::Ready(result) => result,
                    Poll::Pending => Err(RecvError::Empty),
                }
            }
        }
    )*};
}

receives!(Socket, RecvHalf);

macro_rules! sends {
    ($($handle:ident),*) => {$(
        impl $handle<Router> {
            /// Queues a message for one peer, or says why not.
            ///
            /// # Errors
            /// [`Unroutable`](crate::SendErrorKind::Unroutable) when nobody has this routing id,
            /// [`Full`](crate::SendErrorKind::Full) when the peer's queue is full,
            /// [`Closed`](crate::SendErrorKind::Closed). The message is inside.
            pub fn send_to(&self, peer: &RoutingId, message: impl Encode) -> Result<(), SendError> {
                self.core.send_to(peer, message.form()).map_err(refused)
            }

            /// Who has this routing id now.
            pub fn peer(&self, id: &RoutingId) -> Option<PeerInfo> {
                let peer = self.core.ask(|router: &mut Router, _| router.peer(id))?;
                self.core.peer(peer)
            }

            /// The same as `connect`, and the peer there is known by this routing id, from this moment and whatever
            /// it calls itself.
            ///
            /// # Errors
            /// Those of `connect`; [`ConnectError::RoutingIdTaken`] when another peer has the routing id.
            #[cfg(feature = "tokio")]
            pub fn connect_as<E>(&self, to: E, peer: &RoutingId) -> Result<(), ConnectError>
            where
                E: TryInto<Endpoint>,
                EndpointError: From<E::Error>,
            {
                self.owner.connect(to, Some(peer))
            }
        }
    )*};
}

sends!(Socket, SendHalf);

impl Core<Router> {
    fn send_to<F: Form>(&self, peer: &RoutingId, message: F) -> Result<(), (SendErrorKind, F)> {
        self.with(|state| {
            if state.ending > Ending::No {
                return Err((SendErrorKind::Closed, message));
            }
            let sent = state.pattern.send_to(&mut state.pipes, peer, message.view());
            sent.map_err(|kind| (kind, message))
        })
    }
}

fn addressed(notify: &mut Notify, source: Source<'_>, message: Message) -> Option<(RoutingId, Message)> {
    let wanted = match source.note {
        None => true,
        Some(Note::Joined(_)) => notify.joined,
        Some(Note::Left(_)) => notify.left,
    };
    source.routing_id.filter(|_| wanted).map(|id| (id.clone(), message))
}

fn event(_: &mut Notify, source: Source<'_>, message: Message) -> Option<RouterEvent> {
    let id = source.routing_id?.clone();
    Some(match source.note {
        None => RouterEvent::Message(id, message),
        Some(Note::Joined(peer)) => RouterEvent::Joined(id, (**peer).clone()),
        Some(Note::Left(cause)) => RouterEvent::Left(id, cause.clone()),
    })
}
