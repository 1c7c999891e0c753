//! From a connected stream to READY, under one deadline.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::Settings;
use crate::endpoint::Endpoint;
use crate::monitor::Cause;
use crate::pipe::{Port, Timed};
use crate::security::{Request, ask};
use crate::wire::{Connection, Event, Remote};

/// Shakes hands with a peer at `address`, which came to or was found at `endpoint`. The deadline is absolute, whatever the
/// peer sends meanwhile, and covers the decision whether it comes in. `port` is told how long it took.
pub(crate) async fn shake<S>(
    io: &mut S,
    settings: &Settings,
    port: &dyn Port,
    endpoint: &Endpoint,
    address: Option<&String>,
) -> Result<(Connection, Remote), Cause>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Connection::new(settings.config.clone());
    let (limit, start) = (settings.handshake_timeout, Instant::now());
    let result = match timeout(limit, converse(io, &mut wire, settings, endpoint, address)).await {
        Ok(result) => result,
        Err(_) => Err(Cause::HandshakeTimeout(limit)),
    };
    match result {
        Ok(remote) => {
            port.took(Timed::Handshake, start.elapsed());
            Ok((wire, remote))
        }
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

async fn converse<S>(
    io: &mut S,
    wire: &mut Connection,
    settings: &Settings,
    endpoint: &Endpoint,
    address: Option<&String>,
) -> Result<Remote, Cause>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        if let Some(bytes) = wire.transmit() {
            io.write_all(&bytes).await?;
        }
        match wire.poll_event(0)? {
            Some(Event::Ready(remote)) => {
                if let Some(bytes) = wire.transmit() {
                    io.write_all(&bytes).await?;
                }
                return Ok(remote);
            }
            Some(Event::Asked(credentials)) => {
                let request = Request { credentials, address: address.cloned(), endpoint: endpoint.clone() };
                let decision = ask(settings.authenticator.as_ref(), request).await;
                wire.decide(decision);
                continue;
            }
            _ => {}
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
