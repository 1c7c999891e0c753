//! A `connect` that outlives its connections: dial, serve, back off, dial again (R37-SOCK-02, 03; R37-ERR-04 to 07).

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::{sleep, timeout};

use super::{Settings, Traffic, shake};
use crate::monitor::Event;
use crate::peer::PeerId;
use crate::pipe::{Origin, Port};
use crate::transport::tcp;

/// Keeps a peer connected until the pipe ends or the peer turns out to be one we cannot talk to.
pub(crate) async fn run(
    host: String,
    number: u16,
    origin: Origin,
    id: PeerId,
    port: Arc<dyn Port>,
    settings: Settings,
) {
    let session = Session { host, number, origin, id, port: &*port, settings };
    session.repeat().await;
    port.remove(id);
}

struct Session<'a> {
    host: String,
    number: u16,
    origin: Origin,
    id: PeerId,
    port: &'a dyn Port,
    settings: Settings,
}

impl Session<'_> {
    async fn repeat(&self) -> Option<()> {
        let mut failures = 0;
        loop {
            let error = match self.unless_over(self.dial()).await? {
                Ok(mut io) => {
                    self.port.report(Event::Connected { endpoint: self.origin.endpoint.clone() });
                    if self.serve(&mut io).await? {
                        failures = 0;
                    }
                    None
                }
                Err(error) => Some(Arc::new(error)),
            };
            // Full jitter: anything between nothing and the ceiling.
            let after = self.settings.reconnect.ceiling(failures).mul_f64(fastrand::f64());
            failures += 1;
            self.unless_over(std::future::ready(())).await?;
            let endpoint = self.origin.endpoint.clone();
            self.port.report(Event::ConnectRetried { endpoint, after, error });
            self.unless_over(sleep(after)).await?;
        }
    }

    async fn dial(&self) -> io::Result<tokio::net::TcpStream> {
        match timeout(self.settings.handshake_timeout, tcp::dial(&self.host, self.number)).await {
            Ok(result) => result,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Serves one connection. Says whether the handshake went well, or `None` when there is to be no other.
    async fn serve(&self, io: &mut tokio::net::TcpStream) -> Option<bool> {
        let address = io.peer_addr().ok().map(|address| address.to_string());
        let endpoint = self.origin.endpoint.clone();
        let (wire, remote) = match self.unless_over(shake(io, &self.settings)).await? {
            Ok(ready) => ready,
            Err(cause) => {
                let retry = !cause.is_final();
                self.port.report(Event::HandshakeFailed { endpoint, address, cause, retry });
                return retry.then_some(false);
            }
        };
        let id = self.port.join(Some(self.id), &self.origin, &remote, address, &|| true)?;
        Traffic::new(io, wire, self.port, id, &self.settings).run(true).await.then_some(true)
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
