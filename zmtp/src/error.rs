//! What can go wrong with a call. One type per operation, small enough to match on.
//!
//! Only your own mistakes and your own closing appear here. A peer that speaks nonsense is disconnected and shows up
//! in [`monitor`](crate::Socket::monitor).

use std::fmt;
use std::io;

use crate::endpoint::{Endpoint, EndpointError};
use crate::message::Message;
use crate::routing_id::RoutingId;

/// A message was not sent. It comes back with the error.
pub struct SendError {
    kind: SendErrorKind,
    message: Box<Message>,
}

impl SendError {
    pub(crate) fn new(kind: SendErrorKind, message: Message) -> Self {
        Self { kind, message: Box::new(message) }
    }

    /// Why.
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }

    /// The message that was not sent.
    pub fn into_message(self) -> Message {
        *self.message
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)
    }
}

impl std::error::Error for SendError {}

/// Why a message was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// No peer has room, or there is none. Only [`try_send`](crate::Socket::try_send) says so; `send` waits.
    #[error("no peer has room for a message")]
    Full,
    /// A REQ has not had its answer yet, or a REP has not been asked.
    #[error("it is not this socket's turn to send")]
    OutOfTurn,
    /// No peer of this ROUTER has that routing id.
    #[error("no peer has this routing id")]
    Unroutable,
}

/// Why no message was received.
// As wide as a word: in `Result<Message, RecvError>` the two share their first octets, and an error of one octet made
// the compiler move messages in pieces at odd addresses, at half the speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u64)]
#[non_exhaustive]
pub enum RecvError {
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// No message is there. Only [`try_recv`](crate::Socket::try_recv) says so; `recv` waits.
    #[error("no message is waiting")]
    Empty,
    /// A REQ has not asked, or a REP has not answered yet.
    #[error("it is not this socket's turn to receive")]
    OutOfTurn,
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It was not sent.
    #[error("the request was not sent: {0}")]
    Send(#[from] SendError),
    /// It was sent, and no answer can be received.
    #[error("the request was sent, but its answer cannot be received: {0}")]
    Recv(#[from] RecvError),
}

/// Why a socket could not be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The endpoint makes no sense.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The system refused: the port is taken, the address is not ours, the name does not resolve.
    #[error("cannot bind to {endpoint}: {source}")]
    Io {
        /// Where.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// Called outside of a tokio runtime.
    #[error("bind needs a running tokio runtime; call it from async code or inside Runtime::enter")]
    NoRuntime,
}

impl BindError {
    /// The system's kind of error, if it was the system that refused.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            _ => None,
        }
    }
}

/// Why a connection could not even be begun. What happens on the way is no error of `connect`; see
/// [`monitor`](crate::Socket::monitor).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The endpoint makes no sense, or cannot be dialled.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// This system has not got what the endpoint or the socket's settings ask for.
    #[error("cannot connect to {endpoint}: {source}")]
    Unsupported {
        /// Where.
        endpoint: Endpoint,
        /// What is missing.
        source: io::Error,
    },
    /// Called outside of a tokio runtime.
    #[error("connect needs a running tokio runtime; call it from async code or inside Runtime::enter")]
    NoRuntime,
    /// Another peer of this ROUTER has the routing id.
    #[error("another peer has the routing id {0}")]
    RoutingIdTaken(RoutingId),
}

/// A socket closed with messages that nobody took within its linger time. They are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{messages} messages ({bytes} octets) were discarded when the socket closed; a longer linger gives peers more time"
)]
#[non_exhaustive]
pub struct Unsent {
    /// Whole messages.
    pub messages: usize,
    /// Their octets on the wire.
    pub bytes: usize,
}

impl Unsent {
    #[cfg(feature = "tokio")]
    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.messages == 0 { Ok(()) } else { Err(self) }
    }
}
