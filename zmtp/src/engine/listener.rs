//! A `bind`: accept, shake hands, serve.
//!
//! A peer is nobody until its handshake is done: before that it has no pipe, no place in any routing, and no more
//! memory than its connection's buffer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Settings, Traffic, shake};
use crate::endpoint::Endpoint;
use crate::monitor::Event;
use crate::peer::PeerId;
use crate::pipe::{Join, Origin, Port};
use crate::transport::Accept;
use crate::wire::Connection;

/// Accepts peers until `stop`, and serves each in one of `tasks`.
pub(crate) async fn run<A: Accept>(
    listener: A,
    endpoint: Endpoint,
    port: Arc<dyn Port>,
    settings: Arc<Settings>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    port.report(Event::Listening { endpoint: endpoint.clone() });
    let mut pause = FIRST_PAUSE;
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((io, address)) => {
                pause = FIRST_PAUSE;
                if let Err(error) = listener.admit(&io) {
                    port.report(Event::AcceptFailed { endpoint: endpoint.clone(), error: Arc::new(error) });
                    continue;
                }
                port.report(Event::Accepted { endpoint: endpoint.clone(), address: address.clone() });
                let origin = Origin { endpoint: endpoint.clone(), accepted: true };
                tasks.spawn(serve(
                    io,
                    Some(address),
                    origin,
                    Arc::clone(&port),
                    Arc::clone(&settings),
                    stop.clone(),
                ));
            }
            // A peer that gave up while it waited in line is no trouble of ours.
            Err(error) if is_about_one_peer(&error) => {}
            // Out of descriptors or memory: others may give some back. Never spin, never give up.
            Err(error) => {
                port.report(Event::AcceptFailed { endpoint: endpoint.clone(), error: Arc::new(error) });
                if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                    break;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    drop(listener);
    port.report(Event::Closed { endpoint });
}

/// Serves one connection to its end. Until the handshake is done `stop` ends it; after that its pipe does.
pub(crate) async fn serve<S>(
    mut io: S,
    address: Option<String>,
    origin: Origin,
    port: Arc<dyn Port>,
    settings: Arc<Settings>,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // In a box of its own, which is gone when the connection is up.
    let joined = Box::pin(admit(&mut io, address, origin, &*port, &settings, stop)).await;
    if let Some((wire, id)) = joined {
        Traffic::new(&mut io, wire, &*port, id, &settings).run(false).await;
    }
}

/// Shakes hands, and makes the peer known to the socket.
async fn admit<S>(
    io: &mut S,
    address: Option<String>,
    origin: Origin,
    port: &dyn Port,
    settings: &Settings,
    stop: CancellationToken,
) -> Option<(Connection, PeerId)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let shaken = match settings.check_plaintext(port, &origin.endpoint, address.as_ref()) {
        Ok(()) => stop.run_until_cancelled(shake(io, settings, &origin.endpoint, address.as_ref())).await?,
        Err(cause) => Err(cause),
    };
    let (wire, remote) = match shaken {
        Ok(ready) => ready,
        Err(cause) => {
            port.report(Event::HandshakeFailed { endpoint: origin.endpoint, address, cause, retry: false });
            return None;
        }
    };
    // `unbind` first stops the listener and then ends its peers: this peer is either seen there or refused here.
    match port.join(None, &origin, &remote, address, &|| !stop.is_cancelled()) {
        Join::Yes(id) => Some((wire, id)),
        Join::NotNow | Join::Over => None,
    }
}

fn is_about_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
