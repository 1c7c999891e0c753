//! A `connect` that outlives its connections: dial, serve, back off, dial again (R37-SOCK-02, 03; R37-ERR-04 to 07).

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::time::{sleep, timeout};

use super::{ConnectionSpan, Settings, Traffic, shake};
use crate::monitor::Event;
use crate::peer::PeerId;
use crate::pipe::{Join, Origin, Port};
use crate::transport::Dial;

/// Keeps a peer connected until the pipe ends, the peer turns out to be one we cannot talk to, or the socket's
/// settings say that it is enough. `has_left`: whether the socket was ever disconnected from an endpoint.
pub(crate) async fn run<D: Dial>(
    dialer: D,
    origin: Origin,
    id: PeerId,
    port: Arc<dyn Port>,
    settings: Arc<Settings>,
    has_left: Arc<AtomicBool>,
) {
    let session = Session { dialer, origin, id, port: &*port, settings, has_left };
    session.repeat().await;
    port.remove(id);
}

struct Session<'a, D> {
    dialer: D,
    origin: Origin,
    id: PeerId,
    port: &'a dyn Port,
    settings: Arc<Settings>,
    has_left: Arc<AtomicBool>,
}

impl<D: Dial> Session<'_, D> {
    async fn repeat(&self) -> Option<()> {
        let mut failures = 0;
        loop {
            let endpoint = || self.origin.endpoint.clone();
            // A pipe that ended before its task ran has nothing to tell.
            self.unless_over(std::future::ready(())).await?;
            self.port.report(Event::ConnectDelayed { endpoint: endpoint() });
            let error = match self.unless_over(self.dial()).await? {
                Ok(mut io) => {
                    self.port.report(Event::Connected { endpoint: endpoint() });
                    let span =
                        ConnectionSpan::of(&self.settings, &self.origin.endpoint, D::address(&io).as_deref());
                    if span.around(self.serve(&mut io)).await? {
                        failures = 0;
                    }
                    None
                }
                Err(error) => {
                    let error = Arc::new(error);
                    self.port
                        .report(Event::ConnectFailed { endpoint: endpoint(), error: Arc::clone(&error) });
                    if self.is_enough(&error) {
                        return None;
                    }
                    Some(error)
                }
            };
            // Full jitter: anything between nothing and the ceiling.
            let after = self.settings.reconnect.ceiling(failures).mul_f64(fastrand::f64());
            failures += 1;
            self.unless_over(std::future::ready(())).await?;
            self.port.report(Event::ConnectRetried { endpoint: endpoint(), after, error });
            self.unless_over(sleep(after)).await?;
        }
    }

    async fn dial(&self) -> io::Result<D::Stream> {
        match timeout(self.settings.connect_timeout, self.dialer.dial()).await {
            Ok(result) => result,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Whether an attempt that failed like this was the last.
    fn is_enough(&self, error: &io::Error) -> bool {
        let stop = &self.settings.reconnect.stop;
        // A path that is not there is one where nobody listens.
        let refused = matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound);
        stop.always
            || refused && (stop.refused || stop.after_disconnect && self.has_left.load(Ordering::Relaxed))
    }

    /// Serves one connection. Says whether the handshake went well, or `None` when there is to be no other.
    async fn serve(&self, io: &mut D::Stream) -> Option<bool> {
        let stop = &self.settings.reconnect.stop;
        let address = D::address(io);
        let endpoint = self.origin.endpoint.clone();
        // In a box of its own, which is gone when the connection is up.
        let shaken = match self.settings.check_plaintext(self.port, &endpoint, address.as_ref()) {
            Ok(()) => {
                let shaken = shake(io, &self.settings, self.port, &endpoint, address.as_ref());
                Box::pin(self.unless_over(shaken)).await?
            }
            Err(cause) => Err(cause),
        };
        let (wire, remote) = match shaken {
            Ok(ready) => ready,
            Err(cause) => {
                let retry = !(cause.is_final() || stop.always || stop.handshake_failed);
                self.port.report(Event::HandshakeFailed { endpoint, address, cause, retry });
                return retry.then_some(false);
            }
        };
        let id = match self.port.join(Some(self.id), &self.origin, &remote, address, &|| true) {
            Join::Yes(id) => id,
            Join::NotNow if stop.always || stop.handshake_failed => return None,
            Join::NotNow => return Some(false),
            Join::Over => return None,
        };
        Traffic::new(io, wire, self.port, id, &self.settings).run(!stop.always).await.then_some(true)
    }

    /// What `future` gives, or `None` as soon as nothing is left to be done.
    async fn unless_over<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if self.port.is_over(self.id, cx) {
                return Poll::Ready(None);
            }
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }
}
