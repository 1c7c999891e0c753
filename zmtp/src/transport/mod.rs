//! How bytes get from here to there. The set is closed and known to [`Endpoint`](crate::Endpoint).
//!
//! A transport of streams is two things, one that dials and one that accepts; the engines are compiled for each.

pub(crate) mod inproc;
#[cfg(unix)]
pub(crate) mod ipc;
pub(crate) mod tcp;

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite};

/// Makes connections to one endpoint.
pub(crate) trait Dial: Send + Sync {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send;

    /// Connects, and resolves names anew each time.
    fn dial(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// The peer's address, as far as the system knows.
    fn address(io: &Self::Stream) -> Option<String>;
}

/// Takes connections in at one endpoint.
pub(crate) trait Accept: Send + Sync {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection, and the peer's address as far as the system knows. Cancel-safe.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, String)>> + Send;

    /// The host that a connection comes from, where the transport has hosts.
    fn from(io: &Self::Stream) -> Option<IpAddr>;

    /// Sets a connection up, or says why this peer is not let in.
    fn admit(&self, io: &Self::Stream) -> io::Result<()>;
}

/// What this system has not got.
pub(crate) fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{what} on this system"))
}

/// What a filter says to a peer it does not let in.
fn not_let_in(who: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{who} is not among those who are let in"))
}
