//! From a connected stream to READY, under one deadline.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::Settings;
use crate::monitor::Cause;
use crate::wire::{Connection, Event, Remote};

/// Shakes hands. The deadline is absolute, whatever the peer sends meanwhile.
pub(crate) async fn shake<S>(io: &mut S, settings: &Settings) -> Result<(Connection, Remote), Cause>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Connection::new(settings.config.clone());
    let limit = settings.handshake_timeout;
    let result = match timeout(limit, converse(io, &mut wire)).await {
        Ok(result) => result,
        Err(_) => Err(Cause::HandshakeTimeout(limit)),
    };
    match result {
        Ok(remote) => Ok((wire, remote)),
        Err(cause) => {
            if let Some(last_word) = wire.transmit() {
                // Best effort: the peer may not be listening.
                let _ = timeout(LAST_WORD, async {
                    io.write_all(&last_word).await?;
                    io.shutdown().await
                })
                .await;
            }
            Err(cause)
        }
    }
}

async fn converse<S>(io: &mut S, wire: &mut Connection) -> Result<Remote, Cause>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        if let Some(bytes) = wire.transmit() {
            io.write_all(&bytes).await?;
        }
        if let Some(Event::Ready(remote)) = wire.poll_event(0)? {
            // READY of ours went out before: it follows the peer's greeting, not the peer's READY.
            if let Some(bytes) = wire.transmit() {
                io.write_all(&bytes).await?;
            }
            return Ok(remote);
        }
        if wire.wants_transmit() {
            continue;
        }
        let read = io.read_buf(&mut wire.buffer()).await?;
        match read {
            0 => return Err(Cause::PeerClosed),
            read => wire.received(read),
        }
    }
}

/// How long an ERROR may take to leave.
const LAST_WORD: Duration = Duration::from_millis(200);
