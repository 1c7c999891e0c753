//! A connection to a peer, and the time that everything on it may take.

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// One end of a connection.
pub(crate) struct Line {
    io: Box<dyn Stream>,
}

/// What has come when something was awaited.
#[derive(Debug)]
pub(super) enum Came {
    /// Some octets.
    Octets,
    /// The peer has closed the connection, or a fault has, which is named.
    End(Option<io::Error>),
    /// Nothing, and the time is up.
    Nothing,
}

impl Line {
    pub(super) fn new(io: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Self {
        Self { io: Box::new(io) }
    }

    /// Appends what comes next, some 4 KiB at most. Cancel-safe.
    pub(super) async fn read(&mut self, heard: &mut Vec<u8>, deadline: Instant) -> Came {
        // Else a peer that always has something to say would be heard for ever.
        if Instant::now() >= deadline {
            return Came::Nothing;
        }
        let mut some = [0; 4096];
        match timeout_at(deadline, self.io.read(&mut some)).await {
            Err(_) => Came::Nothing,
            Ok(Ok(0)) => Came::End(None),
            Ok(Ok(len)) => {
                heard.extend_from_slice(&some[..len]);
                Came::Octets
            }
            Ok(Err(error)) => Came::End(Some(error)),
        }
    }

    /// Sends. Whether the peer is there to take it, the next read shows: it may have said why not.
    pub(super) async fn write(&mut self, octets: &[u8], deadline: Instant) {
        let _ = timeout_at(deadline, self.io.write_all(octets)).await;
    }

    /// Says that nothing more will be sent.
    pub(super) async fn shut(&mut self, deadline: Instant) {
        let _ = timeout_at(deadline, self.io.shutdown()).await;
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}
