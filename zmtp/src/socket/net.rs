//! What starts tasks: bind, connect, attach, and closing with a linger time. What users see of it is in `shared`.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Turn;
use super::core::{Core, Waiting};
use super::owner::Owner;
use crate::endpoint::{Endpoint, EndpointError};
use crate::engine::{ConnectionSpan, Place, Settings, listener, session};
use crate::error::{BindError, ConnectError, Unsent};
use crate::monitor::Event;
use crate::pattern::Pattern;
use crate::peer::PeerId;
use crate::pipe::{Ending, Origin, Pipe, Port};
use crate::routing_id::RoutingId;
use crate::sync::{Mutex, lock};
#[cfg(unix)]
use crate::transport::ipc;
#[cfg(not(unix))]
use crate::transport::unsupported;
use crate::transport::{Accept, Dial, inproc, tcp};

/// What a socket has started.
#[derive(Debug, Default)]
pub(super) struct Net {
    /// Where it is bound, and what stops the listener and the handshakes that began there.
    bound: Mutex<Vec<(Endpoint, CancellationToken)>>,
    /// Stops all of them.
    stop: CancellationToken,
    /// The runtime to linger on, once there was one.
    runtime: Mutex<Option<Handle>>,
    /// Held while a `connect` looks whether there was one before it.
    opening: Mutex<()>,
    /// Whether `disconnect` has ended anything.
    has_left: Arc<AtomicBool>,
    /// Everything that was spawned: when all have ended, all ports and connections are closed.
    tasks: TaskTracker,
}

impl<P: Pattern> Owner<P> {
    pub(super) async fn bind<E>(&self, at: E) -> Result<Endpoint, BindError>
    where
        E: TryInto<Endpoint>,
        EndpointError: From<E::Error>,
    {
        let endpoint = at.try_into().map_err(EndpointError::from)?;
        endpoint.check_bind()?;
        let runtime = Handle::try_current().map_err(|_| BindError::NoRuntime)?;
        let stop = self.net.stop.child_token();
        let bound = match self.listen(&endpoint, &stop).await {
            Ok(bound) => bound,
            Err(source) => {
                let error = Arc::new(again(&source));
                self.core.report(Event::BindFailed { endpoint: endpoint.clone(), error });
                return Err(BindError::Io { endpoint, source });
            }
        };
        self.begin(runtime);
        lock(&self.net.bound).push((bound.clone(), stop));
        Ok(bound)
    }

    async fn listen(&self, endpoint: &Endpoint, stop: &CancellationToken) -> io::Result<Endpoint> {
        let options = &self.core.options;
        let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
        match endpoint {
            Endpoint::Tcp { host, port, .. } => {
                let (listener, bound) = tcp::listen(host, *port, &options.tcp, backlog).await?;
                Ok(self.accept(listener, bound, stop))
            }
            #[cfg(unix)]
            Endpoint::Ipc { path } => {
                let (listener, bound) = ipc::listen(path, &options.ipc, backlog).await?;
                Ok(self.accept(listener, bound, stop))
            }
            #[cfg(not(unix))]
            Endpoint::Ipc { .. } => Err(unsupported(NO_IPC)),
            Endpoint::Inproc { name } => {
                let port: Arc<dyn Port> = Arc::clone(&self.core) as _;
                inproc::bind(name, port, Settings::new::<P>(options), stop.clone(), &self.net.tasks)?;
                Ok(endpoint.clone())
            }
        }
    }

    fn accept<A: Accept + 'static>(
        &self,
        listener: A,
        bound: Endpoint,
        stop: &CancellationToken,
    ) -> Endpoint {
        let port: Arc<dyn Port> = Arc::clone(&self.core) as _;
        let settings = Settings::new::<P>(&self.core.options);
        let tasks = self.net.tasks.clone();
        self.net.tasks.spawn(listener::run(listener, bound.clone(), port, settings, stop.clone(), tasks));
        bound
    }

    pub(super) fn connect<E>(&self, to: E, name: Option<&RoutingId>) -> Result<(), ConnectError>
    where
        E: TryInto<Endpoint>,
        EndpointError: From<E::Error>,
    {
        let endpoint = to.try_into().map_err(EndpointError::from)?;
        endpoint.check_connect()?;
        let runtime = Handle::try_current().map_err(|_| ConnectError::NoRuntime)?;
        let missing = |source| ConnectError::Unsupported { endpoint: endpoint.clone(), source };
        match &endpoint {
            Endpoint::Tcp { host, port, source } => {
                let options = self.core.options.tcp.clone();
                let dialer = tcp::Dialer::new(host, *port, source.as_ref(), options).map_err(missing)?;
                self.dial(dialer, &endpoint, name)?;
            }
            #[cfg(unix)]
            Endpoint::Ipc { path } => {
                let dialer = ipc::Dialer::new(path.clone()).map_err(missing)?;
                self.dial(dialer, &endpoint, name)?;
            }
            #[cfg(not(unix))]
            Endpoint::Ipc { .. } => return Err(missing(unsupported(NO_IPC))),
            Endpoint::Inproc { name: at } => {
                if let Some((origin, id)) = self.open(&endpoint, name)? {
                    let port: Arc<dyn Port> = Arc::clone(&self.core) as _;
                    let settings = Settings::new::<P>(&self.core.options);
                    self.net.tasks.spawn(inproc::connect(at.clone(), origin, id, port, settings));
                }
            }
        }
        self.begin(runtime);
        Ok(())
    }

    fn dial<D: Dial + 'static>(
        &self,
        dialer: D,
        endpoint: &Endpoint,
        name: Option<&RoutingId>,
    ) -> Result<(), ConnectError> {
        let Some((origin, id)) = self.open(endpoint, name)? else { return Ok(()) };
        let port: Arc<dyn Port> = Arc::clone(&self.core) as _;
        let settings = Settings::new::<P>(&self.core.options);
        let has_left = Arc::clone(&self.net.has_left);
        self.net.tasks.spawn(session::run(dialer, origin, id, port, settings, has_left));
        Ok(())
    }

    /// A pipe for a peer that is to be dialled, unless the socket is closing, or is of a kind that connects to an
    /// endpoint once and has done so.
    fn open(
        &self,
        endpoint: &Endpoint,
        name: Option<&RoutingId>,
    ) -> Result<Option<(Origin, PeerId)>, ConnectError> {
        let origin = Origin { endpoint: endpoint.clone(), accepted: false };
        let _one_at_a_time = lock(&self.net.opening);
        let is_same = |pipe: &Pipe| pipe.origin == origin && pipe.ending == Ending::No && pipe.gone.is_none();
        if P::TYPE.connects_once()
            && self.core.with(|state| state.pipes.iter().any(|(_, pipe)| is_same(pipe)))
        {
            return Ok(None);
        }
        let opened = self.core.open(&origin, name).map_err(ConnectError::RoutingIdTaken)?;
        Ok(opened.map(|id| (origin, id)))
    }

    pub(super) fn attach<S, E>(&self, io: S, endpoint: E) -> Result<(), ConnectError>
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
        let place = Place::apart(self.net.stop.clone());
        let span = ConnectionSpan::of(&settings, &origin.endpoint, None);
        self.net.tasks.spawn(span.around(listener::serve(io, None, origin, port, settings, place)));
        self.begin(runtime);
        Ok(())
    }

    /// Notes the runtime to linger on; with the first one, metrics begin to be told.
    fn begin(&self, runtime: Handle) {
        lock(&self.net.runtime).get_or_insert_with(|| {
            #[cfg(feature = "metrics")]
            runtime.spawn(super::metering::run(Arc::downgrade(&self.core), self.net.stop.clone()));
            runtime
        });
    }

    pub(super) fn unbind<E: TryInto<Endpoint>>(&self, at: E) -> bool {
        let Ok(at) = at.try_into() else { return false };
        let stopped: Vec<_> = lock(&self.net.bound).extract_if(.., |(endpoint, _)| *endpoint == at).collect();
        stopped.iter().for_each(|(_, stop)| stop.cancel());
        let ended = self.core.end_endpoint(&at, true);
        self.linger(ended);
        !stopped.is_empty()
    }

    pub(super) fn disconnect<E: TryInto<Endpoint>>(&self, from: E) -> bool {
        let Ok(from) = from.try_into() else { return false };
        let ended = self.core.end_endpoint(&from, false);
        if !ended.is_empty() {
            self.net.has_left.store(true, Ordering::Relaxed);
        }
        self.linger(ended.clone());
        !ended.is_empty()
    }

    pub(super) async fn close(&self) -> Unsent {
        self.shut();
        linger(&self.core, &self.net.tasks).await;
        self.core.unsent()
    }

    /// Ends these pipes when the linger time is over.
    fn linger(&self, ids: Vec<PeerId>) {
        let runtime = lock(&self.net.runtime);
        if let (Some(runtime), false) = (&*runtime, ids.is_empty()) {
            let (core, linger) = (Arc::downgrade(&self.core), self.core.linger());
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
    pub(super) fn close<P: Pattern>(&self, core: &Arc<Core<P>>) {
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
        let mut turn = Turn::new(core, Waiting::ForPeers);
        timeout(limit, poll_fn(|cx| core.poll_drained(&mut turn.turn.ticket, cx))).await.is_ok()
    };
    let in_time = drained(core.linger()).await;
    let grace = Instant::now() + GRACE;
    if !in_time {
        core.abort();
        drained(GRACE).await;
    }
    tasks.close();
    let _ = timeout_at(grace, tasks.wait()).await;
    #[cfg(feature = "metrics")]
    core.publish_metrics();
    core.end_monitors();
}

/// The same error once more.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

#[cfg(not(unix))]
const NO_IPC: &str = "there are no Unix domain sockets";

/// How long engines may take to notice that they are to end at once.
const GRACE: Duration = Duration::from_secs(1);
