//! The methods that start tasks: bind, connect, attach, and closing with a linger time.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::core::{Core, Waiting};
use super::{SendTurn, Socket, Turn};
use crate::endpoint::{Endpoint, EndpointError};
use crate::engine::{Settings, listener, session};
use crate::error::{BindError, ConnectError, Unsent};
use crate::pattern::Pattern;
use crate::peer::PeerId;
use crate::pipe::{Origin, Port};
use crate::sync::{Mutex, lock};
use crate::transport::{inproc, tcp};

/// What a socket has started.
#[derive(Debug, Default)]
pub(super) struct Net {
    /// Where it is bound, and what stops the listener and the handshakes that began there.
    bound: Mutex<Vec<(Endpoint, CancellationToken)>>,
    /// Stops all of them.
    stop: CancellationToken,
    /// The runtime to linger on, once there was one.
    runtime: Mutex<Option<Handle>>,
    /// Everything that was spawned: when all have ended, all ports and connections are closed.
    tasks: TaskTracker,
}

impl<P: Pattern> Socket<P> {
    /// Accepts peers at an endpoint, and returns it with the real address and port.
    ///
    /// # Errors
    /// [`BindError::Endpoint`] for an endpoint that makes no sense, [`BindError::Io`] when the system refuses: the
    /// port is taken, the address is not this machine's, the name does not resolve.
    ///
    /// # Cancel safety
    /// If you drop the future, nothing is bound.
    pub async fn bind<E>(&self, at: E) -> Result<Endpoint, BindError>
    where
        E: TryInto<Endpoint>,
        EndpointError: From<E::Error>,
    {
        let endpoint = at.try_into().map_err(EndpointError::from)?;
        let runtime = Handle::try_current().map_err(|_| BindError::NoRuntime)?;
        let stop = self.net.stop.child_token();
        let port: Arc<dyn Port> = Arc::clone(&self.core) as _;
        let settings = Settings::new::<P>(&self.core.options);
        let failed = |source| BindError::Io { endpoint: endpoint.clone(), source };
        let bound = match &endpoint {
            Endpoint::Tcp { host, port: number } => {
                let (listener, bound) = tcp::listen(host, *number).await.map_err(failed)?;
                let tasks = self.net.tasks.clone();
                self.net.tasks.spawn(listener::run(
                    listener,
                    bound.clone(),
                    port,
                    settings,
                    stop.clone(),
                    tasks,
                ));
                bound
            }
            Endpoint::Inproc { name } => {
                inproc::bind(name, port, settings, stop.clone(), &self.net.tasks).map_err(failed)?;
                endpoint
            }
        };
        lock(&self.net.runtime).get_or_insert(runtime);
        lock(&self.net.bound).push((bound.clone(), stop));
        Ok(bound)
    }

    /// Dials an endpoint in the background, and again whenever the connection is lost, until
    /// [`disconnect`](Self::disconnect). Returns at once: messages can be sent from this moment and wait for the
    /// peer.
    ///
    /// An `inproc://` name is joined once, now or when somebody binds it; when the binder closes, that connection is
    /// over for good and what was queued for it is discarded.
    ///
    /// Dialling stops for good when the peer cannot be talked to: it sent ERROR, or is of another mechanism or
    /// socket type. [`monitor`](Self::monitor) then shows `HandshakeFailed` with `retry: false`.
    ///
    /// # Errors
    /// [`ConnectError::Endpoint`] for an endpoint that makes no sense or cannot be dialled.
    pub fn connect<E>(&self, to: E) -> Result<(), ConnectError>
    where
        E: TryInto<Endpoint>,
        EndpointError: From<E::Error>,
    {
        let endpoint = to.try_into().map_err(EndpointError::from)?;
        if endpoint.is_wildcard() {
            return Err(EndpointError::wildcard(&endpoint).into());
        }
        let runtime = Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
        let port: Arc<dyn Port> = Arc::clone(&self.core) as _;
        let settings = Settings::new::<P>(&self.core.options);
        let origin = Origin { endpoint: endpoint.clone(), accepted: false };
        let Some(id) = port.open(origin.clone()) else { return Ok(()) };
        match endpoint {
            Endpoint::Tcp { host, port: number } => {
                self.net.tasks.spawn(session::run(host, number, origin, id, port, settings));
            }
            Endpoint::Inproc { name } => {
                self.net.tasks.spawn(inproc::connect(name, origin, id, port, settings));
            }
        }
        lock(&self.net.runtime).get_or_insert(runtime);
        Ok(())
    }

    /// Serves a byte stream that is connected already, as if it had been accepted at `endpoint`: TLS, a Unix
    /// socket, the end of a `tokio::io::duplex`. The other side may be in either role.
    ///
    /// # Errors
    /// [`ConnectError::Endpoint`] for an endpoint that makes no sense.
    pub fn attach<S, E>(&self, io: S, endpoint: E) -> Result<(), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        E: TryInto<Endpoint>,
        EndpointError: From<E::Error>,
    {
        let endpoint = endpoint.try_into().map_err(EndpointError::from)?;
        let runtime = Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
        let port: Arc<dyn Port> = Arc::clone(&self.core) as _;
        let settings = Settings::new::<P>(&self.core.options);
        let origin = Origin { endpoint, accepted: true };
        self.net.tasks.spawn(listener::serve(io, None, origin, port, settings, self.net.stop.clone()));
        lock(&self.net.runtime).get_or_insert(runtime);
        Ok(())
    }

    /// Stops accepting at an endpoint, and closes what was accepted there; what is queued for those peers goes out
    /// first, within the linger time. False if it is not bound there: what counts is the endpoint that
    /// [`bind`](Self::bind) returned. The port is free again when the monitor shows `Closed`.
    pub fn unbind(&self, at: &Endpoint) -> bool {
        let stopped: Vec<_> = lock(&self.net.bound).extract_if(.., |(endpoint, _)| endpoint == at).collect();
        stopped.iter().for_each(|(_, stop)| stop.cancel());
        let ended = self.core.end_endpoint(at, true);
        self.linger(ended);
        !stopped.is_empty()
    }

    /// Stops dialling an endpoint, and closes the connection; what is queued for that peer goes out first, within
    /// the linger time. False if it was not connected there.
    pub fn disconnect(&self, from: &Endpoint) -> bool {
        let ended = self.core.end_endpoint(from, false);
        self.linger(ended.clone());
        !ended.is_empty()
    }

    /// Closes the socket: no more sending, receiving, accepting. Waits until what is queued has gone out, at most
    /// for the linger time and a second.
    ///
    /// # Errors
    /// [`Unsent`]: how much was discarded because nobody took it in time, or because its peer went away.
    ///
    /// # Cancel safety
    /// If you drop the future, the lingering goes on in the background.
    pub async fn close(mut self) -> Result<(), Unsent> {
        // What the Sink half accepted and was never flushed.
        let slot = self.slot.take();
        let (core, tasks) = (Arc::clone(&self.core), self.net.tasks.clone());
        drop(self);
        linger(&core, &tasks).await;
        let mut unsent = core.unsent();
        unsent.messages += usize::from(slot.is_some());
        unsent.bytes += slot.map_or(0, |message| message.byte_len());
        if unsent.messages == 0 { Ok(()) } else { Err(unsent) }
    }

    /// Ends these pipes when the linger time is over.
    fn linger(&self, ids: Vec<PeerId>) {
        let runtime = lock(&self.net.runtime);
        if let (Some(runtime), false) = (&*runtime, ids.is_empty()) {
            let (core, linger) = (Arc::downgrade(&self.core), self.core.options.linger);
            runtime.spawn(async move {
                tokio::time::sleep(linger).await;
                if let Some(core) = core.upgrade() {
                    core.end_now(&ids);
                }
            });
        }
    }
}

impl Net {
    /// Stops the listeners and lets the closed socket linger in the background.
    pub(super) fn close<P: Pattern>(&mut self, core: &Arc<Core<P>>) {
        self.stop.cancel();
        match lock(&self.runtime).take() {
            Some(runtime) => {
                let (core, tasks) = (Arc::clone(core), self.tasks.clone());
                runtime.spawn(async move { linger(&core, &tasks).await });
            }
            None => core.end_monitors(),
        }
    }
}

/// Waits until all is sent, or the time is up, and then for the tasks to end. Several may wait at once.
async fn linger<P: Pattern>(core: &Core<P>, tasks: &TaskTracker) {
    let drained = |limit: Duration| async move {
        let mut turn = Turn { core, whence: Waiting::ForPeers, turn: SendTurn::default() };
        timeout(limit, poll_fn(|cx| core.poll_drained(&mut turn.turn.ticket, cx))).await.is_ok()
    };
    let in_time = drained(core.options.linger).await;
    let grace = Instant::now() + GRACE;
    if !in_time {
        core.abort();
        drained(GRACE).await;
    }
    tasks.close();
    let _ = timeout_at(grace, tasks.wait()).await;
    core.end_monitors();
}

/// How long engines may take to notice that they are to end at once.
const GRACE: Duration = Duration::from_secs(1);
