//! A `bind`: accept, shake hands, serve.
//!
//! A peer is nobody until its handshake is done: before that it has no pipe, no place in any routing, and no more
//! memory than its connection's buffer.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::lobby::{Lobby, Place};
use super::{ConnectionSpan, Settings, Traffic, shake};
use crate::endpoint::Endpoint;
use crate::monitor::{Event, Refusal};
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
    let lobby = Lobby::new(settings.pending_handshakes);
    let mut spare = Spare::take();
    let mut pause = FIRST_PAUSE;
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((io, address)) => {
                pause = FIRST_PAUSE;
                if let Err(error) = listener.admit(&io) {
                    port.report(Event::AcceptFailed { endpoint: endpoint.clone(), error: Arc::new(error) });
                    continue;
                }
                let from = A::from(&io);
                port.report(Event::Accepted { endpoint: endpoint.clone(), address: address.clone() });
                let span = ConnectionSpan::of(&settings, &endpoint, Some(&address));
                let (endpoint, address) = (endpoint.clone(), Some(address));
                let place = match lobby.enter(from, Instant::now(), &stop) {
                    Ok(place) => place,
                    Err(refusal) => {
                        let cause = refusal.into();
                        port.report(Event::HandshakeFailed { endpoint, address, cause, retry: false });
                        continue;
                    }
                };
                let origin = Origin { endpoint, accepted: true };
                let served = serve(io, address, origin, Arc::clone(&port), Arc::clone(&settings), place);
                tasks.spawn(span.around(served));
            }
            // A peer that gave up while it waited in line is no trouble of ours.
            Err(error) if is_about_one_peer(&error) => {}
            // Out of descriptors or memory: others may give some back. Never spin, never give up.
            Err(error) => {
                port.report(Event::AcceptFailed { endpoint: endpoint.clone(), error: Arc::new(error) });
                spare.turn_away(&listener).await;
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

/// Serves one connection to its end. Until the handshake is done its place may end it; after that its pipe does.
pub(crate) async fn serve<S>(
    mut io: S,
    address: Option<String>,
    origin: Origin,
    port: Arc<dyn Port>,
    settings: Arc<Settings>,
    place: Box<Place>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // In a box of its own, which is gone when the connection is up.
    let joined = Box::pin(admit(&mut io, address, origin, &*port, &settings, place)).await;
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
    place: Box<Place>,
) -> Option<(Connection, PeerId)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let shaken = async {
        settings.check_plaintext(port, &origin.endpoint, address.as_ref())?;
        shake(io, settings, port, &origin.endpoint, address.as_ref()).await
    };
    let cause = match place.stop.run_until_cancelled(shaken).await {
        Some(Ok((wire, remote))) => {
            // `unbind` first stops the listener and then ends its peers: this peer is either seen there or refused
            // here.
            let wanted = || !place.stop.is_cancelled();
            match port.join(None, &origin, &remote, address.clone(), &wanted) {
                Join::Yes(id) => return Some((wire, id)),
                Join::Over if place.is_lost() => Refusal::Crowded.into(),
                Join::NotNow | Join::Over => return None,
            }
        }
        Some(Err(cause)) => cause,
        None if place.is_lost() => Refusal::Crowded.into(),
        None => return None,
    };
    port.report(Event::HandshakeFailed { endpoint: origin.endpoint, address, cause, retry: false });
    None
}

fn is_about_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// A descriptor in reserve, for those who wait while there is no other: to be turned away at once is better for them
/// than to wait for nothing.
#[derive(Debug)]
struct Spare(Option<File>);

impl Spare {
    fn take() -> Self {
        // Any file will do that costs nothing. Where there is none, who waits goes on waiting.
        Self(File::open("/dev/null").ok())
    }

    /// Closes the connections that wait now.
    async fn turn_away<A: Accept>(&mut self, listener: &A) {
        self.0 = None;
        while let Ok(Ok(_)) = timeout(Duration::ZERO, listener.accept()).await {}
        *self = Self::take();
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::DuplexStream;
    use tokio::time::Instant;

    use super::*;
    use crate::options::Options;
    use crate::pattern::Pull;
    use crate::socket::core::Core;

    /// Accepts nobody: the system says this again and again, so many times, and then something else for ever.
    #[derive(Clone)]
    struct Broken {
        first: (usize, io::ErrorKind),
        then: io::ErrorKind,
        asked: Arc<AtomicUsize>,
    }

    impl Accept for Broken {
        type Stream = DuplexStream;

        async fn accept(&self) -> io::Result<(DuplexStream, String)> {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            Err(if asked < self.first.0 { self.first.1 } else { self.then }.into())
        }

        fn from(_io: &DuplexStream) -> Option<IpAddr> {
            None
        }

        fn admit(&self, _io: &DuplexStream) -> io::Result<()> {
            Ok(())
        }
    }

    /// Whatever the system says, the listener neither spins nor ends, and tells of it; one peer that gave up is
    /// nothing to tell of.
    #[tokio::test]
    async fn hostile_55_no_error_of_accept_ends_a_listener_or_makes_it_spin() {
        for then in [io::ErrorKind::OutOfMemory, io::ErrorKind::PermissionDenied, io::ErrorKind::Other] {
            let asked = Arc::default();
            let first = (100, io::ErrorKind::ConnectionAborted);
            let broken = Broken { first, then, asked: Arc::clone(&asked) };
            let core = Arc::new(Core::<Pull>::new(Options::default(), &()));
            let (mut monitor, stop, start) = (core.monitor(), CancellationToken::new(), Instant::now());
            let settings = Settings::new::<Pull>(&core.options);
            let endpoint: Endpoint = "tcp://127.0.0.1:1".parse().unwrap();
            let listener = run(broken, endpoint, core, settings, stop.clone(), TaskTracker::new());
            let listener = tokio::spawn(listener);

            let mut failures = 0;
            while failures < 5 {
                let event = monitor.next().await.unwrap();
                failures +=
                    usize::from(matches!(event, Event::AcceptFailed { error, .. } if error.kind() == then));
            }

            // 10, 20, 40 and 80 ms between them; each time it looks once more, to turn others away.
            assert!(start.elapsed() >= Duration::from_millis(150), "{:?}", start.elapsed());
            assert_eq!(asked.load(Ordering::Relaxed), 100 + 5 * 2);
            assert!(!listener.is_finished());
            stop.cancel();
            listener.await.unwrap();
        }
    }
}
